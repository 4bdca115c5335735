//! Enhanced status codes (RFC 3463, carried in replies by RFC 2034).

use core::fmt;

use crate::sink::{Sink, put_number};

/// An enhanced status code: class, subject, detail.
///
/// ```text
/// status-code = class "." subject "." detail     ; RFC 3463 section 2
/// class       = "2" / "4" / "5"
/// subject     = 1*3DIGIT
/// detail      = 1*3DIGIT
/// ```
///
/// ```
/// use smtp_proto::reply::EnhancedCode;
///
/// let code = EnhancedCode::parse(b"5.7.26").unwrap();
/// assert_eq!((code.class(), code.subject(), code.detail()), (5, 7, 26));
/// assert_eq!(code.to_string(), "5.7.26");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnhancedCode {
    class: u8,
    subject: u16,
    detail: u16,
}

impl EnhancedCode {
    /// A code of class 2, 4 or 5; subject and detail from 0 to 999.
    #[must_use]
    pub const fn new(class: u8, subject: u16, detail: u16) -> Option<Self> {
        if matches!(class, 2 | 4 | 5) && subject <= 999 && detail <= 999 {
            Some(EnhancedCode { class, subject, detail })
        } else {
            None
        }
    }

    pub(crate) const fn known(class: u8, subject: u16, detail: u16) -> Self {
        assert!(matches!(class, 2 | 4 | 5) && subject <= 999 && detail <= 999);
        EnhancedCode { class, subject, detail }
    }

    /// Octets of the longest, `5.999.999`.
    pub(crate) const LONGEST: usize = 9;

    /// Its digits, where each number has one.
    pub(crate) fn digits(self) -> Option<[u8; 3]> {
        let digit = |number: u16| u8::try_from(number).ok().filter(|digit| *digit <= 9);
        let (subject, detail) = (digit(self.subject)?, digit(self.detail)?);
        Some([self.class, subject, detail].map(|digit| b'0'.wrapping_add(digit)))
    }

    pub(crate) fn encode<S: Sink + ?Sized>(self, out: &mut S) {
        put_number(out, self.class.into());
        out.put(b".");
        put_number(out, self.subject.into());
        out.put(b".");
        put_number(out, self.detail.into());
    }

    /// Reads a whole code, nothing before or behind it.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (code, rest) = Self::split(text)?;
        rest.is_empty().then_some(code)
    }

    /// Reads a code at the start of `text`; what follows it is returned.
    pub(crate) fn split(text: &[u8]) -> Option<(Self, &[u8])> {
        let (&class, rest) = text.split_first()?;
        let (subject, rest) = number(rest.strip_prefix(b".")?)?;
        let (detail, rest) = number(rest.strip_prefix(b".")?)?;
        Some((Self::new(class.wrapping_sub(b'0'), subject, detail)?, rest))
    }

    /// 2, 4 or 5.
    #[must_use]
    pub const fn class(self) -> u8 {
        self.class
    }

    /// 0 to 999.
    #[must_use]
    pub const fn subject(self) -> u16 {
        self.subject
    }

    /// 0 to 999.
    #[must_use]
    pub const fn detail(self) -> u16 {
        self.detail
    }
}

fn number(text: &[u8]) -> Option<(u16, &[u8])> {
    let len = text.iter().take(4).take_while(|b| b.is_ascii_digit()).count();
    if len == 0 || len > 3 {
        return None;
    }
    let (digits, rest) = text.split_at_checked(len)?;
    Some((digits.iter().fold(0, |n, d| n * 10 + u16::from(d - b'0')), rest))
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl fmt::Debug for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
