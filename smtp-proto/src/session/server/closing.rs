//! How a session ended, and why content is void, in words.

use core::fmt;

use super::{Abort, Closing};

impl fmt::Display for Abort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Abort::TooLarge => "the message is too large",
            Abort::BareNewline => "the message holds a bare CR or LF",
        })
    }
}

/// ```
/// use smtp_proto::session::server::Closing;
///
/// assert_eq!(Closing::PeerGone.to_string(), "the client closed the connection");
/// ```
impl fmt::Display for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Closing::Quit => "the client said QUIT",
            Closing::Refused => "the server refused to go on",
            Closing::TooManyErrors => "the client made too many errors",
            Closing::TooManyMessages => "the client sent more messages than it was told",
            Closing::NotSmtp => "the client does not speak SMTP",
            Closing::ChunkSize => "the length of a chunk could not be read",
            Closing::PeerGone => "the client closed the connection",
            Closing::TimedOut => "the client was silent for too long",
            Closing::ShuttingDown => "the server is going down",
            Closing::TlsFailed => "the TLS handshake failed",
            Closing::Injected => "octets in the clear stood behind STARTTLS",
            Closing::EarlyTalker => "the client spoke before its turn",
        })
    }
}
