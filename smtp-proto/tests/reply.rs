//! Replies through the public interface: recorded ones, and laws.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]
#![cfg(feature = "alloc")]

use proptest::prelude::*;
use smtp_proto::reply::{
    Capabilities, Capability, EnhancedCode, Extension, Extensions, Progress, Reply, ReplyBuf,
    ReplyCode, ReplyFault, ReplyScanner, ReplyText, SmtpLimits, write_ehlo_reply, write_reply,
};

fn ehlo(bytes: &[u8]) -> Capabilities<'_> {
    Capabilities::new(Reply::parse(bytes).unwrap())
}

/// Feeds the lines to a scanner; where it found the end, in lines, and how many lines there are.
fn scan(bytes: &[u8]) -> (Option<usize>, usize) {
    let text = bytes.strip_suffix(b"\r\n").unwrap();
    let lines: Vec<&[u8]> = text.split(|b| *b == b'\n').collect();
    let mut scanner = ReplyScanner::new();
    let end = lines.iter().position(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        scanner.feed(line) == Ok(Progress::Complete)
    });
    (end.map(|at| at + 1), lines.len())
}

#[test]
fn recorded_replies_are_read() {
    type Expected = (&'static [u8], u16, Option<(u8, u16, u16)>, &'static [u8]);
    let recorded: [Expected; 7] = [
        (include_bytes!("corpus/reply_data354.txt"), 354, None, b"End data with <CR><LF>.<CR><LF>"),
        (
            include_bytes!("corpus/reply_ehlo12.txt"),
            250,
            None,
            b"mx.example.org at your service, [198.51.100.7]",
        ),
        (
            include_bytes!("corpus/reply_greeting.txt"),
            220,
            None,
            b"mx.example.org ESMTP Postfix ready at Sat, 1 Aug 2026 10:11:12 +0000",
        ),
        (
            include_bytes!("corpus/reply_reject_multi.txt"),
            550,
            Some((5, 7, 26)),
            b"This mail has been blocked because the sender is unauthenticated.",
        ),
        (
            include_bytes!("corpus/reply_single_esc.txt"),
            250,
            Some((2, 1, 5)),
            b"Recipient <bob@example.com> ok",
        ),
        (
            include_bytes!("corpus/reply_single_queued.txt"),
            250,
            Some((2, 0, 0)),
            b"Ok: queued as 4FzQ9t1JYkz9sSC",
        ),
        (include_bytes!("corpus/reply_single_short.txt"), 250, None, b"OK"),
    ];
    for (bytes, code, enhanced, text) in recorded {
        let reply = Reply::parse(bytes).unwrap();
        assert_eq!(reply.code().get(), code);
        let parts = reply.enhanced().map(|e| (e.class(), e.subject(), e.detail()));
        assert_eq!(parts, enhanced);
        assert_eq!(reply.text(), text);
        assert_eq!(reply.as_bytes(), bytes);
        let (end, lines) = scan(bytes);
        assert_eq!(end, Some(lines));
        assert_eq!(reply.lines().count(), lines);
        for end in 0..bytes.len() {
            let fault = Reply::parse(&bytes[..end]).unwrap_err();
            assert_eq!(fault, ReplyFault::Incomplete, "cut at {end}");
        }
    }
}

#[test]
fn a_recorded_refusal_is_read_line_by_line() {
    let reply = Reply::parse(include_bytes!("corpus/reply_reject_multi.txt")).unwrap();
    let texts: Vec<&[u8]> = reply.texts().collect();
    assert_eq!(texts.len(), 5);
    assert_eq!(texts[2], b"");
    assert_eq!(texts[3], b" Authentication results:");
    assert_eq!(reply.lines().nth(2), Some(&b"5.7.26 "[..]));
    assert!(reply.to_string().starts_with("550 5.7.26 This mail has been blocked"));
}

#[test]
fn a_recorded_ehlo_reply_is_read() {
    let read = ehlo(include_bytes!("corpus/reply_ehlo12.txt"));
    assert_eq!(read.domain(), b"mx.example.org");
    assert_eq!(read.greeting(), b"at your service, [198.51.100.7]");
    assert_eq!(read.iter().count(), 11);
    let offered = read.extensions();
    let each: Vec<Extension> = offered.iter().collect();
    assert_eq!(
        each,
        [
            Extension::Pipelining,
            Extension::Size,
            Extension::EightBitMime,
            Extension::SmtpUtf8,
            Extension::EnhancedStatusCodes,
            Extension::Dsn,
            Extension::Chunking,
            Extension::StartTls,
            Extension::Auth,
            Extension::Etrn,
            Extension::Vrfy,
        ]
    );
    assert_eq!(offered.size(), Some(157_286_400));
    let mechanisms: Vec<&[u8]> = read.mechanisms().collect();
    assert_eq!(mechanisms, [&b"PLAIN"[..], b"LOGIN", b"CRAM-MD5", b"XOAUTH2"]);
}

