//! LIMITS (RFC 9422), from the client: a message to more recipients than a server takes at once.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod common;

use bytes::Buf;
use common::peer::{Mission, config, envelope, split};
use smtp_codec::Want;
use smtp_codec::client::{CallError, Closing, Connection, Delivery, Event, Part, Split, Step};
use smtp_codec::proto::{Failure, Stage, Verdict};

const YES: &str = "250 ok";
const DATA: &str = "354 go";
const BYE: &str = "221 bye";
const ALL: &str = "Accepted Message 250";

/// What was said between EHLO and QUIT: who was named, a transaction each.
fn parts(lines: &[String]) -> Vec<Vec<&str>> {
    let mut parts = Vec::new();
    for line in lines {
        if line.starts_with("MAIL") {
            parts.push(Vec::new());
        } else if let Some(path) = line.strip_prefix("RCPT TO:") {
            parts.last_mut().unwrap().push(path);
        }
    }
    parts
}

/// RFC 9422 section 4.2.
#[test]
fn rcpt_max_splits_over_one_session() {
    for ehlo in ["250-mx|250 LIMITS RCPTMAX=2", "250-mx|250-PIPELINING|250 LIMITS RCPTMAX=2"] {
        let two = [YES, YES, YES, DATA, YES];
        let replies = [&["220 mx", ehlo], &two[..], &two, &[YES, YES, DATA, YES, BYE]].concat();
        let letter = envelope(&["b@x", "c@x", "d@x", "e@x", "f@x"]);
        let (read, fates, outcome) = split(&config(), &[&replies], &letter);
        assert_eq!(
            parts(&read[0]),
            [vec!["<b@x>", "<c@x>"], vec!["<d@x>", "<e@x>"], vec!["<f@x>"]]
        );
        assert_eq!(fates, [ALL; 5]);
        assert_eq!(outcome.failure, None);
        assert_eq!(read[0].iter().filter(|it| *it == r"content Hi\r\n.\r\n").count(), 3);
    }
}

/// RFC 9422 section 4.1.
#[test]
fn mail_max_asks_for_another_session() {
    let ehlo = "250-mx|250 LIMITS RCPTMAX=1 MAILMAX=2";
    let one = [YES, YES, DATA, YES];
    let first = [&["220 mx", ehlo], &one[..], &one, &[BYE]].concat();
    let second = [&["220 mx", ehlo], &one[..], &[BYE]].concat();
    let letter = envelope(&["b@x", "c@x", "d@x"]);
    let (read, fates, _) = split(&config(), &[&first, &second], &letter);
    assert_eq!(parts(&read[0]), [["<b@x>"], ["<c@x>"]]);
    assert_eq!(parts(&read[1]), [["<d@x>"]]);
    assert_eq!(fates, [ALL; 3]);
    assert_eq!(read[0].last().unwrap(), "QUIT");
}

/// RFC 9422 section 4.3: it counts for the session.
#[test]
fn rcpt_domain_max_sorts_by_domain() {
    let ehlo = "250-mx|250 LIMITS RCPTDOMAINMAX=1 RCPTMAX=2";
    let letter = envelope(&["b@x", "c@y", "d@X", "Postmaster", "e@x"]);
    let first = [&["220 mx", ehlo, YES, YES, YES, DATA, YES], &[YES, YES, YES, DATA, YES, BYE][..]];
    let second = ["220 mx", ehlo, YES, YES, DATA, YES, BYE];
    let (read, fates, _) = split(&config(), &[&first.concat(), &second], &letter);
    assert_eq!(parts(&read[0]), [["<b@x>", "<d@X>"], ["<Postmaster>", "<e@x>"]]);
    assert_eq!(parts(&read[1]), [["<c@y>"]]);
    assert_eq!(fates, [ALL; 5]);
}

