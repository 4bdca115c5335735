//! A server that says what another one said.
#![allow(clippy::indexing_slicing, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use bytes::Buf;
use smtp_codec::proto::reply::Reply;
use smtp_codec::server::{Config, Connection, Event, Want};

/// What a client reads that says these lines, when the other server says that to what it is asked.
fn told(lines: &str, other: &[(&str, &str)]) -> String {
    told_by(Config::new("mx.example").unwrap(), lines, other)
}

fn told_by(config: Config, lines: &str, other: &[(&str, &str)]) -> String {
    let mut server = Connection::new(config);
    server.trust();
    let mut read = Vec::new();
    let said = |about: &str| other.iter().find(|(name, _)| *name == about).map(|(_, said)| *said);
    macro_rules! relay {
        ($handle:expr, $name:literal) => {
            match said($name) {
                Some(reply) => $handle.relay(Reply::parse(reply.as_bytes()).unwrap()),
                None => $handle.accept(),
            }
        };
    }
    let mut lines = lines.as_bytes();
    loop {
        let want = server.step();
        read.extend_from_slice(server.tx().chunk());
        let sent = server.tx().remaining();
        server.tx().advance(sent);
        match want {
            Want::Event => match server.event() {
                Event::Greet(greet) => relay!(greet, "greet"),
                Event::Xclient(xclient) => relay!(xclient, "xclient"),
                Event::Xforward(xforward) => relay!(xforward, "xforward"),
                Event::Mail(mail) => relay!(mail, "mail"),
                Event::Rcpt(rcpt) => relay!(rcpt, "rcpt"),
                Event::Data(data) => relay!(data, "data"),
                Event::Message(message) => relay!(message, "message"),
                other => other.proceed(),
            },
            Want::Flush => {}
            Want::Input if !lines.is_empty() => {
                let taken = server.rx().receive(lines);
                lines = &lines[taken..];
            }
            Want::Input | Want::Tls | Want::Close => break,
        }
    }
    let text = String::from_utf8(read).unwrap();
    let (_, text) = text
        .split_once("250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n")
        .unwrap_or(("", &text));
    text.into()
}

const HELLO: &str = "EHLO client.example\r\n";
const MESSAGE: &str =
    "EHLO client.example\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\nHi\r\n.\r\n";

#[test]
fn yes_and_no_keep_code_status_and_words() {
    let other = [
        ("mail", "250-2.1.0 well\r\n250 2.1.0 then\r\n"),
        ("rcpt", "251 2.1.5 moved\r\n"),
        ("data", "354 go on\r\n"),
        ("message", "250 2.6.0 queued as 1\r\n"),
    ];
    assert_eq!(
        told(MESSAGE, &other),
        "250-2.1.0 well\r\n250 2.1.0 then\r\n251 2.1.5 moved\r\n354 end data with <CR><LF>.<CR><LF>\r\n250 2.6.0 queued as 1\r\n"
    );
    let no = [("message", "571-5.7.1 not\r\n571 5.7.1 from you\r\n")];
    assert!(told(MESSAGE, &no).ends_with("\r\n571-5.7.1 not\r\n571 5.7.1 from you\r\n"));
    for (about, lines) in [
        ("mail", "MAIL FROM:<a@x>\r\n"),
        ("xclient", "XCLIENT NAME=x\r\n"),
        ("xforward", "XFORWARD NAME=x\r\n"),
    ] {
        assert_eq!(
            told(&[HELLO, lines].concat(), &[(about, "550 5.7.1 no\r\n")]),
            "550 5.7.1 no\r\n"
        );
    }
    let full = told(MESSAGE, &[("data", "452 4.3.1 full\r\n")]);
    assert!(full.contains("452 4.3.1 full\r\n") && !full.contains("354"), "{full}");
}

#[test]
fn what_is_no_answer_is_our_fault_and_not_the_clients() {
    for about in ["mail", "rcpt", "message"] {
        let read = told(MESSAGE, &[(about, "354 what\r\n")]);
        assert!(read.contains("451 4.3.0 local error, try again later\r\n"), "{about}: {read}");
    }
}

#[test]
fn greetings_and_goodbyes() {
    assert_eq!(
        told("", &[("greet", "220 other.example ESMTP\r\n")]),
        "220 mx.example ESMTP ready\r\n"
    );
    assert_eq!(told("", &[("greet", "554 5.3.2 no\r\n")]), "554 no\r\n");
    let gone = told(&[MESSAGE, "NOOP\r\n"].concat(), &[("mail", "421 4.3.2 going\r\n")]);
    assert_eq!(gone, "421 4.3.2 going\r\n");
}

/// In LMTP a refusal of the content goes to each recipient: at length to one, in brief to the others.
#[test]
fn a_long_refusal_is_not_told_at_length_to_everybody() {
    let long = [&"554-5.6.0 no\r\n".repeat(99), "554 5.6.0 never\r\n"].concat();
    let config = || Config::new("mx.example").unwrap().lmtp();
    let lines = [
        "LHLO client.example\r\nMAIL FROM:<a@x>\r\n",
        &"RCPT TO:<b@x>\r\n".repeat(50),
        "BDAT 1 LAST\r\nx",
    ];
    let read = told_by(config(), &lines.concat(), &[("data", &long)]);
    assert!(read.ends_with(&long), "{read}");
    assert_eq!(read.matches("554-").count(), 99, "{read}");
    let brief = "554 5.6.0 refused for the same reason as the others\r\n";
    assert_eq!(read.matches(brief).count(), 49, "{read}");
}
