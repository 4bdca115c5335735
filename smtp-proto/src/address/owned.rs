//! Addresses that own their text.

use alloc::boxed::Box;
use core::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use super::{AddressError, AddressLiteral, Domain, ForwardPath, Host, Mailbox, ReversePath};

/// A [`Host`] that owns its text.
///
/// ```
/// use smtp_proto::address::HostBuf;
///
/// let host: HostBuf = "mx.example.org".parse().unwrap();
/// assert_eq!(host.as_host().to_string(), "mx.example.org");
/// ```
#[derive(Clone, Debug)]
pub struct HostBuf(OwnedHost);

#[derive(Clone, Debug)]
enum OwnedHost {
    Domain(Box<str>),
    Literal(AddressLiteral),
}

/// A [`Mailbox`] that owns its text.
///
/// `FromStr` is strict and takes the address with or without angle brackets.
///
/// ```
/// use smtp_proto::address::{Mailbox, MailboxBuf};
///
/// let mailbox: MailboxBuf = "alice@example.org".parse().unwrap();
/// assert_eq!(mailbox, "<alice@EXAMPLE.org>".parse().unwrap());
/// assert_eq!(mailbox, Mailbox::parse("\"alice\"@example.org").unwrap().into());
/// ```
#[derive(Clone)]
pub struct MailboxBuf {
    text: Box<str>,
    local: u8,
    literal: Option<AddressLiteral>,
}

/// A [`ReversePath`] that owns its text.
///
/// `FromStr` is strict and takes the path with or without angle brackets; only `<>` is the null
/// path, never the empty text.
///
/// ```
/// use smtp_proto::address::ReversePathBuf;
///
/// assert_eq!("<>".parse(), Ok(ReversePathBuf::Null));
/// let path: ReversePathBuf = "alice@example.org".parse().unwrap();
/// assert_eq!(path.to_string(), "<alice@example.org>");
/// assert!("".parse::<ReversePathBuf>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReversePathBuf {
    /// `<>`: no reports are wanted.
    Null,
    /// A mailbox.
    Mailbox(MailboxBuf),
}

/// A [`ForwardPath`] that owns its text.
///
/// `FromStr` is strict and takes the path with or without angle brackets.
///
/// ```
/// use smtp_proto::address::ForwardPathBuf;
///
/// assert_eq!("Postmaster".parse(), Ok(ForwardPathBuf::Postmaster));
/// let path: ForwardPathBuf = "<bob@example.org>".parse().unwrap();
/// assert_eq!(path.to_string(), "<bob@example.org>");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ForwardPathBuf {
    /// `<Postmaster>`: the postmaster of the server that is asked.
    Postmaster,
    /// A mailbox.
    Mailbox(MailboxBuf),
}

impl HostBuf {
    /// The same host, borrowed; nothing is parsed.
    #[must_use]
    pub fn as_host(&self) -> Host<'_> {
        match &self.0 {
            OwnedHost::Domain(text) => Host::Domain(Domain::checked(text)),
            OwnedHost::Literal(literal) => Host::Literal(*literal),
        }
    }
}

impl MailboxBuf {
    /// The same mailbox, borrowed; nothing is parsed.
    #[must_use]
    pub fn as_mailbox(&self) -> Mailbox<'_> {
        Mailbox::checked(&self.text, self.local, self.literal)
    }
}

impl fmt::Debug for MailboxBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mailbox = self.as_mailbox();
        f.debug_struct("MailboxBuf")
            .field("local_part", &mailbox.local_part())
            .field("host", &mailbox.host())
            .finish()
    }
}

impl ReversePathBuf {
    /// The same path, borrowed; nothing is parsed.
    #[must_use]
    pub fn as_path(&self) -> ReversePath<'_> {
        match self {
            ReversePathBuf::Null => ReversePath::Null,
            ReversePathBuf::Mailbox(mailbox) => ReversePath::Mailbox(mailbox.as_mailbox()),
        }
    }
}

impl ForwardPathBuf {
    /// The same path, borrowed; nothing is parsed.
    #[must_use]
    pub fn as_path(&self) -> ForwardPath<'_> {
        match self {
            ForwardPathBuf::Postmaster => ForwardPath::Postmaster,
            ForwardPathBuf::Mailbox(mailbox) => ForwardPath::Mailbox(mailbox.as_mailbox()),
        }
    }
}

impl From<Host<'_>> for HostBuf {
    fn from(host: Host<'_>) -> Self {
        HostBuf(match host {
            Host::Domain(domain) => OwnedHost::Domain(domain.as_str().into()),
            Host::Literal(literal) => OwnedHost::Literal(literal),
        })
    }
}

impl From<Mailbox<'_>> for MailboxBuf {
    fn from(mailbox: Mailbox<'_>) -> Self {
        let (text, local, literal) = mailbox.kept();
        MailboxBuf { text: text.into(), local, literal }
    }
}

impl From<ReversePath<'_>> for ReversePathBuf {
    fn from(path: ReversePath<'_>) -> Self {
        path.mailbox().map_or(ReversePathBuf::Null, |it| ReversePathBuf::Mailbox(it.into()))
    }
}

