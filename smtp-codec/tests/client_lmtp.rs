//! A scripted server that speaks LMTP (RFC 2033), and what becomes of each recipient where one of
//! them is told 421.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod common;

use std::time::Duration;

use bytes::Buf;
use common::peer::{Mission, Report, config, envelope, split};
use smtp_codec::Want;
use smtp_codec::client::{Closing, Connection, Delivery, Step};
use smtp_codec::proto::reply::ReplyFault;
use smtp_codec::proto::session::client::ProtocolFault;
use smtp_codec::proto::{Failure, Verdict};

const EACH: [&str; 3] = ["b@x", "c@x", "d@x"];
const CHUNKING: &str = "250-mx|250 CHUNKING";

fn send_by(ehlo: &str, replies: &[&str]) -> Report {
    let replies = [&["220 mx", ehlo, "250 ok", "250 b", "250 c", "250 d"], replies].concat();
    let content = if ehlo == CHUNKING { "" } else { "Hi\r\n" };
    Mission::new(config().lmtp(), &replies).letter(envelope(&EACH), content).run()
}

/// One message to three; `replies` are those to its end, by DATA and by BDAT.
#[track_caller]
fn send(replies: &str) -> Report {
    let report = send_by("250 mx", &["354 go", replies]);
    assert_eq!(report.lines.last().map(String::as_str), Some("content Hi\\r\\n.\\r\\n"));
    let chunked = send_by(CHUNKING, &[replies]);
    assert_eq!(chunked.lines.last().map(String::as_str), Some("BDAT 0 LAST"));
    let told = |report: &Report| {
        let recipients = report.outcomes[0].recipients.iter();
        recipients.map(|it| (it.verdict, it.reply.clone())).collect::<Vec<_>>()
    };
    assert_eq!(told(&chunked), told(&report), "{replies}");
    assert_eq!((chunked.closing, chunked.in_doubt), (report.closing, report.in_doubt));
    report
}

#[test]
fn a_421_for_one_recipient_takes_nothing_from_the_others() {
    for (replies, fate) in [
        ("250 b|421 c|250 d", ["Accepted Message 250", LATER, "Accepted Message 250"]),
        ("421 b|421 c|421 d", [LATER; 3]),
        ("421 b|250 c|550 d", [LATER, "Accepted Message 250", "Refused Message 550"]),
        ("421 b|452 c|421 d", [LATER, "Deferred Message 452", LATER]),
        ("250 b|552 c|421 d", ["Accepted Message 250", "Refused Message 552", LATER]),
    ] {
        for replies in [replies.to_owned(), format!("{replies}<close>")] {
            let report = send(&replies);
            assert_eq!(report.fate(), fate, "{replies}");
            assert_eq!(report.closing, Some(Closing::Unavailable), "{replies}");
            assert!(!report.in_doubt, "{replies}");
            let failure = Some(Failure::Closed(Closing::Unavailable));
            assert_eq!(report.outcomes[0].failure, failure, "{replies}");
        }
    }
}

const LATER: &str = "Deferred Message 421";
const LOST: &str = "Unknown Message -";

/// Who was told nothing may have the message, or not.
#[test]
fn behind_a_421_who_is_told_nothing_is_unknown() {
    let garbage = Closing::Protocol(ProtocolFault::Reply(ReplyFault::Code));
    let class = Closing::Protocol(ProtocolFault::Class);
    for (replies, fate, closing) in [
        ("421 b<close>", [LATER, LOST, LOST], Closing::Unavailable),
        ("421 b", [LATER, LOST, LOST], Closing::TimedOut),
        ("421 b|421 c<close>", [LATER, LATER, LOST], Closing::Unavailable),
        ("421 b|550 c<close>", [LATER, "Refused Message 550", LOST], Closing::Unavailable),
        ("421 b|250 c", [LATER, "Accepted Message 250", LOST], Closing::TimedOut),
        ("421 b|2x0 c|250 d", [LATER, LOST, LOST], garbage),
        ("421 b|354 c|250 d", [LATER, LOST, LOST], class),
    ] {
        let report = send(replies);
        assert_eq!(report.fate(), fate, "{replies}");
        assert_eq!(report.closing, Some(closing), "{replies}");
        assert!(report.in_doubt, "{replies}");
    }
}

/// Nor is anything said behind the last of the replies that are due, or heard.
#[test]
fn a_session_in_which_one_was_told_421_takes_no_other_message() {
    let replies = ["220 mx", "250 mx", "250 ok", "250 b", "250 c", "354 go"];
    let replies = [&replies[..], &["421 b|250 c|250 more", "250 ok"]].concat();
    let mission = Mission::new(config().lmtp(), &replies).letter(envelope(&EACH[..2]), "Hi\r\n");
    let report = mission.letter(envelope(&["e@x"]), "Hi\r\n").run();
    assert_eq!(report.lines.last().unwrap(), "content Hi\\r\\n.\\r\\n");
    assert_eq!(report.fates[0], [LATER, "Accepted Message 250"]);
    assert_eq!(report.fates[1], ["Deferred Connect -"]);
    assert_eq!(report.closing, Some(Closing::Unavailable));
    let told = report.events.iter().filter(|it| it.starts_with("done") || it.starts_with("closed"));
    assert_eq!(
        told.collect::<Vec<_>>(),
        ["done for 0 421", "done for 1 250", "closed Unavailable"]
    );
}

