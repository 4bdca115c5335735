//! Conversations with a scripted server: what is sent, and what becomes of each recipient.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod common;

use bytes::Buf;
use common::peer::{Mission, Report, config, envelope};
use smtp_codec::client::{CallError, Closing, Config, Connection, Event, Want};
use smtp_codec::proto::command::{Body, MailParametersBuf, RcptParametersBuf};
use smtp_codec::proto::reply::{Extension, ReplyFault};
use smtp_codec::proto::session::BareNewline;
use smtp_codec::proto::session::client::ProtocolFault;
use smtp_codec::proto::{Envelope, Failure, Recipient, Verdict};

const PLAIN: &str = "250 mx.example.org";
const PIPELINING: &str = "250-mx.example.org|250 PIPELINING";

/// One message to `b@x` and `c@x`.
#[track_caller]
fn send(replies: &[&str]) -> Report {
    Mission::new(config(), replies).letter(envelope(&["b@x", "c@x"]), "Hi\r\n").run()
}

/// The same, to a server that offers PIPELINING and to one that does not: `replies` are those
/// behind the reply to EHLO.
#[track_caller]
fn both(replies: &[&str]) -> [Report; 2] {
    [PLAIN, PIPELINING].map(|ehlo| send(&[&["220 mx", ehlo], replies].concat()))
}

/// As `both`, with each reply in one piece: whether a reply was asked for is a matter of time.
fn both_at_once(replies: &[&str]) -> [Report; 2] {
    [PLAIN, PIPELINING].map(|ehlo| {
        Mission::new(config(), &[&["220 mx", ehlo], replies].concat())
            .letter(envelope(&["b@x", "c@x"]), "Hi\r\n")
            .fly(common::Cut::Whole, 9)
            .0
    })
}

fn malformed(report: &Report) -> Option<ReplyFault> {
    match report.closing {
        Some(Closing::Protocol(ProtocolFault::Reply(fault))) => Some(fault),
        _ => None,
    }
}

const LINES: [&str; 7] = [
    "EHLO client.example",
    "MAIL FROM:<a@client.example>",
    "RCPT TO:<b@x>",
    "RCPT TO:<c@x>",
    "DATA",
    r"content Hi\r\n.\r\n",
    "QUIT",
];

#[test]
fn one_message_and_goodbye() {
    for report in both(&["250 ok", "250 ok", "250 ok", "354 go", "250 queued", "221 bye"]) {
        assert_eq!(report.lines, LINES);
        assert_eq!(report.fate(), ["Accepted Message 250"; 2]);
        assert_eq!(report.closing, Some(Closing::Quit));
        assert_eq!(report.outcomes[0].failure, None);
        assert!(report.outcomes[0].is_accepted());
        assert!(!report.in_doubt);
    }
}

#[test]
fn commands_are_grouped_only_where_pipelining_is_offered() {
    let flights = |ehlo: &str, on| {
        let mut client = Connection::new(config().pipelining(on));
        client.rx().receive(b"220 mx\r\n");
        let letter = envelope(&["b@x", "c@x", "d@x"]);
        let mut delivery = smtp_codec::client::Delivery::new(&letter);
        let mut flights = Vec::new();
        loop {
            match client.step() {
                Want::Tls => panic!("no TLS here"),
                Want::Event => {
                    if let Event::WantBody(_) = client.event() {
                        return flights;
                    }
                    let _ = delivery.on(client.event());
                }
                Want::Close => panic!("closed {flights:?}"),
                Want::Input | Want::Flush => {
                    let tx = client.tx();
                    let flight = String::from_utf8(tx.chunk().to_vec()).unwrap();
                    tx.advance(tx.remaining());
                    for line in flight.lines() {
                        let reply = match &line[..4] {
                            "EHLO" => ehlo,
                            "DATA" => "354 go",
                            _ => "250 ok",
                        };
                        client.rx().receive(reply.replace('|', "\r\n").as_bytes());
                        client.rx().receive(b"\r\n");
                    }
                    flights.push(flight.lines().count());
                }
            }
        }
    };
    assert_eq!(flights(PIPELINING, true), [1, 5]);
    assert_eq!(flights(PIPELINING, false), [1; 6]);
    assert_eq!(flights(PLAIN, true), [1; 6]);
}

#[test]
fn greetings() {
    for (greeting, fate) in [
        ("554 no mail here", "Refused Connect 554"),
        ("521-no|521 mail", "Refused Connect 521"),
        ("450 later", "Deferred Connect 450"),
    ] {
        let report = send(&[greeting, "221 bye"]);
        assert_eq!(report.fate(), [fate; 2]);
        assert_eq!(report.lines, ["QUIT"]);
        assert_eq!(report.closing, Some(Closing::Refused));
    }
    let report = send(&["421 busy"]);
    assert_eq!(report.fate(), ["Deferred Connect 421"; 2]);
    assert!(report.lines.is_empty());
    assert_eq!(report.closing, Some(Closing::Unavailable));
    let report = send(&["354 what"]);
    assert_eq!(report.fate(), ["Deferred Connect -"; 2]);
    assert_eq!(report.closing, Some(Closing::Protocol(ProtocolFault::Class)));
    for (greeting, closing) in [("", Closing::TimedOut), ("<close>", Closing::PeerGone)] {
        let report = send(&[greeting]);
        assert_eq!(report.fate(), ["Deferred Connect -"; 2]);
        assert_eq!(report.closing, Some(closing));
        assert_eq!(report.outcomes[0].failure, Some(Failure::Closed(closing)));
    }
}

