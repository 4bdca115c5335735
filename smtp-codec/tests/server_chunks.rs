//! BDAT and LMTP (RFC 3030, RFC 2033): chunks are counted and never read as commands; each
//! recipient of LMTP gets a reply of its own.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod common;

use common::script::{End, Script, Verdict, chunking, config};
use smtp_codec::server::{Closing, Limits};

const EVIL: &str = "MAIL FROM:<evil@x>\r\nRCPT TO:<evil@x>\r\n";

/// A session that is ready for chunks.
fn ready(config: smtp_codec::server::Config) -> Script {
    Script::ehlo(config)
        .say("MAIL FROM:<a@x> BODY=BINARYMIME", "250 2.1.0 ")
        .say("RCPT TO:<b@x>", "250 2.1.5 ")
}

/// A chunk with its command.
fn bdat(script: Script, content: &str, last: bool, reply: &str) -> Script {
    let last = if last { " LAST" } else { "" };
    script.send(format!("BDAT {}{last}\r\n{content}", content.len())).hear(reply)
}

/// Threats 7: a size that cannot be read. What follows might be content or commands, so that nobody
/// looks at it: 501, and the session is over.
#[test]
fn a_size_that_cannot_be_read_ends_the_session() {
    for bdat in [
        "BDAT 18446744073709551616",
        "BDAT 18446744073709551616 LAST",
        "BDAT 99999999999999999999999",
        "BDAT 00000000000000000000001",
        "BDAT -1",
        "BDAT +1",
        "BDAT 0x10",
        "BDAT 1.0",
        "BDAT 1 LAST X",
        "BDAT 1 LASTX",
        "BDAT 1 FIRST",
        "BDAT 123LAST",
        "BDAT LAST",
        "BDAT LAST 1",
        "BDAT ",
        "BDAT",
        "BDAT  1",
        "BDAT\t1",
        "BDAT \u{661}",
    ] {
        for script in [
            Script::new(chunking()),
            Script::ehlo(chunking()),
            Script::ehlo(config()),
            ready(chunking()),
            self::bdat(ready(chunking()), "a", false, "250 "),
        ] {
            let talk = script.say(bdat, "501 5.5.4 ").send(EVIL).run();
            assert_eq!(talk.closing, Some(Closing::ChunkSize), "{bdat:?}");
            assert!(talk.messages().is_empty());
            assert!(!talk.events.iter().any(|event| event.contains("evil")), "{talk:#?}");
        }
    }
}

/// Threats 7: a size that can be read and is too much is refused, and its octets are thrown away.
#[test]
fn a_size_that_is_too_much_is_swallowed() {
    for size in ["9223372036854775808", "18446744073709551615", "18446744073709551615 LAST", "21"] {
        let script = ready(chunking().max_size(20)).send(format!("BDAT {size}\r\n"));
        let script = script.hear("552 5.3.4 ").send(&EVIL[..21]);
        let talk = match size {
            "21" => script.say("NOOP", "250 ").run(),
            _ => script.send("NOOP\r\nQUIT\r\n".repeat(20)).end(End::Eof).run(),
        };
        assert!(!talk.events.iter().any(|event| event.contains("evil")), "{talk:#?}");
        assert!(talk.messages().is_empty());
    }
}

/// Threats 7: no arithmetic wraps. Without SIZE any length may come, and the sum of two as well.
#[test]
fn sizes_do_not_wrap() {
    let first = bdat(ready(chunking()), "a", false, "250 ");
    let talk = first.send("BDAT 18446744073709551615 LAST\r\nMAIL FROM:<evil@x>\r\n").end(End::Eof);
    let talk = talk.run();
    assert_eq!(talk.closing, Some(Closing::PeerGone));
    assert!(talk.messages().is_empty() && !talk.events.iter().any(|event| event.contains("evil")));
    let first = bdat(ready(chunking().max_size(10)), "a", false, "250 ");
    let talk = first.send("BDAT 18446744073709551615 LAST\r\n").hear("552 5.3.4 ").run();
    assert!(talk.messages().is_empty());
}

