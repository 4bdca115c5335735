//! What happens in a session, for whoever logs it or counts.

use std::fmt;

use smtp_proto::reply::ReplyCode;

use crate::{client, server};

/// Something that happened in a session, as [`server::Connection::watch`] and
/// [`client::Connection::watch`] tell it (feature `watch`).
///
/// Lines come without their CRLF, in the order in which they were said; secrets in them are masked,
/// and mail data is left out. A line comes before what it means.
///
/// ```
/// use smtp_codec::Note;
///
/// fn log(note: Note<'_>) {
///     match note {
///         Note::Received(line) => println!("< {}", line.escape_ascii()),
///         Note::Sent(line) => println!("> {}", line.escape_ascii()),
///         Note::Message { code, .. } => println!("the message was answered with {code}"),
///         Note::Closed { why, .. } => println!("over: {why}"),
///         _ => {}
///     }
/// }
/// # log(Note::Begun);
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Note<'a> {
    /// A line that this side says.
    Sent(&'a [u8]),
    /// A line that the peer says.
    Received(&'a [u8]),
    /// A reply is complete: said by this side if it is the server, heard if it is the client.
    Reply(ReplyCode),
    /// TLS is on.
    Secured,
    /// An AUTH exchange ended so.
    Auth(ReplyCode),
    /// MAIL was accepted: a transaction is open.
    Begun,
    /// A recipient was answered so, by the application where this side is the server.
    Recipient(ReplyCode),
    /// The message was answered so; in LMTP and under PRDR for each recipient.
    Message {
        /// A 2yz: it was taken over.
        code: ReplyCode,
        /// Octets of content; known to the server only.
        octets: Option<u64>,
    },
    /// The transaction came to nothing before there was a message.
    Abandoned,
    /// The session ended between the end of the content and its reply: nobody knows (RFC 1047).
    InDoubt,
    /// The session is over.
    Closed {
        /// How it ended.
        why: Closing,
        /// Octets said since the beginning, those included that may not have left yet.
        sent: u64,
        /// Octets received since the beginning; content of TLS, not its records.
        received: u64,
    },
}

/// How a session of either side ended, in words by `Display`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// A server's.
    Server(server::Closing),
    /// A client's.
    Client(client::Closing),
}

impl fmt::Display for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Closing::Server(closing) => closing.fmt(f),
            Closing::Client(closing) => closing.fmt(f),
        }
    }
}

/// The name alone, `PeerGone`, for what must not change with its words.
impl fmt::Debug for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Closing::Server(closing) => fmt::Debug::fmt(closing, f),
            Closing::Client(closing) => fmt::Debug::fmt(closing, f),
        }
    }
}

/// Which side of a session a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The server's.
    Server,
    /// The client's.
    Client,
}

impl Side {
    /// `server` or `client`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Side::Server => "server",
            Side::Client => "client",
        }
    }
}

/// Whom it is told to.
#[derive(Default)]
pub(crate) struct Ear(Option<Box<Tell>>);

pub(crate) type Tell = dyn FnMut(Note<'_>) + Send + Sync;

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Ear" } else { "None" })
    }
}

impl Ear {
    pub(crate) fn new(tell: Box<Tell>) -> Self {
        Ear(Some(tell))
    }

    pub(crate) fn is_there(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn tell(&mut self, note: Note<'_>) {
        if let Some(tell) = &mut self.0 {
            tell(note);
        }
    }
}

/// What stands for a secret.
pub(crate) const MASK: &[u8] = b"****";

/// The lines in that, without their CRLF.
pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = bytes.split_inclusive(|&b| b == b'\n');
    lines.map(|line| line.strip_suffix(b"\r\n").unwrap_or(line))
}
