//! Local parts, dotted or quoted.

use core::{
    fmt::{self, Write as _},
    hash::{Hash, Hasher},
    iter,
    num::NonZeroUsize,
};

use super::{
    AddressError,
    error::{Parsed, fault, whole},
    utf8::Utf8,
};
use crate::syntax::{Class, Syntax, has_c1};

/// RFC 5321 section 4.5.3.1.1, in octets.
const MAX_LOCAL_PART: usize = 64;

/// What stands before the `@`, in the form in which it was received.
///
/// ```text
/// Local-part      = Dot-string / Quoted-string     ; RFC 5321 section 4.1.2
/// Dot-string      = Atom *("."  Atom)
/// Atom            = 1*atext
/// Quoted-string   = DQUOTE *QcontentSMTP DQUOTE
/// QcontentSMTP    = qtextSMTP / quoted-pairSMTP
/// quoted-pairSMTP = %d92 %d32-126
/// atext           =/ UTF8-non-ascii                ; RFC 6531 section 3.3
/// qtextSMTP       =/ UTF8-non-ascii
/// ```
///
/// At most 64 octets, quotes included; lenient syntax is bounded by the path alone. Two local
/// parts are equal if their values are, whatever their form, and case counts.
///
/// ```
/// use smtp_proto::address::LocalPart;
///
/// let quoted = LocalPart::parse(r#""j\oe""#).unwrap();
/// assert!(quoted.is_quoted());
/// assert_eq!(quoted.value().collect::<String>(), "joe");
/// assert_eq!(quoted, LocalPart::parse("joe").unwrap());
/// assert_eq!(quoted.canonical().to_string(), "joe");
/// assert_eq!(quoted.to_string(), r#""j\oe""#);
/// ```
#[derive(Clone, Copy)]
pub struct LocalPart<'a>(Utf8<'a>);

impl<'a> LocalPart<'a> {
    /// Parses a whole text as a local part, strictly.
    ///
    /// # Errors
    ///
    /// [`AddressError::LocalPart`], or [`AddressError::TooLong`] where only the length is wrong.
    pub fn parse(text: &'a str) -> Result<Self, AddressError> {
        Self::parse_with(text, Syntax::Strict)
    }

    /// Parses a whole text as a local part. Lenient syntax also takes full stops at the ends of a
    /// Dot-string and next to each other, and more than 64 octets.
    ///
    /// # Errors
    ///
    /// As [`LocalPart::parse`].
    pub fn parse_with(text: &'a str, syntax: Syntax) -> Result<Self, AddressError> {
        match Self::plain(text.as_bytes()) {
            Some(length) if length.get() == text.len() => Ok(LocalPart(Utf8::new(text))),
            _ => whole(|input| local_part_at(syntax, input), text, AddressError::LocalPart),
        }
    }

