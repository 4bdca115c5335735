//! Lines and octets in commands.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod common;

use common::Cut;
use common::script::{End, Script, config};
use smtp_codec::proto::session::server::Settings;
use smtp_codec::server::Closing;

/// Each line is sent in a session that said EHLO, and gets exactly one reply; a NOOP behind it
/// is understood.
#[test]
fn one_line_one_reply() {
    let table: &[(&[u8], &str)] = &[
        (b"NOOP\nMAIL FROM:<evil@x>", "500 5.5.2 "),
        (b"RSET\rQUIT", "500 5.5.2 "),
        (b"NOOP\n", "500 5.5.2 "),
        (b"NOOP\r", "500 5.5.2 "),
        (b"\nNOOP", "500 5.5.2 "),
        (b"\rNOOP", "500 5.5.2 "),
        (b"quit\nnoop\nquit", "500 5.5.2 "),
        (b"EHLO a\r", "500 5.5.2 "),
        (b"MAIL FROM:<a@b>\n", "500 5.5.2 "),
        (b"MAIL FROM:<a\0b@c>", "500 5.5.2 "),
        (b"MAIL FROM:<a@b\0.evil.example>", "500 5.5.2 "),
        (b"MAIL FROM:<a@b>\0", "500 5.5.2 "),
        (b"NOOP a\0b", "500 5.5.2 "),
        (b"\0", "500 5.5.2 "),
        (b"\x08", "500 5.5.1 "),
        (b"\x80FAIL", "500 5.5.1 "),
        (b"\xff\xf4\xff\xfd\x06", "500 5.5.1 "),
        (b"FROP \xf1\x80", "500 5.5.1 "),
        (b"EHLO \xf1\x80", "501 5.5.2 "),
        (b"MAIL FROM:<a@b> \xf1\x80", "501 5.5.2 "),
        (b"MAIL FROM:<\xf1\x80", "501 5.5.2 "),
        (b"NOOP \xf1\x80", "250 2.0.0 "),
        (b"", "500 5.5.2 "),
        (b" ", "500 5.5.2 "),
        (b" NOOP", "500 5.5.2 "),
        (b"\tNOOP", "500 5.5.2 "),
        (b"NOOP ", "250 2.0.0 "),
        (b"NOOP \t ", "250 2.0.0 "),
        (b"RSET  ", "250 2.0.0 "),
        (b"EHLO a.example  ", "250-"),
        (b"DATA ", "503 5.5.1 "),
        (b"EHLO\ta.example", "501 5.5.4 "),
        (b"MAIL\tFROM:<a@b>", "501 5.5.4 "),
        (b"MAIL FROM:\t<a@b>", "501 5.1.7 "),
        (b"MAIL FROM: <a@b>", "501 5.1.7 "),
        (b"MAIL FROM:<a@b>\tSIZE=1", "501 5.5.4 "),
        (b"MAIL FROM:<a@b>  SIZE=1", "501 5.5.4 "),
        (b"MAIL FROM:<a@b>SIZE=1", "501 5.5.4 "),
        (b"MAIL  FROM:<a@b>", "501 5.5.4 "),
        (b"EHLO  x", "501 5.5.4 "),
        (b"EHLO", "501 5.5.4 "),
        (b"HELO", "501 5.5.4 "),
        (b"EHLO two words", "501 5.5.4 "),
        (b"EHLO [::1]", "501 5.5.4 "),
        (b"EHLO *.example", "501 5.5.4 "),
        (b"MAIL", "501 5.5.4 "),
        (b"MAIL FROM:", "501 5.1.7 "),
        (b"MAIL FROM:< >", "501 5.1.7 "),
        (b"MAIL FROM:a@b", "501 5.1.7 "),
        (b"MAIL FROM:<a@b", "501 5.1.7 "),
        (b"MAIL FROM:<a\\", "501 5.1.7 "),
        (b"MAIL FROM:<\"a@b>", "501 5.1.7 "),
        (b"MAIL FROM:<postmaster>", "501 5.1.7 "),
        (b"MAIL FROM:<.a@x>", "501 5.1.7 "),
        (b"MAIL TO:<a@b>", "501 5.5.4 "),
        (b"RSET now", "501 5.5.4 "),
        (b"QUIT now", "501 5.5.4 "),
        (b"DATA now", "501 5.5.4 "),
        (b"STARTTLS now", "501 5.5.4 "),
        (b"NOOP fr\"op", "250 2.0.0 "),
        (b"RCPT TO:<>", "501 5.1.3 "),
        (b"RCPT TO:<a@b>", "503 5.5.1 "),
        (b"AUTH PLAIN a b", "501 5.5."),
        (b"AUTH PLAIN !", "501 5.5.2 "),
        (b"NOOP\x0bMAIL FROM:<evil@x>", "500 5.5.1 "),
        (b"NOOP\xc2\x85MAIL FROM:<evil@x>", "500 5.5.1 "),
        (b"NOOP \xe2\x80\xa8MAIL FROM:<evil@x>", "250 2.0.0 "),
        (b"NOOP \x8d\x8aMAIL FROM:<evil@x>", "250 2.0.0 "),
        (b"MAIL FROM:<a@x>\xc4\x8d\xc4\x8aRCPT TO:<evil@x>", "501 5.5.4 "),
    ];
    for (line, reply) in table {
        let talk =
            Script::ehlo(config()).settled().say(line, reply).say("NOOP", "250 2.0.0 ").run();
        let seen = talk.events.iter().filter(|event| event.contains("evil")).count();
        assert_eq!(seen, 0, "{}", line.escape_ascii());
        let talk = Script::ehlo(config()).send(line).end(End::Eof).run();
        assert_eq!(talk.closing, Some(Closing::PeerGone), "{}", line.escape_ascii());
    }
}

