//! Arguments that are kept rather than understood: checked, so that they cannot break their line.

use core::fmt;

use crate::address::{LocalPart, Mailbox};
use crate::syntax::Syntax;

/// Any octets but CR, LF and NUL, without white space at the end, where it would mean nothing.
///
/// ```
/// use smtp_proto::command::Octets;
///
/// assert_eq!(Octets::new(b"keep\xffalive").unwrap().as_bytes(), b"keep\xffalive");
/// assert_eq!(Octets::new(b"x\r\nDATA"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Octets<'a>(&'a [u8]);

impl<'a> Octets<'a> {
    /// No octets.
    pub const EMPTY: Octets<'static> = Octets(b"");

    /// Checks the octets.
    #[must_use]
    pub fn new(octets: &'a [u8]) -> Option<Self> {
        let fit = memchr::memchr3(b'\r', b'\n', 0, octets).is_none()
            && !matches!(octets, [.., b' ' | b'\t']);
        fit.then_some(Octets(octets))
    }

    /// The octets.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// There are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Octets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// One or more characters, none of them a control, and no space at either end.
///
/// ```
/// use smtp_proto::command::Printable;
///
/// assert_eq!(Printable::new("MAIL FROM").unwrap().as_str(), "MAIL FROM");
/// assert_eq!(Printable::new("x\r\nDATA"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Printable<'a>(&'a str);

impl<'a> Printable<'a> {
    /// Checks the text.
    #[must_use]
    pub fn new(text: &'a str) -> Option<Self> {
        let bare = text.is_empty() || text.starts_with(' ') || text.ends_with(' ');
        (!bare && !text.chars().any(char::is_control)).then_some(Printable(text))
    }

    /// The text.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.0
    }
}

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What VRFY and EXPN ask about: a user, a mailbox or a list.
///
/// ```text
/// vrfy   = "VRFY" SP String [ SP "SMTPUTF8" ]    ; RFC 5321 section 4.1.1.6, RFC 6531 section 3.7.4.2
/// String = Atom / Quoted-string                  ; RFC 5321 section 4.1.2
/// ```
///
/// A Dot-string and a Mailbox are taken too, as section 3.5.1 speaks of both; lenient syntax takes
/// any printable text.
///
/// ```
/// use smtp_proto::{Syntax, command::Argument};
///
/// let argument = Argument::parse("alice@example.org").unwrap();
/// assert_eq!(argument.mailbox().unwrap().local_part().as_str(), "alice");
/// assert!(Argument::parse("Alice Smith").is_none());
/// assert!(Argument::parse_with("Alice Smith", Syntax::Lenient).is_some());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Argument<'a> {
    text: &'a str,
    smtp_utf8: bool,
}

impl<'a> Argument<'a> {
    /// Checks the whole argument, strictly.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        Self::parse_with(text, Syntax::Strict)
    }

    /// Checks the whole argument.
    #[must_use]
    pub fn parse_with(text: &'a str, syntax: Syntax) -> Option<Self> {
        const PARAMETER: &str = " SMTPUTF8";
        let before = text.len().checked_sub(PARAMETER.len());
        let (text, smtp_utf8) = match before.and_then(|before| text.split_at_checked(before)) {
            Some((before, last)) if last.eq_ignore_ascii_case(PARAMETER) => (before, true),
            _ => (text, false),
        };
        let fit = match syntax {
            Syntax::Strict => LocalPart::parse(text).is_ok() || Mailbox::parse(text).is_ok(),
            Syntax::Lenient => Printable::new(text).is_some(),
        };
        fit.then_some(Argument { text, smtp_utf8 })
    }

    /// The same argument with the parameter SMTPUTF8: the reply may be UTF-8.
    #[must_use]
    pub const fn with_smtp_utf8(self) -> Self {
        Argument { text: self.text, smtp_utf8: true }
    }

    /// The text as received, quotes and all, without the parameter.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// Whether SMTPUTF8 was given.
    #[must_use]
    pub const fn smtp_utf8(&self) -> bool {
        self.smtp_utf8
    }

    /// The mailbox that the text is, if it is one.
    #[must_use]
    pub fn mailbox(&self) -> Option<Mailbox<'a>> {
        Mailbox::parse(self.text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_the_line_is_refused() {
        for bytes in [&b"a\rb"[..], b"a\nb", b"a\0b", b"a ", b"a\t"] {
            assert_eq!(Octets::new(bytes), None, "{bytes:?}");
        }
        for text in ["", " a", "a ", "a\tb", "a\r", "a\u{85}b", "a\u{7f}"] {
            assert_eq!(Printable::new(text), None, "{text:?}");
            assert_eq!(Argument::parse_with(text, Syntax::Lenient), None, "{text:?}");
        }
    }

    #[test]
    fn smtputf8_is_a_parameter_behind_the_argument_only() {
        let argument = Argument::parse("josé smtputf8").unwrap();
        assert_eq!((argument.as_str(), argument.smtp_utf8()), ("josé", true));
        let argument = Argument::parse("SMTPUTF8").unwrap();
        assert_eq!((argument.as_str(), argument.smtp_utf8()), ("SMTPUTF8", false));
        assert!(Argument::parse(" SMTPUTF8").is_none());
    }
}
