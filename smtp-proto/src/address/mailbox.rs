//! Mailboxes.

use core::fmt;

use nom::{Parser, sequence::separated_pair};

use super::{
    AddressError, AddressLiteral, Host, LocalPart,
    domain::host,
    error::{Fault, Parsed, fault, whole},
    local_part::local_part,
};
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mailbox<'a> {
    local_part: LocalPart<'a>,
    host: Host<'a>,
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
        whole(mailbox(syntax), text, AddressError::Domain)
    }

    pub(super) const fn checked(local_part: LocalPart<'a>, host: Host<'a>) -> Self {
        Mailbox { local_part, host }
    }

    /// What stands before the `@`.
    #[must_use]
    pub const fn local_part(self) -> LocalPart<'a> {
        self.local_part
    }

    /// What stands behind the `@`.
    #[must_use]
    pub const fn host(self) -> Host<'a> {
        self.host
    }

    /// Whether it can be sent without SMTPUTF8.
    #[must_use]
    pub const fn is_ascii(self) -> bool {
        self.local_part.is_ascii() && self.host.is_ascii()
    }

    /// The shortest legal form of the same mailbox: see [`LocalPart::canonical`].
    pub fn canonical(self) -> impl fmt::Display + Copy + 'a {
        Canonical(self)
    }
}

impl fmt::Display for Mailbox<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local_part, self.host)
    }
}

#[derive(Clone, Copy)]
struct Canonical<'a>(Mailbox<'a>);

impl fmt::Display for Canonical<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.0.local_part.canonical(), self.0.host)
    }
}

/// `Mailbox`: takes one at the start of the input and returns the rest.
pub(crate) fn mailbox<'a>(syntax: Syntax) -> impl Fn(&'a str) -> Parsed<'a, Mailbox<'a>> + Copy {
    move |input| {
        let mut parts = separated_pair(local_part(syntax), at, host(syntax));
        let (rest, (local_part, host)) = parts.parse_complete(input)?;
        // A literal is written anew and may grow: "::" for one group becomes ":0:".
        let host_length = match host {
            Host::Domain(domain) => domain.as_str().len(),
            Host::Literal(_) => AddressLiteral::MAX_WRITTEN,
        };
        if local_part.as_str().len() + 1 + host_length > MAX_MAILBOX {
            return Err(fault(AddressError::TooLong));
        }
        Ok((rest, Mailbox { local_part, host }))
    }
}

fn at(input: &str) -> Result<(&str, ()), nom::Err<Fault>> {
    match input.strip_prefix('@') {
        Some(rest) => Ok((rest, ())),
        None if input.is_empty() || input.starts_with('>') => Err(fault(AddressError::Syntax)),
        None => Err(fault(AddressError::LocalPart)),
    }
}
