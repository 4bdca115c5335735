//! One line of a reply as it arrives.

use core::fmt;

use memchr::memchr3;

use super::{EnhancedCode, ReplyCode};

/// Why bytes are not a reply. After any of these the two sides no longer agree on where a reply
/// ends, so the connection is of no more use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum ReplyFault {
    /// The line does not begin with three digits from 200 to 599.
    Code,
    /// What follows the code is neither a space nor a hyphen nor the end of the line.
    Separator,
    /// A line of the reply carries another code than the first.
    Mismatch,
    /// The text holds NUL, or a CR or LF that is not part of the CRLF at the end of the line.
    Control,
    /// The reply is longer than the scanner takes.
    TooLong,
    /// The reply has more lines than the scanner takes.
    TooManyLines,
    /// The last line of the reply is missing.
    Incomplete,
    /// There is something behind the last line of the reply.
    Trailing,
}

impl fmt::Display for ReplyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ReplyFault::Code => "a reply line must begin with a code from 200 to 599",
            ReplyFault::Separator => "a space or a hyphen must follow the reply code",
            ReplyFault::Mismatch => "the lines of a reply carry different codes",
            ReplyFault::Control => "a reply line holds NUL, or CR or LF inside",
            ReplyFault::TooLong => "the reply is too long",
            ReplyFault::TooManyLines => "the reply has too many lines",
            ReplyFault::Incomplete => "the last line of the reply is missing",
            ReplyFault::Trailing => "something follows the last line of the reply",
        })
    }
}

impl core::error::Error for ReplyFault {}

/// One line of a reply.
///
/// ```text
/// Reply-line = *( Reply-code "-" [ textstring ] CRLF )     ; RFC 5321 section 4.2
///              Reply-code [ SP textstring ] CRLF
/// ```
///
/// The text may hold any octet but NUL, CR and LF: what is shown to people goes through the
/// `Display` of [`Reply`](super::Reply), which escapes.
///
/// ```
/// use smtp_proto::reply::ReplyLine;
///
/// let line = ReplyLine::parse(b"250-mx.example.org").unwrap();
/// assert_eq!(line.code().get(), 250);
/// assert!(!line.is_last());
/// assert_eq!(line.text(), b"mx.example.org");
/// assert!(ReplyLine::parse(b"250").unwrap().is_last());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReplyLine<'a> {
    code: ReplyCode,
    last: bool,
    text: &'a [u8],
}

impl<'a> ReplyLine<'a> {
    /// Reads one line, without the CRLF that ended it.
    ///
    /// # Errors
    ///
    /// [`ReplyFault::Code`], [`ReplyFault::Separator`] or [`ReplyFault::Control`].
    pub fn parse(line: &'a [u8]) -> Result<Self, ReplyFault> {
        let parsed = Self::parse_clean(line)?;
        if has_control(parsed.text) && memchr3(b'\r', b'\n', 0, parsed.text).is_some() {
            return Err(ReplyFault::Control);
        }
        Ok(parsed)
    }

    /// The same for a line that is known to hold neither NUL, CR nor LF.
    #[inline]
    pub(super) fn parse_clean(line: &'a [u8]) -> Result<Self, ReplyFault> {
        let (digits, rest) = line.split_first_chunk().ok_or(ReplyFault::Code)?;
        let code = ReplyCode::of_digits(*digits).ok_or(ReplyFault::Code)?;
        let (last, text) = match rest {
            [] => (true, rest),
            [b' ', text @ ..] => (true, text),
            [b'-', text @ ..] => (false, text),
            _ => return Err(ReplyFault::Separator),
        };
        Ok(ReplyLine { code, last, text })
    }

    /// A line of a reply that was parsed before.
    pub(super) fn of_parsed(code: ReplyCode, line: &'a [u8]) -> Self {
        let last = line.get(3) != Some(&b'-');
        ReplyLine { code, last, text: line.get(4..).unwrap_or_default() }
    }

    /// The reply code.
    #[must_use]
    pub const fn code(&self) -> ReplyCode {
        self.code
    }

    /// Whether this line ends its reply.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.last
    }

    /// What follows the code and its separator, an enhanced status code included. May be empty.
    #[must_use]
    pub const fn text(&self) -> &'a [u8] {
        self.text
    }

    /// The enhanced status code at the start of the text (RFC 2034 section 4), if its class is
    /// that of the reply code, and what follows it.
    #[must_use]
    pub fn split_enhanced(&self) -> (Option<EnhancedCode>, &'a [u8]) {
        match enhanced(self.code, self.text) {
            Some((enhanced, rest)) => (Some(enhanced), rest.strip_prefix(b" ").unwrap_or(rest)),
            None => (None, self.text),
        }
    }
}