#[test]
fn the_rest_of_a_split_message_waits_for_another_time() {
    let limits = "250-mx|250 LIMITS RCPTMAX=2";
    let replies = ["220 mx", limits, "250 ok", "250 b", "250 c", "354 go", "421 b|250 c"];
    let (_, fates, outcome) = split(&config().lmtp(), &[&replies], &envelope(&EACH));
    assert_eq!(fates, [LATER, "Accepted Message 250", "Deferred Connect -"]);
    assert_eq!(outcome.failure, Some(Failure::Closed(Closing::Unavailable)));
}

/// Brings a client to where it has written a message to two, of which `gone` octets leave before
/// the server says the next thing, and hands it over.
fn midway(ehlo: &str, content: &[u8], gone: usize, early: &str) -> (Connection, Vec<Verdict>) {
    let mut client = Connection::new(config().lmtp());
    let letter = envelope(&EACH[..2]);
    let mut delivery = Delivery::new(&letter);
    let mut replies = vec!["220 mx\r\n", ehlo, "250 ok\r\n", "250 b\r\n", "250 c\r\n"];
    replies.extend((!ehlo.contains("CHUNKING")).then_some("354 go\r\n"));
    let mut replies = replies.into_iter();
    let (mut written, mut said) = (false, false);
    loop {
        match client.step() {
            Want::Event => match delivery.on(client.event()) {
                Step::Next => {}
                Step::Over => break,
                Step::Body(slot) => {
                    assert_eq!(slot.write_end(content).unwrap(), content.len());
                    written = true;
                }
            },
            Want::Close => break,
            _ if written && !said => {
                said = true;
                let n = client.tx().remaining().min(gone);
                client.tx().advance(n);
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
    }
    let outcome = delivery.outcome(&client);
    (client, outcome.recipients.into_iter().map(|it| it.verdict).collect())
}

/// What has not left whole was taken for nobody, and what is left of it stays here.
#[test]
fn a_421_before_the_end_has_left_is_the_end() {
    let content = b"line\r\n".repeat(10);
    for (ehlo, gone) in [("250 mx\r\n", 5), ("250-mx\r\n250 CHUNKING\r\n", 20)] {
        for early in ["421 b\r\n", "421 b\r\n421 c\r\n", "421 b\r\n250 c\r\n"] {
            let (client, verdicts) = midway(ehlo, &content, gone, early);
            assert_eq!(verdicts, [Verdict::Deferred; 2], "{ehlo} {early}");
            assert_eq!(client.closing(), Some(Closing::Unavailable), "{ehlo} {early}");
            assert!(!client.in_doubt(), "{ehlo} {early}");
        }
        let (client, verdicts) = midway(ehlo, &content, usize::MAX, "421 b\r\n250 c\r\n");
        assert_eq!(verdicts, [Verdict::Deferred, Verdict::Accepted], "{ehlo}");
        assert_eq!(client.closing(), Some(Closing::Unavailable), "{ehlo}");
    }
}

/// The wait behind it is that for a reply to a message, and begins anew with each.
#[test]
fn the_wait_behind_a_421_is_the_wait_for_one_reply() {
    let mut client = Connection::new(config().lmtp());
    let letter = envelope(&EACH);
    let mut delivery = Delivery::new(&letter);
    let before = "220 mx|250 mx|250 ok|250 b|250 c|250 d|354 go|421 b|250 c|421 d";
    let mut waits = Vec::new();
    for reply in before.split('|') {
        while client.step() == Want::Event {
            match delivery.on(client.event()) {
                Step::Body(slot) => slot.finish().unwrap(),
                Step::Next => {}
                Step::Over => panic!("over before {reply}"),
            }
        }
        let n = client.tx().remaining();
        client.tx().advance(n);
        waits.push((client.heard(), client.patience()));
        client.rx().receive(format!("{reply}\r\n").as_bytes());
    }
    let behind = &waits[7..];
    assert!(behind.iter().all(|(_, wait)| *wait == Duration::from_secs(600)), "{behind:?}");
    assert!(behind.windows(2).all(|two| two[0].0 < two[1].0), "{behind:?}");
    assert_eq!(client.step(), Want::Event);
    assert!(matches!(delivery.on(client.event()), Step::Next));
    assert_eq!(client.step(), Want::Close);
}