#[test]
fn introductions() {
    for code in [500, 501, 502, 504, 530, 550, 554] {
        let ehlo = format!("{code} what");
        let report = send(&[
            "220 mx", &ehlo, "250 mx", "250 ok", "250 ok", "250 ok", "354 go", "250 ok", "221 bye",
        ]);
        assert_eq!(report.fate(), ["Accepted Message 250"; 2]);
        assert_eq!(report.lines[..2], ["EHLO client.example", "HELO client.example"]);
        for (helo, fate) in [("550 no", "Refused Connect 550"), ("450 no", "Deferred Connect 450")]
        {
            let report = send(&["220 mx", &ehlo, helo, "221 bye"]);
            assert_eq!(report.fate(), [fate; 2]);
            assert_eq!(report.lines[2..], ["QUIT"]);
        }
    }
    let report = send(&["220 mx", "450 no", "221 bye"]);
    assert_eq!(report.fate(), ["Deferred Connect 450"; 2]);
    assert_eq!(report.lines, ["EHLO client.example", "QUIT"]);
    for replies in [&["220 mx", "421 no"][..], &["220 mx", "502 no", "421 no"]] {
        let report = send(replies);
        assert_eq!(report.fate(), ["Deferred Connect 421"; 2]);
        assert_eq!(report.closing, Some(Closing::Unavailable));
        assert!(!report.lines.contains(&"QUIT".into()));
    }
    for replies in [&["220 mx", "354 no"][..], &["220 mx", "502 no", "354 no"]] {
        let report = send(replies);
        assert_eq!(report.fate(), ["Deferred Connect -"; 2]);
        assert_eq!(report.closing, Some(Closing::Protocol(ProtocolFault::Class)));
    }
    // What HELO says is no list of extensions.
    let report = Mission::new(config(), &["220 mx", "502 no", "250-mx|250 SMTPUTF8", "221 bye"])
        .letter(envelope(&["\u{fc}@x"]), "")
        .run();
    assert_eq!(report.outcomes[0].recipients[0].verdict, Verdict::Refused);
}

#[test]
fn refusals_of_mail() {
    for (mail, verdict) in [("550 no", "Refused Mail 550"), ("451 no", "Deferred Mail 451")] {
        let report = send(&["220 mx", PLAIN, mail, "221 bye"]);
        assert_eq!(report.fate(), [verdict; 2]);
        assert_eq!(report.lines[2..], ["QUIT"]);
        let report = send(&["220 mx", PIPELINING, mail, "503 no", "503 no", "503 no", "221 bye"]);
        assert_eq!(report.fate(), [verdict; 2]);
        assert_eq!(report.lines[4..], ["DATA", "QUIT"]);
    }
    for report in both(&["354 what"]) {
        assert_eq!(report.closing, Some(Closing::Protocol(ProtocolFault::Class)));
        assert!(report.outcomes[0].recipients.iter().all(|one| one.verdict == Verdict::Deferred));
    }
}

#[test]
fn refusals_of_recipients() {
    let ends = [
        ("550 no", "Refused Rcpt 550"),
        ("450 no", "Deferred Rcpt 450"),
        ("552 full", "Deferred Rcpt 552"),
        ("571 no", "Refused Rcpt 571"),
    ];
    for (reply, fate) in ends {
        for report in both(&["250 ok", reply, "250 ok", "354 go", "250 ok", "221 bye"]) {
            assert_eq!(report.fate(), [fate, "Accepted Message 250"]);
            assert_eq!(report.lines, LINES);
            assert!(!report.outcomes[0].is_accepted());
        }
        for report in both(&["250 ok", "251 fwd", reply, "354 go", "452 full", "221 bye"]) {
            assert_eq!(report.fate(), ["Deferred Message 452", fate]);
        }
        // Nobody is left.
        let report = send(&["220 mx", PLAIN, "250 ok", reply, reply, "250 reset", "221 bye"]);
        assert_eq!(report.fate(), [fate; 2]);
        assert_eq!(report.lines[4..], ["RSET", "QUIT"]);
        let replies = [reply, reply, "503 nobody", "250 reset", "221 bye"];
        let report = send(&[&["220 mx", PIPELINING, "250 ok"], &replies[..]].concat());
        assert_eq!(report.fate(), [fate; 2]);
        assert_eq!(report.lines[4..], ["DATA", "RSET", "QUIT"]);
        // The server wants content all the same, and gets none.
        for dot in ["554 nobody", "451 nobody", "250 thanks"] {
            let report =
                send(&["220 mx", PIPELINING, "250 ok", reply, reply, "354 go", dot, "221 bye"]);
            assert_eq!(report.fate(), [fate; 2]);
            assert_eq!(report.lines[4..], ["DATA", r"content .\r\n", "QUIT"]);
            assert_eq!(report.closing, Some(Closing::Quit));
            assert!(!report.in_doubt);
        }
    }
    for report in both(&["250 ok", "354 what"]) {
        assert_eq!(report.closing, Some(Closing::Protocol(ProtocolFault::Class)));
        assert!(report.outcomes[0].recipients.iter().all(|one| one.verdict == Verdict::Deferred));
    }
}

