//! Mailboxes.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::num::NonZeroUsize;

use nom::{Parser, sequence::separated_pair};

use super::{
    AddressError, AddressLiteral, Domain, Host, LocalPart,
    domain::host_at,
    error::{Fault, Parsed, fault, whole},
    literal::literal_octets,
    local_part::local_part_at,
    utf8::Utf8,
};
use crate::sink::Sink;
use crate::syntax::Syntax;

/// A path of 256 octets (RFC 5321 section 4.5.3.1.3) without its angle brackets.
const MAX_MAILBOX: usize = 254;

/// The address of a mailbox, in the form in which it was received.
///
/// ```text
/// Mailbox = Local-part "@" ( Domain / address-literal )      ; RFC 5321 section 4.1.2
/// ```
///
/// At most 254 octets. Equality and hash are those of [`LocalPart`] (by value, case counts) and of
/// [`Host`] (ASCII case does not count).
///
/// ```
/// use smtp_proto::address::Mailbox;
///
/// let mailbox = Mailbox::parse(r#""abc"@Example.org"#).unwrap();
/// assert_eq!(mailbox, Mailbox::parse("abc@example.ORG").unwrap());
/// assert_eq!(mailbox.to_string(), r#""abc"@Example.org"#);
/// assert_eq!(mailbox.canonical().to_string(), "abc@Example.org");
/// ```
#[derive(Clone, Copy)]
pub struct Mailbox<'a> {
    /// Up to the end of a domain; of a literal, which is kept as an address, up to the `@`. One text,
    /// since nearly every mailbox is written as it came.
    text: Utf8<'a>,
    /// The length of the local part.
    local: u8,
    literal: Option<AddressLiteral>,
}

impl<'a> Mailbox<'a> {
    /// Parses a whole text, without angle brackets, strictly.
    ///
    /// # Errors
    ///
    /// See [`AddressError`].
    pub fn parse(text: &'a str) -> Result<Self, AddressError> {
        Self::parse_with(text, Syntax::Strict)
    }

    /// Parses a whole text, without angle brackets. Lenient syntax is that of
    /// [`LocalPart::parse_with`] and [`Host::parse_with`].
    ///
    /// # Errors
    ///
    /// See [`AddressError`].
    pub fn parse_with(text: &'a str, syntax: Syntax) -> Result<Self, AddressError> {
        match Self::plain(text.as_bytes()) {
            Some((mailbox, [])) => Ok(mailbox),
            _ => whole(mailbox(syntax), text, AddressError::Domain),
        }
    }

    /// What stands before the `@`.
    #[must_use]
    pub const fn local_part(self) -> LocalPart<'a> {
        LocalPart::of_octets(self.parts().0)
    }

    /// What stands behind the `@`.
    #[must_use]
    pub const fn host(self) -> Host<'a> {
        match (self.literal, self.parts().1) {
            (Some(literal), _) => Host::Literal(literal),
            (None, [_, domain @ ..]) => Host::Domain(Domain::of_octets(domain)),
            (None, []) => Host::Domain(Domain::of_octets(&[])),
        }
    }

    /// Whether it can be sent without SMTPUTF8.
    #[must_use]
    pub const fn is_ascii(self) -> bool {
        self.text.as_bytes().is_ascii()
    }

    /// The shortest legal form of the same mailbox: see [`LocalPart::canonical`]. The case of the
    /// host stays as it was received, so that two mailboxes that are equal may be written differently.
    pub fn canonical(self) -> impl fmt::Display + Copy + 'a {
        Canonical(self)
    }
}

impl<'a> Mailbox<'a> {
    /// The mailbox at the start of `input` and what follows it, if both its parts are plain.
    #[inline]
    pub(super) fn plain(input: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (local, domain) = plain(input)?;
        let (text, rest) = Utf8::ascii(input, local.get() + 1 + domain.get())?;
        let local = u8::try_from(local.get()).ok()?;
        Some((Mailbox { text, local, literal: None }, rest))
    }

    /// The same for any mailbox that is spelt strictly.
    pub(super) fn spelt(input: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let local = LocalPart::spelt(input)?;
        let behind = input.get(local..)?.strip_prefix(b"@")?;
        let (kept, read, literal) = match behind {
            [b'[', ..] => {
                let (literal, read) = literal_octets(behind)?;
                (0, read, Some(literal))
            }
            _ => {
                let domain = Domain::spelt(behind)?;
                (domain, domain, None)
            }
        };
        // A literal is written anew and may grow: "::" for one group becomes ":0:".
        let written = literal.map_or(kept, |_| AddressLiteral::MAX_WRITTEN);
        if local + 1 + written > MAX_MAILBOX {
            return None;
        }
        let text = Utf8::spelt(input.get(..local + 1 + kept)?)?;
        let local = u8::try_from(local).ok()?;
        Some((Mailbox { text, local, literal }, behind.get(read..)?))
    }

