//! Commands (RFC 5321 section 4.1 and its extensions), parsed and encoded.
//!
//! ```
//! use smtp_proto::command::{Body, Command};
//!
//! let line = b"mail from:<alice@example.org> BODY=8BITMIME";
//! let Ok(Command::Mail { reverse_path, parameters }) = Command::parse(line) else { panic!() };
//! assert_eq!(reverse_path.to_string(), "<alice@example.org>");
//! assert_eq!(parameters.body(), Some(Body::EightBitMime));
//! ```

mod attributes;
mod base64;
mod date_time;
mod deviations;
mod encode;
mod original_recipient;
mod parameter;
mod parameters;
#[cfg(feature = "alloc")]
mod parameters_buf;
mod parse;
mod text;
mod value;
mod verb;
mod xtext;

pub use attributes::{Attribute, AttributeValue, Attributes};
pub use base64::{Base64, Mechanism};
pub use date_time::DateTime;
pub use deviations::Deviations;
pub use original_recipient::{OriginalAddress, OriginalRecipient, Utf8Address};
pub use parameter::{Keyword, Parameter, ParameterError};
pub use parameters::{MailParameters, RcptParameters};
#[cfg(feature = "alloc")]
pub use parameters_buf::{MailParametersBuf, RcptParametersBuf};
pub use text::{Argument, Octets, Printable};
pub use value::{
    AuthParameter, Body, DeliverBy, DeliverByMode, Notify, Ret, Tracking, ValidSince,
    ValidSinceAction,
};
pub use verb::Verb;
pub use xtext::{Xtext, write_xtext};

use crate::address::{Domain, ForwardPath, Host, ReversePath};
use crate::error::CommandError;
use crate::sink::Sink;
use crate::syntax::{Class, Syntax};

/// One command. What it holds is checked, so that its line can hold no other command.
///
/// ```
/// use smtp_proto::command::{Command, Verb};
///
/// let command = Command::parse(b"RCPT TO:<Postmaster>  ")?;
/// assert_eq!(command.verb(), Verb::Rcpt);
/// let mut line = Vec::new();
/// command.encode(&mut line);
/// assert_eq!(line, b"RCPT TO:<Postmaster>\r\n");
/// # Ok::<(), smtp_proto::CommandError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command<'a> {
    /// HELO: the client names itself, without extensions.
    Helo(Host<'a>),
    /// EHLO: the client names itself and asks for the extensions.
    Ehlo(Host<'a>),
    /// LHLO: EHLO of LMTP.
    Lhlo(Host<'a>),
    /// MAIL: begins a mail transaction.
    Mail {
        /// Where reports go.
        reverse_path: ReversePath<'a>,
        /// The parameters.
        parameters: MailParameters<'a>,
    },
    /// RCPT: names one recipient.
    Rcpt {
        /// Where the message goes.
        forward_path: ForwardPath<'a>,
        /// The parameters.
        parameters: RcptParameters<'a>,
    },
    /// DATA: the content follows in lines.
    Data,
    /// BDAT: a chunk of the content follows.
    Bdat {
        /// The octets of the chunk, which begins behind this line.
        size: u64,
        /// Whether it is the last chunk.
        last: bool,
    },
    /// RSET: gives the transaction up.
    Rset,
    /// NOOP, with an argument that means nothing.
    Noop(Octets<'a>),
    /// QUIT: ends the session.
    Quit,
    /// VRFY: does this user exist?
    Vrfy(Argument<'a>),
    /// EXPN: who is on this list?
    Expn(Argument<'a>),
    /// HELP, perhaps on something.
    Help(Option<Printable<'a>>),
    /// STARTTLS: TLS is next.
    StartTls,
    /// AUTH: begins a SASL exchange.
    Auth {
        /// The mechanism.
        mechanism: Mechanism<'a>,
        /// The initial response; the empty one stands as `=` on the wire.
        initial_response: Option<Base64<'a>>,
    },
    /// ETRN: start delivery of what is queued.
    Etrn(Queue<'a>),
    /// XCLIENT: who the client behind a proxy is.
    Xclient(Attributes<'a>),
    /// XFORWARD: who the client behind a filter is, for logging.
    Xforward(Attributes<'a>),
    /// A verb that is not known.
    Unknown {
        /// The line up to its first space or tab; never empty when parsed.
        verb: Octets<'a>,
        /// What stands behind that space or tab.
        argument: Octets<'a>,
    },
}

/// What ETRN wants to be delivered.
///
/// ```text
/// etrn = "ETRN" SP ( Domain / "@" Domain / "#" queue-name )      ; RFC 1985 section 5
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue<'a> {
    /// Messages for a host.
    Host(Domain<'a>),
    /// `@`: messages for a domain and its subdomains.
    Subdomains(Domain<'a>),
    /// `#`: a queue that has a name of its own.
    Named(Printable<'a>),
}

impl<'a> Command<'a> {
    /// Parses one line, without its CRLF, strictly.
    ///
    /// White space at the end is dropped (RFC 5321 section 4.1.1).
    ///
    /// # Errors
    ///
    /// [`CommandError`], with the reply that it deserves; never for a verb that is not known.
    pub fn parse(line: &'a [u8]) -> Result<Self, CommandError> {
        parse::command(line, Syntax::Strict)
    }

    /// Parses one line, without its CRLF.
    ///
    /// Lenient syntax takes runs of spaces and tabs where one space belongs, before the verb and
    /// behind `FROM:` and `TO:`; paths without angle brackets; any printable text as the argument
    /// of VRFY and EXPN; and the domains and local parts of
    /// [`Mailbox::parse_with`](crate::address::Mailbox::parse_with). [`Deviations::of`] tells which of
    /// them a line made use of.
    ///
    /// # Errors
    ///
    /// As [`Command::parse`].
    pub fn parse_with(line: &'a [u8], syntax: Syntax) -> Result<Self, CommandError> {
        parse::command(line, syntax)
    }

    /// Which command this is.
    #[must_use]
    pub const fn verb(&self) -> Verb {
        match self {
            Command::Helo(_) => Verb::Helo,
            Command::Ehlo(_) => Verb::Ehlo,
            Command::Lhlo(_) => Verb::Lhlo,
            Command::Mail { .. } => Verb::Mail,
            Command::Rcpt { .. } => Verb::Rcpt,
            Command::Data => Verb::Data,
            Command::Bdat { .. } => Verb::Bdat,
            Command::Rset => Verb::Rset,
            Command::Noop(_) => Verb::Noop,
            Command::Quit => Verb::Quit,
            Command::Vrfy(_) => Verb::Vrfy,
            Command::Expn(_) => Verb::Expn,
            Command::Help(_) => Verb::Help,
            Command::StartTls => Verb::StartTls,
            Command::Auth { .. } => Verb::Auth,
            Command::Etrn(_) => Verb::Etrn,
            Command::Xclient(_) => Verb::Xclient,
            Command::Xforward(_) => Verb::Xforward,
            Command::Unknown { .. } => Verb::Unknown,
        }
    }

    /// Writes the line: the verb in upper case, what belongs to it, and one CRLF at the end.
    pub fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        encode::command(self, out);
    }
}

fn all(text: &str, class: Class) -> bool {
    text.bytes().all(|byte| class.holds(byte))
}
