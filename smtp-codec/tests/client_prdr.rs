//! A scripted server that speaks PRDR (draft-hall-prdr-00), and what becomes of each recipient.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod common;

use common::peer::{Mission, Report, config, envelope};
use smtp_codec::client::{Closing, Config};
use smtp_codec::proto::Failure;
use smtp_codec::proto::session::client::ProtocolFault;

const EHLO: &str = "250-mx|250-PIPELINING|250 PRDR";
const MAIL: &str = "MAIL FROM:<a@client.example> PRDR";

fn send_by(config: Config, ehlo: &str, replies: &[&str]) -> Report {
    let replies = [&["220 mx", ehlo], replies].concat();
    Mission::new(config, &replies).letter(envelope(&["b@x", "c@x", "d@x"]), "Hi\r\n").run()
}

/// One message to three, of whom the second is refused; `replies` are those to the message and
/// what follows.
#[track_caller]
fn send(replies: &[&str]) -> Report {
    let before = ["250 ok", "250 b", "550 c", "250 d", "354 go"];
    let report = send_by(config().prdr(true), EHLO, &[&before, replies].concat());
    assert_eq!(report.lines[1], MAIL);
    report
}

#[test]
fn it_is_used_where_it_is_offered_and_asked_for() {
    let replies = ["250 ok", "250 b", "250 c", "250 d", "354 go", "250 queued", "221 bye"];
    for (config, ehlo, mail) in [
        (config().prdr(true), EHLO, MAIL),
        (config(), EHLO, "MAIL FROM:<a@client.example>"),
        (config().prdr(true), "250 mx", "MAIL FROM:<a@client.example>"),
    ] {
        let report = send_by(config, ehlo, &replies);
        assert_eq!(report.lines[1], mail);
        assert_eq!(report.fate(), ["Accepted Message 250"; 3]);
    }
}

#[test]
fn one_recipient_needs_none() {
    let replies = ["220 mx", EHLO, "250 ok", "250 b", "354 go", "250 queued", "221 bye"];
    let mission = Mission::new(config().prdr(true), &replies);
    let report = mission.letter(envelope(&["b@x"]), "Hi\r\n").run();
    assert_eq!(report.lines[1], "MAIL FROM:<a@client.example>");
    assert_eq!(report.fate(), ["Accepted Message 250"]);
}

#[test]
fn it_is_used_for_one_recipient_where_the_envelope_says_so() {
    let mut letter = envelope(&["b@x"]);
    letter.parameters = letter.parameters.prdr();
    let replies = ["220 mx", EHLO, "250 ok", "250 b", "354 go", "353 so|450 b|450 all", "221 bye"];
    let report = Mission::new(config(), &replies).letter(letter.clone(), "Hi\r\n").run();
    assert_eq!(report.lines[1], MAIL);
    assert_eq!(report.fate(), ["Deferred Message 450"]);
    let replies = ["220 mx", "250 mx", "250 ok", "250 b", "354 go", "250 ok", "221 bye"];
    let report = Mission::new(config(), &replies).letter(letter, "Hi\r\n").run();
    assert_eq!(report.lines[1], "MAIL FROM:<a@client.example>");
    assert_eq!(report.fate(), ["Accepted Message 250"]);
}

#[test]
fn lmtp_does_without() {
    let replies = ["250 ok", "250 b", "550 c", "250 d", "354 go", "250 b|452 d", "221 bye"];
    let report = send_by(config().lmtp().prdr(true), EHLO, &replies);
    assert_eq!(report.lines[1], "MAIL FROM:<a@client.example>");
    assert_eq!(report.fate(), ["Accepted Message 250", "Refused Rcpt 550", "Deferred Message 452"]);
}

#[test]
fn one_reply_may_be_for_all() {
    for (reply, fate) in [
        ("250 queued", "Accepted Message 250"),
        ("450 later", "Deferred Message 450"),
        ("554 spam", "Refused Message 554"),
    ] {
        let report = send(&[reply, "221 bye"]);
        assert_eq!(report.fate(), [fate, "Refused Rcpt 550", fate]);
        assert_eq!(report.closing, Some(Closing::Quit));
    }
}

#[test]
fn each_recipient_has_a_reply_of_its_own() {
    let report = send(&["353 so|251 b|554 d|250 queued", "221 bye"]);
    assert_eq!(report.fate(), ["Accepted Message 251", "Refused Rcpt 550", "Refused Message 554"]);
    assert_eq!(report.closing, Some(Closing::Quit));
    let outcome = &report.outcomes[0];
    assert_eq!(outcome.reply.as_ref().unwrap().to_string(), "250 queued");
    assert_eq!(outcome.failure, None);
    let told: Vec<_> = report.events.iter().filter(|it| it.starts_with("done")).collect();
    assert_eq!(told, ["done for 0 251", "done for 1 554", "done 250"]);
}

