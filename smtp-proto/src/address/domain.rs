//! Domains, and what may stand in their place.

use core::{
    fmt,
    hash::{Hash, Hasher},
    num::NonZeroUsize,
};

use super::{
    AddressError, AddressLiteral,
    error::{Parsed, fault, whole},
    literal::{literal, literal_octets},
    utf8::Utf8,
};
use crate::sink::{Sink, Text};
use crate::syntax::{Class, Syntax, has_c1};

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
#[derive(Clone, Copy)]
pub struct Domain<'a>(Utf8<'a>);

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
        match Self::plain(text.as_bytes()) {
            Some((domain, [])) => Ok(domain),
            _ => whole(|input| domain_at(syntax, input), text, AddressError::Domain),
        }
    }

    /// The text as received. It is kept as octets, so that each call looks through them once.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0.as_str()
    }

    /// Whether it can be sent without SMTPUTF8.
    #[must_use]
    pub const fn is_ascii(self) -> bool {
        self.0.as_bytes().is_ascii()
    }

    pub(super) const fn len(self) -> usize {
        self.0.as_bytes().len()
    }

    /// A text that was parsed before.
    #[cfg(feature = "alloc")]
    pub(super) const fn checked(text: &'a str) -> Self {
        Domain(Utf8::new(text))
    }

    /// The domain at the start of `input` and what follows it, if it is [`plain`], as nearly all of
    /// them are. Any other is left to [`domain_at`].
    #[inline]
    pub(crate) fn plain(input: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (name, rest) = Utf8::ascii(input, plain(input)?.get())?;
        Some((Domain(name), rest))
    }

    /// The length of the domain at the start of `input`, spelt strictly and not too long. That what is
    /// not ASCII in it is UTF-8 has still to be checked.
    pub(super) fn spelt(input: &[u8]) -> Option<usize> {
        scan(input, Syntax::Strict).ok().filter(|length| *length <= MAX_DOMAIN)
    }

    /// The length of the domain at the start of `input`, if it is [`plain`].
    #[inline]
    pub(super) fn plain_length(input: &[u8]) -> Option<NonZeroUsize> {
        plain(input)
    }

    /// Octets that were parsed before.
    pub(super) const fn of_octets(octets: &'a [u8]) -> Self {
        Domain(Utf8::checked(octets))
    }
}

impl fmt::Debug for Domain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Domain").field(&self.as_str()).finish()
    }
}

impl PartialEq for Domain<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().eq_ignore_ascii_case(other.0.as_bytes())
    }
}

impl Eq for Domain<'_> {}

impl Hash for Domain<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.0.as_bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
        state.write_u8(0xff);
    }
}

impl fmt::Display for Domain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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

    /// The literal or the domain that `input` is as a whole, spelt strictly.
    pub(crate) fn spelt(input: &'a [u8]) -> Option<Self> {
        let (host, length) = match input {
            [b'[', ..] => {
                let (literal, length) = literal_octets(input)?;
                (Host::Literal(literal), length)
            }
            _ => {
                let length = Domain::spelt(input)?;
                (Host::Domain(Domain(Utf8::spelt(input)?)), length)
            }
        };
        (length == input.len()).then_some(host)
    }
}

impl Host<'_> {
    #[inline]
    pub(crate) fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        match self {
            Host::Domain(domain) => out.put(domain.0.as_bytes()),
            Host::Literal(literal) => encode_literal(literal, out),
        }
    }
}

#[cold]
fn encode_literal<S: Sink + ?Sized>(literal: &AddressLiteral, out: &mut S) {
    let _ = fmt::write(&mut Text(out), format_args!("{literal}"));
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
    move |input| host_at(syntax, input)
}

#[inline]
pub(super) fn host_at(syntax: Syntax, input: &str) -> Parsed<'_, Host<'_>> {
    if input.as_bytes().first() == Some(&b'[') {
        literal(input).map(|(rest, literal)| (rest, Host::Literal(literal)))
    } else {
        domain_at(syntax, input).map(|(rest, domain)| (rest, Host::Domain(domain)))
    }
}

