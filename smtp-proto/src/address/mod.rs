//! Domains, mailboxes and paths (RFC 5321 section 4.1.2, with the UTF-8 of RFC 6531 section 3.3).
//!
//! All of them are checked text that is borrowed: none can hold CR, LF, NUL or any other control
//! character, so none can break out of the command that it is written into.
//!
//! ```
//! use smtp_proto::address::{ForwardPath, Mailbox, ReversePath};
//!
//! let path = ReversePath::parse("<@relay.example:\"john\\ doe\"@example.org>").unwrap();
//! let mailbox = path.mailbox().unwrap();
//! assert_eq!(mailbox, Mailbox::parse("\"john doe\"@EXAMPLE.org").unwrap());
//! assert!(ReversePath::parse("<>").unwrap().mailbox().is_none());
//! assert_eq!(ForwardPath::parse("<postmaster>").unwrap(), ForwardPath::Postmaster);
//! ```

mod domain;
mod error;
mod literal;
mod local_part;
mod mailbox;
#[cfg(feature = "alloc")]
mod owned;
mod path;
#[cfg(test)]
pub(crate) mod strategy;
mod utf8;

pub use domain::{Domain, Host};
pub use error::AddressError;
pub use literal::AddressLiteral;
pub use local_part::LocalPart;
pub use mailbox::Mailbox;
#[cfg(feature = "alloc")]
pub use owned::{ForwardPathBuf, HostBuf, MailboxBuf, ReversePathBuf};
pub use path::{ForwardPath, ReversePath};

pub(crate) use {
    domain::host,
    error::{Fault, Parsed},
    path::{forward_path, reverse_path},
    utf8::Utf8,
};
