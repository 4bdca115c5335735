//! The ground floor: how strict the grammar is, and byte classes as tables.

use core::num::NonZeroUsize;

/// How forgiving the command grammar is. Chosen at run time; strict unless asked.
///
/// ```
/// use smtp_proto::{Syntax, address::Domain};
///
/// assert_eq!(Syntax::default(), Syntax::Strict);
/// assert!(Domain::parse("under_score.example").is_err());
/// assert!(Domain::parse_with("under_score.example", Syntax::Lenient).is_ok());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Syntax {
    /// RFC 5321 as it stands.
    #[default]
    Strict,
    /// The deviations that deployed clients are known for are taken too.
    Lenient,
}

impl Syntax {
    pub(crate) const fn is_lenient(self) -> bool {
        matches!(self, Syntax::Lenient)
    }
}

/// A set of byte classes; sets are joined with [`Class::or`].
///
/// Every class holds all bytes from 0x80 up or none of them, so that a run of one class in checked
/// UTF-8 always ends at a character boundary.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Class(u16);

impl Class {
    /// `atext` of RFC 5322 section 3.2.3, with UTF8-non-ascii (RFC 6531 section 3.3).
    pub(crate) const ATEXT: Class = Class(1);
    /// `qtextSMTP = %d32-33 / %d35-91 / %d93-126` (RFC 5321 section 4.1.2), with UTF8-non-ascii.
    pub(crate) const QTEXT: Class = Class(1 << 1);
    /// `%d32-126`: what may stand behind a backslash.
    pub(crate) const GRAPHIC_OR_SPACE: Class = Class(1 << 2);
    /// `ALPHA / DIGIT / "-"`: the bytes of Ldh-str, of an EHLO keyword and of an ESMTP keyword.
    pub(crate) const LDH: Class = Class(1 << 3);
    /// Bytes of characters outside ASCII.
    pub(crate) const NON_ASCII: Class = Class(1 << 4);
    /// `dcontent = %d33-90 / %d94-126` (RFC 5321 section 4.1.3).
    pub(crate) const DCONTENT: Class = Class(1 << 5);
    /// `esmtp-value = 1*(%d33-60 / %d62-126)` (RFC 5321 section 4.1.2), with UTF8-non-ascii.
    pub(crate) const ESMTP_VALUE: Class = Class(1 << 6);
    /// `xchar`: `%d33-126` except "+" and "=" (RFC 3461 section 4).
    pub(crate) const XCHAR: Class = Class(1 << 7);
    /// `DIGIT`.
    pub(crate) const DIGIT: Class = Class(1 << 8);
    /// `ALPHA / DIGIT`.
    pub(crate) const LET_DIG: Class = Class(1 << 9);
    /// `0-9 A-F`: the digits of xtext, upper case only.
    pub(crate) const UPPER_HEX: Class = Class(1 << 10);
    /// The 64 characters of base64 without its padding (RFC 4648 section 4).
    pub(crate) const BASE64: Class = Class(1 << 11);
    /// `_`, which deployed host names hold although RFC 5321 section 4.1.2 forbids it.
    pub(crate) const UNDERSCORE: Class = Class(1 << 12);
    /// `%d33-126`.
    pub(crate) const GRAPHIC: Class = Class(1 << 13);
    /// `atext` of RFC 5322 section 3.2.3 alone.
    pub(crate) const ASCII_ATEXT: Class = Class(1 << 14);

    #[inline]
    pub(crate) const fn or(self, other: Class) -> Class {
        Class(self.0 | other.0)
    }

    /// Whether `byte` is in one of the classes of the set.
    #[inline]
    pub(crate) fn holds(self, byte: u8) -> bool {
        CLASSES.get(usize::from(byte)).is_some_and(|classes| classes & self.0 != 0)
    }

    /// Where the run of the set ends that begins at `at`. Four at a time, since most
    /// tokens are short and this is where parsing spends its time.
    #[inline]
    fn end(self, bytes: &[u8], mut at: usize) -> usize {
        while let Some([one, two, three, four]) = bytes.get(at..at + 4) {
            if !self.holds(*one) {
                return at;
            }
            if !self.holds(*two) {
                return at + 1;
            }
            if !self.holds(*three) {
                return at + 2;
            }
            if !self.holds(*four) {
                return at + 3;
            }
            at += 4;
        }
        while bytes.get(at).is_some_and(|byte| self.holds(*byte)) {
            at += 1;
        }
        at
    }

