//! Where encoded bytes go: the one output that needs neither I/O nor alloc.

/// Takes the bytes that an encoder writes, in order.
///
/// Encoders cannot fail: a sink that runs out of room remembers it and says so afterwards, as
/// [`Fixed`] does.
///
/// ```
/// use smtp_proto::{Sink, Fixed};
///
/// let mut room = [0; 8];
/// let mut out = Fixed::new(&mut room);
/// out.put(b"QUIT\r\n");
/// assert_eq!(out.finish(), Ok(&b"QUIT\r\n"[..]));
/// ```
pub trait Sink {
    /// Appends `bytes`.
    fn put(&mut self, bytes: &[u8]);
}

#[cfg(feature = "alloc")]
impl Sink for alloc::vec::Vec<u8> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl<S: Sink + ?Sized> Sink for &mut S {
    fn put(&mut self, bytes: &[u8]) {
        (**self).put(bytes);
    }
}

/// A sink over a caller's slice, for programs without an allocator.
#[derive(Debug)]
pub struct Fixed<'b> {
    room: &'b mut [u8],
    used: usize,
    full: bool,
}

/// The slice behind a [`Fixed`] was too short for what was encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl core::fmt::Display for Full {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the buffer is too short for what was encoded")
    }
}

impl core::error::Error for Full {}

impl<'b> Fixed<'b> {
    /// Starts at the beginning of `room`.
    pub fn new(room: &'b mut [u8]) -> Self {
        Fixed { room, used: 0, full: false }
    }

    /// What was written.
    ///
    /// # Errors
    ///
    /// [`Full`] if anything did not fit; what is in the slice is then cut at some point and must
    /// not be sent.
    pub fn finish(self) -> Result<&'b [u8], Full> {
        let room: &'b [u8] = self.room;
        match room.get(..self.used) {
            Some(written) if !self.full => Ok(written),
            _ => Err(Full),
        }
    }
}

impl Sink for Fixed<'_> {
    fn put(&mut self, bytes: &[u8]) {
        let end = self.used.saturating_add(bytes.len());
        match self.room.get_mut(self.used..end) {
            Some(place) if !self.full => {
                place.copy_from_slice(bytes);
                self.used = end;
            }
            _ => self.full = true,
        }
    }
}

/// Writes `number` in decimal. `core::fmt` would take ten times as long.
pub(crate) fn put_number<S: Sink + ?Sized>(out: &mut S, number: u64) {
    const GROUP: u64 = 100_000_000;
    if number >= GROUP {
        put_number(out, number / GROUP);
        return out.put(&with_zeros(eight_digits(number % GROUP)));
    }
    let digits = eight_digits(number);
    let zeros = usize::try_from(digits.trailing_zeros() / 8).unwrap_or(0).min(7);
    out.put(with_zeros(digits).get(zeros..).unwrap_or_default());
}

const fn with_zeros(digits: u64) -> [u8; 8] {
    (digits | 0x3030_3030_3030_3030).to_le_bytes()
}

/// The digits of a number of at most eight, from the lowest octet on. Each step splits all pieces at
/// once, into fours, twos and ones: ten divisions one behind the other would take three times as long.
const fn eight_digits(number: u64) -> u64 {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    // The quotients by 100 and by 10, which these are for what is less than 10,000 and 100.
    let hundreds = ((fours * 10_486) >> 20) & 0x7f_0000_007f;
    let twos = hundreds | ((fours - 100 * hundreds) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((twos - 10 * tens) << 8)
}

/// The words of `text` between spaces and tabs, with one space before each.
#[cold]
pub(crate) fn put_words<S: Sink + ?Sized>(out: &mut S, text: &[u8]) {
    let is_white = |octet: &u8| matches!(octet, b' ' | b'\t');
    for word in text.split(is_white).filter(|word| !word.is_empty()) {
        out.put(b" ");
        out.put(word);
    }
}

/// Lets `Display` implementations write into a sink; never fails.
pub(crate) struct Text<'s, S: Sink + ?Sized>(pub(crate) &'s mut S);

impl<S: Sink + ?Sized> core::fmt::Write for Text<'_, S> {
    fn write_str(&mut self, s: &str) -> core::fmt::Result {
        self.0.put(s.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_are_shown() {
        for (number, shown) in [
            (0, "0"),
            (9, "9"),
            (10, "10"),
            (100, "100"),
            (1_000_907, "1000907"),
            (99_999_999, "99999999"),
            (100_000_000, "100000000"),
            (157_286_400, "157286400"),
            (10_000_000_099_999_999, "10000000099999999"),
            (u64::MAX, "18446744073709551615"),
        ] {
            let mut room = [0; 20];
            let mut out = Fixed::new(&mut room);
            put_number(&mut out, number);
            assert_eq!(out.finish(), Ok(shown.as_bytes()));
        }
    }

    /// Of any number below 10,000 in either half.
    #[test]
    fn eight_digits_are_those_of_the_number() {
        for half in 0..10_000 {
            for number in [half, half * 10_000, 99_990_000 + half, half * 10_000 + 9999] {
                let digits =
                    |place: u32| b'0' + u8::try_from(number / 10_u64.pow(7 - place) % 10).unwrap();
                let expected = [0, 1, 2, 3, 4, 5, 6, 7].map(digits);
                assert_eq!(with_zeros(eight_digits(number)), expected, "{number}");
            }
        }
    }

    #[test]
    fn words_are_written_with_one_space_before_each() {
        for (text, written) in [
            ("a", " a"),
            ("a b=c d", " a b=c d"),
            ("a  b", " a b"),
            ("a\tb", " a b"),
            ("ab \t  cd ef", " ab cd ef"),
            ("0123456789 0123456789 01234567  89", " 0123456789 0123456789 01234567 89"),
        ] {
            let mut room = [0; 40];
            let mut out = Fixed::new(&mut room);
            put_words(&mut out, text.as_bytes());
            assert_eq!(out.finish(), Ok(written.as_bytes()));
        }
    }

    #[test]
    fn a_full_slice_is_reported_and_stays_full() {
        let mut room = [0; 4];
        let mut out = Fixed::new(&mut room);
        out.put(b"abc");
        out.put(b"de");
        out.put(b"f");
        assert_eq!(out.finish(), Err(Full));
    }
}