/// `Domain = sub-domain *("." sub-domain)`
pub(super) fn domain_at(syntax: Syntax, input: &str) -> Parsed<'_, Domain<'_>> {
    let length = scan(input.as_bytes(), syntax).map_err(fault)?;
    match input.split_at_checked(length) {
        Some((name, rest)) if !has_c1(name.as_bytes()) => match name.len() {
            ..=MAX_DOMAIN => Ok((rest, Domain(Utf8::new(name)))),
            _ => Err(fault(AddressError::TooLong)),
        },
        _ => Err(fault(AddressError::Domain)),
    }
}

/// The length of a domain in ASCII whose dots and hyphens each stand between letters or digits, and
/// that is no longer than a label may be.
#[inline]
fn plain(input: &[u8]) -> Option<NonZeroUsize> {
    let length = Class::LET_DIG.joined(input, |byte| matches!(byte, b'.' | b'-'))?;
    (length.get() <= MAX_LABEL).then_some(length)
}

/// The length of the domain at the start of `input`.
fn scan(input: &[u8], syntax: Syntax) -> Result<usize, AddressError> {
    const STRICT: Class = Class::LDH.or(Class::NON_ASCII);
    const LENIENT: Class = STRICT.or(Class::UNDERSCORE);
    let class = if syntax.is_lenient() { LENIENT } else { STRICT };
    let mut rest = input;
    loop {
        let (label, behind) = class.split_bytes(rest);
        let dot_at_the_end = label.is_empty() && rest.len() < input.len();
        if !(dot_at_the_end && syntax.is_lenient()) {
            check_label(label, syntax)?;
        }
        match behind {
            [b'.', next @ ..] if !label.is_empty() => rest = next,
            [b'.', ..] => return Err(AddressError::Domain),
            _ => return Ok(input.len() - behind.len()),
        }
    }
}

/// The rules for a sub-domain that are about its ends and its length.
#[inline]
fn check_label(label: &[u8], syntax: Syntax) -> Result<(), AddressError> {
    match label {
        [] => Err(AddressError::Domain),
        [b'-', ..] | [.., b'-'] if !syntax.is_lenient() => Err(AddressError::Domain),
        _ if label.len() > MAX_LABEL && characters(label) > MAX_LABEL => Err(AddressError::TooLong),
        _ => Ok(()),
    }
}