/// RFC 5321 section 4.5.3.1.10: the rest goes in another transaction.
#[test]
fn those_that_were_too_many_are_named_again() {
    for many in ["452 4.5.3 too many", "452 too many", "552 too many", "552 5.5.3 too many"] {
        let replies = ["220 mx", "250 mx", YES, YES, many, many, DATA, YES];
        let replies = [&replies[..], &[YES, YES, DATA, YES], &[YES, YES, DATA, YES, BYE]];
        let letter = envelope(&["b@x", "c@x", "d@x"]);
        let (read, fates, outcome) = split(&config(), &[&replies.concat()], &letter);
        // One was taken: more at once would be named in vain, and again and again.
        assert_eq!(
            parts(&read[0]),
            [vec!["<b@x>", "<c@x>", "<d@x>"], vec!["<c@x>"], vec!["<d@x>"]]
        );
        assert_eq!(fates, [ALL; 3], "{many}");
        assert_eq!(outcome.failure, None);
    }
}

/// Whoever was too many and is not named again, since the session is over, was told so all the same.
#[test]
fn what_was_told_outlives_the_session() {
    for (many, told) in
        [("452 4.5.3 too many", "Deferred Rcpt 452"), ("552 too many", "Deferred Rcpt 552")]
    {
        let replies = ["220 mx", "250 mx", YES, YES, many, DATA, "421 bye"];
        let (_, fates, outcome) = split(&config(), &[&replies], &envelope(&["b@x", "c@x"]));
        assert_eq!(fates, ["Deferred Message 421", told]);
        assert_eq!(outcome.failure, Some(Failure::Closed(Closing::Unavailable)));
    }
}

#[test]
fn a_full_mailbox_is_not_named_again() {
    let replies = ["220 mx", "250 mx", YES, YES, "452 4.2.2 full", DATA, YES, BYE];
    let (_, fates, _) = split(&config(), &[&replies], &envelope(&["b@x", "c@x"]));
    assert_eq!(fates, [ALL, "Deferred Rcpt 452"]);
}

#[test]
fn where_everybody_is_too_many_nobody_is_named_again() {
    let many = "452 4.5.3 too many";
    let replies = ["220 mx", "250 mx", YES, many, many, YES, BYE];
    let (read, fates, _) = split(&config(), &[&replies], &envelope(&["b@x", "c@x"]));
    assert_eq!(read[0].iter().filter(|line| line.starts_with("RCPT")).count(), 2);
    assert_eq!(fates, ["Deferred Rcpt 452"; 2]);
}

#[test]
fn a_refusal_of_one_part_says_nothing_of_the_next() {
    let ehlo = "250-mx|250 LIMITS RCPTMAX=1";
    let replies =
        ["220 mx", ehlo, YES, "550 no", YES, YES, YES, DATA, "554 spam", YES, YES, DATA, YES];
    let replies = [&replies[..], &[BYE]].concat();
    let (_, fates, _) = split(&config(), &[&replies], &envelope(&["b@x", "c@x", "d@x"]));
    assert_eq!(fates, ["Refused Rcpt 550", "Refused Message 554", ALL]);
}

#[test]
fn what_refuses_the_transaction_refuses_the_rest() {
    let ehlo = "250-mx|250 LIMITS RCPTMAX=1";
    for (mail, fate) in [("550 not you", "Refused Mail 550"), ("450 later", "Deferred Mail 450")] {
        let replies = ["220 mx", ehlo, mail, BYE];
        let (read, fates, _) = split(&config(), &[&replies], &envelope(&["b@x", "c@x"]));
        assert_eq!(fates, [fate; 2]);
        assert_eq!(read[0].len(), 3, "{:?}", read[0]);
    }
    let replies = ["521 no mail here", BYE];
    let (_, fates, outcome) = split(&config(), &[&replies], &envelope(&["b@x", "c@x"]));
    assert_eq!(fates, ["Refused Connect 521"; 2]);
    assert_eq!(outcome.reply.unwrap().to_string(), "521 no mail here");
}

#[test]
fn where_the_session_ends_the_rest_is_deferred() {
    let ehlo = "250-mx|250 LIMITS RCPTMAX=1";
    let replies = ["220 mx", ehlo, YES, YES, DATA, YES, "<close>"];
    let (_, fates, outcome) = split(&config(), &[&replies], &envelope(&["b@x", "c@x", "d@x"]));
    assert_eq!(fates[0], ALL);
    assert_eq!(fates[2], "Deferred Connect -");
    assert!(fates[1].starts_with("Deferred "), "{}", fates[1]);
    assert_eq!(outcome.failure, Some(Failure::Closed(Closing::PeerGone)));
}

