//! PRDR (draft-hall-prdr-00): in SMTP too each recipient gets a reply to the message, where the
//! client asks for it.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod common;

use common::script::{Script, Verdict, chunking};
use smtp_codec::proto::reply::Extension;
use smtp_codec::server::{Closing, Config};

fn prdr() -> Config {
    chunking().with(Extension::Prdr)
}

/// A transaction that asks for PRDR, with two recipients and one that is refused.
fn open(config: Config) -> Script {
    Script::ehlo(config)
        .say("MAIL FROM:<a@x> PRDR", "250 2.1.0 ")
        .say("RCPT TO:<b@x>", "250 2.1.5 ")
        .say("RCPT TO:<no550@x>", "550 ")
        .say("RCPT TO:<c@x>", "250 2.1.5 ")
}

fn judge(each: &[Verdict]) -> Script {
    open(prdr())
        .with(|script| script.each = each.to_vec())
        .say("DATA", "354 ")
        .say("Hi\r\n.", "353 ")
}

const YES: Verdict = Verdict::Yes;
const NO: Verdict = Verdict::No(550, "not for me");
const LATER: Verdict = Verdict::No(450, "not now");

#[test]
fn it_is_offered_only_where_it_is_asked_for() {
    let offered = |config| Script::ehlo(config).run().replies[1].contains("PRDR");
    assert!(offered(prdr()));
    assert!(!offered(chunking()));
    Script::ehlo(chunking()).say("MAIL FROM:<a@x> PRDR", "555 5.5.4 ").run();
    Script::ehlo(prdr()).say("MAIL FROM:<a@x> PRDR=1", "501 5.5.4 ").run();
    Script::new(prdr()).say("HELO x", "250 ").say("MAIL FROM:<a@x> PRDR", "555 5.5.4 ").run();
}

#[test]
fn lmtp_has_it_without() {
    let talk = Script::new(prdr().lmtp())
        .say("LHLO x", "250-")
        .say("MAIL FROM:<a@x> PRDR", "555 5.5.4 ")
        .say("MAIL FROM:<a@x>", "250 ")
        .run();
    assert!(!talk.replies[1].contains("PRDR"));
}

#[test]
fn each_recipient_that_was_taken_gets_a_reply_and_the_message_a_last_one() {
    let talk = judge(&[])
        .hear("250 2.0.0 message taken")
        .hear("250 2.0.0 message taken")
        .hear("250 2.0.0 message taken\r\n")
        .say("NOOP", "250 ")
        .run();
    assert_eq!(talk.messages(), [r"Hi\r\n", r"Hi\r\n"]);
}

#[test]
fn the_last_reply_refuses_only_what_nobody_took() {
    for (each, replies) in [
        ([YES, NO], ["250 ", "550 5.9.9 ", "250 2.0.0 message taken for some recipients"]),
        ([LATER, YES], ["450 4.9.9 ", "250 ", "250 2.0.0 message taken for some recipients"]),
        ([NO, NO], ["550 5.9.9 ", "550 5.9.9 ", "550 5.0.0 "]),
        ([LATER, LATER], ["450 4.9.9 ", "450 4.9.9 ", "450 4.0.0 "]),
        ([NO, LATER], ["550 5.9.9 ", "450 4.9.9 ", "450 4.0.0 "]),
    ] {
        let talk = judge(&each);
        let talk = replies.iter().fold(talk, |talk, reply| talk.hear(reply));
        talk.say("MAIL FROM:<a@x>", "250 ").run();
    }
}

#[test]
fn own_words_stand_behind_353() {
    judge(&[Verdict::With(250, "for b"), Verdict::With(251, "for c")])
        .hear("250 for b\r\n")
        .hear("251 for c\r\n")
        .hear("250 2.0.0 message taken\r\n")
        .run();
}

#[test]
fn one_recipient_gets_one_reply() {
    for (verdict, reply) in [(YES, "250 2.0.0 "), (NO, "550 5.9.9 ")] {
        Script::ehlo(prdr())
            .with(|script| script.each = vec![verdict])
            .say("MAIL FROM:<a@x> PRDR", "250 ")
            .say("RCPT TO:<b@x>", "250 ")
            .say("RCPT TO:<no550@x>", "550 ")
            .say("DATA", "354 ")
            .say("Hi\r\n.", reply)
            .say("NOOP", "250 ")
            .run();
    }
}

#[test]
fn who_did_not_ask_gets_one_reply() {
    let talk = Script::ehlo(prdr())
        .say("MAIL FROM:<a@x>", "250 ")
        .say("RCPT TO:<b@x>", "250 ")
        .say("RCPT TO:<c@x>", "250 ")
        .say("DATA", "354 ")
        .say("Hi\r\n.", "250 2.0.0 ")
        .say("NOOP", "250 ")
        .run();
    assert_eq!(talk.messages().len(), 1);
}

#[test]
fn it_does_not_outlast_its_transaction() {
    let talk = judge(&[])
        .hear("250 ")
        .hear("250 ")
        .hear("250 ")
        .say("MAIL FROM:<a@x>", "250 ")
        .say("RCPT TO:<b@x>", "250 ")
        .say("RCPT TO:<c@x>", "250 ")
        .say("DATA", "354 ")
        .say("Ho\r\n.", "250 ")
        .say("MAIL FROM:<a@x> PRDR", "250 ")
        .say("RSET", "250 ")
        .say("MAIL FROM:<a@x>", "250 ")
        .say("RCPT TO:<b@x>", "250 ")
        .say("RCPT TO:<c@x>", "250 ")
        .say("DATA", "354 ")
        .say("Ho\r\n.", "250 ")
        .say("NOOP", "250 ")
        .run();
    assert_eq!(talk.messages().len(), 4);
}

#[test]
fn chunks_are_judged_alike() {
    open(prdr())
        .with(|script| script.each = vec![NO, YES])
        .say("BDAT 2", "250 ")
        .send("Hi")
        .say("BDAT 0 LAST", "353 ")
        .hear("550 5.9.9 ")
        .hear("250 ")
        .hear("250 2.0.0 message taken for some recipients")
        .say("NOOP", "250 ")
        .run();
}

#[test]
fn what_is_never_judged_is_refused_once() {
    open(prdr())
        .say("DATA", "354 ")
        .say("bare\nnewline\r\n.", "554 5.6.0 ")
        .say("NOOP", "250 ")
        .run();
    let small = || open(prdr().max_size(3));
    small().say("DATA", "354 ").say("too large\r\n.", "552 5.3.4 ").say("NOOP", "250 ").run();
    small().say("BDAT 9 LAST", "552 5.3.4 ").send("too large").say("NOOP", "250 ").run();
    open(prdr())
        .with(|script| script.data = LATER)
        .say("BDAT 2 LAST", "450 4.9.9 ")
        .send("Hi")
        .say("NOOP", "250 ")
        .run();
}

#[test]
fn a_421_is_told_to_the_rest_and_takes_nothing_back() {
    let gone = Verdict::No(421, "going down");
    let talk = judge(&[YES, gone])
        .hear("250 ")
        .hear("421 4.9.9 ")
        .hear("250 2.0.0 message taken for some recipients")
        .run();
    assert_eq!(talk.closing, Some(Closing::Refused));
    let talk = judge(&[gone]).hear("421 4.9.9 ").hear("421 4.9.9 ").hear("450 4.0.0 ").run();
    assert_eq!(talk.messages().len(), 1, "the second is not asked about");
    assert_eq!(talk.closing, Some(Closing::Refused));
}
