//! Hosts and domains that take no mail (RFC 7504, RFC 7505), on both sides.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod common;

use bytes::Buf;
use common::peer::{self, Mission, envelope};
use smtp_codec::proto::reply::Refusal;
use smtp_codec::server::{Config, Connection, Event, Want};

/// A server that refuses what these refuse, and what it says to this.
fn serve(input: &str, refuse: impl Fn(Event<'_>)) -> String {
    let mut server = Connection::new(Config::new("mx.example.org").unwrap());
    server.rx().receive(input.as_bytes());
    loop {
        match server.step() {
            Want::Event => refuse(server.event()),
            _ => return String::from_utf8(server.tx().chunk().to_vec()).unwrap(),
        }
    }
}

/// RFC 7504 section 3: 521 in the place of the greeting, and then nothing but QUIT. RFC 2034
/// section 4: a greeting has no enhanced status code.
#[test]
fn a_host_that_takes_no_mail_greets_with_521() {
    let said = serve("EHLO x\r\nMAIL FROM:<a@x>\r\nQUIT\r\n", |event| match event {
        Event::Greet(greet) => greet.reject(Refusal::NO_MAIL_HERE),
        other => other.proceed(),
    });
    let codes: Vec<_> = said.lines().map(|line| &line[..3]).collect();
    assert_eq!(codes, ["521", "503", "503", "221"], "{said}");
    assert!(said.starts_with("521 this host"), "{said}");
}

/// RFC 7504 section 4 and RFC 7505 section 4.1: 556 5.1.10 for a recipient; RFC 7505 section 4.2:
/// 550 5.7.27 for a sender.
#[test]
fn domains_that_take_no_mail_are_refused() {
    let input =
        "EHLO x\r\nMAIL FROM:<a@null.example>\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@null.example>\r\n";
    let said = serve(input, |event| match event {
        Event::Mail(mail) if mail.reverse_path().to_string().contains("null") => {
            mail.reject(Refusal::SENDER_NULL_MX);
        }
        Event::Rcpt(rcpt) => rcpt.reject(Refusal::NULL_MX),
        other => other.proceed(),
    });
    assert!(said.contains("\r\n550 5.7.27 "), "{said}");
    assert!(said.contains("\r\n556 5.1.10 "), "{said}");
}

/// RFC 7504 section 3: the client says QUIT, and the mail has failed for good.
#[test]
fn a_521_greeting_is_final() {
    let mission = Mission::new(peer::config(), &["521 mx does not accept mail", "221 bye"]);
    let report = mission.letter(envelope(&["b@x", "c@x"]), "Hi\r\n").run();
    assert_eq!(report.lines, ["QUIT"]);
    assert_eq!(report.fate(), ["Refused Connect 521"; 2]);
}

/// RFC 7504 section 4: 556 stops that recipient for good, and no other. Whatever its second digit,
/// it is the first that counts (RFC 5321 section 4.2.1).
#[test]
fn a_556_is_final_for_its_recipient() {
    let replies =
        ["220 mx", "250 mx", "250 ok", "556 5.1.10 null MX", "250 ok", "354 go", "250 ok"];
    let mission = Mission::new(peer::config(), &[&replies[..], &["221 bye"]].concat());
    let report = mission.letter(envelope(&["b@null.example", "c@x"]), "Hi\r\n").run();
    assert_eq!(report.fate(), ["Refused Rcpt 556", "Accepted Message 250"]);
    let reply = report.outcomes[0].recipients[0].reply.clone().unwrap();
    assert_eq!(reply.as_reply().enhanced().unwrap().to_string(), "5.1.10");
}
