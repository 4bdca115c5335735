//! xtext: any octets, written in visible ASCII.

use core::fmt;

use crate::sink::Sink;
use crate::syntax::Class;

/// A checked piece of xtext, as it stands on the wire.
///
/// ```text
/// xtext   = *( xchar / hexchar )                 ; RFC 3461 section 4
/// xchar   = any ASCII CHAR between "!" (33) and "~" (126), except for "+" and "="
/// hexchar = "+" followed by two upper case hexadecimal digits
/// ```
///
/// Two of them are equal if they stand for the same octets.
///
/// ```
/// use smtp_proto::command::Xtext;
///
/// let text = Xtext::parse("GA1234+3Dx").unwrap();
/// assert!(text.decode().eq(*b"GA1234=x"));
/// assert_eq!(Xtext::parse("bad+zz"), None);
/// assert_eq!(Xtext::parse("bad+3d"), None);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Xtext<'a>(&'a str);

impl<'a> Xtext<'a> {
    /// Checks that the whole of `text` is xtext; it may be empty.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        is_xtext(text.as_bytes(), |_| true).then_some(Xtext(text))
    }

    /// The text as received, still encoded.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.0
    }

    /// The octets that it stands for, in order.
    pub fn decode(&self) -> impl Iterator<Item = u8> + Clone + 'a {
        let mut rest = self.0.as_bytes();
        core::iter::from_fn(move || {
            let (octet, behind) = match hexchar(rest) {
                Some(found) => found,
                None => rest.split_first().map(|(octet, behind)| (*octet, behind))?,
            };
            rest = behind;
            Some(octet)
        })
    }

    /// Whether any octet that it stands for is a C0 control or DEL: such a value must not reach a
    /// log, a header field or a command.
    #[must_use]
    pub fn has_control(&self) -> bool {
        self.decode().any(|octet| octet.is_ascii_control())
    }
}

/// Whether all of `text` is xtext, and what its hexchars stand for is `fit`; an xchar stands for itself.
pub(super) fn is_xtext(text: &[u8], fit: impl Fn(u8) -> bool) -> bool {
    let mut rest = text;
    loop {
        (_, rest) = Class::XCHAR.split_bytes(rest);
        match hexchar(rest) {
            Some((octet, behind)) if fit(octet) => rest = behind,
            _ => return rest.is_empty(),
        }
    }
}

/// `hexchar` at the start of `text`: its octet and what follows.
fn hexchar(text: &[u8]) -> Option<(u8, &[u8])> {
    let (&[b'+', high, low], behind) = text.split_first_chunk::<3>()? else { return None };
    Some((digit(high)? << 4 | digit(low)?, behind))
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

impl PartialEq for Xtext<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.decode().eq(other.decode())
    }
}

impl Eq for Xtext<'_> {}

impl fmt::Display for Xtext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Writes `octets` as xtext; what an xchar can say stays as it is.
///
/// ```
/// let mut out = Vec::new();
/// smtp_proto::command::write_xtext(&mut out, b"a+b c");
/// assert_eq!(out, b"a+2Bb+20c");
/// ```
pub fn write_xtext<S: Sink + ?Sized>(out: &mut S, octets: &[u8]) {
    for run in octets.split_inclusive(|&octet| !Class::XCHAR.holds(octet)) {
        match run {
            [plain @ .., last] if !Class::XCHAR.holds(*last) => {
                out.put(plain);
                out.put(&[b'+', hex(last >> 4), hex(last & 15)]);
            }
            plain => out.put(plain),
        }
    }
}

const fn hex(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'A' + (nibble - 10) }
}

#[cfg(test)]
mod tests {
    use alloc::{string::String, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn malformed_text_is_refused() {
        for text in ["+", "+4", "a+", "a+4", "+g0", "+0a", "a b", "a=b", "é", "a\tb", "+é"] {
            assert_eq!(Xtext::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn controls_are_seen_behind_the_encoding() {
        for text in ["ab+0D+0Acd", "+00", "x+7F", "+09"] {
            assert!(Xtext::parse(text).unwrap().has_control(), "{text:?}");
        }
        assert!(!Xtext::parse("a+20b+2B+FF").unwrap().has_control());
    }

    #[test]
    fn equal_by_what_it_stands_for() {
        assert_eq!(Xtext::parse("a+62c"), Xtext::parse("abc"));
        assert_ne!(Xtext::parse("a+62"), Xtext::parse("abc"));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(octets: Vec<u8>) {
            let mut out = Vec::new();
            write_xtext(&mut out, &octets);
            let text = String::from_utf8(out).unwrap();
            let read: Vec<u8> = Xtext::parse(&text).unwrap().decode().collect();
            prop_assert_eq!(read, octets);
        }
    }
}
