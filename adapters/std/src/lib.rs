//! SMTP servers and clients on the blocking streams of the standard library.
//!
//! [`Server`] and [`Client`] drive a connection of `smtp-codec` over a [`Transport`]: a TCP or Unix
//! stream, or a [`Pipe`] of any reader and writer. A program is a loop over [`Server::next`], a thread for
//! each connection. What the events are and how they are answered tells the [guide](smtp_codec::guide);
//! whole answers to small questions has the [cookbook](smtp_codec::cookbook).
//!
//! ```no_run
//! use smtp_codec::server::{Config, Event};
//! use smtp_std::Server;
//!
//! # fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = std::net::TcpListener::bind("127.0.0.1:2525")?;
//! for stream in listener.incoming() {
//!     let config = Config::new("mx.example.org")?.max_size(10 << 20); // no limit otherwise
//!     let mut server = Server::new(stream?, config);
//!     std::thread::spawn(move || {
//!         let mut content = Vec::new();
//!         while let Ok(event) = server.next() {
//!             match event {
//!                 Event::Rcpt(rcpt) => rcpt.accept(),
//!                 Event::Data(data) => { content.clear(); data.accept() }
//!                 Event::Body(bytes) => content.extend_from_slice(bytes),
//!                 Event::Message(message) => message.accept(),
//!                 Event::Closed(_) => break,
//!                 other => other.proceed(),
//!             }
//!         }
//!     });
//! }
//! # Ok(())
//! # }
//! ```
//!
//! With the features `tracing` and `metrics` each session is a span with events in it, and counted;
//! `smtp-watch` has the tables.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod bounds;
mod client;
#[cfg(feature = "tls")]
mod handshake;
mod link;
mod server;
mod transport;
mod wire;

pub use client::Client;
pub use server::Server;
pub use smtp_codec as codec;
#[cfg(feature = "tls")]
pub use smtp_tls as tls;
#[cfg(any(feature = "tracing", feature = "metrics"))]
pub use smtp_watch as watch;
pub use transport::{Pipe, Transport};