#[test]
fn a_354_behind_a_refused_mail_gets_the_lone_dot() {
    let report = send(&[
        "220 mx",
        PIPELINING,
        "550 no",
        "250 ok",
        "503 no",
        "354 go",
        "250 thanks",
        "221 bye",
    ]);
    assert_eq!(report.fate(), ["Refused Mail 550"; 2]);
    assert_eq!(report.lines[5..], [r"content .\r\n", "QUIT"]);
}

/// A 421 to what follows a transaction is not about it: what recipients were told stands.
#[test]
fn a_421_to_rset_takes_nothing_back() {
    let report = send(&["220 mx", PLAIN, "250 ok", "550 no", "550 no", "421 going"]);
    assert_eq!(report.lines.last().map(String::as_str), Some("RSET"));
    assert_eq!(report.fate(), ["Refused Rcpt 550"; 2]);
    assert_eq!(report.closing, Some(Closing::Unavailable));
}

/// Nor does one that was there before the next recipient was named: it is about those that follow.
#[test]
fn a_421_between_two_recipients_takes_nothing_back() {
    let replies = ["220 mx", PLAIN, "250 ok", "550 no|421 going"];
    let letter = envelope(&["b@x", "c@x"]);
    let mission = Mission::new(config(), &replies).letter(letter, "");
    let (report, _) = mission.fly(common::Cut::Whole, usize::MAX);
    assert_eq!(report.lines.last().map(String::as_str), Some("RCPT TO:<b@x>"));
    assert_eq!(report.fate(), ["Refused Rcpt 550", "Deferred Mail 421"]);
    assert_eq!(report.closing, Some(Closing::Unavailable));
}

/// Whoever drives a delivery to its end hears of the session's.
#[test]
fn the_end_of_the_session_is_the_end_of_the_delivery() {
    let mut client = in_body(config());
    client.timed_out();
    assert_eq!(client.step(), Want::Close);
    let letter = envelope(&["b@x"]);
    let mut delivery = smtp_codec::client::Delivery::new(&letter);
    assert!(matches!(delivery.on(client.event()), smtp_codec::client::Step::Over));
    let told = smtp_codec::FoundBareNewline.to_string();
    assert!(told.contains("CRLF"), "{told}");
}

#[test]
fn refusals_of_data() {
    for (data, fate) in [("554 no", "Refused Data 554"), ("451 no", "Deferred Data 451")] {
        for report in both(&["250 ok", "250 ok", "550 no", data, "250 reset", "221 bye"]) {
            assert_eq!(report.fate(), [fate, "Refused Rcpt 550"]);
            assert_eq!(report.lines[5..], ["RSET", "QUIT"]);
        }
    }
    for report in both(&["250 ok", "250 ok", "250 ok", "250 what"]) {
        assert_eq!(report.closing, Some(Closing::Protocol(ProtocolFault::Class)));
        assert!(report.outcomes[0].recipients.iter().all(|one| one.verdict == Verdict::Deferred));
        assert!(!report.in_doubt);
    }
}

#[test]
fn refusals_of_the_message() {
    for (end, fate) in [
        ("554 spam", "Refused Message 554"),
        ("552 large", "Refused Message 552"),
        ("451 later", "Deferred Message 451"),
        ("299 fine", "Accepted Message 299"),
    ] {
        for report in both(&["250 ok", "250 ok", "250 ok", "354 go", end, "221 bye"]) {
            assert_eq!(report.fate(), [fate; 2]);
            assert_eq!(report.closing, Some(Closing::Quit));
            assert!(!report.in_doubt);
        }
    }
    for report in both(&["250 ok", "250 ok", "250 ok", "354 go", "354 more"]) {
        assert_eq!(report.closing, Some(Closing::Protocol(ProtocolFault::Class)));
        assert_eq!(report.fate(), ["Unknown Message -"; 2]);
        assert!(report.in_doubt);
    }
}

#[test]
fn a_421_in_a_transaction_ends_the_session() {
    let replies = ["250 ok", "250 ok", "250 ok", "354 go", "250 ok"];
    let fates = [
        ["Deferred Mail 421", "Deferred Mail 421"],
        ["Deferred Rcpt 421", ""],
        ["", "Deferred Rcpt 421"],
        ["Deferred Data 421", "Deferred Data 421"],
        ["Deferred Message 421", "Deferred Message 421"],
    ];
    for (at, expected) in fates.into_iter().enumerate() {
        for report in both(&[&replies[..at], &["421 going"]].concat()) {
            for (fate, expected) in report.fate().into_iter().zip(expected) {
                assert!(fate.starts_with("Deferred "), "{at} {fate}");
                assert!(fate == expected || expected.is_empty(), "{at} {fate}");
            }
            assert_eq!(report.closing, Some(Closing::Unavailable), "{at}");
            assert!(!report.lines.contains(&"QUIT".into()));
            assert!(!report.in_doubt);
        }
    }
}

