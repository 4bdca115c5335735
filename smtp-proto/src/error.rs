//! What the peer did wrong in a command, and the reply that it deserves.

use core::fmt;

use crate::address::AddressError;
use crate::command::ParameterError;
use crate::reply::Refusal;

/// Why a line is not a command that could be carried out.
///
/// A verb that is not known is no error here but [`Command::Unknown`](crate::command::Command).
///
/// ```
/// use smtp_proto::{CommandError, command::Command};
///
/// let error = Command::parse(b"DATA now").unwrap_err();
/// assert_eq!(error, CommandError::UnexpectedArgument);
/// assert_eq!(error.refusal().code().get(), 501);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CommandError {
    /// The line holds CR, LF or NUL.
    Octet,
    /// The line is empty, or white space stands before the verb.
    NoVerb,
    /// The verb takes text, and the line is not UTF-8.
    NotUtf8,
    /// The argument is missing or malformed, or not separated by one space.
    Argument,
    /// There is an argument to a verb that takes none.
    UnexpectedArgument,
    /// The argument of HELO, EHLO or LHLO is no domain and no address literal.
    Host(AddressError),
    /// `FROM:` does not follow MAIL.
    NoFrom,
    /// `TO:` does not follow RCPT.
    NoTo,
    /// The reverse-path is malformed.
    ReversePath(AddressError),
    /// The forward-path is malformed, or null.
    ForwardPath(AddressError),
    /// A parameter of MAIL or RCPT is malformed.
    Parameter(ParameterError),
    /// The initial response of AUTH is not base64.
    Base64,
    /// The arguments of BDAT cannot be read. How many octets of a chunk follow is not known, so
    /// that the session cannot go on.
    ChunkSize,
}

impl CommandError {
    /// The reply: 500 if the line was not understood, 501 if its arguments were not
    /// (RFC 5321 section 4.2.4, RFC 3463).
    #[must_use]
    pub const fn refusal(self) -> Refusal<'static> {
        let (code, status) = match self {
            CommandError::Octet | CommandError::NoVerb => (500, (5, 5, 2)),
            CommandError::NotUtf8 | CommandError::Base64 => (501, (5, 5, 2)),
            CommandError::ReversePath(_) => (501, (5, 1, 7)),
            CommandError::ForwardPath(_) => (501, (5, 1, 3)),
            CommandError::Argument
            | CommandError::UnexpectedArgument
            | CommandError::Host(_)
            | CommandError::NoFrom
            | CommandError::NoTo
            | CommandError::Parameter(_)
            | CommandError::ChunkSize => (501, (5, 5, 4)),
        };
        Refusal::known(code, status, self.text())
    }

    const fn text(self) -> &'static str {
        match self {
            CommandError::Octet => "bare CR, bare LF and NUL are not allowed in a command",
            CommandError::NoVerb => "a line must begin with a command",
            CommandError::NotUtf8 => "the arguments are not valid UTF-8",
            CommandError::Argument => "the argument is missing or malformed",
            CommandError::UnexpectedArgument => "this command takes no argument",
            CommandError::Host(_) => "the argument must be a domain or an address literal",
            CommandError::NoFrom => "the syntax is MAIL FROM:<address>",
            CommandError::NoTo => "the syntax is RCPT TO:<address>",
            CommandError::ReversePath(AddressError::TooLong) => "the sender address is too long",
            CommandError::ReversePath(_) => "the sender address is malformed",
            CommandError::ForwardPath(AddressError::Null) => "the null path is not a recipient",
            CommandError::ForwardPath(AddressError::TooLong) => "the recipient address is too long",
            CommandError::ForwardPath(_) => "the recipient address is malformed",
            CommandError::Parameter(error) => error.text(),
            CommandError::Base64 => "the initial response is not valid base64",
            CommandError::ChunkSize => "the syntax is BDAT size [LAST]",
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandError::Host(error)
            | CommandError::ReversePath(error)
            | CommandError::ForwardPath(error) => write!(f, "{}: {error}", self.text()),
            _ => f.write_str(self.text()),
        }
    }
}

impl core::error::Error for CommandError {}

impl From<ParameterError> for CommandError {
    fn from(error: ParameterError) -> Self {
        CommandError::Parameter(error)
    }
}
