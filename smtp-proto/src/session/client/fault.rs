//! How a session ends, and what cannot be sent in it.

use core::fmt;

use crate::reply::{Extension, ReplyFault};

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum Closing {
    /// QUIT was said, and the server has answered or closed.
    Quit,
    /// The greeting, or EHLO and HELO, were refused.
    Refused,
    /// 421: the server is closing the session (RFC 5321 section 3.8).
    Unavailable,
    /// The server closed the connection, or the link broke.
    PeerGone,
    /// The server was silent for too long (RFC 5321 section 4.5.3.2).
    TimedOut,
    /// The server does not follow the protocol.
    Protocol(ProtocolFault),
    /// The caller gave up: the content could not be sent to its end.
    Abandoned,
    /// TLS is required, and the server does not offer it, or refuses it; or this transport cannot
    /// do it.
    NoTls,
    /// The TLS handshake failed.
    TlsFailed,
    /// The server said that the client is authenticated, and did not prove who it is itself.
    NotProven,
}

/// ```
/// use smtp_proto::session::client::Closing;
///
/// assert_eq!(Closing::TimedOut.to_string(), "the server did not answer in time");
/// ```
impl fmt::Display for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Closing::Quit => "the session was ended with QUIT",
            Closing::Refused => "the server does not serve this client",
            Closing::Unavailable => "the server is closing the session",
            Closing::PeerGone => "the server closed the connection, or the link broke",
            Closing::TimedOut => "the server did not answer in time",
            Closing::Protocol(fault) => return fault.fmt(f),
            Closing::Abandoned => "the message was given up half-way",
            Closing::NoTls => "TLS is required, and there is none",
            Closing::TlsFailed => "the TLS handshake failed",
            Closing::NotProven => "the server did not prove that it knows the secret",
        })
    }
}

/// How a server broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum ProtocolFault {
    /// A reply that is none.
    Reply(ReplyFault),
    /// A reply of a class that cannot stand there.
    Class,
    /// A reply to nothing.
    Unasked,
    /// Octets in the clear behind the reply to STARTTLS (RFC 3207 section 4.2): somebody may have
    /// put them there.
    Injected,
}

impl fmt::Display for ProtocolFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProtocolFault::Reply(fault) => write!(f, "the server's reply is malformed: {fault}"),
            ProtocolFault::Class => f.write_str("the server's reply makes no sense at this point"),
            ProtocolFault::Unasked => f.write_str("the server sent a reply that nothing asked for"),
            ProtocolFault::Injected => {
                f.write_str("octets in the clear follow the reply to STARTTLS")
            }
        }
    }
}

impl core::error::Error for ProtocolFault {}

/// Why a command cannot be sent to this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum CallError {
    /// A parameter needs an extension that the server does not offer.
    NotOffered(Extension),
    /// A parameter that no known extension defines.
    UnknownParameter,
    /// An address outside ASCII in a transaction without SMTPUTF8 (RFC 6531 section 3.5).
    NeedsSmtpUtf8,
    /// SIZE is larger than the server takes (RFC 1870 section 6.1); its limit in octets.
    TooLarge(u64),
    /// BODY=BINARYMIME cannot be sent by DATA (RFC 3030 section 3).
    NeedsChunking,
    /// REQUIRETLS, or a mechanism that shows the password, without TLS (RFC 8689 section 4.1,
    /// RFC 4954 section 4).
    NeedsTls,
    /// One recipient more than the server takes in a transaction (RFC 9422 section 4.2); how many
    /// that is.
    TooManyRecipients(u32),
    /// One transaction more than the server takes in a session (RFC 9422 section 4.1); how many
    /// that is.
    TooManyTransactions(u32),
    /// AUTH, where the server knows already who this is (RFC 4954 section 4).
    AlreadyAuthenticated,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::NotOffered(extension) => {
                write!(f, "the server does not offer {}", extension.keyword())
            }
            CallError::UnknownParameter => f.write_str("a parameter belongs to no known extension"),
            CallError::NeedsSmtpUtf8 => f.write_str("an address outside ASCII needs SMTPUTF8"),
            CallError::TooLarge(limit) => {
                write!(f, "the message is larger than the {limit} octets that the server takes")
            }
            CallError::NeedsChunking => f.write_str("BODY=BINARYMIME needs CHUNKING"),
            CallError::NeedsTls => f.write_str("this must not be sent without TLS"),
            CallError::TooManyRecipients(most) => {
                write!(f, "the server takes no more than {most} recipient{} at a time", s(*most))
            }
            CallError::TooManyTransactions(most) => {
                write!(f, "the server takes no more than {most} message{} in a session", s(*most))
            }
            CallError::AlreadyAuthenticated => f.write_str("the session is authenticated already"),
        }
    }
}

/// The ending of a noun behind a number.
fn s(number: u32) -> &'static str {
    if number == 1 { "" } else { "s" }
}

impl core::error::Error for CallError {}
