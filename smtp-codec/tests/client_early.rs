//! Replies that come before what they would answer has left.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(dead_code, unreachable_pub, clippy::string_slice)]

mod common;

use bytes::Buf;
use common::peer::{config, envelope};
use smtp_codec::Want;
use smtp_codec::client::{Closing, Config, Connection, Delivery, Step};
use smtp_codec::proto::session::client::ProtocolFault;
use smtp_codec::proto::{Failure, Outcome, Verdict};

/// Writes `content` and its end; then nothing of it leaves but `gone` octets, and the server says
/// `early`.
fn outcome(ehlo: &str, content: &[u8], gone: usize, early: &str) -> (Outcome, usize) {
    outcome_for(config(), &["b@x.example"], ehlo, content, (gone, early))
}

fn outcome_for(
    config: Config,
    recipients: &[&str],
    ehlo: &str,
    content: &[u8],
    (gone, early): (usize, &str),
) -> (Outcome, usize) {
    let mut client = Connection::new(config);
    let letter = envelope(recipients);
    let mut delivery = Delivery::new(&letter);
    let chunked = ehlo.contains("CHUNKING");
    let mut replies = vec!["220 mx\r\n", ehlo, "250 ok\r\n"];
    replies.extend(recipients.iter().map(|_| "250 ok\r\n"));
    replies.extend((!chunked).then_some("354 go\r\n"));
    let mut replies = replies.into_iter();
    let (mut written, mut said) = (false, false);
    let outcome = loop {
        match client.step() {
            Want::Event => match delivery.on(client.event()) {
                Step::Next => {}
                Step::Over => break delivery.outcome(&client),
                Step::Body(slot) => {
                    assert_eq!(slot.write_end(content).unwrap(), content.len());
                    written = true;
                }
            },
            Want::Close => break delivery.outcome(&client),
            _ if written && !said => {
                said = true;
                client.tx().advance(gone);
                client.rx().receive(early.as_bytes());
            }
            _ => {
                let n = client.tx().remaining();
                client.tx().advance(n);
                match replies.next() {
                    Some(reply) => drop(client.rx().receive(reply.as_bytes())),
                    None => client.eof(),
                }
            }
        }
    };
    (outcome, client.tx().remaining())
}

/// A chunk has no lines: that it ends in none makes no difference.
#[test]
fn what_was_not_sent_was_not_accepted() {
    for content in [&b"with a newline at the end\r\n"[..], b"without one", b"a\r\nb"] {
        let header = format!("BDAT {} LAST\r\n", content.len()).len();
        for gone in [0, 3, header, header + 1, header + content.len() - 1] {
            let (outcome, left) =
                outcome("250-mx\r\n250 CHUNKING\r\n", content, gone, "250 taken\r\n");
            let verdict = outcome.recipients[0].verdict;
            assert_ne!(verdict, Verdict::Accepted, "{left} octets of {content:?} are still here");
        }
    }
}

/// It may be refused once it is announced. What is refused before is no answer to it: another one
/// would follow, and be taken for that to the next command.
#[test]
fn what_was_not_announced_was_not_answered() {
    let content = b"line\r\n".repeat(10);
    let header = format!("BDAT {} LAST\r\n", content.len()).len();
    let breach = Some(Failure::Closed(Closing::Protocol(ProtocolFault::Unasked)));
    let (deferred, refused) = ((Verdict::Deferred, breach), (Verdict::Refused, None));
    for (gone, (verdict, failure)) in [
        (0, deferred),
        (header - 1, deferred),
        (header, refused),
        (header + content.len(), refused),
    ] {
        let early = "552 5.3.4 too large\r\n";
        let (outcome, _) = outcome("250-mx\r\n250 CHUNKING\r\n", &content, gone, early);
        assert_eq!(outcome.recipients[0].verdict, verdict, "{gone}");
        assert_eq!(outcome.failure, failure, "{gone}");
    }
}

/// A server refuses a message while most of it is still to be sent, and hangs up.
#[test]
fn a_refusal_before_the_dot_has_left_is_a_refusal() {
    let content = b"line\r\n".repeat(1000);
    for (early, verdict) in [
        ("552 5.3.4 too large\r\n", Verdict::Refused),
        ("452 4.3.1 no room\r\n", Verdict::Deferred),
        ("250 taken\r\n", Verdict::Deferred),
    ] {
        let (outcome, _) = outcome("250 mx\r\n", &content, 100, early);
        let told = &outcome.recipients[0];
        assert_eq!(told.verdict, verdict, "{early}");
        assert_eq!(told.reply.is_some(), !early.starts_with("250"), "{early}");
    }
}

/// What is refused before it has come whole is refused for all, also where each is answered.
#[test]
fn a_refusal_before_the_dot_is_for_all_recipients() {
    let two = ["b@x.example", "c@x.example"];
    for content in [&b"short\r\n"[..], &b"line\r\n".repeat(1000)] {
        for (early, verdict) in
            [("552 5.3.4 too large\r\n", Verdict::Refused), ("250 taken\r\n", Verdict::Deferred)]
        {
            for (config, ehlo) in
                [(config().lmtp(), "250 mx\r\n"), (config().prdr(true), "250-mx\r\n250 PRDR\r\n")]
            {
                let (outcome, _) = outcome_for(config, &two, ehlo, content, (5, early));
                let verdicts: Vec<_> = outcome.recipients.iter().map(|it| it.verdict).collect();
                assert_eq!(verdicts, [verdict; 2], "{ehlo} {early}");
            }
        }
    }
}

/// Nothing of a group has left, and one of its commands is answered already.
#[test]
fn a_reply_to_a_group_that_has_not_left_is_none() {
    let mut client = Connection::new(config());
    let letter = envelope(&["b@x.example", "c@x.example"]);
    let mut delivery = Delivery::new(&letter);
    let mut replies = ["220 mx\r\n", "250-mx\r\n250 PIPELINING\r\n"].iter();
    loop {
        match client.step() {
            Want::Event => drop(delivery.on(client.event())),
            _ => match replies.next() {
                Some(reply) => {
                    let n = client.tx().remaining();
                    client.tx().advance(n);
                    client.rx().receive(reply.as_bytes());
                }
                None => break,
            },
        }
    }
    let group = client.tx().chunk().to_vec();
    assert_eq!(group.iter().filter(|octet| **octet == b'\n').count(), 4, "MAIL, twice RCPT, DATA");
    let mail = group.iter().position(|octet| *octet == b'\n').unwrap() + 1;
    for (left, taken) in [(0, false), (mail - 1, false), (mail, true)] {
        let mut client = Connection::new(config());
        let mut delivery = Delivery::new(&letter);
        let mut replies = ["220 mx\r\n", "250-mx\r\n250 PIPELINING\r\n"].iter();
        let mut early = ["250 ok\r\n"].iter();
        loop {
            match client.step() {
                Want::Event => drop(delivery.on(client.event())),
                Want::Close => break,
                _ => match replies.next() {
                    Some(reply) => {
                        let n = client.tx().remaining();
                        client.tx().advance(n);
                        client.rx().receive(reply.as_bytes());
                    }
                    None => match early.next() {
                        Some(reply) => {
                            client.tx().advance(left);
                            client.rx().receive(reply.as_bytes());
                        }
                        None => break,
                    },
                },
            }
        }
        assert_eq!(client.closing().is_none(), taken, "{left}: {:?}", client.closing());
    }
}
