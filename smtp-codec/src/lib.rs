//! SMTP connections without I/O: bytes in, a session driven, bytes out.
//!
//! A [`server::Connection`] or a [`client::Connection`] is a session of `smtp-proto`, the framing
//! it asks for, and two bounded buffers. Whoever drives it moves bytes between the buffers and a
//! transport, calls `step`, and hands the events to the application. The adapters do that for
//! std, tokio, and every runtime that speaks `futures-io`; nothing here knows of a runtime, and
//! nothing reads a clock.

mod buffer;
mod data;
mod dot;
mod line;
mod machine;

pub mod client;
pub mod server;

pub use buffer::{RxBuf, TxBuf};
pub use dot::{Encoder, FoundBareNewline, Run};
pub use machine::Machine;
pub use smtp_proto as proto;

/// What a connection wants next.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Bytes from the peer: send what waits in `tx`, then read into `rx`. End of file is `eof`.
    Input,
    /// Send what waits in `tx` before anything else.
    Flush,
    /// The application: call `event`.
    Event,
    /// The session is over and everything is sent: call `event` to learn how, then close.
    Close,
}