    /// The text as received, with its quotes. It is kept as octets, so that each call looks through
    /// them once.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0.as_str()
    }

    /// Whether it was received as a Quoted-string.
    #[must_use]
    pub fn is_quoted(self) -> bool {
        self.0.as_bytes().starts_with(b"\"")
    }

    /// Whether it can be sent without SMTPUTF8.
    #[must_use]
    pub const fn is_ascii(self) -> bool {
        self.0.as_bytes().is_ascii()
    }

    pub(super) const fn as_bytes(self) -> &'a [u8] {
        self.0.as_bytes()
    }

    /// How long the Dot-string at the start of `input` is, if it is in ASCII and not too long: what
    /// nearly all local parts are. Any other is left to [`local_part_at`].
    #[inline]
    pub(super) fn plain(input: &[u8]) -> Option<NonZeroUsize> {
        plain(input).filter(|length| length.get() <= MAX_LOCAL_PART)
    }

    /// How long the local part at the start of `input` is, spelt strictly and not too long. That what
    /// is not ASCII in it is UTF-8 has still to be checked.
    pub(super) fn spelt(input: &[u8]) -> Option<usize> {
        let length = match input {
            [b'"', ..] => quoted_string_length(input)?,
            _ => dot_string_length(input, Syntax::Strict)?,
        };
        (length <= MAX_LOCAL_PART).then_some(length)
    }

    /// Octets that were parsed before.
    pub(super) const fn of_octets(octets: &'a [u8]) -> Self {
        LocalPart(Utf8::checked(octets))
    }

    /// What it means: the characters without quotes and backslashes.
    pub fn value(self) -> impl Iterator<Item = char> + Clone + 'a {
        let text = self.as_str();
        let inner = text.strip_prefix('"').and_then(|inner| inner.strip_suffix('"'));
        let mut chars = inner.unwrap_or(text).chars();
        // A Dot-string holds no backslash, so one rule does for both forms.
        iter::from_fn(move || match chars.next() {
            Some('\\') => chars.next(),
            other => other,
        })
    }

    /// The shortest legal form of the same value: quoted only if it must be, and with backslashes
    /// only before `"` and `\`.
    pub fn canonical(self) -> impl fmt::Display + Copy + 'a {
        Canonical(self)
    }
}

impl fmt::Debug for LocalPart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalPart").field(&self.as_str()).finish()
    }
}

impl PartialEq for LocalPart<'_> {
    fn eq(&self, other: &Self) -> bool {
        match self.is_quoted() || other.is_quoted() {
            true => self.value().eq(other.value()),
            false => self.as_bytes() == other.as_bytes(),
        }
    }
}

impl Eq for LocalPart<'_> {}

impl Hash for LocalPart<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for character in self.value() {
            state.write_u32(character.into());
        }
        state.write_u32(u32::MAX);
    }
}

impl fmt::Display for LocalPart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Clone, Copy)]
struct Canonical<'a>(LocalPart<'a>);

impl fmt::Display for Canonical<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0.value();
        if is_dot_string(value.clone()) {
            return value.into_iter().try_for_each(|character| f.write_char(character));
        }
        f.write_char('"')?;
        for character in value {
            if matches!(character, '"' | '\\') {
                f.write_char('\\')?;
            }
            f.write_char(character)?;
        }
        f.write_char('"')
    }
}

fn is_dot_string(value: impl Iterator<Item = char>) -> bool {
    let mut atom_is_empty = true;
    for character in value {
        if character == '.' && !atom_is_empty {
            atom_is_empty = true;
        } else if u8::try_from(character).map_or(true, |byte| Class::ATEXT.holds(byte)) {
            atom_is_empty = false;
        } else {
            return false;
        }
    }
    !atom_is_empty
}

/// `Local-part = Dot-string / Quoted-string`
pub(super) fn local_part_at(syntax: Syntax, input: &str) -> Parsed<'_, LocalPart<'_>> {
    let length = match input.as_bytes() {
        quoted @ [b'"', ..] => quoted_string_length(quoted),
        dotted => dot_string_length(dotted, syntax),
    };
    match length.and_then(|length| input.split_at_checked(length)) {
        Some((text, _)) if has_c1(text.as_bytes()) => Err(fault(AddressError::LocalPart)),
        Some((text, _)) if text.len() > MAX_LOCAL_PART && !syntax.is_lenient() => {
            Err(fault(AddressError::TooLong))
        }
        Some((text, rest)) => Ok((rest, LocalPart(Utf8::new(text)))),
        None => Err(fault(AddressError::LocalPart)),
    }
}

/// The length of a Dot-string in ASCII.
#[inline]
fn plain(input: &[u8]) -> Option<NonZeroUsize> {
    Class::ASCII_ATEXT.joined(input, |byte| byte == b'.')
}