/// Without a split, who is too many is deferred, and the cause is told.
#[test]
fn a_single_transaction_defers_who_is_too_many() {
    let ehlo = "250-mx|250 LIMITS RCPTMAX=1 MAILMAX=1";
    let replies = ["220 mx", ehlo, YES, YES, DATA, YES, BYE];
    let mission = Mission::new(config(), &replies).letter(envelope(&["b@x", "c@x"]), "x\r\n");
    let report = mission.letter(envelope(&["d@x"]), "x\r\n").run();
    assert_eq!(report.fates[0], [ALL, "Deferred Rcpt -"]);
    assert_eq!(report.fates[1], ["Deferred Mail -"]);
    let failure = |error| Some(Failure::NotSent(error));
    assert_eq!(report.outcomes[0].failure, failure(CallError::TooManyRecipients(1)));
    assert_eq!(report.outcomes[1].failure, failure(CallError::TooManyTransactions(1)));
}

/// What keeps one part back is not told of those who were never named as another's reply.
#[test]
fn content_that_cannot_be_sent_is_refused_for_all() {
    let letter = envelope(&["b@x", "c@x", "d@x"]);
    let mut split = Split::new(&letter);
    let mut client = Connection::new(config());
    let ehlo = "250-mx\r\n250 LIMITS RCPTMAX=2\r\n";
    let full = "450 4.2.1 b@x is over quota\r\n";
    let mut replies =
        ["220 mx\r\n", ehlo, "250 ok\r\n", full, "250 ok\r\n", "354 go\r\n"].into_iter();
    let mut pump = |client: &mut Connection| loop {
        match client.step() {
            Want::Event => return true,
            Want::Close => return false,
            _ => {
                let n = client.tx().remaining();
                client.tx().advance(n);
                client.rx().receive(replies.next().unwrap().as_bytes());
            }
        }
    };
    while pump(&mut client) && !matches!(client.event(), Event::Ready(_)) {}
    let Part::Send(part) = split.next(&client) else { panic!("two of three") };
    let mut delivery = Delivery::new(&part);
    while pump(&mut client) {
        match delivery.on(client.event()) {
            Step::Next => {}
            Step::Over => break,
            Step::Body(slot) => {
                if let Err(found) = slot.write_end(b"bare\nnewline") {
                    delivery.content_refused(found);
                }
            }
        }
    }
    split.came(delivery.outcome(&client));
    let fates = split.outcome().recipients;
    let verdicts: Vec<_> = fates.iter().map(|fate| fate.verdict).collect();
    assert_eq!(verdicts, [Verdict::Deferred, Verdict::Refused, Verdict::Refused]);
    assert!(fates[2].reply.is_none(), "{:?}", fates[2]);
}

/// A sender that does not want to connect anew gives up; who is left is deferred.
#[test]
fn who_is_left_when_the_sender_gives_up_is_deferred() {
    let letter = envelope(&["b@x", "c@x"]);
    let mut split = Split::new(&letter);
    assert!(!split.has_begun());
    let client = Connection::new(config());
    assert!(matches!(split.next(&client), Part::Send(part) if part.recipients.len() == 2));
    assert!(split.has_begun());
    let mut split = Split::new(&letter);
    split.give_up();
    assert_eq!(split.next(&client), Part::Over);
    assert!(!split.has_begun());
    let outcome = split.outcome();
    assert_eq!(outcome.recipients.len(), 2);
    for left in outcome.recipients {
        assert_eq!((left.verdict, left.stage), (Verdict::Deferred, Stage::Connect));
    }
}

/// What is no answer to RCPT says nothing about the number of recipients.
#[test]
fn a_server_without_room_for_the_message_is_not_asked_again() {
    let replies = ["220 mx", "250 mx", YES, "550 no", YES, "452 4.5.3 not now", YES, BYE];
    let (read, fates, _) = split(&config(), &[&replies], &envelope(&["b@x", "c@x"]));
    assert_eq!(parts(&read[0]), [["<b@x>", "<c@x>"]]);
    assert_eq!(fates, ["Refused Rcpt 550", "Deferred Data 452"]);
}