    /// A mailbox that was parsed before, by its [parts](Mailbox::kept).
    #[cfg(feature = "alloc")]
    pub(super) const fn checked(text: &'a str, local: u8, literal: Option<AddressLiteral>) -> Self {
        Mailbox { text: Utf8::new(text), local, literal }
    }

    /// What it is made of: its text, the length of the local part in that, and a literal that the text
    /// does not hold.
    #[cfg(feature = "alloc")]
    pub(super) const fn kept(self) -> (&'a str, u8, Option<AddressLiteral>) {
        (self.text.as_str(), self.local, self.literal)
    }

    /// The local part, and what follows it: `@` and perhaps a domain.
    const fn parts(self) -> (&'a [u8], &'a [u8]) {
        match self.text.as_bytes().split_at_checked(self.local as usize) {
            Some(parts) => parts,
            None => (&[], &[]),
        }
    }

    #[inline]
    pub(crate) fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        out.put(self.text.as_bytes());
        if let Some(literal) = self.literal {
            Host::Literal(literal).encode(out);
        }
    }
}

impl PartialEq for Mailbox<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.local_part() == other.local_part() && self.host() == other.host()
    }
}

impl Eq for Mailbox<'_> {}

impl Hash for Mailbox<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.local_part().hash(state);
        self.host().hash(state);
    }
}

impl fmt::Debug for Mailbox<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox")
            .field("local_part", &self.local_part())
            .field("host", &self.host())
            .finish()
    }
}

impl fmt::Display for Mailbox<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local_part(), self.host())
    }
}

/// The lengths of the parts of the plain mailbox that `input` begins with. Two numbers come back in
/// registers, where a mailbox would be built in one place and copied to another.
#[inline(never)]
fn plain(input: &[u8]) -> Option<(NonZeroUsize, NonZeroUsize)> {
    let local = LocalPart::plain(input)?;
    let domain = match input.get(local.get()..)? {
        [b'@', behind @ ..] => Domain::plain_length(behind)?,
        _ => return None,
    };
    Some((local, domain))
}

#[derive(Clone, Copy)]
struct Canonical<'a>(Mailbox<'a>);

impl fmt::Display for Canonical<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.0.local_part().canonical(), self.0.host())
    }
}

/// `Mailbox`: takes one at the start of the input and returns the rest.
pub(crate) fn mailbox<'a>(syntax: Syntax) -> impl Fn(&'a str) -> Parsed<'a, Mailbox<'a>> + Copy {
    move |input| mailbox_at(syntax, input)
}

#[inline]
pub(super) fn mailbox_at(syntax: Syntax, input: &str) -> Parsed<'_, Mailbox<'_>> {
    let local_part = |input| local_part_at(syntax, input);
    let host = |input| host_at(syntax, input);
    let (rest, (local_part, host)) = separated_pair(local_part, at, host).parse_complete(input)?;
    // A literal is written anew and may grow: "::" for one group becomes ":0:".
    let (host_length, kept, literal) = match host {
        Host::Domain(domain) => (domain.len(), domain.len(), None),
        Host::Literal(literal) => (AddressLiteral::MAX_WRITTEN, 0, Some(literal)),
    };
    let local = local_part.as_bytes().len();
    match (u8::try_from(local), input.split_at_checked(local + 1 + kept)) {
        (Ok(short), Some((text, _))) if local + 1 + host_length <= MAX_MAILBOX => {
            Ok((rest, Mailbox { text: Utf8::new(text), local: short, literal }))
        }
        _ => Err(fault(AddressError::TooLong)),
    }
}

