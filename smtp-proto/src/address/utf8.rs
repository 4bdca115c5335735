//! Checked text, kept as octets.

use core::fmt;

use crate::syntax::has_c1;

/// Octets that were found to be UTF-8. Parsers read octets, and nearly all addresses are ASCII by
/// the classes of their octets; a `str` is made of them only where one is asked for.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Utf8<'a>(&'a [u8]);

impl<'a> Utf8<'a> {
    pub(crate) const EMPTY: Utf8<'static> = Utf8(&[]);

    #[inline]
    pub(crate) const fn new(text: &'a str) -> Self {
        Utf8(text.as_bytes())
    }

    /// Octets that a parser found to be UTF-8.
    #[inline]
    pub(crate) const fn checked(octets: &'a [u8]) -> Self {
        Utf8(octets)
    }

    /// The first `length` octets of `input`, which were found to be ASCII, and the rest.
    #[inline]
    pub(crate) fn ascii(input: &'a [u8], length: usize) -> Option<(Self, &'a [u8])> {
        let (text, rest) = input.split_at_checked(length)?;
        Some((Utf8(text), rest))
    }

    /// Octets as a whole, if they are UTF-8 without controls outside ASCII.
    pub(crate) fn spelt(octets: &'a [u8]) -> Option<Self> {
        let is_text = octets.is_ascii() || core::str::from_utf8(octets).is_ok() && !has_c1(octets);
        is_text.then_some(Utf8(octets))
    }

    #[inline]
    pub(crate) const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    pub(crate) const fn as_str(self) -> &'a str {
        match core::str::from_utf8(self.0) {
            Ok(text) => text,
            Err(_) => "",
        }
    }
}

impl fmt::Debug for Utf8<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
