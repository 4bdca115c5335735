//! Checked text, kept as octets.

/// Octets that were found to be UTF-8. Parsers read octets, and nearly all addresses are ASCII by
/// the classes of their octets; a `str` is made of them only where one is asked for.
#[derive(Clone, Copy)]
pub(super) struct Utf8<'a>(&'a [u8]);

impl<'a> Utf8<'a> {
    #[inline]
    pub(super) const fn new(text: &'a str) -> Self {
        Utf8(text.as_bytes())
    }

    /// The first `length` octets of `input`, which were found to be ASCII, and the rest.
    #[inline]
    pub(super) fn ascii(input: &'a [u8], length: usize) -> Option<(Self, &'a [u8])> {
        let (text, rest) = input.split_at_checked(length)?;
        Some((Utf8(text), rest))
    }

    #[inline]
    pub(super) const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    pub(super) const fn as_str(self) -> &'a str {
        match core::str::from_utf8(self.0) {
            Ok(text) => text,
            Err(_) => "",
        }
    }
}