#[test]
fn a_421_that_nobody_asked_for_ends_the_session() {
    // Behind 354, before any content has been sent.
    for report in both_at_once(&["250 ok", "250 ok", "250 ok", "354 go|421 going"]) {
        assert_eq!(report.closing, Some(Closing::Unavailable));
        assert!(report.fate().iter().all(|fate| fate.starts_with("Deferred ")));
        assert!(report.fate().iter().all(|fate| !fate.contains("Connect")), "{:?}", report.fate());
    }
    // Behind the final reply: the message is delivered.
    for report in both_at_once(&["250 ok", "250 ok", "250 ok", "354 go", "250 ok|421 going"]) {
        assert_eq!(report.fate(), ["Accepted Message 250"; 2]);
        assert_eq!(report.closing, Some(Closing::Unavailable));
    }
    // As the answer to QUIT.
    for report in both_at_once(&["250 ok", "250 ok", "250 ok", "354 go", "250 ok", "421 going"]) {
        assert_eq!(report.fate(), ["Accepted Message 250"; 2]);
        assert_eq!(report.closing, Some(Closing::Quit));
    }
}

#[test]
fn replies_that_nobody_asked_for() {
    for report in both_at_once(&["250 ok", "250 ok", "250 ok", "354 go|250 already", "250 ok"]) {
        assert_eq!(report.closing, Some(Closing::Protocol(ProtocolFault::Unasked)));
        assert!(report.fate().iter().all(|fate| fate.starts_with("Deferred ")));
        assert!(!report.in_doubt);
    }
    for report in both_at_once(&["250 ok", "250 ok", "250 ok", "354 go", "250 ok|250 ok"]) {
        assert_eq!(report.fate(), ["Accepted Message 250"; 2]);
        assert_eq!(report.closing, Some(Closing::Protocol(ProtocolFault::Unasked)));
    }
}

/// A reply cannot be to a command that has not left.
#[test]
fn premature_replies_are_not_taken_for_answers() {
    let mut client = Connection::new(config());
    client.rx().receive(b"220 mx\r\n250-mx\r\n250 SMTPUTF8\r\n");
    while let Want::Event = client.step() {
        assert!(!matches!(client.event(), Event::Ehlo(_)), "EHLO has not been sent yet");
    }
    assert_eq!(client.closing(), Some(Closing::Protocol(ProtocolFault::Unasked)));
}

#[test]
fn a_message_whose_end_has_not_left_is_not_accepted() {
    let mut client = in_body(config());
    match client.event() {
        Event::WantBody(slot) => slot.finish().unwrap(),
        other => panic!("{other:?}"),
    }
    client.rx().receive(b"250 queued\r\n");
    while let Want::Event = client.step() {
        assert!(!matches!(client.event(), Event::Done(_)), "the dot has not been sent yet");
    }
    assert_eq!(client.closing(), Some(Closing::Protocol(ProtocolFault::Unasked)));
    assert!(!client.in_doubt());
}

#[test]
fn malformed_replies_at_every_point() {
    let points = ["220 mx", PIPELINING, "250 ok", "250 ok", "250 ok", "354 go", "250 ok"];
    for (bad, fault) in [
        ("hello", ReplyFault::Code),
        ("2X0 ok", ReplyFault::Code),
        ("099 ok", ReplyFault::Code),
        ("100 ok", ReplyFault::Code),
        ("199 ok", ReplyFault::Code),
        ("600 ok", ReplyFault::Code),
        ("699 ok", ReplyFault::Code),
        ("1000 ok", ReplyFault::Code),
        ("25", ReplyFault::Code),
        ("|250 ok", ReplyFault::Code),
        (" 250 ok", ReplyFault::Code),
        ("2500 ok", ReplyFault::Separator),
        ("250OK", ReplyFault::Separator),
        ("250_x", ReplyFault::Separator),
        ("250\tx", ReplyFault::Separator),
        ("250-a|550 b", ReplyFault::Mismatch),
        ("200-a|250 b", ReplyFault::Mismatch),
        ("250-a|550-b|250 c", ReplyFault::Mismatch),
        ("250-a|hello|250 c", ReplyFault::Code),
        ("250 a\0b", ReplyFault::Control),
        ("250 a\rb", ReplyFault::Control),
        ("250 a\r", ReplyFault::Control),
        ("250 a\nb", ReplyFault::Control),
        ("250 a\n250 b", ReplyFault::Control),
        ("250 a\n~", ReplyFault::Control),
        ("354 a\n~", ReplyFault::Control),
        ("250-a\n250 b\n~", ReplyFault::Control),
    ] {
        for at in 0..points.len() {
            let report = send(&[&points[..at], &[bad]].concat());
            assert_eq!(malformed(&report), Some(fault), "{bad:?} at {at}");
            let verdict = if at == 6 { "Unknown Message -" } else { "Deferred " };
            assert!(report.fate().iter().all(|fate| fate.starts_with(verdict)), "{bad:?} at {at}");
            assert_eq!(report.in_doubt, at == 6);
            assert!(!report.lines.contains(&"QUIT".into()));
        }
    }
}

#[test]
fn odd_replies_that_are_good() {
    let report = send(&[
        "220",
        "250-|250-  |250- PIPELINING |250-XVERP=x|250-=|250-AUTH=LOGIN|250",
        "250",
        "250 ",
        "250-|250",
        "354-a|354",
        "250-5.0.0 a|250 5.0.0",
        "221",
    ]);
    assert_eq!(report.fate(), ["Accepted Message 250"; 2]);
    let report = send(&["220 \u{fc}", PLAIN, "250 2.1.", "250 2.1.0", "250 \u{1b}[2J", "399 x"]);
    assert_eq!(report.closing, Some(Closing::TimedOut));
    assert_eq!(report.lines, LINES[..6]);
}

