//! What another server said, told to a client of one's own.

use super::answer::{MOST_TEXT, put_codes};
use super::{EnhancedCode, Positive, Refusal, Reply, ReplyCode, ReplyError, ReplyText};
use crate::sink::Sink;

macro_rules! relayed {
    ($name:ident, $class:literal) => {
        #[doc = concat!("A ", $class, " reply of another server as an answer of one's own: with its code, its")]
        /// enhanced status code, and its lines.
        ///
        /// Fails with [`ReplyError::Code`] for a reply of another class, and with
        /// [`ReplyError::TooLong`] for one of more than 100 lines.
        impl<'a> TryFrom<Reply<'a>> for $name<'a> {
            type Error = ReplyError;

            fn try_from(reply: Reply<'a>) -> Result<Self, ReplyError> {
                Self::new(reply.code().get(), reply.enhanced(), ReplyText::Relayed(reply))
            }
        }
    };
}
relayed!(Positive, "2yz");
relayed!(Refusal, "4yz or 5yz");

pub(super) fn write_relayed<S: Sink + ?Sized>(
    out: &mut S,
    code: ReplyCode,
    enhanced: Option<EnhancedCode>,
    reply: Reply<'_>,
    utf8: bool,
) {
    let mut texts = reply.texts().peekable();
    while let Some(text) = texts.next() {
        let separator = if texts.peek().is_some() { b'-' } else { b' ' };
        put_codes(out, code, separator, enhanced);
        put_text(out, text, utf8);
        out.put(b"\r\n");
    }
}

/// The beginning of a text, as much as a line has room for.
fn put_text<S: Sink + ?Sized>(out: &mut S, text: &[u8], utf8: bool) {
    let mut left = MOST_TEXT;
    for chunk in text.utf8_chunks() {
        let bad = if chunk.invalid().is_empty() { None } else { Some(char::REPLACEMENT_CHARACTER) };
        for character in chunk.valid().chars().chain(bad) {
            let is_plain = character == '\t' || !character.is_control();
            let known = is_plain && (utf8 || character.is_ascii());
            let mut room = [0; 4];
            let octets = if known { character } else { '?' }.encode_utf8(&mut room).as_bytes();
            match left.checked_sub(octets.len()) {
                Some(rest) => left = rest,
                None => return,
            }
            out.put(octets);
        }
    }
}

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::*;

    fn relayed(received: &[u8], enhanced: bool, utf8: bool) -> Vec<u8> {
        let reply = Reply::parse(received).unwrap();
        let mut out = Vec::new();
        match (Positive::try_from(reply), Refusal::try_from(reply)) {
            (Ok(yes), Err(ReplyError::Code)) => yes.encode(&mut out, enhanced, utf8),
            (Err(ReplyError::Code), Ok(no)) => no.encode(&mut out, enhanced, utf8),
            other => panic!("{other:?}"),
        }
        out
    }

    #[test]
    fn code_status_and_lines_are_kept() {
        for text in [
            "250 \r\n",
            "250 2.1.5 fine\r\n",
            "550-5.7.1 Not from\r\n550 5.7.1 here.\r\n",
            "451-\r\n451-a\tb\r\n451 \r\n",
            "571 no\r\n",
        ] {
            assert_eq!(String::from_utf8(relayed(text.as_bytes(), true, false)).unwrap(), text);
        }
        assert_eq!(relayed(b"550-5.7.1 a\r\n550 5.7.1 b\r\n", false, false), b"550-a\r\n550 b\r\n");
        assert_eq!(relayed(b"250\r\n", true, false), b"250 \r\n");
    }

    #[test]
    fn what_may_not_stand_in_a_reply_does_not() {
        assert_eq!(
            relayed(b"550 a\x1b[2J\x7fb\xffc\r\n", true, true),
            "550 a?[2J?b\u{fffd}c\r\n".as_bytes()
        );
        assert_eq!(
            relayed("550 n\u{e9}\u{85}\r\n".as_bytes(), true, true),
            "550 n\u{e9}?\r\n".as_bytes()
        );
        assert_eq!(relayed(b"550 n\xc3\xa9\xff\r\n", true, false), b"550 n??\r\n");
    }

    #[test]
    fn a_line_is_no_longer_than_it_may_be() {
        for filler in ["x", "\u{e9}"] {
            let long = alloc::format!("550 5.100.100 {}\r\n", filler.repeat(5000));
            let out = relayed(long.as_bytes(), true, true);
            assert!((511..=512).contains(&out.len()), "{}", out.len());
            assert!(str::from_utf8(&out).unwrap().ends_with(&alloc::format!("{filler}\r\n")));
        }
    }

    #[test]
    fn what_is_no_answer_is_none() {
        let go = Reply::parse(b"354 go\r\n").unwrap();
        assert_eq!(Positive::try_from(go), Err(ReplyError::Code));
        assert_eq!(Refusal::try_from(go), Err(ReplyError::Code));
        let lines = |count: usize| "250-x\r\n".repeat(count - 1) + "250 x\r\n";
        let (most, more) = (lines(100), lines(101));
        assert!(Positive::try_from(Reply::parse(most.as_bytes()).unwrap()).is_ok());
        let more = Reply::parse(more.as_bytes()).unwrap();
        assert_eq!(Positive::try_from(more), Err(ReplyError::TooLong));
    }
}
