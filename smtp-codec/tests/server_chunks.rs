//! BDAT and LMTP (RFC 3030, RFC 2033): chunks are counted and never read as commands; each
//! recipient of LMTP gets a reply of its own.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod common;

use common::script::{End, Script, Verdict, chunking};
use smtp_codec::server::Closing;

const EVIL: &str = "MAIL FROM:<evil@x>\r\nRCPT TO:<evil@x>\r\n";

/// A session that is ready for chunks.
fn ready(config: smtp_codec::server::Config) -> Script {
    Script::ehlo(config)
        .say("MAIL FROM:<a@x> BODY=BINARYMIME", "250 2.1.0 ")
        .say("RCPT TO:<b@x>", "250 2.1.5 ")
}

fn bdat(script: Script, content: &str, last: bool, reply: &str) -> Script {
    let last = if last { " LAST" } else { "" };
    script.send(format!("BDAT {}{last}\r\n{content}", content.len())).hear(reply)
}

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

#[test]
fn a_chunk_that_cannot_stand_there_is_swallowed() {
    for (script, reply) in [
        (Script::new(chunking()), "503 5.5.1 "),
        (Script::ehlo(chunking()), "503 5.5.1 "),
        (Script::ehlo(chunking()).say("MAIL FROM:<a@x>", "250 "), "503 5.5.1 "),
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

#[test]
fn binary_content_does_not_go_by_data() {
    ready(chunking()).say("DATA", "503 5.5.1 ").run();
}

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

#[test]
fn tiny_and_empty_chunks_are_bounded() {
    let mut talk = ready(chunking());
    for _ in 0..120 {
        talk = bdat(talk, "", false, "250 ");
    }
    bdat(talk, "", false, "421 4.7.0 ").run();
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
