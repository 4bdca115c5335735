//! Both sides wired back to back in memory: they agree on every transaction, whatever the splits.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod wired;

use proptest::prelude::*;
use smtp_codec::proto::{Envelope, Verdict};
use wired::{Fate, Message, Pair, Ways};

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![4 => Just(Fate::Take), 1 => Just(Fate::Refuse), 1 => Just(Fate::Defer)]
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just(&b"."[..]),
        Just(&b".."[..]),
        Just(&b""[..]),
        Just(&b"Subject: hello"[..]),
        Just(&b".\xff\0 eight bits"[..]),
    ];
    let end = prop_oneof![Just(&b"\r\n"[..]), Just(&b""[..])];
    (prop::collection::vec(line, 0..6), end).prop_map(|(lines, end)| {
        let body = lines.join(&b"\r\n"[..]);
        if body.is_empty() { body } else { [&body[..], end].concat() }
    })
}

fn message() -> impl Strategy<Value = Message> {
    let many = || prop::collection::vec(fate(), 0..5);
    (fate(), many(), fate(), fate(), many(), content()).prop_map(
        |(mail, recipients, data, end, own, content)| Message {
            mail,
            recipients,
            data,
            end,
            own,
            content,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2500))]
    /// 2500 sessions of 1 to 8 transactions: more than 10,000.
    #[test]
    fn both_sides_agree_on_every_transaction(
        messages in prop::collection::vec(message(), 1..8),
        sizes in prop::collection::vec(1_usize..200, 1..20),
        (pipelining, chunking, lmtp, prdr) in any::<(bool, bool, bool, bool)>(),
    ) {
        let ways = Ways { pipelining, chunking, lmtp, prdr };
        let mut pair = Pair::with(ways, &sizes);
        for message in &messages {
            let outcome = pair.send(message);
            let expected = message.expected(ways);
            prop_assert_eq!(
                outcome.recipients.iter().map(|it| it.verdict).collect::<Vec<_>>(),
                expected.verdicts
            );
            prop_assert_eq!(&pair.application.stored, &expected.stored);
            pair.application.stored.clear();
        }
        pair.quit();
    }
}

#[test]
fn more_recipients_than_may_be_outstanding_pass() {
    for pipelining in [true, false] {
        let message = Message { recipients: vec![Fate::Take; 950], ..Message::plain(b"hello\r\n") };
        let mut pair = Pair::new(pipelining, &[50]);
        let outcome = pair.send(&message);
        assert_eq!(outcome.recipients.len(), 950);
        assert!(outcome.is_accepted());
        assert_eq!(pair.application.stored[0].1, 950);
    }
}

#[test]
fn a_link_that_breaks_leaves_no_doubt_but_where_there_is_one() {
    for (chunking, prdr) in [(true, false), (false, false), (true, true), (false, true)] {
        cut_everywhere(Ways { pipelining: true, chunking, prdr, lmtp: false });
    }
}

fn cut_everywhere(ways: Ways) {
    let message = Message { recipients: vec![Fate::Take; 2], ..Message::plain(b"hello\r\n") };
    let whole = {
        let mut pair = Pair::with(ways, &[1]);
        pair.send(&message);
        pair.carried
    };
    let mut unknown = 0;
    for cut in 0..whole {
        let mut pair = Pair::with(ways, &[1]);
        pair.cut_after = Some(cut);
        let outcome = pair.send(&message);
        let verdicts: Vec<_> = outcome.recipients.iter().map(|it| it.verdict).collect();
        match verdicts[..] {
            [Verdict::Unknown, Verdict::Unknown] => unknown += 1,
            [Verdict::Deferred, Verdict::Deferred] => {
                assert!(pair.application.stored.is_empty(), "cut at {cut}: stored and denied");
            }
            [Verdict::Accepted, Verdict::Accepted] => {
                assert_eq!(pair.application.stored.len(), 1, "cut at {cut}: promised, not stored");
            }
            _ => panic!("cut at {cut}: {verdicts:?}"),
        }
    }
    assert!(unknown > 0, "the reply to the message can be lost");
}

#[test]
fn an_empty_envelope_sends_nothing() {
    let envelope = Envelope::new("a@example.org".parse().unwrap());
    let mut pair = Pair::new(true, &[7]);
    let outcome = pair.send_envelope(&envelope, b"hello\r\n");
    assert!(outcome.recipients.is_empty());
    assert!(pair.application.stored.is_empty());
}