#[test]
fn every_single_octet_is_some_line() {
    for octet in 0..=u8::MAX {
        if !b"\r\n:".contains(&octet) {
            let script = Script::ehlo(config()).settled().say([octet], "500 5.5.");
            script.say([octet, b' ', octet], "500 5.5.").say("NOOP", "250 ").run();
        }
    }
}

/// The longest line that the extensions on offer call for, CRLF included.
fn limit() -> usize {
    Settings::default().extensions.command_line_limit()
}

#[test]
fn the_longest_line() {
    let line = |len: usize| format!("NOOP {}", "x".repeat(len - 7));
    Script::ehlo(config())
        .say(line(512), "250 2.0.0 ")
        .say(line(limit()), "250 2.0.0 ")
        .say(line(limit() + 1), "500 5.5.")
        .say(line(limit() + 2), "500 5.5.")
        .say("NOOP", "250 2.0.0 ")
        .run();
}

#[test]
fn long_lines_are_skipped_whole() {
    for long in [
        "a".repeat(5_000),
        format!("NOOP {}\rQUIT", "x".repeat(5_000)),
        format!("NOOP {}\nQUIT", "x".repeat(5_000)),
        format!("NOOP {}\r\r", "x".repeat(limit())),
        "\n".repeat(5_000),
        "\r".repeat(5_000),
        "\n\rx".repeat(1_700),
    ] {
        Script::ehlo(config()).say(&long, "500 5.5.").say("NOOP", "250 2.0.0 ").run();
    }
    // The CRLF stands at every place around the limit.
    for len in limit() - 4..limit() + 4 {
        let reply = if len + 2 > limit() { "500 5.5." } else { "250 2.0.0 " };
        let script = Script::new(config())
            .say(format!("NOOP {}", "x".repeat(len - 5)), reply)
            .say("NOOP", "250 2.0.0 ");
        let whole = script.hold(Cut::Whole, false, usize::MAX);
        for at in limit() - 6..limit() + 6 {
            assert_eq!(script.hold(Cut::At(at), false, usize::MAX), whole, "{len} {at}");
        }
        script.run();
    }
}

