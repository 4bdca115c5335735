//! Laws of the command parser, and the hostile input that is known.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use proptest::prelude::*;
use smtp_proto::command::{Body, Command, Deviations, MailParameters, Queue, Verb};
use smtp_proto::{CommandError, Syntax};

const VALID: &str = include_str!("corpus/commands_valid.txt");

/// Lines of every kind that the corpus of plain ones does not have.
const MORE: &[&str] = &[
    "MAIL FROM:<a@b.org> HOLDFOR=60 BY=120;RT MT-PRIORITY=-3 REQUIRETLS",
    "MAIL FROM:<a@b.org> HOLDUNTIL=2026-08-01T12:00:00.5+02:00 MTRK=dGVzdA==:60 XFOO",
    "RCPT TO:<a@b.org> ORCPT=utf-8;jos\\x{E9}@example.org RRVS=2014-04-03T23:01:00Z;C",
    "VRFY josé SMTPUTF8",
    "ETRN example.org",
    "ETRN @example.org",
    "ETRN #queue-7",
    "XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.1 LOGIN=a+3Db",
    "XFORWARD NAME=a.example ADDR=IPV6:::1 PROTO=ESMTP",
    "AUTH PLAIN =",
    "NOOP fr\"op",
    "FROB \u{1}nicate",
];

fn lines() -> impl Strategy<Value = Vec<u8>> {
    let all: Vec<Vec<u8>> =
        VALID.lines().chain(MORE.iter().copied()).map(|line| line.as_bytes().to_vec()).collect();
    let splices = prop::collection::vec(
        (any::<prop::sample::Index>(), 0..3usize, "[ \t\r\n\0<>@=+;:,.\\\\\"a0é\u{85}-]{0,3}"),
        0..4,
    );
    (prop::sample::select(all), splices, prop::option::of(any::<(prop::sample::Index, u8)>()))
        .prop_map(|(mut line, splices, byte)| {
            for (at, removed, text) in splices {
                let at = at.index(line.len() + 1);
                let end = (at + removed).min(line.len());
                line.splice(at..end, text.bytes());
            }
            if let Some((at, value)) = byte.filter(|_| !line.is_empty()) {
                *at.get_mut(line.as_mut_slice()) = value;
            }
            line
        })
}

fn encoded(command: Command<'_>) -> Vec<u8> {
    let mut line = Vec::new();
    command.encode(&mut line);
    line
}