/// `Dot-string = Atom *("."  Atom)`
fn dot_string_length(input: &[u8], syntax: Syntax) -> Option<usize> {
    let mut at = 0;
    loop {
        let end = at + Class::ATEXT.run(input.get(at..)?);
        if end == at && !syntax.is_lenient() {
            return None;
        }
        match input.get(end) {
            Some(b'.') => at = end + 1,
            _ => return (end > 0).then_some(end),
        }
    }
}

fn quoted_string_length(input: &[u8]) -> Option<usize> {
    let mut length = 1;
    loop {
        length += Class::QTEXT.run(input.get(length..)?);
        match input.get(length)? {
            b'"' => return Some(length + 1),
            b'\\' if Class::GRAPHIC_OR_SPACE.holds(*input.get(length + 1)?) => length += 2,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{
        format,
        hash::DefaultHasher,
        string::{String, ToString},
    };

    use proptest::prelude::*;

    use super::{super::strategy, *};

    const LENIENT: Syntax = Syntax::Lenient;

    fn hash(value: impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn it_is_ascii_if_each_octet_is() {
        for (text, ascii) in
            [("alice", true), (r#""a b""#, true), ("用户", false), ("\"é\"", false)]
        {
            assert_eq!(LocalPart::parse(text).unwrap().is_ascii(), ascii, "{text}");
        }
    }

    #[test]
    fn every_form_has_one_value_and_one_canonical_form() {
        for (text, value, canonical) in [
            ("alice", "alice", "alice"),
            ("a.b.c", "a.b.c", "a.b.c"),
            ("!#$%&'*+-/=?^_`{|}~", "!#$%&'*+-/=?^_`{|}~", "!#$%&'*+-/=?^_`{|}~"),
            ("用户", "用户", "用户"),
            ("a\u{3002}b\u{a0}", "a\u{3002}b\u{a0}", "a\u{3002}b\u{a0}"),
            (r#""""#, "", r#""""#),
            (r#""abc""#, "abc", "abc"),
            (r#""a.b""#, "a.b", "a.b"),
            (r#""\a\b""#, "ab", "ab"),
            (r#""é""#, "é", "é"),
            (r#"".a""#, ".a", r#"".a""#),
            (r#""a.""#, "a.", r#""a.""#),
            (r#""a..b""#, "a..b", r#""a..b""#),
            (r#"".""#, ".", r#"".""#),
            (r#""a b""#, "a b", r#""a b""#),
            (r#""a\ b""#, "a b", r#""a b""#),
            (r#""a@b""#, "a@b", r#""a@b""#),
            (r#""a>b""#, "a>b", r#""a>b""#),
            (r#""a\"b""#, "a\"b", r#""a\"b""#),
            (r#""a\\""#, "a\\", r#""a\\""#),
            (r#""Joe\,Smith""#, "Joe,Smith", r#""Joe,Smith""#),
        ] {
            let local_part = LocalPart::parse(text).unwrap();
            assert_eq!(local_part.as_str(), text);
            assert_eq!(local_part.value().collect::<String>(), value);
            assert_eq!(local_part.canonical().to_string(), canonical);
            assert_eq!(LocalPart::parse(canonical), Ok(local_part));
        }
    }

    #[test]
    fn what_is_malformed_is_refused_by_both_syntaxes() {
        for text in [
            "",
            "a b",
            "a@b",
            "a(b)",
            "<a>",
            "a\\b",
            "a\"b",
            "\"a\"b",
            "a\"b\"",
            "\"a\".b",
            "\"",
            "\"a",
            "\"a\\",
            "\"a\\\"",
            "\"a\"b\"",
            "a,b",
            "a;b",
            "a:b",
            "[a]",
            "a\tb",
            "a\0b",
            "a\u{7f}",
            "\"a\u{7f}\"",
            "\"\u{1}\"",
            "\"a\tb\"",
            "\"a\r\nb\"",
            "\"\\\r\"",
            "\"\\\0\"",
            "\"\\\u{7f}\"",
            "\"\\\u{e9}\"",
            "a\u{85}",
            "\"\u{85}\"",
            "\u{80}",
            "a\n",
        ] {
            assert_eq!(LocalPart::parse(text), Err(AddressError::LocalPart), "{text:?}");
            assert_eq!(
                LocalPart::parse_with(text, LENIENT),
                Err(AddressError::LocalPart),
                "{text:?}"
            );
        }
    }

    #[test]
    fn lenient_syntax_takes_any_full_stops_and_the_canonical_form_repairs_them() {
        for text in [".a", "a..b", "a.", "...a"] {
            assert_eq!(LocalPart::parse(text), Err(AddressError::LocalPart));
            let local_part = LocalPart::parse_with(text, LENIENT).unwrap();
            assert_eq!(local_part.to_string(), text);
            let canonical = local_part.canonical().to_string();
            assert_eq!(canonical, format!("\"{text}\""));
            assert_eq!(LocalPart::parse(&canonical), Ok(local_part));
        }
    }

    #[test]
    fn sixty_four_octets_are_the_limit_of_strict_syntax() {
        let text = "a".repeat(64);
        let quoted = format!("\"{}\"", "a".repeat(62));
        assert!(LocalPart::parse(&text).is_ok());
        assert!(LocalPart::parse(&quoted).is_ok());
        let longer = text + "a";
        assert_eq!(LocalPart::parse(&longer), Err(AddressError::TooLong));
        assert!(LocalPart::parse_with(&longer, LENIENT).is_ok());
        assert_eq!(LocalPart::parse(&"\u{e9}".repeat(33)), Err(AddressError::TooLong));
        assert!(LocalPart::parse(&"\u{e9}".repeat(32)).is_ok());
    }

    #[test]
    fn case_counts_and_form_does_not() {
        let equal = |a, b| LocalPart::parse(a).unwrap() == LocalPart::parse(b).unwrap();
        assert!(equal("abc", r#""a\bc""#));
        assert!(equal(r#""a b""#, r#""a\ b""#));
        assert!(!equal("abc", "Abc"));
        assert!(!equal("abc", r#""abc ""#));
        assert!(!equal("\"\"", "a"));
    }

    proptest! {
        #[test]
        fn any_value_can_be_quoted(value in "[ -~\u{a0}-\u{17f}]{0,20}", escape: bool) {
            let mut text = String::from("\"");
            for character in value.chars() {
                let must = matches!(character, '"' | '\\');
                if must || escape && character.is_ascii() {
                    text.push('\\');
                }
                text.push(character);
            }
            text.push('"');
            let quoted = LocalPart::parse(&text).unwrap();
            prop_assert_eq!(quoted.value().collect::<String>(), value.clone());
            if let Ok(plain) = LocalPart::parse(&value) && !plain.is_quoted() {
                prop_assert_eq!(plain, quoted);
                prop_assert_eq!(hash(plain), hash(quoted));
                prop_assert_eq!(quoted.canonical().to_string(), value);
            }
        }

        #[test]
        fn the_canonical_form_is_legal_equal_stable_and_no_longer(text in strategy::local_part()) {
            let local_part = LocalPart::parse(&text).unwrap();
            let canonical = local_part.canonical().to_string();
            prop_assert!(canonical.len() <= text.len());
            let again = LocalPart::parse(&canonical).unwrap();
            prop_assert_eq!(again, local_part);
            prop_assert_eq!(hash(again), hash(local_part));
            prop_assert_eq!(again.canonical().to_string(), canonical);
        }

        #[test]
        fn an_unquoted_scan_agrees_with_the_grammar(text in "[ab.@ \u{7f}-\u{a1}]{0,8}") {
            let atoms = |atom: &str| {
                !atom.is_empty() && atom.chars().all(|c| matches!(c, 'a' | 'b') || c > '\u{9f}')
            };
            prop_assert_eq!(LocalPart::parse(&text).is_ok(), text.split('.').all(atoms));
        }
    }
}
