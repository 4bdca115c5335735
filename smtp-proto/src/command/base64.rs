//! SASL mechanism names and base64, as AUTH carries them.

use core::fmt;
use core::hash::{Hash, Hasher};

use crate::address::Utf8;
use crate::syntax::Class;

/// The name of a SASL mechanism, compared without regard to case.
///
/// ```text
/// sasl-mech    = 1*20mech-char                   ; RFC 4422 section 3.1
/// mech-char    = UPPER-ALPHA / DIGIT / "-" / "_"
/// ```
///
/// Lower-case letters are taken too, as AUTH (RFC 4954 section 4) is typed by people as well.
///
/// ```
/// use smtp_proto::command::Mechanism;
///
/// let name = Mechanism::parse("scram-sha-256").unwrap();
/// assert_eq!(name, Mechanism::parse("SCRAM-SHA-256").unwrap());
/// assert_eq!(Mechanism::parse("MORE-THAN-20-OCTETS-X"), None);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Mechanism<'a>(Utf8<'a>);

impl<'a> Mechanism<'a> {
    /// Checks a name of 1 to 20 octets.
    #[must_use]
    pub fn parse(name: &'a str) -> Option<Self> {
        match Self::split(name.as_bytes()) {
            Some((mechanism, [])) => Some(mechanism),
            _ => None,
        }
    }

    /// The name at the start of `input`, and what follows it.
    pub(super) fn split(input: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let length = Class::LDH.or(Class::UNDERSCORE).run(input);
        let (name, rest) = Utf8::ascii(input, length).filter(|_| (1..=20).contains(&length))?;
        Some((Mechanism(name), rest))
    }

    /// The name as received.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.0.as_str()
    }

    /// Whether it shows whoever listens a secret that can be used again: a password (PLAIN,
    /// RFC 4616; LOGIN) or a token (OAUTHBEARER, RFC 7628; XOAUTH2). RFC 4954 section 4 keeps
    /// these for TLS.
    #[must_use]
    pub fn is_plaintext(&self) -> bool {
        let plaintext = ["PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"];
        plaintext.iter().any(|name| name.as_bytes().eq_ignore_ascii_case(self.0.as_bytes()))
    }

    /// Whether it means nothing without TLS: it looks at the certificate (EXTERNAL, RFC 4422
    /// appendix A) or at the channel (names in -PLUS, RFC 5801 section 4).
    #[must_use]
    pub fn needs_tls(&self) -> bool {
        let name = self.0.as_bytes();
        name.eq_ignore_ascii_case(b"EXTERNAL")
            || name.last_chunk::<5>().is_some_and(|end| end.eq_ignore_ascii_case(b"-PLUS"))
    }
}

impl PartialEq for Mechanism<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().eq_ignore_ascii_case(other.0.as_bytes())
    }
}

impl Eq for Mechanism<'_> {}

impl Hash for Mechanism<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.0.as_bytes() {
            state.write_u8(byte.to_ascii_uppercase());
        }
    }
}

impl fmt::Display for Mechanism<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Checked base64 text, not decoded. It may be empty.
///
/// ```text
/// base64          = base64-terminal / ( 1*(4base64-char) [base64-terminal] )  ; RFC 4954 section 8
/// base64-char     = ALPHA / DIGIT / "+" / "/"
/// base64-terminal = (2base64-char "==") / (3base64-char "=")
/// ```
///
/// The bits that the last character has left over must be zero (RFC 4648 section 3.5), so that no
/// two texts stand for the same octets. `Debug` does not show the text: it may be a password.
///
/// ```
/// use smtp_proto::command::Base64;
///
/// assert_eq!(Base64::parse("dGVzdA==").unwrap().decoded_len(), 4);
/// assert_eq!(Base64::parse("dGVzdA"), None);
/// assert_eq!(Base64::parse("dGVzdB=="), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Base64<'a>(Utf8<'a>);

impl<'a> Base64<'a> {
    /// No octets.
    pub const EMPTY: Base64<'static> = Base64(Utf8::EMPTY);

    /// Checks that the whole of `text` is base64, padding and all.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        Self::of_octets(text.as_bytes())
    }

    /// The same for octets; what is taken is ASCII.
    pub(super) fn of_octets(text: &'a [u8]) -> Option<Self> {
        let (characters, padding) = Class::BASE64.split_bytes(text);
        let leftover = match padding {
            b"" => 0,
            b"=" => 0b11,
            b"==" => 0b1111,
            _ => return None,
        };
        let clean = characters.last().is_none_or(|last| sextet(*last) & leftover == 0);
        (text.len().is_multiple_of(4) && clean).then_some(Base64(Utf8::checked(text)))
    }

    /// The text, with its padding.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.0.as_str()
    }

    /// No octets at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.as_bytes().is_empty()
    }

    /// How many octets it stands for.
    #[must_use]
    pub fn decoded_len(&self) -> usize {
        let text = self.0.as_bytes();
        let padding = text.iter().rev().take_while(|octet| **octet == b'=').count();
        text.len() / 4 * 3 - padding
    }
}

const fn sextet(character: u8) -> u8 {
    match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'+' => 62,
        _ => 63,
    }
}

impl fmt::Debug for Base64<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Base64({} octets)", self.decoded_len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_base64_is_refused() {
        for text in [
            "A", "AA", "AAA", "AAAAA", "=", "====", "AAAA=", "AAAA==", "A===", "AA=A", "AB==",
            "AAB=", "AA AA", "AA-A", "AA_A", "!!!!", "AAAA\r\n", "ab@%", "ab*d", "AAAé",
        ] {
            assert_eq!(Base64::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn good_base64_is_taken_and_measured() {
        for (text, len) in [("", 0), ("AA==", 1), ("AAA=", 2), ("AAAA", 3), ("+/+/AQ==", 4)] {
            assert_eq!(Base64::parse(text).unwrap().decoded_len(), len, "{text:?}");
        }
    }

    #[test]
    fn debug_hides_the_text() {
        assert_eq!(alloc::format!("{:?}", Base64::parse("AHUAcA==").unwrap()), "Base64(4 octets)");
    }

    #[test]
    fn mechanism_names_are_bounded() {
        for name in ["", "A B", "PLAIN\r", "A.B", "ÄX", "AAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(Mechanism::parse(name), None, "{name:?}");
        }
        assert!(Mechanism::parse("AAAAAAAAAAAAAAAAAAAA").is_some());
    }
}
