//! Local parts, dotted or quoted.

use core::{
    fmt::{self, Write as _},
    hash::{Hash, Hasher},
    iter, str,
};

use super::{
    AddressError,
    error::{Parsed, fault, whole},
};
use crate::syntax::{Class, Syntax};

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
#[derive(Clone, Copy, Debug)]
pub struct LocalPart<'a>(&'a str);

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
        whole(local_part(syntax), text, AddressError::LocalPart)
    }

    pub(super) const fn checked(text: &'a str) -> Self {
        LocalPart(text)
    }

    /// The text as received, with its quotes.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether it was received as a Quoted-string.
    #[must_use]
    pub fn is_quoted(self) -> bool {
        self.0.starts_with('"')
    }

    /// Whether it can be sent without SMTPUTF8.
    #[must_use]
    pub const fn is_ascii(self) -> bool {
        self.0.is_ascii()
    }

    /// What it means: the characters without quotes and backslashes.
    pub fn value(self) -> impl Iterator<Item = char> + Clone + 'a {
        let text = self.0;
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

impl PartialEq for LocalPart<'_> {
    fn eq(&self, other: &Self) -> bool {
        match self.is_quoted() || other.is_quoted() {
            true => self.value().eq(other.value()),
            false => self.0 == other.0,
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
        f.write_str(self.0)
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
pub(super) fn local_part<'a>(
    syntax: Syntax,
) -> impl Fn(&'a str) -> Parsed<'a, LocalPart<'a>> + Copy {
    move |input| {
        let length = match input.strip_prefix('"') {
            Some(_) => quoted_string_length(input.as_bytes()),
            None => dot_string_length(input.as_bytes(), syntax),
        };
        let (text, rest) = length
            .and_then(|length| input.split_at_checked(length))
            .ok_or(fault(AddressError::LocalPart))?;
        if !text.is_ascii() && text.chars().any(char::is_control) {
            return Err(fault(AddressError::LocalPart));
        }
        if !syntax.is_lenient() && text.len() > MAX_LOCAL_PART {
            return Err(fault(AddressError::TooLong));
        }
        Ok((rest, LocalPart(text)))
    }
}

/// `Dot-string = Atom *("."  Atom)`
fn dot_string_length(input: &[u8], syntax: Syntax) -> Option<usize> {
    let mut length = 0;
    loop {
        let atom = Class::ATEXT.run(input.get(length..)?);
        if atom == 0 && !syntax.is_lenient() {
            return None;
        }
        length += atom;
        match input.get(length) {
            Some(b'.') => length += 1,
            _ => return (length > 0).then_some(length),
        }
    }
}

/// `Quoted-string = DQUOTE *QcontentSMTP DQUOTE`
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
