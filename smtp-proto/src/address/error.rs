//! Why a text is not an address.

use core::fmt;

use nom::{
    IResult, Parser,
    error::{ErrorKind, ParseError},
};

/// Why a text is not the address that it should be.
///
/// The variant names the first part that is wrong, as well as one can tell.
///
/// ```
/// use smtp_proto::address::{AddressError, ForwardPath, Mailbox};
///
/// assert_eq!(Mailbox::parse("a..b@example.org"), Err(AddressError::LocalPart));
/// assert_eq!(Mailbox::parse("a@-example.org"), Err(AddressError::Domain));
/// assert_eq!(ForwardPath::parse("<>"), Err(AddressError::Null));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AddressError {
    /// An angle bracket, the `@` or the source route is missing or malformed.
    Syntax,
    /// The local part is neither a Dot-string nor a Quoted-string.
    LocalPart,
    /// The domain is empty or holds a label that is no sub-domain.
    Domain,
    /// The text in square brackets is no IPv4 address and no tagged IPv6 address.
    Literal,
    /// A part is longer than RFC 5321 section 4.5.3.1 lets a peer count on.
    TooLong,
    /// `<>` where a recipient is wanted.
    Null,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AddressError::Syntax => "the address is incomplete or malformed",
            AddressError::LocalPart => "the local part is malformed",
            AddressError::Domain => "the domain is malformed",
            AddressError::Literal => "the address literal is malformed",
            AddressError::TooLong => "the address is too long",
            AddressError::Null => "the null path names no recipient",
        })
    }
}

impl core::error::Error for AddressError {}

/// [`AddressError`] as nom wants it, so that nom stays out of the public API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) AddressError);

/// What a parser of this module returns: the rest of the text and the value.
pub(crate) type Parsed<'a, T> = IResult<&'a str, T, Fault>;

impl ParseError<&str> for Fault {
    fn from_error_kind(_: &str, _: ErrorKind) -> Self {
        Fault(AddressError::Syntax)
    }

    fn append(_: &str, _: ErrorKind, other: Self) -> Self {
        other
    }
}

pub(super) const fn fault(error: AddressError) -> nom::Err<Fault> {
    nom::Err::Error(Fault(error))
}

/// One given character, or else that error.
#[inline]
pub(super) fn character<'a>(
    wanted: char,
    error: AddressError,
) -> impl Parser<&'a str, Output = (), Error = Fault> {
    move |input: &'a str| match input.strip_prefix(wanted) {
        Some(rest) => Ok((rest, ())),
        None => Err(fault(error)),
    }
}

/// Runs `parser` over the whole of `text`; what it leaves over gets the error that `left` gives.
#[inline]
pub(super) fn whole<'a, T>(
    mut parser: impl Parser<&'a str, Output = T, Error = Fault>,
    text: &'a str,
    left: AddressError,
) -> Result<T, AddressError> {
    match parser.parse_complete(text) {
        Ok(("", value)) => Ok(value),
        Ok(_) => Err(left),
        Err(nom::Err::Error(Fault(error)) | nom::Err::Failure(Fault(error))) => Err(error),
        Err(nom::Err::Incomplete(_)) => Err(AddressError::Syntax),
    }
}
