//! Domains, and what may stand in their place.

use core::{
    fmt,
    hash::{Hash, Hasher},
};

use super::{
    AddressError, AddressLiteral,
    error::{Parsed, fault, whole},
    literal::literal,
};
use crate::syntax::{Class, Syntax};

/// RFC 5321 section 4.5.3.1.2, in octets.
const MAX_DOMAIN: usize = 255;
/// RFC 1035 section 2.3.4, in octets.
const MAX_LABEL: usize = 63;

/// A domain name as it stands in a command: at most 255 octets, labels of at most 63.
///
/// ```text
/// Domain     = sub-domain *("." sub-domain)        ; RFC 5321 section 4.1.2
/// sub-domain = Let-dig [Ldh-str]
/// sub-domain =/ U-label                            ; RFC 6531 section 3.3
/// ```
///
/// A label with characters outside ASCII is counted in characters, because its A-label, which the
/// limit is about, has at least one octet for each of them. Only the full stop separates labels,
/// and nothing is mapped or folded: equality and hash ignore the case of ASCII letters and no
/// other difference.
///
/// ```
/// use smtp_proto::address::Domain;
///
/// let domain = Domain::parse("Mail.Example.ORG").unwrap();
/// assert_eq!(domain, Domain::parse("mail.example.org").unwrap());
/// assert_eq!(domain.as_str(), "Mail.Example.ORG");
/// assert!(!Domain::parse("例子.广告").unwrap().is_ascii());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Domain<'a>(&'a str);

impl<'a> Domain<'a> {
    /// Parses a whole text as a domain, strictly.
    ///
    /// # Errors
    ///
    /// [`AddressError::Domain`], or [`AddressError::TooLong`] where only a length is wrong.
    pub fn parse(text: &'a str) -> Result<Self, AddressError> {
        Self::parse_with(text, Syntax::Strict)
    }

    /// Parses a whole text as a domain. Lenient syntax also takes underscores, hyphens at the ends
    /// of a label and a full stop at the end; all are kept.
    ///
    /// # Errors
    ///
    /// As [`Domain::parse`].
    pub fn parse_with(text: &'a str, syntax: Syntax) -> Result<Self, AddressError> {
        whole(domain(syntax), text, AddressError::Domain)
    }

    pub(super) const fn checked(text: &'a str) -> Self {
        Domain(text)
    }

    /// The text as received.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether it can be sent without SMTPUTF8.
    #[must_use]
    pub const fn is_ascii(self) -> bool {
        self.0.is_ascii()
    }
}

impl PartialEq for Domain<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(other.0)
    }
}

impl Eq for Domain<'_> {}

impl Hash for Domain<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.0.bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
        state.write_u8(0xff);
    }
}

impl fmt::Display for Domain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Where a mailbox lives, and what a client calls itself in EHLO.
///
/// ```text
/// Host = Domain / address-literal      ; no name in RFC 5321, see section 4.1.2, Mailbox and ehlo
/// ```
///
/// ```
/// use smtp_proto::address::{AddressLiteral, Host};
///
/// assert!(matches!(Host::parse("mx.example.org"), Ok(Host::Domain(_))));
/// let literal = AddressLiteral::V4([192, 0, 2, 1].into());
/// assert_eq!(Host::parse("[192.0.2.1]"), Ok(Host::Literal(literal)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Host<'a> {
    /// A name.
    Domain(Domain<'a>),
    /// A network address in square brackets.
    Literal(AddressLiteral),
}

impl<'a> Host<'a> {
    /// Parses a whole text as a domain or an address literal, strictly.
    ///
    /// # Errors
    ///
    /// Those of [`Domain::parse`], or [`AddressError::Literal`] behind an opening square bracket.
    pub fn parse(text: &'a str) -> Result<Self, AddressError> {
        Self::parse_with(text, Syntax::Strict)
    }

    /// Parses a whole text as [`Domain::parse_with`] or [`AddressLiteral::parse`] does.
    ///
    /// # Errors
    ///
    /// As [`Host::parse`].
    pub fn parse_with(text: &'a str, syntax: Syntax) -> Result<Self, AddressError> {
        let left = match text.starts_with('[') {
            true => AddressError::Literal,
            false => AddressError::Domain,
        };
        whole(host(syntax), text, left)
    }

    /// Whether it can be sent without SMTPUTF8.
    #[must_use]
    pub const fn is_ascii(self) -> bool {
        match self {
            Host::Domain(domain) => domain.is_ascii(),
            Host::Literal(_) => true,
        }
    }
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Domain(domain) => domain.fmt(f),
            Host::Literal(literal) => literal.fmt(f),
        }
    }
}

impl<'a> From<Domain<'a>> for Host<'a> {
    fn from(domain: Domain<'a>) -> Self {
        Host::Domain(domain)
    }
}

impl From<AddressLiteral> for Host<'_> {
    fn from(literal: AddressLiteral) -> Self {
        Host::Literal(literal)
    }
}

/// `Domain / address-literal`: takes one at the start of the input and returns the rest.
pub(crate) fn host<'a>(syntax: Syntax) -> impl Fn(&'a str) -> Parsed<'a, Host<'a>> + Copy {
    move |input| {
        if input.starts_with('[') {
            literal(input).map(|(rest, literal)| (rest, Host::Literal(literal)))
        } else {
            domain(syntax)(input).map(|(rest, domain)| (rest, Host::Domain(domain)))
        }
    }
}

/// `Domain = sub-domain *("." sub-domain)`
pub(super) fn domain<'a>(syntax: Syntax) -> impl Fn(&'a str) -> Parsed<'a, Domain<'a>> + Copy {
    move |input| {
        let (name, rest) = domain_length(input, syntax)
            .and_then(|length| input.split_at_checked(length).ok_or(AddressError::Domain))
            .map_err(fault)?;
        if !name.is_ascii() && name.chars().any(char::is_control) {
            return Err(fault(AddressError::Domain));
        }
        if name.len() > MAX_DOMAIN {
            return Err(fault(AddressError::TooLong));
        }
        Ok((rest, Domain(name)))
    }
}

fn domain_length(input: &str, syntax: Syntax) -> Result<usize, AddressError> {
    const STRICT: Class = Class::LDH.or(Class::NON_ASCII);
    const LENIENT: Class = STRICT.or(Class::UNDERSCORE);
    let class = if syntax.is_lenient() { LENIENT } else { STRICT };

    let mut rest = input;
    loop {
        let (label, behind) = class.split(rest);
        if label.is_empty() {
            let dot_at_the_end = rest.len() < input.len() && !rest.starts_with('.');
            return match syntax {
                Syntax::Lenient if dot_at_the_end => Ok(input.len() - rest.len()),
                _ => Err(AddressError::Domain),
            };
        }
        if !syntax.is_lenient() && (label.starts_with('-') || label.ends_with('-')) {
            return Err(AddressError::Domain);
        }
        if label.len() > MAX_LABEL && label.chars().count() > MAX_LABEL {
            return Err(AddressError::TooLong);
        }
        match behind.strip_prefix('.') {
            Some(next) => rest = next,
            None => return Ok(input.len() - behind.len()),
        }
    }
}
