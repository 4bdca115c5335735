//! The value of ORCPT (RFC 3461 section 4.2, RFC 6533 section 3).

use core::fmt;

use super::xtext::{Xtext, is_xtext};
use crate::address::Utf8;
use crate::syntax::Class;

/// The recipient as the sender first named it: an address type and an encoded address.
///
/// ```text
/// original-recipient-address = addr-type ";" xtext       ; RFC 3461 section 4.2
/// addr-type                  = atom
/// utf-8-type-addr            = "utf-8;" utf-8-enc-addr   ; RFC 6533 section 3
/// ```
///
/// An address that decodes to a control character is refused.
///
/// ```
/// use smtp_proto::command::OriginalRecipient;
///
/// let plain = OriginalRecipient::parse("rfc822;bob+2Btag@example.com").unwrap();
/// assert_eq!(plain.address_type(), "rfc822");
/// assert_eq!(plain.address().to_string(), "bob+tag@example.com");
/// let utf8 = OriginalRecipient::parse(r"utf-8;jos\x{E9}@example.com").unwrap();
/// assert_eq!(utf8.address().to_string(), "josé@example.com");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct OriginalRecipient<'a> {
    text: &'a str,
    address_type: &'a str,
    address: OriginalAddress<'a>,
}

/// The address of an [`OriginalRecipient`]. `Display` writes it decoded; octets that are not
/// UTF-8 appear as U+FFFD there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginalAddress<'a> {
    /// Of type `rfc822` or any other but `utf-8`.
    Xtext(Xtext<'a>),
    /// Of type `utf-8`.
    Utf8(Utf8Address<'a>),
}

/// The address of an ORCPT of type `utf-8`.
///
/// ```text
/// utf-8-addr-xtext    = 1*(QCHAR / EmbeddedUnicodeChar)      ; RFC 6533 section 3
/// utf-8-addr-unitext  = 1*(QUCHAR / EmbeddedUnicodeChar)
/// QCHAR               = xchar, except for "\"
/// QUCHAR              = QCHAR / UTF8-2 / UTF8-3 / UTF8-4
/// EmbeddedUnicodeChar = "\x{" HEXPOINT "}"
/// ```
///
/// HEXPOINT has two to six digits, no more than it needs, and stands for no character that could
/// stand for itself.
#[derive(Clone, Copy, Debug)]
pub struct Utf8Address<'a>(&'a str);

impl<'a> OriginalRecipient<'a> {
    /// Checks a whole ORCPT value.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        if !Self::holds(Utf8::new(text)) {
            return None;
        }
        let (address_type, address) = text.split_once(';')?;
        let address = if address_type.eq_ignore_ascii_case("utf-8") {
            OriginalAddress::Utf8(Utf8Address::parse(address)?)
        } else {
            OriginalAddress::Xtext(Xtext::parse(address)?)
        };
        Some(OriginalRecipient { text, address_type, address })
    }

    /// Whether this is such a value.
    pub(super) fn holds(text: Utf8<'_>) -> bool {
        let (address_type, behind) = Class::ASCII_ATEXT.split_bytes(text.as_bytes());
        // An Atom may hold "=", an esmtp-value may not (RFC 5321 section 4.1.2).
        let is_type = !address_type.is_empty() && !address_type.contains(&b'=');
        match behind {
            [b';', ..] if !is_type => false,
            [b';', ..] if address_type.eq_ignore_ascii_case(b"utf-8") => {
                let address = text.as_str().split_once(';');
                address.is_some_and(|(_, address)| Utf8Address::parse(address).is_some())
            }
            [b';', address @ ..] => is_xtext(address, |octet| !octet.is_ascii_control()),
            _ => false,
        }
    }

    /// The value as received.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// The address type as received; it is compared without regard to case.
    #[must_use]
    pub const fn address_type(&self) -> &'a str {
        self.address_type
    }

    /// The address.
    #[must_use]
    pub const fn address(&self) -> OriginalAddress<'a> {
        self.address
    }
}