/// Threats 7: `BDAT 0 LAST` is legal with or without chunks before it, and so is `BDAT 0`.
#[test]
fn empty_chunks_are_legal() {
    let empty = || bdat(ready(chunking()), "", false, "250 2.0.0 ");
    assert_eq!(bdat(empty(), "", true, "250 2.0.0 ").run().messages(), [""]);
    assert_eq!(bdat(empty(), "ab", true, "250 2.0.0 ").run().messages(), ["ab"]);
    let some = bdat(ready(chunking()), "ab", false, "250 2.0.0 ");
    assert_eq!(bdat(some, "", true, "250 2.0.0 ").run().messages(), ["ab"]);
    assert_eq!(bdat(ready(chunking()), "", true, "250 2.0.0 ").run().messages(), [""]);
}

/// Threats 7: SIZE with what is no number of 1 to 20 digits that fits 64 bits.
#[test]
fn sizes_that_are_none() {
    for size in [
        "SIZE=18446744073709551616",
        "SIZE=000000000000000000001",
        "SIZE=-100",
        "SIZE=+100",
        "SIZE=ABC",
        "SIZE=0x10",
        "SIZE=",
        "SIZE=1 SIZE=1",
        "SIZE=1 size=2",
        "SIZE 100",
        "SIZE",
    ] {
        let line = format!("MAIL FROM:<a@x> {size}");
        Script::ehlo(config()).say(line, "501 5.5.4 ").say("NOOP", "250 ").run();
    }
}

/// Threats 7: what is declared is checked, and what is sent all the same.
#[test]
fn sizes_are_enforced_whatever_was_declared() {
    let small = || config().max_size(10);
    for (size, reply) in [
        ("SIZE=10", "250 "),
        ("SIZE=0", "250 "),
        ("SIZE=11", "552 5.3.4 "),
        ("SIZE=18446744073709551615", "552 5.3.4 "),
    ] {
        Script::ehlo(small()).say(format!("MAIL FROM:<a@x> {size}"), reply).run();
    }
    let talk = Script::ehlo(small())
        .say("MAIL FROM:<a@x> SIZE=1", "250 ")
        .say("RCPT TO:<b@x>", "250 ")
        .say("DATA", "354 ")
        .say("0123456789\r\n.", "552 5.3.4 ")
        .run();
    assert!(talk.messages().is_empty());
    let chunked = Script::ehlo(chunking().max_size(10))
        .say("MAIL FROM:<a@x> SIZE=1", "250 ")
        .say("RCPT TO:<b@x>", "250 ");
    assert!(bdat(chunked, "0123456789a", true, "552 5.3.4 ").run().messages().is_empty());
    // Nothing is multiplied by the number of recipients.
    let many = Script::ehlo(config()).say("MAIL FROM:<a@x> SIZE=18446744073709551615", "250 ");
    (0..3).fold(many, |script, _| script.say("RCPT TO:<b@x>", "250 ")).run();
}

/// Threats 7: chunks are content, whatever stands in them; nothing is taken off a dot.
#[test]
fn chunks_make_a_message_octet_for_octet() {
    let talk = bdat(ready(chunking()), "a\r\n.\r\nb\n\r\0.", false, "250 2.0.0 ");
    let talk = bdat(talk, "", false, "250 2.0.0 ");
    let talk = bdat(talk, "\r\n.\r\n", true, "250 2.0.0 ").say("NOOP", "250 ").run();
    assert_eq!(talk.messages(), [r"a\r\n.\r\nb\n\r\x00.\r\n.\r\n"]);
}

#[test]
fn one_chunk_and_an_empty_one_are_messages() {
    let talk = bdat(ready(chunking()), EVIL, true, "250 2.0.0 ").run();
    assert_eq!(talk.messages(), [EVIL.escape_default().to_string()]);
    assert_eq!(bdat(ready(chunking()), "", true, "250 2.0.0 ").run().messages(), [""]);
}

