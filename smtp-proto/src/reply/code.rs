//! Reply codes (RFC 5321 section 4.2.1).

use core::fmt;

/// What the first digit of a reply code says (RFC 5321 section 4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum Class {
    /// 2yz: done.
    PositiveCompletion,
    /// 3yz: go on.
    PositiveIntermediate,
    /// 4yz: not now.
    TransientNegative,
    /// 5yz: not this way.
    PermanentNegative,
}

/// A three-digit reply code from 200 to 599.
///
/// ```text
/// Reply-code = %x32-35 %x30-35 %x30-39      ; RFC 5321 section 4.2
/// ```
///
/// The second digit may be any here: deployed servers send codes such as 571, and a client acts
/// on the first digit of a code that it does not know. 1yz has no meaning in SMTP and is refused.
///
/// ```
/// use smtp_proto::reply::{Class, ReplyCode};
///
/// let code = ReplyCode::new(452).unwrap();
/// assert_eq!(code.class(), Class::TransientNegative);
/// assert_eq!(code.to_string(), "452");
/// assert_eq!(ReplyCode::new(199), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyCode(u16);

impl ReplyCode {
    /// The code of that number, from 200 to 599.
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        if code >= 200 && code <= 599 { Some(ReplyCode(code)) } else { None }
    }

    pub(crate) const fn known(code: u16) -> Self {
        assert!(code >= 200 && code <= 599);
        ReplyCode(code)
    }

    /// The code as a number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// What its first digit says.
    #[must_use]
    pub const fn class(self) -> Class {
        match self.0 / 100 {
            2 => Class::PositiveCompletion,
            3 => Class::PositiveIntermediate,
            4 => Class::TransientNegative,
            _ => Class::PermanentNegative,
        }
    }

    /// 2yz.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        matches!(self.class(), Class::PositiveCompletion)
    }

    /// 4yz.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        matches!(self.class(), Class::TransientNegative)
    }

    /// 5yz.
    #[must_use]
    pub const fn is_permanent(self) -> bool {
        matches!(self.class(), Class::PermanentNegative)
    }

    /// The code that three digits write.
    #[inline]
    pub(super) fn of_digits(digits: [u8; 3]) -> Option<Self> {
        let digits @ [_, tens, ones] = digits.map(|digit| u16::from(digit.wrapping_sub(b'0')));
        if tens > 9 || ones > 9 {
            return None;
        }
        Self::new(digits.iter().fold(0, |code, digit| code * 10 + digit))
    }

    pub(crate) fn digits(self) -> [u8; 3] {
        let digit = |n: u16| b'0'.saturating_add(u8::try_from(n % 10).unwrap_or(0));
        [digit(self.0 / 100), digit(self.0 / 10), digit(self.0)]
    }
}

impl fmt::Display for ReplyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ReplyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
