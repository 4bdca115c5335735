//! A transaction that is given up before its content: RSET, and the session goes on.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)]

use bytes::Buf;
use smtp_codec::client::{Config, Connection, Event, Want};
use smtp_codec::proto::address::{ForwardPath, ReversePath};
use smtp_codec::proto::command::{MailParameters, RcptParameters};

/// What the server read when the first transaction is given up behind `named` recipients, and the
/// second is not; each command is answered by `answer` once it has left.
fn run(offered: &str, named: usize, answer: impl Fn(&str) -> &'static str) -> Vec<String> {
    let mut client = Connection::new(Config::new("client.example").unwrap());
    let (mut lines, mut received) = (Vec::<String>::new(), Vec::new());
    let (mut transactions, mut recipients) = (0, 0);
    client.rx().receive(b"220 mx\r\n");
    loop {
        match client.step() {
            Want::Event => match client.event() {
                Event::Ready(ready) if transactions == 2 => ready.quit(),
                Event::Ready(ready) => {
                    transactions += 1;
                    recipients = 0;
                    let path = ReversePath::parse("<a@x>").unwrap();
                    ready.mail(path, MailParameters::default()).unwrap();
                }
                Event::WantRcpt(slot) if recipients < named => {
                    recipients += 1;
                    let path = ForwardPath::parse("<b@x>").unwrap();
                    slot.send(path, RcptParameters::default()).unwrap();
                }
                Event::WantRcpt(slot) if transactions == 1 => slot.reset(),
                Event::WantRcpt(slot) => slot.end(),
                Event::WantBody(slot) => slot.finish().unwrap(),
                _ => {}
            },
            Want::Input | Want::Flush => {
                assert!(client.tx().has_remaining(), "neither has anything to say: {lines:?}");
                received.extend_from_slice(client.tx().chunk());
                let sent = client.tx().remaining();
                client.tx().advance(sent);
                for line in String::from_utf8(std::mem::take(&mut received)).unwrap().lines() {
                    let reply = match line {
                        "EHLO client.example" => {
                            let more = offered.replace(' ', "\r\n250-");
                            format!("250-mx\r\n250-{more}\r\n250 X-LAST\r\n")
                        }
                        "DATA" => "354 go\r\n".into(),
                        line => format!("{} \r\n", answer(line)),
                    };
                    client.rx().receive(reply.as_bytes());
                    lines.push(line.into());
                }
            }
            Want::Close | Want::Tls => return lines,
        }
    }
}

#[test]
fn what_was_named_is_reset_and_the_next_transaction_goes_its_way() {
    let (mail, rcpt) = ("MAIL FROM:<a@x>", "RCPT TO:<b@x>");
    for (offered, content) in [
        ("X-NONE", &["DATA", "."][..]),
        ("PIPELINING", &["DATA", "."]),
        ("CHUNKING", &["BDAT 0 LAST"]),
        ("PIPELINING CHUNKING", &["BDAT 0 LAST"]),
    ] {
        for named in 1..=3 {
            let recipients = vec![rcpt; named];
            let expected = [
                &["EHLO client.example", mail],
                &recipients[..],
                &["RSET", mail],
                &recipients,
                content,
                &["QUIT"],
            ]
            .concat();
            assert_eq!(run(offered, named, |_| "250"), expected, "{offered}");
        }
    }
}

#[test]
fn a_transaction_that_was_refused_needs_no_reset() {
    let answer = |line: &str| if line.starts_with("MAIL") { "550" } else { "250" };
    for (offered, named) in [("X-NONE", 0), ("CHUNKING", 0)] {
        let lines = run(offered, named, answer);
        assert_eq!(lines, ["EHLO client.example", "MAIL FROM:<a@x>", "MAIL FROM:<a@x>", "QUIT"]);
    }
}

#[test]
fn nor_does_one_whose_refusal_comes_behind_its_recipients() {
    let answer = |line: &str| if line.starts_with("MAIL") { "550" } else { "503" };
    let (mail, rcpt) = ("MAIL FROM:<a@x>", "RCPT TO:<b@x>");
    let lines = run("PIPELINING", 2, answer);
    let first = &lines[..4];
    assert_eq!(first, ["EHLO client.example", mail, rcpt, rcpt]);
    assert!(!lines.contains(&"RSET".into()), "{lines:?}");
}

#[test]
fn recipients_that_were_refused_are_reset_as_well() {
    let answer = |line: &str| if line.starts_with("RCPT") { "550" } else { "250" };
    let (mail, rcpt) = ("MAIL FROM:<a@x>", "RCPT TO:<b@x>");
    let lines = run("CHUNKING", 1, answer);
    assert_eq!(lines, ["EHLO client.example", mail, rcpt, "RSET", mail, rcpt, "RSET", "QUIT"]);
}