fn characters(utf8: &[u8]) -> usize {
    utf8.iter().filter(|&&byte| byte & 0b1100_0000 != 0b1000_0000).count()
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{format, hash::DefaultHasher, string::ToString};

    use proptest::prelude::*;

    use super::{super::strategy, *};

    const LENIENT: Syntax = Syntax::Lenient;

    fn hash(value: impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn names_of_all_shapes_are_taken() {
        for text in [
            "localhost",
            "a",
            "1",
            "123",
            "1.2.3.4",
            "x.y-z.0",
            "xn--4c",
            "XN--0",
            "a--b",
            "例子.广告",
            "παράδειγμα.δοκιμή",
            "a.b\u{3002}c",
            "x\u{200d}y.example",
            "\u{2028}",
        ] {
            assert_eq!(Domain::parse(text).map(Domain::as_str), Ok(text));
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            ".",
            "a..b",
            ".a",
            "a b",
            "a!b",
            "*.x",
            "a@b",
            "a\tb",
            "a\0",
            "a\r\n",
            "a\u{7f}",
            "a\u{85}b",
            "\u{80}",
            "\u{9f}.example",
            "[a]",
            "a/b",
        ] {
            assert_eq!(Domain::parse(text), Err(AddressError::Domain), "{text:?}");
            assert_eq!(Domain::parse_with(text, LENIENT), Err(AddressError::Domain), "{text:?}");
        }
    }

    #[test]
    fn lenient_syntax_takes_what_deployed_names_hold() {
        for text in ["a_b.example", "_a", "-a.b", "a-.b", "a.b-", "-", "example.org.", "\u{e9}-"] {
            assert_eq!(Domain::parse(text), Err(AddressError::Domain), "{text:?}");
            assert_eq!(Domain::parse_with(text, LENIENT).map(Domain::as_str), Ok(text));
        }
        assert_eq!(Domain::parse_with("a..", LENIENT), Err(AddressError::Domain));
    }

    #[test]
    fn lengths_are_bounded() {
        let label = "a".repeat(63);
        let name = format!("{label}.{label}.{label}.{label}");
        assert_eq!(name.len(), 255);
        assert!(Domain::parse(&name).is_ok());
        for syntax in [Syntax::Strict, LENIENT] {
            let too_long = Err(AddressError::TooLong);
            assert_eq!(Domain::parse_with(&format!("{label}a"), syntax), too_long);
            assert_eq!(Domain::parse_with(&format!("{label}a.org"), syntax), too_long);
            assert_eq!(
                Domain::parse_with(&format!("{}.a", "a.".repeat(126) + "aaa"), syntax),
                too_long
            );
        }
    }

    #[test]
    fn a_label_outside_ascii_is_counted_in_characters() {
        assert!(Domain::parse(&"\u{4e00}".repeat(63)).is_ok());
        assert_eq!(Domain::parse(&"\u{4e00}".repeat(64)), Err(AddressError::TooLong));
    }

    #[test]
    fn only_ascii_case_is_ignored() {
        let equal = |a, b| Domain::parse(a).unwrap() == Domain::parse(b).unwrap();
        assert!(equal("EXAMPLE.org", "example.ORG"));
        assert!(!equal("\u{c9}.org", "\u{e9}.org"));
        assert!(!equal("\u{212a}.org", "k.org"));
        assert!(!equal("a.b", "a\u{3002}b"));
        assert_eq!(hash(Domain::parse("A.b").unwrap()), hash(Domain::parse("a.B").unwrap()));
    }

    #[test]
    fn a_bracket_decides_for_a_literal() {
        assert_eq!(Host::parse("[192.0.2.1]x"), Err(AddressError::Literal));
        assert_eq!(Host::parse("[localhost]"), Err(AddressError::Literal));
        assert_eq!(Host::parse("a[192.0.2.1]"), Err(AddressError::Domain));
        assert!(Host::parse("[192.0.2.1]").unwrap().is_ascii());
    }

    /// The grammar once more, label by label, without the limits.
    fn is_domain(text: &str, syntax: Syntax) -> bool {
        let lenient = syntax.is_lenient();
        let names = text.strip_suffix('.').filter(|_| lenient).unwrap_or(text);
        names.split('.').all(|label| {
            let inner = |c: char| {
                c.is_ascii_alphanumeric() || c == '-' || c > '\u{9f}' || lenient && c == '_'
            };
            let hyphens = label.starts_with('-') || label.ends_with('-');
            !label.is_empty() && label.chars().all(inner) && (lenient || !hyphens)
        })
    }

    proptest! {
        #[test]
        fn scanning_agrees_with_the_grammar(text in "[a-c_.\u{7f}-\u{a1}-]{0,8}") {
            for syntax in [Syntax::Strict, LENIENT] {
                let is_domain = is_domain(&text, syntax);
                prop_assert_eq!(Domain::parse_with(&text, syntax).is_ok(), is_domain);
                let scanned = whole(|input| domain_at(syntax, input), &text, AddressError::Domain);
                prop_assert_eq!(scanned.is_ok(), is_domain);
            }
        }

        #[test]
        fn a_host_survives_writing(text in strategy::host()) {
            let host = Host::parse(&text).unwrap();
            prop_assert_eq!(host.to_string(), text.clone());
            prop_assert_eq!(host.is_ascii(), text.is_ascii());
            let shouted = text.to_ascii_uppercase();
            let shouted = Host::parse(&shouted).unwrap();
            prop_assert_eq!(shouted, host);
            prop_assert_eq!(hash(shouted), hash(host));
        }

        #[test]
        fn a_host_ends_where_its_text_ends(text in strategy::host(), tail in "([ >:,/].{0,5})?") {
            let input = format!("{text}{tail}");
            let (rest, found) = host(Syntax::Strict)(&input).unwrap();
            prop_assert_eq!(rest, tail);
            prop_assert_eq!(found, Host::parse(&text).unwrap());
        }
    }
}