#[test]
fn endless_replies_come_to_an_end() {
    let points = ["220 mx", PIPELINING, "250 ok", "250 ok", "250 ok", "354 go"];
    let start = ["220-x|", "250-x|", "250-x|", "250-x|", "250-x|", "354-x|", "250-x|"];
    for at in 0..=points.len() {
        let lines = start[at].repeat(200) + "~";
        let report = Mission::new(config(), &[&points[..at], &[&lines]].concat())
            .letter(envelope(&["b@x", "c@x"]), "Hi\r\n")
            .fly(common::Cut::Whole, 9)
            .0;
        assert_eq!(malformed(&report), Some(ReplyFault::TooManyLines), "{at}");
        for long in [
            format!("{}{}~", start[at].trim_end_matches("x|"), "x".repeat(200_000)),
            format!("{}{}|~", start[at].trim_end_matches("x|"), "x".repeat(8 * 1024)),
            start[at].replace('x', &"x".repeat(4_000)).repeat(50) + "~",
        ] {
            let report = Mission::new(config(), &[&points[..at], &[&long]].concat())
                .letter(envelope(&["b@x", "c@x"]), "Hi\r\n")
                .fly(common::Cut::Whole, 9)
                .0;
            assert_eq!(malformed(&report), Some(ReplyFault::TooLong), "{at}");
        }
    }
    // Up to 8 KiB a line is taken.
    let long = format!("250 {}", "x".repeat(8 * 1024 - 6));
    let report = Mission::new(config(), &["220 x", PLAIN, &long])
        .letter(envelope(&["b@x"]), "")
        .fly(common::Cut::Whole, 9)
        .0;
    assert_eq!(report.lines.len(), 3);
}

#[test]
fn the_server_leaves_at_every_point() {
    let points = ["220 mx", PIPELINING, "250 ok", "250 ok", "250 ok", "354 go", "250 ok"];
    for pipelining in [true, false] {
        for at in 0..points.len() {
            for how in ["<close>", "250-x<close>", "2~<close>", "250 almost~<close>", ""] {
                let report = Mission::new(
                    config().pipelining(pipelining),
                    &[&points[..at], &[how]].concat(),
                )
                .letter(envelope(&["b@x", "c@x"]), "Hi\r\n")
                .run();
                let expected = match at {
                    0 | 1 => "Deferred Connect -",
                    2 if !pipelining => "Deferred Mail -",
                    6 => "Unknown Message -",
                    _ => "Deferred ",
                };
                assert!(report.fate()[0].starts_with(expected), "{at} {how} {report:#?}");
                assert_eq!(report.in_doubt, at == 6, "{at} {how}");
                let closing = if how.is_empty() { Closing::TimedOut } else { Closing::PeerGone };
                assert_eq!(report.closing, Some(closing), "{at} {how}");
            }
        }
    }
}

#[test]
fn how_far_a_recipient_got_when_the_link_broke() {
    let points = ["220 mx", PLAIN, "250 ok", "250 ok", "354 go", "250 ok"];
    let stages = ["Connect", "Connect", "Mail", "Rcpt", "Data", "Message"];
    for (at, stage) in stages.into_iter().enumerate() {
        let report = Mission::new(config(), &[&points[..at], &["<close>"]].concat())
            .letter(envelope(&["b@x"]), "Hi\r\n")
            .run();
        let verdict = if at == 5 { "Unknown" } else { "Deferred" };
        assert_eq!(report.fate(), [format!("{verdict} {stage} -")], "{at}");
    }
}

/// A client that has heard 354 and sent nothing since.
fn in_body(config: Config) -> Connection {
    let mut client = Connection::new(config);
    let letter = envelope(&["b@x"]);
    let mut delivery = smtp_codec::client::Delivery::new(&letter);
    let mut replies = ["220 mx", "250 mx", "250 ok", "250 ok", "354 go"].into_iter();
    loop {
        match client.step() {
            Want::Event => {
                if let Event::WantBody(_) = client.event() {
                    return client;
                }
                let _ = delivery.on(client.event());
            }
            _ => {
                let n = client.tx().remaining();
                client.tx().advance(n);
                client.rx().receive(replies.next().unwrap().as_bytes());
                client.rx().receive(b"\r\n");
            }
        }
    }
}

#[test]
fn in_doubt_only_between_the_flushed_dot_and_its_reply() {
    let ends: [fn(&mut Connection); 3] =
        [Connection::timed_out, Connection::broken, Connection::eof];
    for end in ends {
        for unsent in 0..=5 {
            let mut client = in_body(config());
            match client.event() {
                Event::WantBody(mut slot) => {
                    slot.write(b"Hi").unwrap();
                    slot.finish().unwrap();
                }
                other => panic!("{other:?}"),
            }
            let n = client.tx().remaining() - unsent;
            client.tx().advance(n);
            end(&mut client);
            assert_eq!(client.step(), Want::Close);
            assert_eq!(client.in_doubt(), unsent == 0, "{unsent}");
        }
        let mut client = in_body(config());
        match client.event() {
            Event::WantBody(mut slot) => slot.write(b"Hi").unwrap(),
            other => panic!("{other:?}"),
        };
        let n = client.tx().remaining();
        client.tx().advance(n);
        client.broken();
        assert_eq!(client.step(), Want::Close);
        assert!(!client.in_doubt());
    }
}