    /// How long the words of the set are that `bytes` begins with, which single bytes join that
    /// `joins` names. None if there is no such word at either end, or a byte outside ASCII follows.
    #[inline]
    pub(crate) fn joined(self, bytes: &[u8], joins: impl Fn(u8) -> bool) -> Option<NonZeroUsize> {
        if !self.holds(*bytes.first()?) {
            return None;
        }
        let mut at = 1;
        loop {
            at = self.end(bytes, at);
            match bytes.get(at) {
                Some(joint) if joins(*joint) => match bytes.get(at + 1) {
                    Some(next) if self.holds(*next) => at += 2,
                    _ => return None,
                },
                Some(0x80..) => return None,
                _ => return NonZeroUsize::new(at),
            }
        }
    }

    /// How many bytes at the start of `bytes` are in the set.
    #[inline]
    pub(crate) fn run(self, bytes: &[u8]) -> usize {
        self.end(bytes, 0)
    }

    /// Splits `bytes` behind the first run of the set; the run may be empty.
    #[inline]
    pub(crate) fn split_bytes(self, bytes: &[u8]) -> (&[u8], &[u8]) {
        bytes.split_at_checked(self.run(bytes)).unwrap_or((bytes, &[]))
    }

    /// Splits `text` behind its first run of the set; the run may be empty.
    #[inline]
    pub(crate) fn split(self, text: &str) -> (&str, &str) {
        text.split_at_checked(self.run(text.as_bytes())).unwrap_or(("", text))
    }
}

/// Whether there is a control outside ASCII (U+0080 to U+009F) in UTF-8.
pub(crate) fn has_c1(utf8: &[u8]) -> bool {
    memchr::memchr_iter(0xc2, utf8).any(|at| matches!(utf8.get(at + 1), Some(0x80..0xa0)))
}

static CLASSES: [u16; 256] = classes();

#[allow(clippy::indexing_slicing, reason = "evaluated at compile time, where it cannot fail late")]
const fn classes() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = classes_of(byte);
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

