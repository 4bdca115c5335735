//! SMTP connections without I/O: bytes in, a session driven, bytes out.
//!
//! A [`server::Connection`] or a [`client::Connection`] is a session of `smtp-proto`, the framing
//! it asks for, and two bounded buffers. Whoever drives it moves bytes between the buffers and a
//! transport, calls `step`, and hands the events to the application. The adapters do that for
//! std (`smtp-std`), tokio (`smtp-tokio`), and every runtime that speaks `futures-io`
//! (`smtp-futures`, `smtp-async-std`); nothing here knows of a runtime, and nothing reads a clock.
//!
//! The [`guide`] tells how to build with it, chapter by chapter; the [`cookbook`] has whole answers
//! to small questions. Where to begin:
//!
//! | for | look at |
//! |---|---|
//! | a server | [`server::Config`], [`server::Event`], [`guide::events`], [`guide::answering`] |
//! | a client | [`client::Config`], [`client::Sent`], [`guide::errors`] |
//! | a runtime without an adapter | below, [`Machine`], [`guide::deadlines`] |
//! | mail data alone | [`Encoder`], [`Decoder`] |
//! | commands and replies alone | [`proto`] |
//!
//! # Driving a connection
//!
//! A transport that has no adapter needs this loop. It is whole but for time: the reads and writes
//! must fail once [`patience`](server::Connection::patience) has run out, and
//! [`timed_out`](server::Connection::timed_out) then has the last word. [`Deadline`] keeps account
//! of that for loops that have a clock; `examples/` shows three of them. What is to be sent is a
//! [`Buf`](bytes::Buf) of the crate `bytes` (1), which such a program depends on too.
//!
//! ```
//! use std::io::{Read, Write};
//! use bytes::Buf;
//! use smtp_codec::server::{Closing, Config, Connection, Event, Want};
//!
//! fn serve(mut stream: impl Read + Write) -> std::io::Result<Closing> {
//!     let config = Config::new("mx.example.org").map_err(std::io::Error::other)?;
//!     let mut connection = Connection::new(config);
//!     loop {
//!         let want = connection.step();
//!         if want != Want::Event {
//!             // Whatever is wanted, what waits goes out first.
//!             while connection.tx().has_remaining() {
//!                 let n = stream.write(connection.tx().chunk())?;
//!                 connection.tx().advance(n);
//!             }
//!         }
//!         if want == Want::Input {
//!             match stream.read(connection.rx().space())? {
//!                 0 => connection.eof(),
//!                 n => connection.rx().filled(n),
//!             }
//!         }
//!         if let Want::Event | Want::Close = want {
//!             match connection.event() {
//!                 Event::Closed(closing) => return Ok(closing),
//!                 other => other.proceed(),
//!             }
//!         }
//!     }
//! }
//! # struct Talk<'a>(&'a [u8], Vec<u8>);
//! # impl Read for Talk<'_> {
//! #     fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> { self.0.read(room) }
//! # }
//! # impl Write for Talk<'_> {
//! #     fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> { self.1.write(bytes) }
//! #     fn flush(&mut self) -> std::io::Result<()> { Ok(()) }
//! # }
//! # assert_eq!(serve(Talk(b"EHLO client.example.net\r\nQUIT\r\n", vec![])).unwrap(), Closing::Quit);
//! ```

mod base64;
mod buffer;
mod data;
mod deadline;
mod dot;
mod line;
mod machine;
mod pace;
mod plain;
#[cfg(feature = "watch")]
mod watch;

pub mod client;
pub mod cookbook;
pub mod guide;
pub mod server;

pub use buffer::{RxBuf, TxBuf};
pub use data::{Decoder, Piece};
pub use deadline::Deadline;
pub use dot::{Encoder, FoundBareNewline, Run};
pub use machine::Machine;
pub use smtp_proto as proto;
#[cfg(feature = "watch")]
pub use watch::{Closing, Note, Side};

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
    /// A TLS handshake on the stream, no longer than `patience`; then call `secured` or
    /// `tls_failed`. Nothing waits to be sent.
    Tls,
    /// The session is over and everything is sent: call `event` to learn how, then close.
    Close,
}
