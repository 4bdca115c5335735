//! Paths and mailboxes as JSON.

use serde::{Serialize, Serializer};
use smtp_proto::Syntax;
use smtp_proto::address::{AddressError, AddressLiteral, ForwardPath, Host, Mailbox, ReversePath};

use super::Refused;

/// `null` for `<>`, `"postmaster"`, or what a mailbox consists of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Path<'a> {
    Null,
    Postmaster,
    Mailbox(Mailbox<'a>),
}

impl<'a> From<ReversePath<'a>> for Path<'a> {
    fn from(path: ReversePath<'a>) -> Self {
        match path {
            ReversePath::Null => Path::Null,
            ReversePath::Mailbox(mailbox) => Path::Mailbox(mailbox),
        }
    }
}

impl<'a> From<ForwardPath<'a>> for Path<'a> {
    fn from(path: ForwardPath<'a>) -> Self {
        match path {
            ForwardPath::Postmaster => Path::Postmaster,
            ForwardPath::Mailbox(mailbox) => Path::Mailbox(mailbox),
        }
    }
}

impl Serialize for Path<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Json {
            local_part: String,
            domain: String,
            kind: &'static str,
            canonical: String,
            utf8: bool,
        }
        let mailbox = match self {
            Path::Null => return serializer.serialize_none(),
            Path::Postmaster => return serializer.serialize_str("postmaster"),
            Path::Mailbox(mailbox) => mailbox,
        };
        Json {
            local_part: mailbox.local_part().value().collect(),
            domain: mailbox.host().to_string(),
            kind: match mailbox.host() {
                Host::Domain(_) => "domain",
                Host::Literal(AddressLiteral::V4(_)) => "ipv4",
                Host::Literal(AddressLiteral::V6(_)) => "ipv6",
            },
            canonical: mailbox.canonical().to_string(),
            utf8: !mailbox.is_ascii(),
        }
        .serialize(serializer)
    }
}

#[derive(Serialize)]
pub(super) struct Parsed<'a> {
    path: Path<'a>,
}

/// A reverse-path or a forward-path.
pub(super) fn path(input: &[u8], syntax: Syntax) -> Result<Parsed<'_>, Refused> {
    let text = utf8(input)?;
    let path = match ForwardPath::parse_with(text, syntax) {
        Err(AddressError::Null) => Path::Null,
        path => path.map_err(refused)?.into(),
    };
    Ok(Parsed { path })
}

/// A mailbox, without angle brackets.
pub(super) fn address(input: &[u8], syntax: Syntax) -> Result<Parsed<'_>, Refused> {
    let mailbox = Mailbox::parse_with(utf8(input)?, syntax).map_err(refused)?;
    Ok(Parsed { path: Path::Mailbox(mailbox) })
}

fn utf8(input: &[u8]) -> Result<&str, Refused> {
    std::str::from_utf8(input).map_err(|_| refused("the address is not UTF-8"))
}

/// What a server says to such an address in RCPT.
fn refused(error: impl ToString) -> Refused {
    let error = error.to_string();
    Refused { reply: Some(format!("501 5.1.3 {error}")), error }
}