const fn classes_of(byte: u8) -> u16 {
    let let_dig = byte.is_ascii_alphanumeric();
    let graphic = byte.is_ascii_graphic();
    let graphic_or_space = graphic || byte == b' ';
    let non_ascii = !byte.is_ascii();
    let special = matches!(
        byte,
        b'(' | b')' | b'<' | b'>' | b'[' | b']' | b':' | b';' | b'@' | b'\\' | b',' | b'.' | b'"'
    );
    let mut set = Class(0);
    let members = [
        (Class::ATEXT, graphic && !special || non_ascii),
        (Class::QTEXT, graphic_or_space && byte != b'"' && byte != b'\\' || non_ascii),
        (Class::GRAPHIC_OR_SPACE, graphic_or_space),
        (Class::LDH, let_dig || byte == b'-'),
        (Class::NON_ASCII, non_ascii),
        (Class::DCONTENT, graphic && !matches!(byte, b'[' | b'\\' | b']')),
        (Class::ESMTP_VALUE, graphic && byte != b'=' || non_ascii),
        (Class::XCHAR, graphic && byte != b'+' && byte != b'='),
        (Class::DIGIT, byte.is_ascii_digit()),
        (Class::LET_DIG, let_dig),
        (Class::UPPER_HEX, matches!(byte, b'0'..=b'9' | b'A'..=b'F')),
        (Class::BASE64, let_dig || byte == b'+' || byte == b'/'),
        (Class::UNDERSCORE, byte == b'_'),
        (Class::GRAPHIC, graphic),
        (Class::ASCII_ATEXT, graphic && !special),
    ];
    let mut rest: &[(Class, bool)] = &members;
    while let Some((&(class, member), tail)) = rest.split_first() {
        if member {
            set = set.or(class);
        }
        rest = tail;
    }
    set.0
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn members(class: Class) -> usize {
        (0..=u8::MAX).filter(|&byte| class.holds(byte)).count()
    }

    #[test]
    fn classes_have_the_sizes_that_their_abnf_gives() {
        assert_eq!(members(Class::ATEXT), 26 + 26 + 10 + 19 + 128);
        assert_eq!(members(Class::QTEXT), 2 + 57 + 34 + 128);
        assert_eq!(members(Class::GRAPHIC_OR_SPACE), 95);
        assert_eq!(members(Class::LDH), 63);
        assert_eq!(members(Class::NON_ASCII), 128);
        assert_eq!(members(Class::DCONTENT), 58 + 33);
        assert_eq!(members(Class::ESMTP_VALUE), 28 + 65 + 128);
        assert_eq!(members(Class::XCHAR), 92);
        assert_eq!(members(Class::DIGIT), 10);
        assert_eq!(members(Class::LET_DIG), 62);
        assert_eq!(members(Class::UPPER_HEX), 16);
        assert_eq!(members(Class::BASE64), 64);
        assert_eq!(members(Class::UNDERSCORE), 1);
        assert_eq!(members(Class::GRAPHIC), 94);
        assert_eq!(members(Class::ASCII_ATEXT), 26 + 26 + 10 + 19);
    }

    /// The sets as their ABNF spells them, ASCII only.
    #[test]
    fn classes_hold_what_their_abnf_names() {
        const ALPHANUMERIC: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let spelled = [
            (Class::ATEXT, ALPHANUMERIC, "!#$%&'*+-/=?^_`{|}~"),
            (Class::ASCII_ATEXT, ALPHANUMERIC, "!#$%&'*+-/=?^_`{|}~"),
            (Class::QTEXT, ALPHANUMERIC, " !#$%&'()*+,-./:;<=>?@[]^_`{|}~"),
            (Class::GRAPHIC_OR_SPACE, ALPHANUMERIC, " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
            (Class::GRAPHIC, ALPHANUMERIC, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
            (Class::LDH, ALPHANUMERIC, "-"),
            (Class::NON_ASCII, "", ""),
            (Class::DCONTENT, ALPHANUMERIC, "!\"#$%&'()*+,-./:;<=>?@^_`{|}~"),
            (Class::ESMTP_VALUE, ALPHANUMERIC, "!\"#$%&'()*+,-./:;<>?@[\\]^_`{|}~"),
            (Class::XCHAR, ALPHANUMERIC, "!\"#$%&'()*,-./:;<>?@[\\]^_`{|}~"),
            (Class::DIGIT, "0123456789", ""),
            (Class::LET_DIG, ALPHANUMERIC, ""),
            (Class::UPPER_HEX, "0123456789", "ABCDEF"),
            (Class::BASE64, ALPHANUMERIC, "+/"),
            (Class::UNDERSCORE, "", "_"),
        ];
        // The table that is built while compiling, and the same when it is built now.
        for table in [CLASSES, classes()] {
            for (class, some, others) in spelled {
                let holds =
                    |byte: u8| table.get(usize::from(byte)).is_some_and(|it| it & class.0 != 0);
                let held: Vec<u8> = (0..0x80).filter(|&byte| holds(byte)).collect();
                let mut named = [some.as_bytes(), others.as_bytes()].concat();
                named.sort_unstable();
                assert_eq!(held, named, "{}", named.escape_ascii());
            }
        }
    }

    #[test]
    fn atext_is_rfc_5322s() {
        for byte in b"!#$%&'*+-/=?^_`{|}~azAZ09\x80\xff" {
            assert!(Class::ATEXT.holds(*byte), "{byte}");
        }
        for byte in b"()<>[]:;@\\,.\" \0\r\n\t\x7f" {
            assert!(!Class::ATEXT.holds(*byte), "{byte}");
        }
    }

    #[test]
    fn no_class_holds_a_control_or_cuts_a_character() {
        for bit in 0..15 {
            let class = Class(1 << bit);
            assert!((0..0x20).chain([0x7f]).all(|byte| !class.holds(byte)), "{bit}");
            let high = (0x80..=u8::MAX).filter(|&byte| class.holds(byte)).count();
            assert!(high == 0 || high == 128, "{bit}");
        }
    }

    #[test]
    fn controls_outside_ascii_are_found() {
        for character in ('\u{80}'..'\u{3000}').chain(['\u{1f600}', '\u{10ffff}']) {
            let text = std::format!("a{character}\u{a0}");
            assert_eq!(has_c1(text.as_bytes()), character.is_control(), "{character:?}");
        }
    }

    #[test]
    fn a_run_ends_at_the_first_byte_outside() {
        assert_eq!(Class::ATEXT.split("d\u{e9}j\u{e0}.vu"), ("d\u{e9}j\u{e0}", ".vu"));
        assert_eq!(Class::LDH.split("\u{e9}"), ("", "\u{e9}"));
        assert_eq!(Class::DIGIT.split("123"), ("123", ""));
    }

    /// Word by word, in the plainest way.
    fn joined_plainly(bytes: &[u8]) -> Option<usize> {
        let of_token = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        let length = bytes.iter().position(|byte| !of_token(byte)).unwrap_or(bytes.len());
        let (token, behind) = bytes.split_at(length);
        let words = token.split(|byte| matches!(byte, b'.' | b'-'));
        let is_token = words.clone().all(|word| !word.is_empty());
        (is_token && behind.first().is_none_or(u8::is_ascii)).then_some(length)
    }

    proptest! {
        #[test]
        fn joined_words_are_found_as_a_plain_search_finds_them(
            bytes in prop::collection::vec(prop::sample::select(b"abZ09abZ09abZ09.-@ \x80".to_vec()), 0..24),
        ) {
            let joined = Class::LET_DIG.joined(&bytes, |byte| matches!(byte, b'.' | b'-'));
            prop_assert_eq!(joined.map(NonZeroUsize::get), joined_plainly(&bytes));
            let run = bytes.iter().position(|byte| !byte.is_ascii_alphanumeric());
            prop_assert_eq!(Class::LET_DIG.run(&bytes), run.unwrap_or(bytes.len()));
        }
    }
}