#[test]
fn a_reply_that_came_before_the_link_broke_counts() {
    let report =
        Mission::new(config(), &["220 mx", PLAIN, "250 ok", "250 ok", "354 go", "250 ok<close>"])
            .letter(envelope(&["b@x"]), "Hi\r\n")
            .run();
    assert_eq!(report.fate(), ["Accepted Message 250"]);
    assert!(!report.in_doubt);
}

#[test]
fn content_goes_out_stuffed_and_ended() {
    for (content, wire) in [
        ("", r".\r\n"),
        ("a", r"a\r\n.\r\n"),
        ("a\r\n", r"a\r\n.\r\n"),
        (".", r"..\r\n.\r\n"),
        (".\r\n.\r\n..a\r\n", r"..\r\n..\r\n...a\r\n.\r\n"),
        ("\r\n", r"\r\n.\r\n"),
        ("a\r\n\r\n.b", r"a\r\n\r\n..b\r\n.\r\n"),
    ] {
        let report = Mission::new(
            config(),
            &["220 mx", PLAIN, "250 ok", "250 ok", "354 go", "250 ok", "221 bye"],
        )
        .letter(envelope(&["b@x"]), content)
        .run();
        assert_eq!(report.lines[4], format!("content {wire}"));
    }
}

#[test]
fn bare_newlines_in_content_are_not_sent() {
    let replies = ["220 mx", PLAIN, "250 ok", "250 ok", "354 go", "250 ok", "221 bye"];
    for content in ["a\nb", "a\rb", "\n", "\r", "a\r\r\n", "\n.\n", "a\r\n.\r", "a\n\r\n"] {
        let mission = |policy| {
            Mission::new(config().bare_newline(policy), &replies)
                .letter(envelope(&["b@x"]), content)
        };
        let report = mission(BareNewline::Reject).run();
        assert_eq!(report.outcomes[0].failure, Some(Failure::BareNewline), "{content:?}");
        assert_eq!(report.outcomes[0].recipients[0].verdict, Verdict::Refused);
        assert_eq!(report.closing, Some(Closing::Abandoned));
        assert!(!report.in_doubt);
        assert!(!report.lines.iter().any(|line| line.starts_with("content")));
        let report = mission(BareNewline::Normalise).run();
        assert_eq!(report.fate(), ["Accepted Message 250"]);
        let wire = report.lines[4].replace(r"\r\n", "");
        assert!(!wire.contains(r"\r") && !wire.contains(r"\n"), "{wire}");
        let report = mission(BareNewline::Pass).run();
        assert_eq!(report.fate(), ["Accepted Message 250"], "{content:?}");
        assert_eq!(report.lines.len(), 6, "the end of data stands once");
    }
}

fn with(parameters: MailParametersBuf) -> Envelope {
    let mut envelope = envelope(&["b@x"]);
    envelope.parameters = parameters;
    envelope
}

#[test]
fn what_the_server_does_not_offer_is_not_sent() {
    let cases = [
        (
            with(MailParametersBuf::new().body(Body::EightBitMime)),
            CallError::NotOffered(Extension::EightBitMime),
        ),
        (with("BODY=BINARYMIME".parse().unwrap()), CallError::NotOffered(Extension::BinaryMime)),
        (with("SMTPUTF8".parse().unwrap()), CallError::NotOffered(Extension::SmtpUtf8)),
        (with("RET=HDRS".parse().unwrap()), CallError::NotOffered(Extension::Dsn)),
        (with("AUTH=<>".parse().unwrap()), CallError::NotOffered(Extension::Auth)),
        (with("XFOO=1".parse().unwrap()), CallError::UnknownParameter),
        (
            Envelope::new("\u{fc}@x".parse().unwrap()).to("b@x".parse().unwrap()),
            CallError::NeedsSmtpUtf8,
        ),
    ];
    for (envelope, error) in cases {
        let report = Mission::new(config(), &["220 mx", "250-mx|250 SIZE 0", "221 bye"])
            .letter(envelope, "")
            .run();
        assert_eq!(report.outcomes[0].failure, Some(Failure::NotSent(error)));
        assert_eq!(report.fate(), ["Refused Mail -"]);
        assert_eq!(report.lines, ["EHLO client.example", "QUIT"]);
    }
    let binary = "250-mx|250-8BITMIME|250 BINARYMIME";
    let report = Mission::new(config(), &["220 mx", binary, "221 bye"])
        .letter(with("BODY=BINARYMIME".parse().unwrap()), "")
        .run();
    assert_eq!(report.outcomes[0].failure, Some(Failure::NotSent(CallError::NeedsChunking)));
}

