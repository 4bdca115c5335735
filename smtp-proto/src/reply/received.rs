//! A whole reply as it was received.

use core::fmt::{self, Write as _};

use memchr::{memchr, memchr3};

use super::line::enhanced;
use super::{Class, EnhancedCode, ReplyCode, ReplyFault, ReplyLine};
use crate::syntax;

/// A whole reply, over the octets of its lines, CRLFs included.
///
/// A client acts on the code alone (RFC 5321 section 4.2); the text is for people, and
/// `Display` makes it fit for them: one line, without controls.
///
/// ```
/// use smtp_proto::reply::Reply;
///
/// let reply = Reply::parse(b"550-5.7.1 Not from\r\n550 5.7.1 here.\r\n").unwrap();
/// assert!(reply.code().is_permanent());
/// assert_eq!(reply.enhanced().unwrap().to_string(), "5.7.1");
/// assert_eq!(reply.text(), b"Not from");
/// assert_eq!(reply.to_string(), "550 5.7.1 Not from here.");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reply<'a> {
    code: ReplyCode,
    bytes: &'a [u8],
}

/// Cuts off the first line, without its CRLF. One search finds its end and what may not stand
/// in it.
pub(super) fn split_line(bytes: &[u8]) -> Result<(&[u8], &[u8]), ReplyFault> {
    let end = memchr3(b'\r', b'\n', 0, bytes).ok_or(ReplyFault::Incomplete)?;
    let (line, rest) = bytes.split_at_checked(end).ok_or(ReplyFault::Incomplete)?;
    match rest {
        [b'\r', b'\n', rest @ ..] => Ok((line, rest)),
        [b'\r'] => Err(ReplyFault::Incomplete),
        _ => Err(ReplyFault::Control),
    }
}

/// Cuts off the first line, if it is letters, digits and hyphens and nothing else, as most lines of
/// an EHLO reply are: walking over so few octets costs less than a search.
#[inline]
fn split_word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (word, behind) = syntax::Class::LDH.split_bytes(text);
    Some((word, behind.strip_prefix(b"\r\n")?))
}

impl<'a> Reply<'a> {
    /// Reads one whole reply, each line with its CRLF and nothing behind the last one.
    ///
    /// Size is no concern here: [`ReplyScanner`](super::ReplyScanner) bounds what is gathered.
    ///
    /// # Errors
    ///
    /// [`ReplyFault`], except `TooLong` and `TooManyLines`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ReplyFault> {
        Self::read(bytes, |text| match split_word(text) {
            Some((_, rest)) => Ok(rest),
            None => split_line(text).map(|(_, rest)| rest),
        })
    }

    /// The same. Of the lines behind the first, `read_line` is given what follows the code and its
    /// separator, and returns what follows the line.
    #[inline]
    pub(super) fn read(
        bytes: &'a [u8],
        mut read_line: impl FnMut(&'a [u8]) -> Result<&'a [u8], ReplyFault>,
    ) -> Result<Self, ReplyFault> {
        let (line, mut rest) = split_line(bytes)?;
        let line = ReplyLine::parse_clean(line)?;
        let (code, mut is_last) = (line.code(), line.is_last());
        let [a, b, c] = code.digits();
        let (more, end) = ([a, b, c, b'-'], [a, b, c, b' ']);
        while !is_last {
            if let Some((head, text)) = rest.split_first_chunk()
                && (*head == more || *head == end)
            {
                (rest, is_last) = (read_line(text)?, *head == end);
                continue;
            }
            // The code alone, or a fault.
            let (line, behind) = split_line(rest)?;
            let line = ReplyLine::parse_clean(line)?;
            if line.code() != code {
                return Err(ReplyFault::Mismatch);
            }
            (rest, is_last) = (behind, line.is_last());
        }
        if rest.is_empty() { Ok(Reply { code, bytes }) } else { Err(ReplyFault::Trailing) }
    }

    pub(super) const fn checked(code: ReplyCode, bytes: &'a [u8]) -> Self {
        Reply { code, bytes }
    }

    /// The reply code.
    #[must_use]
    pub const fn code(&self) -> ReplyCode {
        self.code
    }

    /// What the first digit of the code says.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.code.class()
    }

    /// The enhanced status code of the first line (RFC 2034), if it has one and its class is
    /// that of the reply code: where the two differ, the reply code is right.
    #[must_use]
    pub fn enhanced(&self) -> Option<EnhancedCode> {
        Some(enhanced(self.code, self.bytes.get(4..)?)?.0)
    }

    /// The text of the first line, without the enhanced status code. May be empty.
    #[must_use]
    pub fn text(&self) -> &'a [u8] {
        self.texts().next().unwrap_or_default()
    }

    /// What follows the code and its separator on each line, enhanced status codes included.
    pub fn lines(&self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        self.reply_lines().map(|line| line.text())
    }

    /// The text of each line without the enhanced status code.
    pub fn texts(&self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        self.reply_lines().map(|line| line.split_enhanced().1)
    }

    pub(super) fn reply_lines(&self) -> Lines<'a> {
        Lines { code: self.code, bytes: self.bytes }
    }

    /// The octets as received, CRLFs included.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

