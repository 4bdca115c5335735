//! Floods: tens of megabytes through a connection, in constant memory, with bounded output.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod common;

use bytes::Buf;
use common::script::{chunking, config};
use smtp_codec::client;
use smtp_codec::proto::session::BareNewline;
use smtp_codec::server::{Closing, Config, Connection, Event, Limits, Want};

const MEGABYTE: usize = 1024 * 1024;

/// What came of a flood.
#[derive(Debug)]
struct After {
    /// The most that the buffers held.
    memory: usize,
    /// Octets taken, octets of replies, and the last of them.
    taken: usize,
    output: usize,
    last: String,
    content: usize,
    closing: Option<Closing>,
}

/// Sends `start`, then `wave` over and over until `total` octets were taken or the session is
/// over, then `end`.
fn flood(config: Config, start: &[u8], wave: &[u8], total: usize, end: &[u8]) -> After {
    let mut server = Connection::new(config);
    let mut after =
        After { memory: 0, taken: 0, output: 0, last: String::new(), content: 0, closing: None };
    let wave = wave.repeat((64 * 1024_usize).div_ceil(wave.len()));
    let parts = [start, &wave, end];
    let (mut part, mut at) = (0, 0);
    loop {
        after.memory = after.memory.max(server.buffered());
        match server.step() {
            Want::Tls => panic!("no TLS here"),
            Want::Event => match server.event() {
                Event::Body(octets) => after.content += octets.len(),
                Event::Rcpt(rcpt) => rcpt.accept(),
                Event::Message(message) => message.accept(),
                event => event.proceed(),
            },
            Want::Flush | Want::Input if server.tx().has_remaining() => {
                let tx = server.tx();
                after.output += tx.remaining();
                after.last = String::from_utf8_lossy(tx.chunk()).into_owned();
                tx.advance(tx.remaining());
            }
            Want::Flush => panic!("nothing to flush"),
            Want::Input => {
                while part < 3 && at == parts[part].len() {
                    at = 0;
                    if part != 1 || after.taken >= total {
                        part += 1;
                    }
                }
                if part == 3 {
                    break;
                }
                let n = server.rx().receive(&parts[part][at..]);
                assert!(n > 0);
                at += n;
                after.taken += n;
            }
            Want::Close => break,
        }
    }
    after.closing = server.closing();
    let last = after.last.trim_end().rsplit_once('\n').map_or(&*after.last, |(_, last)| last);
    after.last = last.trim_end().to_owned();
    assert!(after.memory <= 48 * 1024, "{after:?}");
    after
}

const HELLO: &[u8] = b"EHLO a.example\r\n";
const DATA: &[u8] = b"EHLO a.example\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n";

fn unlimited() -> Config {
    let mut limits = Limits::default();
    (limits.junk, limits.errors) = (u32::MAX, u32::MAX);
    (limits.recipients, limits.recipients_over) = (u32::MAX, u32::MAX);
    limits.small_chunks = u32::MAX;
    config().limits(limits)
}

/// Threats 3 and 5: a line without end.
#[test]
fn lines_without_an_end() {
    for (wave, megabytes) in [
        ("a", 32),
        ("MAIL FROM:<", 8),
        ("\r", 8),
        ("\n", 1),
        ("\n\rx", 1),
        ("\0", 8),
        ("\u{fc}", 8),
    ] {
        let total = megabytes * MEGABYTE;
        let after = flood(config(), HELLO, wave.as_bytes(), total, b"x\r\nNOOP\r\n");
        assert!(after.taken > total);
        assert!(after.output < 1024, "one reply: {after:?}");
        assert!(after.last.starts_with("250 2.0.0 "), "{after:?}");
        assert_eq!(after.closing, None);
    }
}

#[test]
fn content_without_an_end() {
    let dense = MEGABYTE / 4;
    for (wave, total) in [
        ("a", 16 * MEGABYTE),
        ("a line of text as they come, seventy octets of it, and then its end\r\n", 8 * MEGABYTE),
        ("\r\n", dense),
        ("..\r\n", dense),
        ("\r\n..", dense),
        (".", MEGABYTE),
        ("\r", dense),
        ("\n", dense),
        ("\n.\n", dense),
        ("\0", MEGABYTE),
    ] {
        for policy in [BareNewline::Reject, BareNewline::Normalise, BareNewline::Pass] {
            let config = unlimited().bare_newline(policy);
            let after = flood(config, DATA, wave.as_bytes(), total, b"x\r\n.\r\nNOOP\r\n");
            assert!(after.last.starts_with("250 2.0.0 done"), "{after:?}");
            assert!(after.output < 2048);
        }
    }
}