/// Threats 7: a command in the segment of the last chunk is no content.
#[test]
fn what_stands_behind_the_last_chunk_is_a_command() {
    let talk = ready(chunking())
        .send("BDAT 5 LAST\r\nHi\r\n.NOOP\r\nRSET\r\n")
        .hear("250 2.0.0 ")
        .hear("250 ")
        .hear("250 ")
        .run();
    assert_eq!(talk.messages(), [r"Hi\r\n."]);
}

/// Threats 7, CVE-2017-16943: BDAT where all recipients were refused, or there is no MAIL or RCPT; BDAT
/// behind the last. Its octets are thrown away, whatever they look like.
#[test]
fn a_chunk_that_cannot_stand_there_is_swallowed() {
    for (script, reply) in [
        (Script::new(chunking()), "503 5.5.1 "),
        (Script::ehlo(chunking()), "503 5.5.1 "),
        (Script::ehlo(chunking()).say("MAIL FROM:<a@x>", "250 "), "503 5.5.1 "),
        (
            Script::ehlo(chunking())
                .say("MAIL FROM:<a@x>", "250 ")
                .say("RCPT TO:<no550@x>", "550 "),
            "503 5.5.1 ",
        ),
        (Script::ehlo(chunking()).say("MAIL FROM:<no550@x>", "550 "), "503 5.5.1 "),
        (bdat(ready(chunking()), "a", true, "250 "), "503 5.5.1 "),
        (ready(chunking().max_size(20)), "552 5.3.4 "),
    ] {
        for last in [true, false] {
            let talk = bdat(script.clone(), EVIL, last, reply).say("NOOP", "250 ").run();
            assert!(!talk.events.iter().any(|event| event.contains("evil")), "{talk:#?}");
        }
    }
}

#[test]
fn chunks_under_way_behind_a_refused_one_are_no_errors() {
    let refused = ready(chunking()).with(|script| script.data = Verdict::No(451, "not now"));
    let mut talk = bdat(refused, EVIL, false, "451 4.9.9 ");
    for _ in 0..50 {
        talk = bdat(talk, EVIL, false, "503 5.5.1 ");
    }
    let talk = bdat(talk, EVIL, true, "503 5.5.1 ").say("MAIL FROM:<c@x>", "250 2.1.0 ").run();
    assert!(!talk.events.iter().any(|event| event.contains("evil")));
}

#[test]
fn size_holds_over_all_chunks() {
    let talk = bdat(ready(chunking().max_size(10)), "12345", false, "250 ");
    let talk = bdat(talk, "123456", false, "552 5.3.4 ");
    let talk = bdat(talk, "1", true, "503 5.5.1 ").say("RCPT TO:<c@x>", "503 ").run();
    assert!(talk.messages().is_empty());
    assert_eq!(talk.events.iter().filter(|event| event.contains("TooLarge")).count(), 1);
    let fits = bdat(ready(chunking().max_size(10)), "12345", false, "250 ");
    assert_eq!(bdat(fits, "12345", true, "250 ").run().messages(), ["1234512345"]);
}

/// Threats 7: DATA behind BDAT, RSET and others between chunks.
#[test]
fn between_chunks_only_some_commands_stand() {
    let between = || bdat(ready(chunking()), "a", false, "250 ");
    for line in ["MAIL FROM:<c@x>", "RCPT TO:<c@x>", "DATA"] {
        let talk = between().say(line, "503 5.5.1 ").say("NOOP", "250 ");
        assert_eq!(bdat(talk, "b", true, "250 ").run().messages(), ["ab"], "{line}");
    }
    for line in ["RSET", "EHLO client.example", "HELO client.example"] {
        let talk = between().say(line, "250");
        assert!(bdat(talk, "b", true, "503 ").run().messages().is_empty(), "{line}");
    }
    assert_eq!(between().say("QUIT", "221 ").run().closing, Some(Closing::Quit));
}

/// Threats 7: DATA where BODY=BINARYMIME was said (RFC 3030 section 3).
#[test]
fn binary_content_does_not_go_by_data() {
    ready(chunking()).say("DATA", "503 5.5.1 ").run();
}