#[test]
fn size_is_checked_before_and_left_out_where_not_offered() {
    let sized = || with(MailParametersBuf::new().size(1000));
    let go = ["250 ok", "250 ok", "354 go", "250 ok", "221 bye"];
    let report = Mission::new(config(), &["220 mx", "250-mx|250 SIZE 999", "221 bye"])
        .letter(sized(), "")
        .run();
    assert_eq!(report.outcomes[0].failure, Some(Failure::NotSent(CallError::TooLarge(999))));
    for (ehlo, mail) in [
        ("250-mx|250 SIZE 1000", "MAIL FROM:<a@client.example> SIZE=1000"),
        ("250-mx|250 SIZE 0", "MAIL FROM:<a@client.example> SIZE=1000"),
        ("250-mx|250 size", "MAIL FROM:<a@client.example> SIZE=1000"),
        ("250-mx|250 SIZE junk", "MAIL FROM:<a@client.example> SIZE=1000"),
        ("250 mx", "MAIL FROM:<a@client.example>"),
    ] {
        let report = Mission::new(config(), &[&["220 mx", ehlo], &go[..]].concat())
            .letter(sized(), "")
            .run();
        assert_eq!(report.lines[1], mail);
        assert_eq!(report.fate(), ["Accepted Message 250"]);
    }
}

#[test]
fn a_recipient_that_cannot_be_named_stops_no_other() {
    let mixed = envelope(&["\u{fc}@x", "b@x", "\u{e9}@x", "c@x"]);
    for ehlo in [PLAIN, PIPELINING] {
        let mission = |replies: &[&str]| {
            Mission::new(config(), &[&["220 mx", ehlo], replies].concat())
                .letter(mixed.clone(), "Hi\r\n")
                .run()
        };
        let report = mission(&["250 ok", "550 no", "250 ok", "354 go", "250 ok", "221 bye"]);
        assert_eq!(
            report.fate(),
            ["Refused Rcpt -", "Refused Rcpt 550", "Refused Rcpt -", "Accepted Message 250"]
        );
        assert_eq!(report.lines, LINES);
        // The link breaks: the others are not to blame.
        for replies in [
            &["250 ok", "<close>"][..],
            &["250 ok", "250 ok", "<close>"],
            &["250 ok", "250 ok", "250 ok", "<close>"],
            &["250 ok", "250 ok", "250 ok", "354 go", "<close>"],
        ] {
            let report = mission(replies);
            let fates = report.fate();
            assert_eq!(fates[0], "Refused Rcpt -");
            for fate in [fates[1], fates[3]] {
                assert!(!fate.starts_with("Refused"), "{replies:?}: {fate}");
            }
        }
    }
}

#[test]
fn parameters_of_recipients_are_checked_one_by_one() {
    let mut letter = envelope(&[]);
    let mut picky = Recipient::new("b@x".parse().unwrap());
    picky.parameters = "NOTIFY=NEVER".parse::<RcptParametersBuf>().unwrap();
    letter.recipients = vec![picky, Recipient::new("c@x".parse().unwrap())];
    let report = Mission::new(
        config(),
        &["220 mx", PIPELINING, "250 ok", "250 ok", "354 go", "250 ok", "221 bye"],
    )
    .letter(letter, "Hi\r\n")
    .run();
    assert_eq!(report.fate(), ["Refused Rcpt -", "Accepted Message 250"]);
    let failure = Failure::NotSent(CallError::NotOffered(Extension::Dsn));
    assert_eq!(report.outcomes[0].failure, Some(failure));
}

#[test]
fn no_recipients_no_data() {
    let unnamed = |ehlo| {
        Mission::new(config(), &["220 mx", ehlo, "250 ok", "250 reset", "221 bye"])
            .letter(envelope(&[]), "Hi\r\n")
            .run()
    };
    for ehlo in [PLAIN, PIPELINING] {
        let report = unnamed(ehlo);
        assert_eq!(report.lines[1..], ["MAIL FROM:<a@client.example>", "RSET", "QUIT"]);
    }
}

#[test]
fn rset_stands_before_the_next_transaction_where_one_may_be_open() {
    let two = |replies: &[&str]| {
        Mission::new(config(), replies)
            .letter(envelope(&["b@x"]), "1\r\n")
            .letter(envelope(&["c@x"]), "2\r\n")
            .run()
    };
    let good = ["250 ok", "250 ok", "354 go", "250 ok", "221 bye"];
    // After a final reply, good or bad, and after a refused MAIL, nothing is open.
    for first in [
        &["250 ok", "250 ok", "354 go", "250 ok"][..],
        &["250 ok", "250 ok", "354 go", "554 no"],
        &["550 no"],
    ] {
        let report = two(&[&["220 mx", PLAIN], first, &good].concat());
        assert!(!report.lines.contains(&"RSET".into()), "{first:?}");
        assert_eq!(report.fates[1], ["Accepted Message 250"]);
    }
    // All recipients refused; DATA refused.
    for first in [&["250 ok", "550 no"][..], &["250 ok", "250 ok", "451 no"]] {
        let report = two(&[&["220 mx", PLAIN], first, &["250 reset"], &good].concat());
        let rset = report.lines.iter().position(|line| line == "RSET").unwrap();
        assert_eq!(report.lines[rset + 1], "MAIL FROM:<a@client.example>");
        assert_eq!(report.fates[1], ["Accepted Message 250"], "{first:?}");
    }
    // The reply to the lone dot ended it.
    let lone = ["250 ok", "550 no", "354 go", "554 nobody"];
    let report = two(&[&["220 mx", PIPELINING], &lone[..], &good].concat());
    assert!(!report.lines.contains(&"RSET".into()));
    assert_eq!(report.fates[1], ["Accepted Message 250"]);
    // RSET refused: the state over there is not known.
    for bad in ["550 no", "451 no", "354 no"] {
        let report = two(&["220 mx", PLAIN, "250 ok", "550 no", bad]);
        assert_eq!(report.closing, Some(Closing::Protocol(ProtocolFault::Class)));
        assert!(report.fates[1][0].starts_with("Deferred "));
    }
    let report = two(&["220 mx", PLAIN, "250 ok", "550 no", "421 no"]);
    assert_eq!(report.closing, Some(Closing::Unavailable));
    assert!(report.fates[1][0].starts_with("Deferred "));
}

