//! The last value that is taken and the first that is not, and what differs in one place only.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use smtp_proto::address::{AddressError, ForwardPath};
use smtp_proto::command::DateTime;
use smtp_proto::reply::{Extension, Extensions, Reply, ReplyBuf};
use smtp_proto::{Fixed, Full, Sink, Syntax};

/// RFC 3339 section 5.6: an offset has minutes, and they go the way of its hours.
#[test]
fn offsets_are_of_hours_and_minutes() {
    let seconds = |text: &str| DateTime::parse(text).unwrap().unix_seconds();
    let noon = seconds("2026-08-01T12:00:00Z");
    assert_eq!(seconds("2026-08-01T17:45:00+05:45"), noon);
    assert_eq!(seconds("2026-08-01T08:30:00-03:30"), noon);
    assert_eq!(seconds("2026-08-01T12:30:00+00:30"), noon);
    assert_eq!(seconds("2026-08-01T11:30:00-00:30"), noon);
}

/// Every day of four centuries, after which the calendar begins anew.
#[test]
fn every_day_follows_the_day_before() {
    const DAY: i64 = 86_400;
    let (mut year, mut month, mut day) = (1999, 12, 31);
    for number in 10_957..10_957 + 146_097 {
        day += 1;
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let last = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        if day > last {
            (day, month) = (1, month + 1);
        }
        if month > 12 {
            (month, year) = (1, year + 1);
        }
        let time = DateTime::from_unix_seconds(number * DAY).unwrap();
        assert_eq!(time.unix_seconds(), number * DAY);
        assert_eq!(time.to_string(), format!("{year:04}-{month:02}-{day:02}T00:00:00Z"));
    }
    assert_eq!((year, month, day), (2399, 12, 31));
}

/// What did not fit is cut at one point: nothing that comes later stands behind it.
#[test]
fn what_is_full_stays_full() {
    let mut room = [0; 4];
    let mut out = Fixed::new(&mut room);
    out.put(b"abc");
    out.put(b"de");
    out.put(b"f");
    assert_eq!(out.finish(), Err(Full));
    assert_eq!(&room, b"abc\0");
}

/// RFC 5321 section 4.5.3.1.3, and the source route that a command line has room for.
#[test]
fn a_path_with_its_route_may_be_as_long_as_a_line() {
    let of = |first: usize| {
        let others = format!("@{},", "a".repeat(60)).repeat(6);
        format!("<@{},{others}@{}:b@c.example>", "a".repeat(first), "a".repeat(63))
    };
    assert_eq!((of(60).len(), of(61).len()), (512, 513));
    assert_eq!(ForwardPath::parse(&of(60)).unwrap().to_string(), "<b@c.example>");
    assert_eq!(ForwardPath::parse(&of(61)), Err(AddressError::TooLong));
}

/// What is wrong with them is the domain, in lenient syntax too.
#[test]
fn no_label_is_empty() {
    for text in ["<b@a..c>", "<b@.c>", "<b@.>", "<b@..>"] {
        for syntax in [Syntax::Strict, Syntax::Lenient] {
            let path = ForwardPath::parse_with(text, syntax);
            assert_eq!(path, Err(AddressError::Domain), "{text} {syntax:?}");
        }
    }
}

#[test]
fn what_was_offered_is_shown_to_who_looks_for_faults() {
    let offered = Extensions::NONE.with(Extension::Pipelining).with(Extension::Size);
    let shown = format!("{offered:?}");
    assert!(shown.contains("Pipelining") && shown.contains("Size"), "{shown}");
    let reply = Reply::parse(b"250-mx.example\r\n250 SIZE\r\n").unwrap();
    let kept = format!("{:?}", ReplyBuf::from(reply));
    assert_eq!(kept, format!("{reply:?}"));
    assert!(kept.contains("mx.example"), "{kept}");
}
