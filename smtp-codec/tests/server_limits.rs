//! LIMITS (RFC 9422), from the server: what is told holds.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod common;

use common::script::{Script, Tls, config};
use smtp_codec::server::{Closing, Config, Limits};

fn told(config: Config) -> Option<String> {
    let reply = Script::ehlo(config).run().replies[1].clone();
    let line = reply.lines().find(|line| line.get(4..).is_some_and(|it| it.starts_with("LIMITS")));
    line.map(|line| line[4..].to_owned())
}

#[test]
fn limits_are_told_as_they_are() {
    assert_eq!(told(config()), None);
    assert_eq!(told(config().rcpt_max(100)).unwrap(), "LIMITS RCPTMAX=100");
    assert_eq!(told(config().mail_max(7).rcpt_max(100)).unwrap(), "LIMITS MAILMAX=7 RCPTMAX=100");
    // What is told is what holds, whichever was said first.
    let fewer = || config().rcpt_max(100).max_recipients(50);
    assert_eq!(told(fewer()).unwrap(), "LIMITS RCPTMAX=50");
    assert_eq!(told(fewer().max_recipients(200)).unwrap(), "LIMITS RCPTMAX=100");
    // RFC 9422 section 4: no 0, and six digits at most.
    assert_eq!(told(config().rcpt_max(0).mail_max(1_000_000)), None);
    assert_eq!(told(config().mail_max(7).mail_max(0)), None);
}

/// RFC 9422 section 4.2: it is RCPT commands that are counted, not recipients that were taken.
#[test]
fn rcpt_max_holds_for_each_transaction() {
    let transaction = |talk: Script| {
        talk.say("MAIL FROM:<a@x>", "250 ")
            .say("RCPT TO:<b@x>", "250 ")
            .say("RCPT TO:<no550@x>", "550 ")
            .say("RCPT TO:<c@x>", "452 4.5.3 ")
            .say("RCPT TO:<d@x>", "452 4.5.3 ")
            .say("DATA", "354 ")
            .say("Hi\r\n.", "250 ")
    };
    transaction(transaction(Script::ehlo(config().rcpt_max(2)))).run();
}

#[test]
fn those_over_rcpt_max_are_bounded() {
    let mut limits = Limits::default();
    limits.recipients_over = 1;
    let talk = Script::ehlo(config().limits(limits).rcpt_max(1))
        .say("MAIL FROM:<a@x>", "250 ")
        .say("RCPT TO:<b@x>", "250 ")
        .say("RCPT TO:<c@x>", "452 4.5.3 ")
        .say("RCPT TO:<d@x>", "421 4.7.0 ")
        .run();
    assert_eq!(talk.closing, Some(Closing::TooManyErrors));
}

/// RFC 9422 section 4.1: MAIL counts whether it was taken or not.
#[test]
fn mail_max_holds_for_the_session() {
    let talk = Script::ehlo(config().mail_max(3))
        .say("MAIL FROM:<a@x>", "250 ")
        .say("RSET", "250 ")
        .say("MAIL FROM:<no550@x>", "550 ")
        .say("EHLO again.example", "250-")
        .say("MAIL FROM:<a@x>", "250 ")
        .say("RCPT TO:<b@x>", "250 ")
        .say("DATA", "354 ")
        .say("Hi\r\n.", "250 ")
        .say("MAIL FROM:<a@x>", "421 4.7.0 mx.example.org no more messages")
        .run();
    assert_eq!(talk.closing, Some(Closing::TooManyMessages));
}

#[test]
fn under_tls_the_count_begins_anew() {
    let talk = Script::ehlo(config().mail_max(1))
        .with(|script| script.tls = Tls::Offered)
        .say("MAIL FROM:<a@x>", "250 ")
        .say("RSET", "250 ")
        .say("STARTTLS", "220 ")
        .handshake()
        .say("EHLO client.example", "250-")
        .say("MAIL FROM:<a@x>", "250 ")
        .say("RSET", "250 ")
        .say("MAIL FROM:<a@x>", "421 4.7.0 ")
        .run();
    assert_eq!(talk.closing, Some(Closing::TooManyMessages));
}