/// Lines of pieces that lenient syntax knows, in about the right order.
fn sloppy() -> impl Strategy<Value = Vec<u8>> {
    let space = || prop::sample::select(vec!["", " ", " ", " ", "  ", "\t"]);
    let verb = prop::sample::select(vec![
        "MAIL", "MAIL", "RCPT", "RCPT", "EHLO", "VRFY", "ETRN", "BDAT", "AUTH", "HELP", "NOOP",
        "FOO", "XCLIENT",
    ]);
    let from = prop::sample::select(vec!["FROM:", "FROM:", "TO:", "to:", ""]);
    let path = prop::sample::select(vec![
        "<>",
        "<a@b>",
        "a@b",
        "<postmaster>",
        "Postmaster",
        "<a..b@c>",
        "<.@c>",
        "<\"a..b\"@c>",
        "<@a_b,@c-:d@e>",
        "@a.:d@e",
        "<a@b.>",
        "<a@b_c.-d>",
        "\"a b\"@c",
        "a_b.c-d",
        "@a_b",
        "#x",
        "10",
        "PLAIN",
        "NAME=a",
        "a@[192.0.2.1]",
        "\u{e9}",
        "Alice Smith",
        "a@b@c",
        "..",
        "a@..",
    ]);
    let long = "[a.]{60,70}".prop_map(|local| format!("<{local}@b>"));
    let path = prop_oneof![9 => path.prop_map(str::to_owned), 1 => long];
    let last = prop::sample::select(vec![
        "",
        "",
        "SIZE=1",
        "X=a=b",
        "X=a=b\tRET=FULL",
        "SIZE=1  Y",
        "LAST",
        "=",
        "ADDR=b",
        "MTRK=AAA=",
        "SMTPUTF8",
        "SIZE=1 SIZE=2",
    ]);
    (space(), verb, space(), from, space(), path, space(), last, space()).prop_map(
        |(a, verb, b, from, c, path, d, last, e)| {
            let first = if a == " " { "" } else { a };
            format!("{first}{verb}{b}{from}{c}{path}{d}{last}{e}").into_bytes()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn whatever_is_taken_is_one_line_and_reads_back(line in lines()) {
        for syntax in [Syntax::Strict, Syntax::Lenient] {
            let Ok(command) = Command::parse_with(&line, syntax) else { continue };
            let encoded = encoded(command);
            let inner = encoded.strip_suffix(b"\r\n").unwrap();
            prop_assert!(!inner.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)));
            prop_assert_eq!(Command::parse_with(inner, syntax), Ok(command));
        }
    }

    #[test]
    fn what_strict_syntax_takes_lenient_syntax_takes_alike(line in lines()) {
        if let Ok(command) = Command::parse(&line) {
            prop_assert_eq!(Command::parse_with(&line, Syntax::Lenient), Ok(command));
        }
    }

    #[test]
    fn what_needs_leniency_says_why(line in prop_oneof![lines(), sloppy()]) {
        let lenient = Command::parse_with(&line, Syntax::Lenient);
        let found = Deviations::of(&line);
        // That one is not about the grammar.
        let explained = !found.is_empty() && found != Deviations::UTF8_HOST;
        match (Command::parse(&line), lenient) {
            (Ok(_), _) => prop_assert!(!explained, "{} {found}", line.escape_ascii()),
            (Err(_), Ok(_)) => prop_assert!(explained, "{} {found}", line.escape_ascii()),
            (Err(_), Err(_)) => prop_assert!(found.is_empty(), "{} {found}", line.escape_ascii()),
        }
    }

    #[test]
    fn any_bytes_have_an_answer(line: Vec<u8>) {
        if let Err(error) = Command::parse(&line) {
            prop_assert!(matches!(error.refusal().code().get(), 500 | 501));
        }
    }
}

#[test]
fn more_lines_are_written_as_they_came() {
    for line in MORE {
        let command = Command::parse(line.as_bytes()).unwrap_or_else(|e| panic!("{line}: {e}"));
        assert_eq!(String::from_utf8(encoded(command)).unwrap(), format!("{line}\r\n"));
    }
}

#[test]
fn chunk_sizes_never_wrap() {
    for line in [
        "BDAT",
        "BDAT ",
        "BDAT LAST",
        "BDAT 123LAST",
        "BDAT -1",
        "BDAT +1",
        "BDAT 0x10",
        "BDAT 1 LAST X",
        "BDAT 18446744073709551616",
        "BDAT 00000000000000000000001",
        "BDAT  1",
        "BDAT 1 \u{661}",
        "BDAT 1\r",
        "BDAT\t1",
        "BDAT 1  LAST",
    ] {
        assert_eq!(Command::parse(line.as_bytes()), Err(CommandError::ChunkSize), "{line:?}");
    }
    let last = Command::parse(b"bdat 18446744073709551615 last");
    assert_eq!(last, Ok(Command::Bdat { size: u64::MAX, last: true }));
}

