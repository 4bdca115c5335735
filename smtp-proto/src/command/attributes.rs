//! The attributes of XCLIENT and XFORWARD.

use core::fmt;

use super::all;
use super::xtext::Xtext;
use crate::syntax::Class;

/// More attributes than this in one command are refused: it knows about a dozen.
const MOST: usize = 32;

/// The attributes of an XCLIENT or XFORWARD command, in order, each name once.
///
/// ```text
/// attributes = attribute-name "=" attribute-value *( SP attribute-name "=" attribute-value )
/// attribute-value = xtext                        ; RFC 3461 section 4
/// ```
///
/// Names are letters, digits, `-` and `_`, compared without regard to case. A value that decodes
/// to a control character is refused.
///
/// ```
/// use smtp_proto::command::{Attributes, AttributeValue};
///
/// let attributes = Attributes::parse("NAME=[UNAVAILABLE] ADDR=192.0.2.1").unwrap();
/// assert_eq!(attributes.get("name"), Some(AttributeValue::Unavailable));
/// assert!(matches!(attributes.get("ADDR"), Some(AttributeValue::Is(a)) if a.as_str() == "192.0.2.1"));
/// assert_eq!(Attributes::parse("ADDR=192.0.2.1+0D+0A"), None);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a>(&'a str);

/// One attribute of [`Attributes`].
#[derive(Clone, Copy, Debug)]
pub struct Attribute<'a> {
    name: &'a str,
    value: Xtext<'a>,
}

/// What an attribute says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeValue<'a> {
    /// It is this.
    Is(Xtext<'a>),
    /// `[UNAVAILABLE]`: there is none.
    Unavailable,
    /// `[TEMPUNAVAIL]`: it could not be found out now.
    TemporarilyUnavailable,
}

impl<'a> Attributes<'a> {
    /// Checks a list of 1 to 32 attributes.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let list = Attributes(text);
        for (seen, part) in text.split(' ').enumerate() {
            let (name, value) = part.split_once('=')?;
            let twice = list.iter().take(seen).any(|a| a.name.eq_ignore_ascii_case(name));
            let valid = !name.is_empty()
                && all(name, Class::LDH.or(Class::UNDERSCORE))
                && Xtext::parse(value).is_some_and(|value| !value.has_control());
            if seen >= MOST || twice || !valid {
                return None;
            }
        }
        Some(list)
    }

    /// The list as received.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.0
    }

    /// The attributes in order.
    pub fn iter(&self) -> impl Iterator<Item = Attribute<'a>> + Clone + use<'a> {
        self.0.split(' ').filter_map(|part| {
            let (name, value) = part.split_once('=')?;
            Some(Attribute { name, value: Xtext::parse(value)? })
        })
    }

    /// What the attribute of that name says, in any case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<AttributeValue<'a>> {
        self.iter().find(|a| a.name.eq_ignore_ascii_case(name)).map(|a| a.value())
    }
}

impl<'a> Attribute<'a> {
    /// The name as received.
    #[must_use]
    pub const fn name(&self) -> &'a str {
        self.name
    }

    /// What it says.
    #[must_use]
    pub fn value(&self) -> AttributeValue<'a> {
        let text = self.value.as_str();
        if text.eq_ignore_ascii_case("[UNAVAILABLE]") {
            AttributeValue::Unavailable
        } else if text.eq_ignore_ascii_case("[TEMPUNAVAIL]") {
            AttributeValue::TemporarilyUnavailable
        } else {
            AttributeValue::Is(self.value)
        }
    }
}

impl PartialEq for Attribute<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.name.eq_ignore_ascii_case(other.name) && self.value() == other.value()
    }
}

impl Eq for Attribute<'_> {}

impl PartialEq for Attributes<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Attributes<'_> {}

impl fmt::Display for Attributes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn malformed_lists_are_refused() {
        for text in [
            "",
            "NAME",
            "=x",
            "NAME=a=b",
            "NAME=a  ADDR=b",
            "NAME=a\tb",
            "NAME=a NAME=b",
            "NAME=a name=b",
            "NA ME=a",
            "NAME=+zz",
            "NAME=é",
            "NAME=x+00",
            " NAME=a",
            "NAME=a ",
        ] {
            assert_eq!(Attributes::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_number_of_attributes_is_bounded() {
        let list = |n: usize| -> String {
            (0..n).map(|i| alloc::format!("A{i}=x")).collect::<Vec<_>>().join(" ")
        };
        assert!(Attributes::parse(&list(MOST)).is_some());
        assert_eq!(Attributes::parse(&list(MOST + 1)), None);
    }

    #[test]
    fn names_and_encodings_compare_by_meaning() {
        assert_eq!(Attributes::parse("helo=a+2Eb"), Attributes::parse("HELO=a.b"));
        assert_ne!(Attributes::parse("helo=a"), Attributes::parse("helo=b"));
    }
}