#[test]
fn a_million_octets_then_noop() {
    let script =
        Script::ehlo(config()).say("a".repeat(1_000_000), "500 5.5.").say("NOOP", "250 2.0.0 ");
    let talk = script.hold(Cut::Whole, false, usize::MAX);
    assert_eq!(talk.replies.len(), 4);
    assert!(talk.replies[2].starts_with("500 ") && talk.replies[3].starts_with("250 "));
}

#[test]
fn a_long_argument_to_every_verb() {
    let verbs = [
        "HELO ",
        "EHLO ",
        "LHLO ",
        "MAIL FROM:<",
        "MAIL FROM:<a@x> ",
        "MAIL FROM:<a@x> SIZE=",
        "MAIL FROM:<a@x> ENVID=",
        "RCPT TO:<",
        "RCPT TO:<@",
        "DATA ",
        "RSET ",
        "QUIT ",
        "VRFY ",
        "EXPN ",
        "HELP ",
        "STARTTLS ",
        "AUTH ",
        "AUTH PLAIN ",
        "ETRN ",
        "XCLIENT ",
        "XFORWARD ",
        "FOO ",
        "",
    ];
    for verb in verbs {
        for filling in ["a", "\"", "\\", "<", "@", "[", "1", "=", "+", ".", "a.", "\u{fc}"] {
            for len in [64, 256, 510, 1000, limit() - 2, limit(), 4096] {
                let line = verb.to_owned() + &filling.repeat(len / filling.len());
                let script = Script::ehlo(config()).send(&line).send("\r\nNOOP\r\n");
                let talk = script.hold(Cut::Whole, false, usize::MAX);
                assert_eq!(talk.replies.len(), 4, "{verb} {filling} {len}");
                assert!(talk.replies[3].starts_with("250 2.0.0 "), "{verb} {filling} {len}");
            }
        }
    }
}

#[test]
fn what_reaches_the_application_is_what_was_sent() {
    let mut script = Script::ehlo(config());
    let paths = [
        ("<>", "<>"),
        ("<@a,@b:u@c>", "<u@c>"),
        ("<\"@a,@b:<u>\"@d>", "<\"@a,@b:<u>\"@d>"),
        ("<a%b@c>", "<a%b@c>"),
        ("<\"a b\"@x>", "<\"a b\"@x>"),
        ("<\"\"@x>", "<\"\"@x>"),
        ("<\"a>b\"@x>", "<\"a>b\"@x>"),
        ("<\"a\\\"b\"@x>", "<\"a\\\"b\"@x>"),
        ("<${run{x}}@x>", "<${run{x}}@x>"),
        ("<|id@x>", "<|id@x>"),
        ("<-x@x>", "<-x@x>"),
        ("<u@[127.0.0.1]>", "<u@[127.0.0.1]>"),
        ("<u@[IPv6:::1]>", "<u@[IPv6:::1]>"),
        ("<u@1.2.3.4>", "<u@1.2.3.4>"),
    ];
    for (path, _) in paths {
        script = script.say(format!("MAIL FROM:{path}"), "250 2.1.0 ").say("RSET", "250 ");
    }
    let talk = script.run();
    for ((path, shown), event) in paths.iter().zip(&talk.events[2..]) {
        assert_eq!(event, &format!("mail {shown}"), "{path}");
    }
    for bad in [
        "[::1]",
        "[256.1.1.1]",
        "[1.2.3]",
        "[IPv6:1::2::3]",
        "[IPv6:fe80::1%eth0]",
        "[]",
        "[Gen:x]",
        "-x",
        "x-",
        "a..b",
        "a b",
    ] {
        Script::ehlo(config()).say(format!("MAIL FROM:<u@{bad}>"), "501 5.1.7 ").run();
    }
}