/// Threats 5: message larger than SIZE.
#[test]
fn content_past_its_size() {
    for (policy, megabytes) in [(BareNewline::Reject, 24), (BareNewline::Normalise, 1)] {
        let config = config().max_size(100_000).bare_newline(policy);
        let total = megabytes * MEGABYTE;
        let after = flood(config, DATA, b"some text\r\n", total, b".\r\n");
        assert!(after.last.starts_with("552 5.3.4 "), "{after:?}");
        assert!(after.content <= 100_000, "{}", after.content);
    }
}

/// Threats 5: bad commands, and junk.
#[test]
fn commands_that_bring_nothing() {
    for (wave, replies) in [
        ("\r\n", 21),
        ("NOOP\r\n", 121),
        ("RSET\r\n", 121),
        ("VRFY a\r\n", 121),
        ("HELP\r\n", 121),
        ("EXPN a\r\n", 21),
        ("FOO\r\n", 21),
        ("NOOP\n\r\n", 21),
        ("MAIL FROM:\r\n", 21),
        ("RCPT TO:<b@x>\r\n", 21),
        ("DATA\r\n", 21),
        ("STARTTLS\r\n", 21),
        ("AUTH PLAIN =\r\n", 21),
        ("BDAT 1\r\nx", 21),
        ("BDAT 0\r\n", 21),
        ("MAIL FROM:<a@x> SIZE=99999999999999999999\r\n", 21),
        ("EHLO \r\n", 21),
    ] {
        let after = flood(config(), HELLO, wave.as_bytes(), 10 * MEGABYTE, b"");
        assert_eq!(after.closing, Some(Closing::TooManyErrors), "{wave}");
        assert!(after.last.starts_with("421 4.7.0 "), "{wave} {after:?}");
        assert!(after.taken < 100_000 && after.output < (replies + 3) * 100, "{wave} {after:?}");
    }
}

#[test]
fn introductions_that_bring_nothing() {
    for wave in ["EHLO a.example\r\n", "HELO a.example\r\n"] {
        let after = flood(config(), b"", wave.as_bytes(), MEGABYTE / 8, b"");
        assert_eq!(after.closing, Some(Closing::TooManyErrors), "{wave}");
        assert!(after.output < 125 * 300, "{after:?}");
    }
}

#[test]
fn questions_to_the_application_that_bring_nothing() {
    for wave in ["VRFY a\r\n", "EXPN a\r\n"] {
        let config = config().ask_verify().ask_expand();
        let after = flood(config, HELLO, wave.as_bytes(), MEGABYTE / 8, b"");
        assert_eq!(after.closing, Some(Closing::TooManyErrors), "{wave}");
    }
}

/// Threats 5: RCPT flood.
#[test]
fn recipients_without_end() {
    let start = b"EHLO a.example\r\nMAIL FROM:<a@x>\r\n";
    let after = flood(config(), start, b"RCPT TO:<b@x>\r\n", 10 * MEGABYTE, b"");
    assert_eq!(after.closing, Some(Closing::TooManyErrors));
    assert!(after.last.starts_with("421 4.7.0 "), "{after:?}");
    assert!(after.output < 2_005 * 64, "{after:?}");
}

#[test]
fn chunks_that_nobody_wants() {
    for start in [&b"EHLO a.example\r\nBDAT 18446744073709551615\r\n"[..], b"BDAT 99999999999\r\n"]
    {
        let after = flood(config(), start, b"MAIL FROM:<evil@x>\r\n", 32 * MEGABYTE, b"");
        assert!(after.last.starts_with("502 5.5.1 "), "{after:?}");
        assert!(after.output < 1024, "{after:?}");
        assert_eq!(after.closing, None);
    }
}

const CHUNKS: &[u8] = b"EHLO a.example\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\n";

/// Threats 5: tiny BDAT chunks.
#[test]
fn tiny_chunks_without_end() {
    let after = flood(chunking(), CHUNKS, b"BDAT 1\r\nx", 10 * MEGABYTE, b"");
    assert_eq!(after.closing, Some(Closing::TooManyErrors));
    assert!(after.last.starts_with("421 4.7.0 "), "{after:?}");
    assert_eq!(after.content, 10_001);
    let after = flood(chunking(), CHUNKS, b"BDAT 0\r\n", 10 * MEGABYTE, b"");
    assert_eq!(after.closing, Some(Closing::TooManyErrors));
    assert!(after.output < 130 * 64, "{after:?}");
}