#[test]
fn what_is_shown_cannot_harm() {
    let shown = |bytes: &[u8]| Reply::parse(bytes).unwrap().to_string();
    assert_eq!(shown(b"250\r\n"), "250");
    assert_eq!(shown(b"250 2.0.0\r\n"), "250 2.0.0");
    assert_eq!(shown(b"550 \x1b[31mred\x07\r\n"), "550 \\u{1b}[31mred\\u{7}");
    assert_eq!(shown(b"550 \xffa\xc3\r\n"), "550 \\xffa\\xc3");
    assert_eq!(shown("550 né\u{202e}x\u{85}\r\n".as_bytes()), "550 né\\u{202e}x\\u{85}");
    assert_eq!(shown(b"550-a\r\n550-\r\n550 b\r\n"), "550 a b");
}

#[test]
fn a_kept_reply_is_the_same() {
    let bytes = include_bytes!("corpus/reply_reject_multi.txt");
    let reply = Reply::parse(bytes).unwrap();
    let kept = ReplyBuf::from(reply);
    assert_eq!(kept.as_reply(), reply);
    assert_eq!(kept.to_string(), reply.to_string());
}

/// Bytes that are often nearly a reply.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => Just(&b"250-"[..]),
        4 => Just(&b"250 "[..]),
        6 => Just(&b"\r\n"[..]),
        2 => Just(&b"550 5.1.1"[..]),
        1 => Just(&b"250"[..]),
        1 => Just(&b"\r"[..]),
        1 => Just(&b"\n"[..]),
        1 => Just(&b"\0"[..]),
        1 => Just(&b"2.0.0 "[..]),
        2 => Just(&b"text"[..]),
        1 => Just(&b"\xff"[..]),
        1 => Just(&b"AUTH=A"[..]),
        1 => Just(&b" \t"[..]),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn code() -> impl Strategy<Value = ReplyCode> {
    (200u16..600).prop_map(|code| ReplyCode::new(code).unwrap())
}

fn limit() -> impl Strategy<Value = Option<u32>> {
    proptest::option::of(1u32..=999_999)
}

fn limits_of(mail: Option<u32>, rcpt: Option<u32>, rcpt_domain: Option<u32>) -> SmtpLimits {
    let mut limits = SmtpLimits::default();
    (limits.mail_max, limits.rcpt_max, limits.rcpt_domain_max) = (mail, rcpt, rcpt_domain);
    limits
}