impl PartialEq for OriginalRecipient<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.address_type.eq_ignore_ascii_case(other.address_type) && self.address == other.address
    }
}

impl Eq for OriginalRecipient<'_> {}

impl fmt::Display for OriginalRecipient<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

impl<'a> Utf8Address<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut rest = text;
        while !rest.is_empty() {
            rest = Self::character(rest)?.1;
        }
        (!text.is_empty()).then_some(Utf8Address(text))
    }

    /// The address as received, still encoded.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.0
    }

    /// The characters that it stands for, in order.
    pub fn decode(&self) -> impl Iterator<Item = char> + Clone + 'a {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (character, behind) = Self::character(rest)?;
            rest = behind;
            Some(character)
        })
    }

    fn character(text: &str) -> Option<(char, &str)> {
        let character = text.chars().next()?;
        if character == '\\' {
            return embedded(text);
        }
        let first = *text.as_bytes().first()?;
        let allowed = Class::XCHAR.or(Class::NON_ASCII).holds(first);
        let (_, rest) = text.split_at_checked(character.len_utf8())?;
        (allowed && !character.is_control()).then_some((character, rest))
    }
}

/// `EmbeddedUnicodeChar` at the start of `text`: its character and what follows.
fn embedded(text: &str) -> Option<(char, &str)> {
    let (digits, rest) = text.strip_prefix(r"\x{")?.split_once('}')?;
    if !(2..=6).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let character = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
    let shortest = digits.len() == 2 || !digits.starts_with('0');
    let needed = !character.is_ascii() || matches!(character, ' ' | '+' | '=' | '\\');
    (shortest && needed && !character.is_control()).then_some((character, rest))
}

impl PartialEq for Utf8Address<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.decode().eq(other.decode())
    }
}

impl Eq for Utf8Address<'_> {}

impl fmt::Display for OriginalAddress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;

        match self {
            OriginalAddress::Xtext(text) => {
                for octet in text.decode() {
                    f.write_char(if octet.is_ascii() { char::from(octet) } else { '\u{fffd}' })?;
                }
                Ok(())
            }
            OriginalAddress::Utf8(text) => text.decode().try_for_each(|c| f.write_char(c)),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn malformed_values_are_refused() {
        for text in [
            "NAME=;a@x",
            "rfc822",
            ";a@b",
            "rfc 822;a",
            "rfc822;a+0Ab",
            "rfc822;a+zz",
            "rfc822;é@b",
            "utf-8;",
            r"utf-8;a\",
            r"utf-8;a\x",
            r"utf-8;a\x{}",
            r"utf-8;a\x{E9",
            r"utf-8;a\x{9}",
            r"utf-8;a\x{0E9}",
            r"utf-8;a\x{D800}",
            r"utf-8;a\x{110000}",
            r"utf-8;a\x{0D}",
            r"utf-8;a\x{85}",
            r"utf-8;a\x{41}",
            r"utf-8;a\x{+9}",
            r"utf-8;a\X{E9}",
            "utf-8;a+2Bb",
            "utf-8;a\u{85}b",
            "utf-8;a=b",
        ] {
            assert!(OriginalRecipient::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn both_forms_of_utf8_decode() {
        for text in [
            r"utf-8;\x{7528}\x{6237}\x{20}\x{2B}\x{3D}\x{5C}\x{1F600}@x",
            r"UTF-8;用户\x{20}\x{2b}\x{3D}\x{5C}😀@x",
        ] {
            let recipient = OriginalRecipient::parse(text).unwrap();
            assert_eq!(recipient.address().to_string(), "用户 +=\\😀@x");
        }
        assert_eq!(OriginalRecipient::parse(r"utf-8;\x{E9}"), OriginalRecipient::parse("UTF-8;é"));
    }
}