/// Threats 5: a message by BDAT is streamed, and never kept; how large the chunks are does not
/// matter. Those that are not small are not counted.
#[test]
fn chunks_without_end() {
    let chunk = [&b"BDAT 1024\r\n"[..], &[b'x'; 1024]].concat();
    let after = flood(chunking(), CHUNKS, &chunk, 16 * MEGABYTE, b"BDAT 0 LAST\r\n");
    assert_eq!(after.closing, None, "{after:?}");
    assert!(after.content > 15 * MEGABYTE && after.last.starts_with("250 2.0.0 message"));
    let start = [CHUNKS, b"BDAT 33554432 LAST\r\n"].concat();
    let after = flood(chunking(), &start, b"x", 32 * MEGABYTE, b"NOOP\r\n");
    assert_eq!(after.content, 32 * MEGABYTE);
    assert!(after.last.starts_with("250 2.0.0 done"), "{after:?}");
}

#[test]
fn without_limits_memory_is_still_constant() {
    let start = b"EHLO a.example\r\nMAIL FROM:<a@x>\r\n";
    for wave in ["NOOP\r\n", "RCPT TO:<b@x>\r\n", "BDAT 1\r\nx", "\r\n", "HELP\r\n", "FOO\r\n"] {
        let after = flood(unlimited(), start, wave.as_bytes(), MEGABYTE / 8, b"QUIT\r\n");
        assert!(after.last.starts_with("221 "), "{after:?}");
    }
}

#[test]
fn a_line_that_drips_costs_no_more_than_one_that_does_not() {
    let mut server = Connection::new(config());
    for octet in b"EHLO ".iter().chain([b'a'; 500_000].iter()).chain(b"\r\n") {
        loop {
            match server.step() {
                Want::Event => server.event().proceed(),
                Want::Input => break,
                want => panic!("{want:?}"),
            }
        }
        assert_eq!(server.rx().receive(&[*octet]), 1);
    }
    assert_eq!(server.step(), Want::Input);
    assert!(server.tx().chunk().ends_with(b"500 5.5.2 line too long\r\n"));
}

/// Threats 5: an endless reply, a reply line without end.
#[test]
fn a_client_takes_no_endless_reply() {
    for wave in ["x", "220-x\r\n", "220-\r\n", "\r", "\n", "\0", "\r\n", "220-\n"] {
        let mut client = client::Connection::new(client::Config::new("client.example").unwrap());
        let wave = wave.repeat(4096);
        let mut taken = 0;
        while client.step() == Want::Input {
            let n = client.rx().receive(wave.as_bytes());
            assert!(n > 0);
            taken += n;
            assert!(taken < 200_000);
        }
        assert!(matches!(client.closing(), Some(client::Closing::Protocol(_))), "{taken}");
    }
}

/// Threats 5: what a client takes is a matter of its limits.
#[test]
fn the_limits_of_a_client_can_be_set() {
    let closing = |change: fn(&mut client::Limits), reply: &str| {
        let mut limits = client::Limits::default();
        change(&mut limits);
        let config = client::Config::new("client.example").unwrap().limits(limits);
        let mut client = client::Connection::new(config);
        let mut rest = reply.as_bytes();
        while client.step() == Want::Input && !rest.is_empty() {
            rest = &rest[client.rx().receive(rest)..];
        }
        let _ = client.step();
        client.closing()
    };
    type Change = fn(&mut client::Limits);
    let line = |octets: usize| format!("220 {}\r\n", "x".repeat(octets - 6));
    let cases: [(Change, String, String); 5] = [
        (|_| {}, line(8 * 1024), line(8 * 1024 + 1)),
        (|limits| limits.reply_line = 100, line(100), line(101)),
        (|limits| limits.reply = 100, line(100), line(101)),
        (|limits| limits.reply_lines = 2, "220-x\r\n220 x\r\n".into(), "220-x\r\n".repeat(3)),
        (
            |limits| (limits.reply, limits.reply_line) = (200_000, 100_000),
            line(100_000),
            line(100_001),
        ),
    ];
    for (change, taken, refused) in cases {
        assert_eq!(closing(change, &taken), None, "{}", taken.len());
        assert!(
            matches!(closing(change, &refused), Some(client::Closing::Protocol(_))),
            "{}",
            refused.len()
        );
    }
}

/// Threats 5: the defaults.
#[test]
fn the_defaults() {
    let server = Limits::default();
    assert_eq!((server.recipients, server.recipients_over), (1000, 1000));
    assert_eq!((server.errors, server.junk), (20, 100));
    assert_eq!((server.small_chunks, server.least_rate), (10_000, 500));
    assert_eq!((server.auth_failures, server.challenges), (5, 32));
    let client = client::Limits::default();
    assert_eq!((client.reply_lines, client.reply), (128, 64 * 1024));
    assert_eq!((client.reply_line, client.least_rate), (8 * 1024, 500));
}