impl From<ForwardPath<'_>> for ForwardPathBuf {
    fn from(path: ForwardPath<'_>) -> Self {
        path.mailbox().map_or(ForwardPathBuf::Postmaster, |it| ForwardPathBuf::Mailbox(it.into()))
    }
}

impl From<MailboxBuf> for ReversePathBuf {
    fn from(mailbox: MailboxBuf) -> Self {
        ReversePathBuf::Mailbox(mailbox)
    }
}

impl From<MailboxBuf> for ForwardPathBuf {
    fn from(mailbox: MailboxBuf) -> Self {
        ForwardPathBuf::Mailbox(mailbox)
    }
}

impl FromStr for HostBuf {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Host::parse(text).map(Into::into)
    }
}

impl FromStr for MailboxBuf {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let inner = text.strip_prefix('<').and_then(|inner| inner.strip_suffix('>'));
        Mailbox::parse(inner.unwrap_or(text)).map(Into::into)
    }
}

impl FromStr for ReversePathBuf {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.starts_with('<') {
            true => ReversePath::parse(text).map(Into::into),
            false => Mailbox::parse(text).map(|it| ReversePathBuf::Mailbox(it.into())),
        }
    }
}

impl FromStr for ForwardPathBuf {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.eq_ignore_ascii_case("Postmaster") {
            return Ok(ForwardPathBuf::Postmaster);
        }
        match text.starts_with('<') {
            true => ForwardPath::parse(text).map(Into::into),
            false => Mailbox::parse(text).map(|it| ForwardPathBuf::Mailbox(it.into())),
        }
    }
}

macro_rules! as_borrowed {
    ($($owned:ident $borrowed:ident $view:ident)*) => { $(
        impl From<&$borrowed<'_>> for $owned {
            fn from(borrowed: &$borrowed<'_>) -> Self {
                (*borrowed).into()
            }
        }

        impl fmt::Display for $owned {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.$view().fmt(f)
            }
        }
    )* };
}

as_borrowed! {
    HostBuf Host as_host
    MailboxBuf Mailbox as_mailbox
    ReversePathBuf ReversePath as_path
    ForwardPathBuf ForwardPath as_path
}

macro_rules! equal_as_borrowed {
    ($($owned:ident $view:ident)*) => { $(
        impl PartialEq for $owned {
            fn eq(&self, other: &Self) -> bool {
                self.$view() == other.$view()
            }
        }

        impl Eq for $owned {}

        impl Hash for $owned {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.$view().hash(state);
            }
        }
    )* };
}

equal_as_borrowed! {
    HostBuf as_host
    MailboxBuf as_mailbox
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{collections::HashSet, format, string::ToString};

    use proptest::prelude::*;

    use super::{super::strategy, *};
    use crate::Syntax;

    #[test]
    fn forms_of_one_mailbox_are_one_key() {
        let forms = ["abc@x.org", "\"abc\"@x.org", "\"a\\bc\"@X.ORG", "<abc@x.org>"];
        let set: HashSet<MailboxBuf> = forms.iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(set.len(), 1);
    }

    #[test]
    fn brackets_come_in_pairs() {
        for text in ["<a@b", "a@b>", "", "<", "<>>", " a@b", "<<a@b>>"] {
            assert!(text.parse::<MailboxBuf>().is_err(), "{text}");
            assert!(text.parse::<ReversePathBuf>().is_err(), "{text}");
            assert!(text.parse::<ForwardPathBuf>().is_err(), "{text}");
        }
        assert_eq!("<>".parse::<ForwardPathBuf>(), Err(AddressError::Null));
        assert!("<>".parse::<MailboxBuf>().is_err());
        assert!("postmaster".parse::<ReversePathBuf>().is_err());
        assert_eq!("<postmaster>".parse(), Ok(ForwardPathBuf::Postmaster));
    }

    #[test]
    fn what_only_lenient_syntax_takes_can_be_owned() {
        let path = ReversePath::parse_with("a..b@c_d.", Syntax::Lenient).unwrap();
        assert_eq!(ReversePathBuf::from(path).as_path(), path);
    }

    proptest! {
        #[test]
        fn owning_keeps_the_text(text in strategy::mailbox()) {
            let mailbox = Mailbox::parse(&text).unwrap();
            let owned = MailboxBuf::from(&mailbox);
            prop_assert_eq!(owned.as_mailbox(), mailbox);
            prop_assert_eq!(owned.to_string(), text.clone());
            prop_assert_eq!(text.parse::<MailboxBuf>(), Ok(owned.clone()));

            let bracketed = format!("<{text}>");
            let reverse: ReversePathBuf = owned.clone().into();
            prop_assert_eq!(reverse.to_string(), bracketed.clone());
            prop_assert_eq!(bracketed.parse(), Ok(reverse.clone()));
            prop_assert_eq!(text.parse(), Ok(reverse.clone()));
            prop_assert_eq!(ReversePathBuf::from(&reverse.as_path()), reverse);

            let forward: ForwardPathBuf = owned.into();
            prop_assert_eq!(forward.to_string(), bracketed.clone());
            prop_assert_eq!(bracketed.parse(), Ok(forward.clone()));
            prop_assert_eq!(text.parse(), Ok(forward.clone()));
            prop_assert_eq!(ForwardPathBuf::from(&forward.as_path()), forward);
        }
    }
}