proptest! {
    #[test]
    fn what_is_read_is_what_a_plain_reading_finds(bytes in nearly()) {
        if let Ok(reply) = Reply::parse(&bytes) {
            prop_assert_eq!(reply.as_bytes(), &bytes[..]);
            let (end, lines) = scan(&bytes);
            prop_assert_eq!(end, Some(lines));
            let text = std::str::from_utf8(&bytes[..3]).unwrap();
            prop_assert_eq!(reply.code().to_string(), text);
            prop_assert!(!reply.to_string().contains(|c: char| c.is_control()));
            let mut again = Vec::new();
            for (i, line) in reply.lines().enumerate() {
                again.extend_from_slice(text.as_bytes());
                // The space may have been left out where there is no text.
                match (i + 1 == lines, line.is_empty() && bytes.len() == again.len() + 2) {
                    (true, true) => {}
                    (true, false) => again.push(b' '),
                    (false, _) => again.push(b'-'),
                }
                again.extend_from_slice(line);
                again.extend_from_slice(b"\r\n");
            }
            prop_assert_eq!(again, bytes.clone());
            // None of these may panic, whatever the lines hold.
            let read = Capabilities::new(reply);
            let blank = reply.lines().skip(1).filter(|line| line.trim_ascii().is_empty()).count();
            prop_assert_eq!(read.iter().count(), lines - 1 - blank);
            let _ = (read.extensions(), read.mechanisms().count(), read.domain());
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut reply = b"250-x\r\n250 ".to_vec();
        reply.extend_from_slice(&bytes);
        reply.extend_from_slice(b"\r\n");
        let harmless = !bytes.iter().any(|b| matches!(b, 0 | b'\r' | b'\n'));
        prop_assert_eq!(Reply::parse(&reply).is_ok(), harmless);
        let _ = Reply::parse(&bytes);
        let _ = SmtpLimits::parse(&bytes);
    }

    #[test]
    fn what_is_written_is_read(
        code in code(),
        subject in 0u16..1000,
        detail in 0u16..1000,
        with_enhanced: bool,
        lines in proptest::collection::vec("[ -~é]{0,20}", 1..6),
    ) {
        let class = u8::try_from(code.get() / 100).unwrap();
        let enhanced = EnhancedCode::new(class, subject, detail).filter(|_| with_enhanced);
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let mut out = Vec::new();
        write_reply(&mut out, code, enhanced, ReplyText::Lines(&lines), true);
        let reply = Reply::parse(&out).unwrap();
        prop_assert_eq!(reply.code(), code);
        if enhanced.is_some() {
            prop_assert_eq!(reply.enhanced(), enhanced);
            prop_assert!(reply.texts().eq(lines.iter().map(|line| line.as_bytes())));
        } else {
            prop_assert!(reply.lines().eq(lines.iter().map(|line| line.as_bytes())));
        }
        let (end, count) = scan(&out);
        prop_assert_eq!((end, count), (Some(lines.len()), lines.len()));
    }

    #[test]
    fn what_is_offered_is_read(
        set in proptest::collection::vec(proptest::sample::select(Extension::ALL), 0..40),
        size in proptest::option::of(any::<u64>()),
        limits in (limit(), limit(), limit()),
        deliver_by in proptest::option::of(0u32..1_000_000_000),
        future_release in proptest::option::of(0u32..1_000_000_000),
    ) {
        let mut offered = set.into_iter().fold(Extensions::NONE, Extensions::with);
        let (mail_max, rcpt_max, rcpt_domain_max) = limits;
        let limits = limits_of(mail_max, rcpt_max, rcpt_domain_max);
        if limits == SmtpLimits::default() {
            offered = offered.without(Extension::Limits);
        } else {
            offered = offered.with_limits(limits);
        }
        offered = size.map_or(offered, |n| offered.with_size(n));
        offered = deliver_by.map_or(offered, |n| offered.with_deliver_by(n));
        offered = future_release.map_or(offered, |n| offered.with_future_release(n));
        let until = format!("{} 2030-01-01T00:00:00Z", offered.future_release().unwrap_or(0));
        let more = [
            Capability::new("AUTH", "PLAIN SCRAM-SHA-256").unwrap(),
            Capability::new("FUTURERELEASE", &until).unwrap(),
            Capability::new("X-OWN", "a b").unwrap(),
        ];
        let mut out = Vec::new();
        write_ehlo_reply(&mut out, "mx.example.org", &offered, &more).unwrap();
        let read = ehlo(&out);
        prop_assert_eq!(read.domain(), b"mx.example.org");
        prop_assert_eq!(read.extensions(), offered);
        prop_assert_eq!(read.get("x-own"), Some(more[2]));
        prop_assert_eq!(read.mechanisms().count(), if offered.contains(Extension::Auth) { 2 } else { 0 });
        prop_assert!(read.iter().all(|c| c.keyword().len() + c.text().len() + 7 <= 512));
    }

    #[test]
    fn capabilities_are_read_as_they_were_built(
        keyword in "[A-Za-z0-9][A-Za-z0-9-]{0,18}",
        arguments in proptest::collection::vec("[!-~]{1,8}", 0..5),
    ) {
        let text = arguments.join(" ");
        let built = Capability::new(&keyword, &text).unwrap();
        let mut out = Vec::new();
        let offered = built.kind().map_or(Extensions::NONE, |kind| Extensions::NONE.with(kind));
        write_ehlo_reply(&mut out, "mx", &offered, &[built]).unwrap();
        let read = ehlo(&out);
        prop_assert_eq!(read.iter().collect::<Vec<_>>(), vec![built]);
        prop_assert!(built.arguments().eq(arguments.iter().map(|a| a.as_bytes())));
    }

    #[test]
    fn keywords_are_found_as_by_comparing_each(keyword in "(?i)(SIZE|AUTH|DSN|MT.PRIORITY|.BITMIME|X?VRFY|STARTTLS?|[A-Z0-9-]{1,20})") {
        let compared = Extension::ALL.iter().copied().find(|e| e.keyword().eq_ignore_ascii_case(&keyword));
        prop_assert_eq!(Extension::from_keyword(keyword.as_bytes()), compared);
    }

    #[test]
    fn limits_are_read_as_they_were_written(mail_max in limit(), rcpt_max in limit(), rcpt_domain_max in limit()) {
        let limits = limits_of(mail_max, rcpt_max, rcpt_domain_max);
        prop_assert_eq!(SmtpLimits::parse(limits.to_string().as_bytes()), Some(limits));
    }
}