/// Without PIPELINING the server may take a second command in one packet for an attack.
#[test]
fn rset_is_awaited_where_pipelining_is_not_offered() {
    let mut client = Connection::new(config());
    let letters = [envelope(&["b@x"]), envelope(&["c@x"])];
    let mut replies =
        ["220 mx", "250 mx", "250 ok", "550 no", "250 reset", "250 ok", "250 ok"].into_iter();
    let mut flights = Vec::new();
    for letter in &letters {
        let mut delivery = smtp_codec::client::Delivery::new(letter);
        loop {
            match client.step() {
                Want::Event => {
                    if let smtp_codec::client::Step::Over = delivery.on(client.event()) {
                        break;
                    }
                }
                Want::Close => break,
                _ => {
                    let tx = client.tx();
                    flights.push(tx.chunk().escape_ascii().to_string());
                    tx.advance(tx.remaining());
                    match replies.next() {
                        Some(reply) => client.rx().receive(format!("{reply}\r\n").as_bytes()),
                        None => break,
                    };
                }
            }
        }
    }
    for flight in flights {
        assert!(flight.matches(r"\r\n").count() <= 1, "{flight}");
    }
}

#[test]
fn several_letters_over_one_connection() {
    let one = ["250 ok", "250 ok", "354 go", "250 ok"];
    for ehlo in [PLAIN, PIPELINING] {
        let replies = [&["220 mx", ehlo], &one[..], &one, &one, &["221 bye"]].concat();
        let report = (1..=3)
            .fold(Mission::new(config(), &replies), |mission, n| {
                mission.letter(envelope(&["b@x"]), format!("{n}\r\n"))
            })
            .run();
        assert_eq!(report.fates, vec![vec!["Accepted Message 250"]; 3]);
        assert_eq!(report.lines[12], r"content 3\r\n.\r\n");
    }
    // The second letter of a session that is over has not been tried.
    let report = Mission::new(config(), &["220 mx", PLAIN, "421 no"])
        .letter(envelope(&["b@x"]), "")
        .letter(envelope(&["b@x"]), "")
        .run();
    assert_eq!(report.fates[1], ["Deferred Connect -"]);
}

#[test]
fn many_recipients_are_named_in_flights() {
    let names: Vec<String> = (0..350).map(|n| format!("b{n}@x")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let rcpt: Vec<&str> = (0..350).map(|n| if n % 3 == 0 { "550 no" } else { "250 ok" }).collect();
    for ehlo in [PLAIN, PIPELINING] {
        let replies =
            [&["220 mx", ehlo, "250 ok"], &rcpt[..], &["354 go", "250 ok", "221 bye"]].concat();
        let mission = Mission::new(config(), &replies).letter(envelope(&names), "Hi\r\n");
        let (report, _) = mission.fly(common::Cut::Whole, 9);
        let (dripped, _) = mission.fly(common::Cut::EachOctet, 1);
        assert_eq!((&report.lines, &report.fates), (&dripped.lines, &dripped.fates));
        for (n, fate) in report.fate().into_iter().enumerate() {
            let expected = if n % 3 == 0 { "Refused Rcpt 550" } else { "Accepted Message 250" };
            assert_eq!(fate, expected, "{n}");
        }
        assert_eq!(report.lines.len(), 355);
    }
}

#[test]
fn quitting_is_over_whatever_the_answer() {
    for answer in ["221 bye", "250 ok", "500 what", "421 bye", "354 go", "<close>", ""] {
        let report = Mission::new(config(), &["220 mx", PLAIN, answer]).run();
        assert_eq!(report.closing, Some(Closing::Quit), "{answer}");
        assert_eq!(report.lines, ["EHLO client.example", "QUIT"]);
    }
}

#[test]
fn large_content_goes_out_in_bounded_pieces() {
    let content = ".line of text that begins with a dot\r\n".repeat(20_000);
    let mut client = in_body(config());
    let (mut rest, mut wire) = (content.as_bytes(), Vec::new());
    loop {
        match client.step() {
            Want::Tls => panic!("no TLS here"),
            Want::Event => match client.event() {
                Event::WantBody(slot) if rest.is_empty() => slot.finish().unwrap(),
                Event::WantBody(mut slot) => {
                    let n = slot.write(rest).unwrap();
                    rest = &rest[n..];
                }
                other => panic!("{other:?}"),
            },
            Want::Flush | Want::Input => {
                let tx = client.tx();
                assert!(tx.remaining() <= 16 * 1024 + 8, "{}", tx.remaining());
                if tx.remaining() == 0 {
                    break;
                }
                let n = tx.remaining().min(1000);
                wire.extend_from_slice(&tx.chunk()[..n]);
                tx.advance(n);
            }
            Want::Close => panic!("closed"),
        }
    }
    assert_eq!(wire.len(), content.len() + 20_000 + 3);
    assert!(wire.ends_with(b"dot\r\n.\r\n"));
}
