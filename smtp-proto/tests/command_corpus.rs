//! The corpus of command lines: what must be taken, what must be refused, where leniency decides.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use smtp_proto::command::{Command, Verb};
use smtp_proto::{CommandError, Syntax};

const VALID: &str = include_str!("corpus/commands_valid.txt");
const INVALID: &str = include_str!("corpus/commands_invalid.txt");
const LENIENT: &str = include_str!("corpus/commands_lenient.txt");
const SESSION: &str = include_str!("corpus/commands_session.txt");

fn encoded(command: Command<'_>) -> Vec<u8> {
    let mut line = Vec::new();
    command.encode(&mut line);
    line
}

fn assert_round_trip(line: &[u8], syntax: Syntax) {
    let shown = line.escape_ascii();
    let command = match Command::parse_with(line, syntax) {
        Ok(command) => command,
        Err(error) => panic!("{shown}: {error}"),
    };
    let encoded = encoded(command);
    assert_ne!(command.verb(), Verb::Unknown, "{shown}");
    let inner = encoded.strip_suffix(b"\r\n").expect("a CRLF at the end");
    assert!(!inner.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)), "{shown}");
    assert_eq!(Command::parse_with(inner, syntax), Ok(command), "{shown}");
}

/// The exact bytes of an entry `escaped line TAB reason`.
fn unescape(entry: &str) -> Vec<u8> {
    let (text, _) = entry.rsplit_once('\t').expect("a reason behind a tab");
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'\\', [b'r', ..]) => bytes.push(b'\r'),
            (b'\\', [b'n', ..]) => bytes.push(b'\n'),
            (b'\\', [b't', ..]) => bytes.push(b'\t'),
            (b'\\', [b'x', high, low, ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).expect("two hexadecimal digits");
                bytes.push(u8::from_str_radix(digits, 16).expect("two hexadecimal digits"));
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                continue;
            }
        }
        rest = &rest[1..];
    }
    bytes
}

#[test]
fn valid_lines_parse_and_round_trip() {
    assert_eq!(VALID.lines().count(), 72);
    for line in VALID.lines().chain(SESSION.lines()) {
        assert_round_trip(line.as_bytes(), Syntax::Strict);
        assert_round_trip(line.as_bytes(), Syntax::Lenient);
    }
}

#[test]
fn valid_lines_are_written_as_they_came() {
    for line in VALID.lines() {
        let command = Command::parse(line.as_bytes()).expect("valid");
        // A source route is dropped, and verbs are written in upper case.
        if line.contains("@relay1") || !line.starts_with(command.verb().as_str()) {
            continue;
        }
        assert_eq!(encoded(command), [line.as_bytes(), b"\r\n"].concat());
    }
}

#[test]
fn invalid_lines_are_refused() {
    let mut framed = 0;
    for entry in INVALID.lines() {
        let bytes = unescape(entry);
        // An entry that does not end in CRLF is no line: whoever frames it sees to that. What is
        // left of it here still holds the LF.
        let line = bytes.strip_suffix(b"\r\n").unwrap_or(&bytes);
        framed += usize::from(line.len() < bytes.len());
        match Command::parse(line) {
            Err(error) => {
                let code = error.refusal().code().get();
                assert!(matches!(code, 500 | 501), "{entry}");
                let breaks = line.iter().any(|b| matches!(b, b'\r' | b'\n' | 0));
                assert_eq!(error == CommandError::Octet, breaks, "{entry}: {error}");
            }
            Ok(Command::Unknown { .. }) => {
                let unknown = ["XYZZY", "MAI ", "DATAX", "MAILFROM:"];
                assert!(unknown.iter().any(|verb| entry.starts_with(verb)), "{entry}");
            }
            Ok(command) => panic!("{entry}: {command:?}"),
        }
    }
    assert_eq!((INVALID.lines().count(), framed), (74, 73));
}

#[test]
fn lenient_lines_parse_where_leniency_is_asked_for() {
    // The standards allow these, so that strict syntax takes them too.
    let strict = [
        "QUIT \\r",
        "MAIL FROM:<a@b.org> \\r",
        "HELO [192.0.2.1]\\r",
        "VRFY alice@example.org\\r",
        "AUTH PLAIN =\\r",
        "MAIL FROM:<a@b.org> XFOO=bar\\r",
    ];
    let mut taken = 0;
    for entry in LENIENT.lines() {
        let bytes = unescape(entry);
        let line = bytes.strip_suffix(b"\r\n").expect("a CRLF at the end");
        assert_round_trip(line, Syntax::Lenient);
        let is_strict = strict.iter().any(|start| entry.starts_with(start));
        assert_eq!(Command::parse(line).is_ok(), is_strict, "{entry}");
        taken += usize::from(is_strict);
    }
    assert_eq!((LENIENT.lines().count(), taken), (12, strict.len()));
}
