//! SMTP servers and clients over `futures-io`, for smol, async-std and every other runtime whose
//! streams speak it.
//!
//! [`Server`] and [`Client`] take a stream and a [`Timer`]. With the feature `smol` there is a
//! timer and `Client::connect` for smol; other runtimes need the one line of [`Timer`]. A stream's
//! `poll_close` should shut down its writing half, as async-net's does: a peer that is told why a
//! session ends then sees the end at once.
//!
//! What the events are and how they are answered tells the [guide](smtp_codec::guide); whole answers to
//! small questions has the [cookbook](smtp_codec::cookbook).
//!
//! ```no_run
//! # #[cfg(feature = "smol")] {
//! use smtp_codec::server::{Config, Event};
//! use smtp_futures::{Server, AsyncIo};
//!
//! # async fn serve(stream: async_net::TcpStream) -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::new("mx.example.org")?.max_size(10 << 20); // no limit otherwise
//! let mut server = Server::new(stream, AsyncIo, config);
//! let mut content = Vec::new();
//! loop {
//!     match server.next().await? {
//!         Event::Rcpt(rcpt) => rcpt.accept(),
//!         Event::Data(data) => { content.clear(); data.accept() }
//!         Event::Body(bytes) => content.extend_from_slice(bytes),
//!         Event::Message(message) => message.accept(),
//!         Event::Closed(_) => break,
//!         other => other.proceed(),
//!     }
//! }
//! # Ok(()) }
//! # }
//! ```
//!
//! With the features `tracing` and `metrics` each session is a span with events in it, and counted;
//! `smtp-watch` has the tables.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
#[cfg(feature = "tls")]
mod handshake;
mod link;
mod server;
mod timer;
mod wire;

pub use client::Client;
pub use server::Server;
pub use smtp_codec as codec;
#[cfg(feature = "tls")]
pub use smtp_tls as tls;
#[cfg(any(feature = "tracing", feature = "metrics"))]
pub use smtp_watch as watch;
#[cfg(feature = "smol")]
pub use timer::AsyncIo;
pub use timer::Timer;