#[derive(Clone)]
pub(super) struct Lines<'a> {
    code: ReplyCode,
    bytes: &'a [u8],
}

impl<'a> Lines<'a> {
    /// The text of the next line, if it is letters, digits and hyphens and nothing else.
    #[inline]
    pub(super) fn next_word(&mut self) -> Option<&'a [u8]> {
        let (word, rest) = split_word(self.bytes.get(4..)?)?;
        self.bytes = rest;
        Some(word)
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = ReplyLine<'a>;

    fn next(&mut self) -> Option<ReplyLine<'a>> {
        let (line, rest) = self.bytes.split_at_checked(memchr(b'\n', self.bytes)?)?;
        self.bytes = rest.strip_prefix(b"\n").unwrap_or(rest);
        Some(ReplyLine::of_parsed(self.code, line.strip_suffix(b"\r").unwrap_or(line)))
    }
}

/// On one line: the code, the enhanced status code, and the texts with a space between them.
/// Controls, invisible direction marks and octets that are not UTF-8 are escaped.
impl fmt::Display for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = self.enhanced() {
            write!(f, " {enhanced}")?;
        }
        for text in self.texts().filter(|text| !text.is_empty()) {
            f.write_str(" ")?;
            show(text, f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({self})")
    }
}

fn show(text: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            if is_deceptive(character) {
                write!(f, "{}", character.escape_unicode())?;
            } else {
                f.write_char(character)?;
            }
        }
        for byte in chunk.invalid() {
            write!(f, "\\x{byte:02x}")?;
        }
    }
    Ok(())
}

/// Controls, line and paragraph separators, and what turns the direction of writing around.
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_whole_and_alone() {
        for (bytes, fault) in [
            ("", ReplyFault::Incomplete),
            ("250 ok", ReplyFault::Incomplete),
            ("250 ok\r", ReplyFault::Incomplete),
            ("250-ok\r\n", ReplyFault::Incomplete),
            ("250-\r\n250", ReplyFault::Incomplete),
            ("250 ok\n", ReplyFault::Control),
            ("250-a\n250 b\r\n", ReplyFault::Control),
            ("250 a\rb\r\n", ReplyFault::Control),
            ("250 a\r\r\n", ReplyFault::Control),
            ("250 a\0\r\n", ReplyFault::Control),
            ("250 a\r\n\r\n", ReplyFault::Trailing),
            ("250 a\r\n250 b\r\n", ReplyFault::Trailing),
            ("220 go\r\nx", ReplyFault::Trailing),
            ("250-a\r\n550 b\r\n", ReplyFault::Mismatch),
            ("200-\r\n250 \r\n", ReplyFault::Mismatch),
            ("250-a\r\n\r\n250 b\r\n", ReplyFault::Code),
            ("250-a\r\n250-b\r\n", ReplyFault::Incomplete),
            ("250-a\r\n250-b\r\n550-c\r\n250 d\r\n", ReplyFault::Mismatch),
            ("250-a\r\n250-b\n250 d\r\n", ReplyFault::Control),
            ("250-a\r\n250-b\0\r\n250 d\r\n", ReplyFault::Control),
            ("250-a\r\n250-b\r250 d\r\n", ReplyFault::Control),
            ("250-a\r\n250b\r\n", ReplyFault::Separator),
            ("\r\n", ReplyFault::Code),
        ] {
            assert_eq!(Reply::parse(bytes.as_bytes()), Err(fault), "{bytes:?}");
        }
    }

    #[test]
    fn lines_without_text_count() {
        let reply = Reply::parse(b"250-\r\n250-2.0.0\r\n250\r\n").unwrap();
        assert!(reply.lines().eq([b"".as_slice(), b"2.0.0", b""]));
        assert!(reply.texts().eq([b"".as_slice(), b"", b""]));
        assert_eq!(reply.enhanced(), None);
        let bare = Reply::parse(b"250 2.1.0\r\n").unwrap();
        assert_eq!((bare.enhanced(), bare.text()), (EnhancedCode::new(2, 1, 0), &b""[..]));
    }

    #[test]
    fn the_code_is_right_where_the_enhanced_one_differs() {
        let reply = Reply::parse(b"450 5.1.1 gone\r\n").unwrap();
        assert!(reply.code().is_transient());
        assert_eq!(reply.enhanced(), None);
        assert_eq!(reply.text(), b"5.1.1 gone");
    }
}