#[test]
fn the_last_reply_takes_back_what_was_promised_and_nothing_else() {
    for (last, fate) in [
        ("250 ok", "Accepted Message 250"),
        ("451 disk full", "Deferred Message 451"),
        ("554 after all", "Refused Message 554"),
    ] {
        for (own, other) in [("450 d", "Deferred Message 450"), ("550 d", "Refused Message 550")] {
            let report = send(&[&format!("353 so|250 b|{own}|{last}"), "221 bye"]);
            assert_eq!(report.fate(), [fate, "Refused Rcpt 550", other], "{last}");
        }
    }
}

#[test]
fn chunks_are_judged_alike() {
    let ehlo = "250-mx|250-CHUNKING|250 PRDR";
    let replies = ["220 mx", ehlo, "250 ok", "250 b", "550 c", "250 d"];
    let replies = [&replies[..], &["353 so|250 b|450 d|250 all", "221 bye"]].concat();
    let mission = Mission::new(config().prdr(true), &replies);
    let report = mission.letter(envelope(&["b@x", "c@x", "d@x"]), "").run();
    assert_eq!(report.lines[5], "BDAT 0 LAST");
    assert_eq!(report.fate(), ["Accepted Message 250", "Refused Rcpt 550", "Deferred Message 450"]);
    assert_eq!(report.closing, Some(Closing::Quit));
}

#[test]
fn where_the_link_breaks_only_refusals_are_certain() {
    for (replies, fate) in [
        ("<close>", ["Unknown Message -", "Unknown Message -"]),
        ("353 so<close>", ["Unknown Message -", "Unknown Message -"]),
        ("353 so|250 b<close>", ["Unknown Message -", "Unknown Message -"]),
        ("353 so|550 b<close>", ["Refused Message 550", "Unknown Message -"]),
        ("353 so|450 b<close>", ["Deferred Message 450", "Unknown Message -"]),
        ("353 so|250 b|250 d<close>", ["Unknown Message -", "Unknown Message -"]),
        ("353 so|250 b|550 d<close>", ["Unknown Message -", "Refused Message 550"]),
    ] {
        let report = send(&[replies]);
        assert_eq!(report.fate(), [fate[0], "Refused Rcpt 550", fate[1]], "{replies}");
        assert!(report.in_doubt, "{replies}");
        assert_eq!(report.outcomes[0].failure, Some(Failure::Closed(Closing::PeerGone)));
    }
    let report = send(&["353 so|250 b|550 d|250 all<close>"]);
    assert_eq!(report.fate(), ["Accepted Message 250", "Refused Rcpt 550", "Refused Message 550"]);
    assert!(!report.in_doubt);
}

#[test]
fn a_421_for_one_recipient_waits_for_the_last_reply() {
    let report = send(&["353 so|250 b|421 d|250 some<close>"]);
    assert_eq!(report.fate(), ["Accepted Message 250", "Refused Rcpt 550", "Deferred Message 421"]);
    let report = send(&["353 so|250 b|421 d<close>"]);
    assert_eq!(report.fate(), ["Unknown Message -", "Refused Rcpt 550", "Deferred Message 421"]);
    for replies in ["421 all<close>", "353 so|250 b|250 d|421 all<close>"] {
        let report = send(&[replies]);
        let all = "Deferred Message 421";
        assert_eq!(report.fate(), [all, "Refused Rcpt 550", all], "{replies}");
        assert_eq!(report.closing, Some(Closing::Unavailable));
        assert!(!report.in_doubt);
    }
}

#[test]
fn what_cannot_stand_there_ends_the_session() {
    for replies in ["354 more", "353 so|353 again", "353 so|250 b|250 d|353 again"] {
        let report = send(&[replies]);
        assert_eq!(report.closing, Some(Closing::Protocol(ProtocolFault::Class)), "{replies}");
        assert_eq!(report.fate()[0], "Unknown Message -", "{replies}");
    }
    // Who did not ask for it gets none.
    let replies =
        ["250 ok", "250 b", "250 c", "250 d", "354 go", "353 so|250 b|250 c|250 d|250 ok"];
    let report = send_by(config(), EHLO, &replies);
    assert_eq!(report.closing, Some(Closing::Protocol(ProtocolFault::Class)));
}

/// Nor does it wait for a last reply, if the envelope asks for PRDR all the same.
#[test]
fn lmtp_has_no_last_reply() {
    let replies = ["220 mx", "250-mx|250 PRDR", "250 ok", "550 b", "250 c", "250 d", "354 go"];
    let judged = ["250 for c|550 for d", "221 bye"];
    let mut letter = envelope(&["b@x", "c@x", "d@x"]);
    letter.parameters = letter.parameters.prdr();
    let replies = [&replies[..], &judged].concat();
    let report = Mission::new(config().lmtp(), &replies).letter(letter, "Hi\r\n").run();
    assert_eq!(report.lines[1], "MAIL FROM:<a@client.example>");
    let fates = ["Refused Rcpt 550", "Accepted Message 250", "Refused Message 550"];
    assert_eq!(report.fate(), fates);
}