/// Whether an octet below a space stands in `text`, eight octets at a time: most lines are short,
/// and a search costs more than they do.
fn has_control(text: &[u8]) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let below_space = |eight: &[u8; 8]| {
        let octets = u64::from_le_bytes(*eight);
        octets.wrapping_sub(u64::from(b' ') * EACH) & !octets
    };
    match text.last_chunk() {
        Some(last) => {
            let each = text.as_chunks().0.iter().map(below_space);
            each.fold(below_space(last), |all, one| all | one) & (0x80 * EACH) != 0
        }
        None => text.iter().any(|octet| *octet < b' '),
    }
}

/// The enhanced status code at the start of a text, and what follows it: nothing, a space, or
/// the line's end.
pub(super) fn enhanced(code: ReplyCode, text: &[u8]) -> Option<(EnhancedCode, &[u8])> {
    EnhancedCode::split(text).filter(|(enhanced, rest)| {
        u16::from(enhanced.class()) == code.get() / 100
            && matches!(rest.first(), None | Some(b' ' | b'\r'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_is_seen_wherever_it_stands() {
        for len in 0..40 {
            let text = &mut [b' '; 40][..len];
            for around in [b' ', b'~', 0x7f, 0x80, 0xff] {
                text.fill(around);
                assert!(!has_control(text));
                for at in 0..len {
                    for control in 0..b' ' {
                        text[at] = control;
                        assert!(has_control(text), "{control} at {at} of {len}");
                    }
                    text[at] = around;
                }
            }
        }
    }

    fn fault(line: &[u8]) -> Option<ReplyFault> {
        ReplyLine::parse(line).err()
    }

    #[test]
    fn the_text_may_be_missing_in_every_way() {
        for (line, last) in [(b"250".as_slice(), true), (b"250 ", true), (b"250-", false)] {
            let parsed = ReplyLine::parse(line).unwrap();
            assert_eq!(
                (parsed.code().get(), parsed.is_last(), parsed.text()),
                (250, last, &b""[..])
            );
            assert_eq!(ReplyLine::of_parsed(parsed.code(), line), parsed);
        }
        assert_eq!(ReplyLine::parse(b"250  a ").unwrap().text(), b" a ");
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for line in [
            "", "2", "25", "25 ", "2X0", "099", "100", "199", "600", "699", " 250", "-250", "+25",
            "x50 a",
        ] {
            assert_eq!(fault(line.as_bytes()), Some(ReplyFault::Code), "{line}");
        }
        for code in ["200", "571", "599", "299", "354"] {
            assert_eq!(fault(code.as_bytes()), None, "{code}");
        }
    }

    #[test]
    fn what_follows_the_code_must_separate() {
        for line in ["1000", "2500", "250OK", "250_x", "250\ta", "250=a", "250.", "250+"] {
            let found = fault(line.as_bytes());
            assert!(matches!(found, Some(ReplyFault::Separator | ReplyFault::Code)), "{line}");
        }
        assert_eq!(fault(b"250OK"), Some(ReplyFault::Separator));
    }

    #[test]
    fn nul_and_line_ends_do_not_belong_into_text() {
        for line in ["250 a\0b", "250 a\rb", "250 a\r", "250 a\nb", "250 \0", "250-\r"] {
            assert_eq!(fault(line.as_bytes()), Some(ReplyFault::Control), "{line:?}");
        }
        for line in ["250 a\x07b", "250 \x1b[31m", "250 \x7f", "250 caf\u{e9}", "250 a\tb"] {
            assert_eq!(fault(line.as_bytes()), None, "{line:?}");
        }
        assert_eq!(fault(b"250 \xff\x80"), None);
    }

    #[test]
    fn an_enhanced_code_needs_its_class_and_an_end() {
        let split = |line| {
            let (enhanced, text) = ReplyLine::parse(line).unwrap().split_enhanced();
            (enhanced.map(|e| (e.class(), e.subject(), e.detail())), text)
        };
        assert_eq!(split(b"250 2.1.5 ok"), (Some((2, 1, 5)), &b"ok"[..]));
        assert_eq!(split(b"550 5.7.26"), (Some((5, 7, 26)), &b""[..]));
        assert_eq!(split(b"550 5.7.26  two"), (Some((5, 7, 26)), &b" two"[..]));
        assert_eq!(split(b"550 5.999.999 x"), (Some((5, 999, 999)), &b"x"[..]));
        for line in [
            "550 4.7.26 other class",
            "354 3.0.0 x",
            "550 5.7.26x",
            "550 5.7",
            "550 5.7.",
            "550 5..1 x",
            "550 5.1000.1 x",
            "550 5.1.1000 x",
            "550 5.4294967297.1 x",
            "550  5.7.1 x",
            "550 5.7.1\tx",
            "250 2",
            "550 5,7,1 x",
        ] {
            assert_eq!(split(line.as_bytes()), (None, line.as_bytes().get(4..).unwrap()), "{line}");
        }
    }
}
