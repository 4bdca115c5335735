//! What looks like the end of mail data and is none: every spelling, in every framing, under
//! every policy, must leave the session where a plain search for CR LF "." CR LF says.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod common;

use common::Cut;
use common::script::{Script, config};
use smtp_codec::proto::session::BareNewline;

const EVIL: &str = "MAIL FROM:<evil@x>\r\n";

const POLICIES: [BareNewline; 3] = [BareNewline::Reject, BareNewline::Normalise, BareNewline::Pass];

/// Octets as characters, so that they can be searched.
fn latin(octets: &[u8]) -> String {
    octets.iter().copied().map(char::from).collect()
}

fn escaped(latin: &str) -> String {
    let octets: Vec<u8> = latin.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    octets.escape_ascii().to_string()
}

/// The content, whether it holds a bare newline, and what stands behind its end.
fn oracle(sent: &[u8], policy: BareNewline) -> Option<(String, bool, String)> {
    let framed = format!("\r\n{}", latin(sent));
    let (before, behind) = framed.split_once("\r\n.\r\n")?;
    let content = format!("{before}\r\n").replace("\r\n.", "\r\n").split_off(2);
    let bare = content.replace("\r\n", "").contains(['\r', '\n']);
    let content = match policy {
        BareNewline::Normalise => {
            let lines = content.replace("\r\n", "\u{100}").replace(['\r', '\n'], "\u{100}");
            lines.replace('\u{100}', "\r\n")
        }
        _ => content,
    };
    Some((content, bare, behind.into()))
}

#[track_caller]
fn check(sent: &[u8], policy: BareNewline, every_split: bool) {
    let script = Script::in_data(config().bare_newline(policy)).settled().send(sent);
    let talk = if every_split {
        script.observe()
    } else {
        let talk = script.hold(Cut::Whole, false, usize::MAX);
        assert_eq!(script.hold(Cut::EachOctet, false, usize::MAX), talk);
        talk
    };
    let shown = sent.escape_ascii();
    let Some((content, bare, behind)) = oracle(sent, policy) else {
        assert_eq!(talk.replies.len(), 5, "the data has no end: {shown}");
        assert!(talk.messages().is_empty(), "{shown}");
        return;
    };
    if bare && policy == BareNewline::Reject {
        assert!(talk.replies[5].starts_with("554 5.6.0 "), "{shown}");
        assert!(talk.events.contains(&"aborted BareNewline".into()), "{shown}");
    } else {
        assert_eq!(talk.messages().first(), Some(&escaped(&content).as_str()), "{shown}");
        assert!(talk.replies[5].starts_with("250 2.0.0 "), "{shown}");
    }
    let smuggled = talk.events.contains(&"mail <evil@x>".into());
    let is_line = format!("\r\n{behind}").contains("\r\nMAIL FROM:<evil@x>\r\n");
    assert_eq!(smuggled, is_line, "{shown}");
}

const SEQUENCES: [&[u8]; 24] = [
    b"\n.\n",
    b"\n.\r",
    b"\r.\n",
    b"\r.\r",
    b"\n.\r\n",
    b"\r.\r\n",
    b"\r\n\0.\r\n",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r\n.\0\r\n",
    b".\n",
    b".\r",
    b".\r\r\n",
    b"\r\n..\r\n",
    b"\r\n. \r\n",
    b"\r\n .\r\n",
    b"\r\n.\x0b\r\n",
    b"\xc2\x85.\xc2\x85",
    b"\x85.\x85",
    b"\xe2\x80\xa8.\xe2\x80\xa8",
    b"\r\n\xc0\xae\r\n",
    b"\x8d\x8a\xae\x8d\x8a",
];

/// Each is tried under each policy, whole and octet by octet; under one of them, in turn, at
/// every split.
fn check_all(number: usize, sent: &[u8]) {
    for (turn, policy) in POLICIES.into_iter().enumerate() {
        check(sent, policy, number % POLICIES.len() == turn);
    }
}

#[test]
fn every_spelling_in_every_framing() {
    let mut number = 0;
    for sequence in SEQUENCES {
        for before in [&b"text\r\n"[..], b"text", b"", b"\r\n"] {
            for after in [&b"\r\n"[..], b""] {
                number += 1;
                let end = b"\r\n.\r\nNOOP\r\n";
                check_all(number, &[before, sequence, after, EVIL.as_bytes(), end].concat());
            }
        }
    }
}

#[test]
fn without_a_real_end_nothing_is_answered() {
    let mut number = 0;
    for sequence in SEQUENCES {
        for before in [&b"text\r\n"[..], b"text", b""] {
            number += 1;
            check_all(number, &[before, sequence, b"\r\n", EVIL.as_bytes(), b"QUIT\r\n"].concat());
        }
    }
}

#[test]
fn the_matrix() {
    let before: [&[u8]; 21] = [
        b"",
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\r",
        b"\r\r\n",
        b"\n\r\n",
        b"\r\n\n",
        b"\r\n\r",
        b"\r\n\0",
        b"\0\r\n",
        b"\r\0\n",
        b"\x0b",
        b"\x0c",
        b"\x85",
        b"\xc2\x85",
        b"\xe2\x80\xa8",
        b"\r\n\xef\xbb\xbf",
        b"\xc4\x8d\xc4\x8a",
        b"\x8d\x8a",
        b"\r\n ",
    ];
    let dot: [&[u8]; 11] = [
        b".",
        b"..",
        b". ",
        b" .",
        b".\0",
        b"\0.",
        b"\xae",
        b"\xc0\xae",
        b"\xef\xbc\x8e",
        b".\x7f",
        b".\r",
    ];
    let after: [&[u8]; 15] = [
        b"",
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\r",
        b"\r\r\n",
        b"\n\r\n",
        b"\r\n\n",
        b"\r\0\n",
        b"\0\r\n",
        b"\x0b",
        b"\x85",
        b"\xc2\x85",
        b"\xc4\x8d\xc4\x8a",
        b"\x8d\x8a",
    ];
    let (mut real, mut turn) = (0, 0);
    for before in before {
        for dot in dot {
            for after in after {
                for text in [&b"text\r\n"[..], b"text"] {
                    turn += 1;
                    if turn % 2 == 0 {
                        continue;
                    }
                    let sent = [text, before, dot, after, EVIL.as_bytes(), b"\r\n.\r\n"].concat();
                    let tail = [before, dot, after, b"MAIL"].concat();
                    let alone = [text, &tail].concat();
                    real += u32::from(alone.windows(5).any(|five| five == b"\r\n.\r\n"));
                    check(&sent, POLICIES[sent.len() % 3], false);
                }
            }
        }
    }
    assert!(real > 10, "some of them are real: {real}");
}
