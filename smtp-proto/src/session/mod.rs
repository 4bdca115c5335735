//! The sessions: what may come next, who is asked, and what is answered. No I/O, no clock, no
//! buffers.
//!
//! A session says with [`Framing`] what comes next on the wire; whoever drives it cuts the bytes
//! accordingly and hands it each line. `smtp-codec` does so for programs that have an allocator.

pub mod client;
pub mod server;

#[cfg(test)]
#[cfg(feature = "alloc")]
mod drawing;
mod offered;
mod protocol;
mod tls;

pub use protocol::Protocol;
pub use tls::TlsPolicy;

/// What comes next on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Framing {
    /// Lines that end in CRLF (RFC 5321 section 2.3.8).
    Line,
    /// Mail data that ends in CRLF "." CRLF (RFC 5321 section 4.5.2).
    Data,
    /// So many octets of content, whatever they hold (RFC 3030 section 2).
    Chunk(u64),
    /// So many octets that are thrown away: a chunk that was refused.
    Skip(u64),
    /// A TLS handshake; not an octet more is read or written in the clear.
    Tls,
    /// Nothing: the session is over.
    End,
}

/// What is done with a CR or an LF in mail data that is not part of a CRLF (RFC 5321 section
/// 2.3.8 forbids to send one). In no policy does one take part in the end of the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BareNewline {
    /// The message is refused: read to its end, answered once with 554 5.6.0. A client does not
    /// send it.
    #[default]
    Reject,
    /// Each becomes CRLF.
    Normalise,
    /// They stay as they are, content like any other.
    Pass,
}