#[test]
fn each_error_names_what_is_wrong() {
    for (line, reply) in [
        (&b"NOOP\nMAIL FROM:<a@b>"[..], "500 5.5.2 "),
        (b"RSET\rQUIT", "500 5.5.2 "),
        (b"MAIL FROM:<a\0b@c>", "500 5.5.2 "),
        (b"EHLO a\r", "500 5.5.2 "),
        (b"", "500 5.5.2 "),
        (b"   ", "500 5.5.2 "),
        (b" EHLO a", "500 5.5.2 "),
        (b"EHLO", "501 5.5.4 "),
        (b"EHLO  x", "501 5.5.4 "),
        (b"EHLO a\tb", "501 5.5.4 "),
        (b"EHLO\ta", "501 5.5.4 "),
        (b"RCPT TO:<\xff@a>", "501 5.5.2 "),
        (b"MAIL", "501 5.5.4 "),
        (b"MAIL TO:<a@b>", "501 5.5.4 "),
        (b"MAIL FROM:", "501 5.1.7 "),
        (b"MAIL FROM:< >", "501 5.1.7 "),
        (b"MAIL FROM:<postmaster>", "501 5.1.7 "),
        (b"RCPT TO:<>", "501 5.1.3 "),
        (b"MAIL FROM:<a@b>SIZE=1", "501 5.5.4 "),
        (b"STARTTLS now", "501 5.5.4 "),
        (b"AUTH", "501 5.5.4 "),
        (b"AUTH PLAIN ====", "501 5.5.2 "),
        (b"AUTH MECHANISM-WITH-21-CHA", "501 5.5.4 "),
        (b"XCLIENT ADDR=a+0D+0A", "501 5.5.4 "),
        (b"ETRN -a", "501 5.5.4 "),
        (b"VRFY", "501 5.5.4 "),
    ] {
        let shown = line.escape_ascii();
        let Err(error) = Command::parse(line) else { panic!("{shown}") };
        let mut out = Vec::new();
        error.refusal().encode(&mut out, true, false);
        let out = String::from_utf8(out).unwrap();
        assert!(out.starts_with(reply), "{shown}: {out}");
    }
}

#[test]
fn lenient_syntax_never_makes_a_null_sender_of_nothing() {
    for line in ["MAIL FROM:", "MAIL FROM: ", "MAIL FROM:< >", "MAIL FROM: SIZE=1", "RCPT TO:"] {
        assert!(Command::parse_with(line.as_bytes(), Syntax::Lenient).is_err(), "{line:?}");
    }
    let spaced = Command::parse_with(b" mail\t from:  a@b.org  SIZE=1\tBODY=7bit", Syntax::Lenient);
    let Ok(Command::Mail { reverse_path, parameters }) = spaced else { panic!("{spaced:?}") };
    assert_eq!(reverse_path.to_string(), "<a@b.org>");
    assert_eq!((parameters.size(), parameters.body()), (Some(1), Some(Body::SevenBit)));
}

#[test]
fn a_quoted_bracket_does_not_end_the_path() {
    let Ok(Command::Mail { reverse_path, parameters }) =
        Command::parse(br#"MAIL FROM:<"a> SIZE=1"@b.org> SIZE=2"#)
    else {
        panic!("not taken");
    };
    assert_eq!(reverse_path.to_string(), r#"<"a> SIZE=1"@b.org>"#);
    assert_eq!(parameters, MailParameters::parse("size=2").unwrap());
}

#[test]
fn unknown_verbs_keep_their_bytes() {
    let Ok(Command::Unknown { verb, argument }) = Command::parse(b"\x80FAIL  \xff x\t ") else {
        panic!("not taken");
    };
    assert_eq!((verb.as_bytes(), argument.as_bytes()), (&b"\x80FAIL"[..], &b" \xff x"[..]));
    assert!(matches!(Command::parse(b"FROP \xF1\x80"), Ok(Command::Unknown { .. })));
    assert_eq!(Command::parse(b"GET / HTTP/1.1").map(|c| c.verb()), Ok(Verb::Unknown));
    assert!(matches!(Command::parse(b"ETRN #q"), Ok(Command::Etrn(Queue::Named(_)))));
}

#[test]
fn secrets_do_not_show_in_debug() {
    let command = Command::parse(b"AUTH PLAIN AHRlc3QAc2VjcmV0").unwrap();
    assert!(!format!("{command:?}").contains("AHRlc3Q"));
}