/// Threats 7: no delivery of what ends in mid-chunk.
#[test]
fn a_chunk_that_is_cut_is_no_message() {
    for end in [End::Eof, End::TimedOut, End::Broken] {
        let talk = ready(chunking()).send("BDAT 10 LAST\r\n123456789").end(end);
        let talk = match end {
            End::TimedOut => talk.hear("421 4.4.2 "),
            _ => talk,
        };
        assert!(talk.run().messages().is_empty(), "{end:?}");
    }
}

/// Threats 5: tiny chunks. Those of no octets are junk, those of few are counted.
#[test]
fn tiny_and_empty_chunks_are_bounded() {
    let mut talk = ready(chunking());
    for _ in 0..120 {
        talk = bdat(talk, "", false, "250 ");
    }
    bdat(talk, "", false, "421 4.7.0 ").run();
    let few = || {
        let mut limits = Limits::default();
        limits.small_chunks = 3;
        let talk = ready(chunking().limits(limits));
        (0..4).fold(talk, |talk, _| bdat(talk, "a", false, "250 "))
    };
    let talk = bdat(few(), "a", false, "421 4.7.0 ").run();
    assert_eq!(talk.closing, Some(Closing::TooManyErrors));
    assert!(talk.messages().is_empty());
    // The last chunk does not count, nor do large ones, and a new message begins at none.
    let large = "x".repeat(1024);
    let talk = bdat(bdat(few(), &large, false, "250 "), "b", true, "250 ").settled();
    let talk = talk.say("MAIL FROM:<c@x>", "250 ").say("RCPT TO:<b@x>", "250 ");
    let talk = (0..4).fold(talk, |talk, _| bdat(talk, "a", false, "250 "));
    assert_eq!(bdat(talk, "b", true, "250 ").run().messages().len(), 2);
}

fn lmtp() -> Script {
    Script::new(chunking().lmtp())
        .say("LHLO client.example", "250-mx.example.org\r\n")
        .say("MAIL FROM:<a@x>", "250 ")
        .say("RCPT TO:<b@x>", "250 ")
        .say("RCPT TO:<no550@x>", "550 ")
        .say("RCPT TO:<b@x>", "250 ")
}

#[test]
fn lmtp_answers_for_each_recipient() {
    let talk = lmtp()
        .say("DATA", "354 ")
        .say("Hi\r\n.", "250 2.0.0 ")
        .hear("250 2.0.0 ")
        .say("NOOP", "250 ")
        .run();
    assert_eq!(talk.messages(), [r"Hi\r\n", r"Hi\r\n"]);
    bdat(lmtp(), "Hi", true, "250 2.0.0 ").hear("250 2.0.0 ").say("NOOP", "250 ").run();
}

#[test]
fn lmtp_refuses_for_each_recipient() {
    lmtp()
        .say("DATA", "354 ")
        .say("bare\nnewline\r\n.", "554 5.6.0 ")
        .hear("554 5.6.0 ")
        .say("NOOP", "250 ")
        .run();
}

#[test]
fn lmtp_refuses_the_last_chunk_for_each_recipient() {
    let refused = lmtp().with(|script| script.data = Verdict::No(451, "not now"));
    bdat(refused, EVIL, true, "451 4.9.9 ").hear("451 4.9.9 ").say("NOOP", "250 ").run();
    let small = Script::new(chunking().lmtp().max_size(3))
        .say("LHLO client.example", "250-")
        .say("MAIL FROM:<a@x>", "250 ")
        .say("RCPT TO:<b@x>", "250 ")
        .say("RCPT TO:<b@x>", "250 ");
    bdat(small, EVIL, true, "552 5.3.4 ").hear("552 5.3.4 ").say("NOOP", "250 ").run();
}

#[test]
fn lmtp_knows_no_helo_and_smtp_no_lhlo() {
    let talk = Script::new(chunking().lmtp());
    talk.say("EHLO x.example", "500 5.5.1 ")
        .say("HELO x.example", "500 5.5.1 ")
        .say("LHLO x.example", "250-")
        .say("DATA", "503 ")
        .run();
    Script::new(chunking()).say("LHLO x.example", "500 5.5.1 ").run();
}
