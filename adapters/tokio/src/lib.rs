//! SMTP servers and clients on tokio.
//!
//! [`Server`] and [`Client`] drive a connection of `smtp-codec` over any stream of tokio's. The
//! program is a loop over [`Server::next`]; the protocol is in the core, and nothing of it here. What
//! the events are and how they are answered tells the [guide](smtp_codec::guide); whole answers to small
//! questions has the [cookbook](smtp_codec::cookbook).
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use smtp_codec::proto::reply::Refusal;
//! use smtp_codec::server::{Config, Event};
//! use smtp_tokio::Server;
//!
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:2525").await?;
//! let config = Arc::new(Config::new("mx.example.org")?.max_size(10 << 20)); // no limit otherwise
//! loop {
//!     let (stream, _) = listener.accept().await?;
//!     let mut server = Server::new(stream, config.clone());
//!     tokio::spawn(async move {
//!         let mut content = Vec::new();
//!         while let Ok(event) = server.next().await {
//!             match event {
//!                 Event::Rcpt(rcpt) => rcpt.accept(),
//!                 Event::Data(data) => { content.clear(); data.accept() }
//!                 Event::Body(bytes) => content.extend_from_slice(bytes),
//!                 Event::Message(message) if content.is_empty() => message.reject(Refusal::CONTENT),
//!                 Event::Message(message) => message.accept(),
//!                 Event::Closed(_) => break,
//!                 other => other.proceed(),
//!             }
//!         }
//!     });
//! }
//! # }
//! ```
//!
//! With the features `tracing` and `metrics` each session is a span with events in it, and counted;
//! `smtp-watch` has the tables.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod alarm;
mod client;
#[cfg(feature = "tls")]
mod handshake;
mod link;
mod server;
mod wire;

pub use client::Client;
pub use server::Server;
pub use smtp_codec as codec;
#[cfg(feature = "tls")]
pub use smtp_tls as tls;
#[cfg(any(feature = "tracing", feature = "metrics"))]
pub use smtp_watch as watch;