#[inline]
fn at(input: &str) -> Result<(&str, ()), nom::Err<Fault>> {
    match input.strip_prefix('@') {
        Some(rest) => Ok((rest, ())),
        None if input.is_empty() || input.starts_with('>') => Err(fault(AddressError::Syntax)),
        None => Err(fault(AddressError::LocalPart)),
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{format, string::ToString};

    use proptest::prelude::*;

    use super::{super::strategy, *};

    const LENIENT: Syntax = Syntax::Lenient;

    #[test]
    fn the_last_word_on_routing_is_the_unquoted_at() {
        for (text, host) in [
            (r#""u@evil.example"@good.example"#, "good.example"),
            (r#""@a,@b:<u>"@d"#, "d"),
            (r#""a\"@evil"@good"#, "good"),
            (r#""\\"@good"#, "good"),
            ("a%b@c", "c"),
            ("h!u@c", "c"),
            ("u@[192.0.2.1]", "[192.0.2.1]"),
            ("u@1.2.3.4", "1.2.3.4"),
            ("u@123", "123"),
        ] {
            assert_eq!(Mailbox::parse(text).unwrap().host().to_string(), host);
        }
    }

    #[test]
    fn the_error_names_the_part() {
        for (text, error) in [
            ("", AddressError::LocalPart),
            ("@example.org", AddressError::LocalPart),
            ("bob", AddressError::Syntax),
            ("bob smith@example.org", AddressError::LocalPart),
            ("bob(c)@example.org", AddressError::LocalPart),
            ("\"bob@example.org", AddressError::LocalPart),
            ("bob@", AddressError::Domain),
            ("bob@a@b.org", AddressError::Domain),
            ("bob@exa mple.org", AddressError::Domain),
            ("bob@example.org ", AddressError::Domain),
            ("bob@[300.1.2.3]", AddressError::Literal),
            ("bob@[192.0.2.1", AddressError::Literal),
            ("<bob@example.org>", AddressError::LocalPart),
            ("\"x\" <a@b>", AddressError::LocalPart),
        ] {
            assert_eq!(Mailbox::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn what_would_break_out_of_a_command_is_refused() {
        for text in [
            "x\r\nRCPT TO:<v@x>",
            "x@y\r\n",
            "x@y\n",
            "x@y\r",
            "x@y\0",
            "\"a\r\nDATA\r\n\"@x",
            "a@x> SIZE=1",
            "a@x>\u{20}NOTIFY=NEVER",
            "a> b@x",
        ] {
            assert!(Mailbox::parse(text).is_err(), "{text:?}");
            assert!(Mailbox::parse_with(text, LENIENT).is_err(), "{text:?}");
        }
    }

    #[test]
    fn characters_whose_low_byte_is_a_line_end_stay_themselves() {
        let text = "a\u{10d}\u{10a}\u{560a}b@x";
        assert_eq!(Mailbox::parse(text).unwrap().to_string(), text);
    }

    #[test]
    fn two_hundred_and_fifty_four_octets_are_the_limit() {
        let host = "a.".repeat(63) + &"a".repeat(63);
        let fits = format!("{}@{host}", "l".repeat(64));
        assert_eq!(fits.len(), 254);
        let longer = fits.replacen('@', "@a", 1);
        for syntax in [Syntax::Strict, LENIENT] {
            assert!(Mailbox::parse_with(&fits, syntax).is_ok());
            assert_eq!(Mailbox::parse_with(&longer, syntax), Err(AddressError::TooLong));
        }
        assert!(Mailbox::parse_with(&format!("{}@x", "l".repeat(252)), LENIENT).is_ok());
        let literal = format!("{}@[IPv6:1::3:4:5:6:7:8]", "l".repeat(230));
        assert_eq!(Mailbox::parse_with(&literal, LENIENT), Err(AddressError::TooLong));
    }

    proptest! {
        #[test]
        fn a_mailbox_survives_writing(text in strategy::mailbox()) {
            let mailbox = Mailbox::parse(&text).unwrap();
            prop_assert_eq!(mailbox.to_string(), text.clone());
            prop_assert_eq!(mailbox.is_ascii(), text.is_ascii());
            prop_assert_eq!(Mailbox::parse_with(&text, LENIENT), Ok(mailbox));
            let canonical = mailbox.canonical().to_string();
            prop_assert_eq!(Mailbox::parse(&canonical), Ok(mailbox));
        }

        #[test]
        fn whatever_is_taken_is_written_as_it_came(text in strategy::near_misses()) {
            if let Ok(mailbox) = Mailbox::parse(&text) {
                prop_assert_eq!(Mailbox::parse_with(&text, LENIENT), Ok(mailbox));
            }
            if let Ok(mailbox) = Mailbox::parse_with(&text, LENIENT) {
                let written = mailbox.to_string();
                prop_assert_eq!(Mailbox::parse_with(&written, LENIENT), Ok(mailbox));
                prop_assert!(!written.chars().any(char::is_control));
                if let Host::Domain(_) = mailbox.host() {
                    prop_assert_eq!(written, text);
                }
            }
        }
    }
}
