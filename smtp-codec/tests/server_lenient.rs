//! Lenient syntax: what it lets through, the application is told.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod common;

use common::script::{chunking, config};
use smtp_codec::proto::Syntax;
use smtp_codec::proto::command::Deviations;
use smtp_codec::proto::reply::Extension;
use smtp_codec::server::{Config, Connection, Event, Want};

/// What the application is told of each command, and what the connection tells in the end.
fn told(config: Config, lines: &[&str]) -> (Vec<String>, Deviations) {
    let mut server = Connection::new(config);
    server.trust();
    let (mut told, mut lines) = (Vec::new(), lines.iter());
    loop {
        match server.step() {
            Want::Event => {
                macro_rules! tell {
                    ($handle:ident) => {{
                        told.push($handle.deviations().to_string());
                        $handle.accept();
                    }};
                }
                match server.event() {
                    Event::Hello(hello) => tell!(hello),
                    Event::Mail(mail) => tell!(mail),
                    Event::Rcpt(rcpt) => tell!(rcpt),
                    Event::Data(data) => tell!(data),
                    Event::Verify(verify) => tell!(verify),
                    Event::Expand(expand) => tell!(expand),
                    Event::Etrn(etrn) => tell!(etrn),
                    Event::Xforward(xforward) => tell!(xforward),
                    Event::Xclient(xclient) => tell!(xclient),
                    Event::Auth(auth) => {
                        told.push(auth.deviations().to_string());
                        auth.challenge(b"");
                    }
                    Event::Message(message) => message.accept(),
                    event => event.proceed(),
                }
            }
            Want::Input => {
                let Some(line) = lines.next() else { break };
                server.rx().receive(line.as_bytes());
                server.rx().receive(b"\r\n");
            }
            want => panic!("{want:?}"),
        }
    }
    (told, server.deviations())
}

fn lenient() -> Config {
    config().syntax(Syntax::Lenient)
}

#[test]
fn each_deviation_is_told_with_its_command() {
    let config = chunking().syntax(Syntax::Lenient).ask_verify().ask_expand();
    let config = config.with(Extension::Etrn).auth(["PLAIN"]).unwrap().allow_plaintext_auth();
    let (told, all) = told(
        config,
        &[
            "EHLO  under_score.example",
            "XFORWARD\tNAME=a",
            "AUTH  PLAIN",
            "*",
            " VRFY alice",
            "EXPN two words",
            "ETRN a.example.",
            "MAIL FROM: a..b@c  SIZE=1",
            "RCPT TO:b@-c",
            "RCPT TO:<d@e>",
            "BDAT  2 LAST",
        ],
    );
    assert_eq!(
        told,
        [
            "spacing, underscore",
            "spacing",
            "spacing",
            "leading-space",
            "free-text",
            "final-dot",
            "spacing, space-after-colon, no-brackets, dots",
            "no-brackets, hyphen",
            "",
            "spacing",
        ]
    );
    assert_eq!(all.names().count(), 9);
}

#[test]
fn commands_that_the_session_answers_count_in_the_end() {
    let (told, all) = told(lenient(), &[" NOOP", "EHLO a.example", "RSET", "DATA  now", "  FOO"]);
    assert_eq!(told, [""]);
    assert_eq!(all, Deviations::LEADING_SPACE);
}

#[test]
fn without_deviations_none_are_told() {
    let lines = ["EHLO a.example", "MAIL FROM:<\"a..b\"@c> SIZE=1", "RCPT TO:<Postmaster>", "DATA"];
    for config in [lenient(), config()] {
        let (told, all) = told(config, &lines);
        assert_eq!(told, [""; 4]);
        assert!(all.is_empty());
    }
}

/// What a client answers to a challenge is no command, whatever it looks like.
#[test]
fn responses_of_auth_are_not_looked_at() {
    let config = lenient().auth(["PLAIN"]).unwrap().allow_plaintext_auth();
    let (_, all) = told(config, &["EHLO a.example", "AUTH PLAIN", " NOOP", "NOOP"]);
    assert!(all.is_empty(), "{all}");
}
