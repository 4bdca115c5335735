//! SMTP without I/O: commands, replies, the envelope, and the server and client sessions.
//!
//! No `std`, no allocator needed, no `unsafe`; the feature `alloc`, on by default, adds owned forms of
//! what is borrowed here. What moves octets is elsewhere: `smtp-codec` frames them for these sessions,
//! and its `guide` tells how to build a program. This crate alone is for parsers, and for devices.
//!
//! | module | has |
//! |---|---|
//! | [`address`] | mailboxes, domains, reverse-paths and forward-paths |
//! | [`command`] | [`Command`](command::Command): every command with its parameters, parsed and written |
//! | [`reply`] | what a server says and what a client reads; [`Capabilities`](reply::Capabilities): the reply to EHLO |
//! | [`session`] | both sides of a session as state machines: which command may come when, and what it is answered |
//!
//! # Parsing and writing
//!
//! A line comes without its CRLF and is taken whole, or refused with the reply that it deserves. What was
//! parsed borrows from the line; what is written goes into a [`Sink`]: a `Vec`, or a slice of fixed size.
//!
//! ```
//! use smtp_proto::command::Command;
//! use smtp_proto::reply::{EnhancedCode, Reply};
//!
//! let command = Command::parse(b"mail FROM:<\"a b\"@example.net> SIZE=1024 BODY=8BITMIME")?;
//! let Command::Mail { reverse_path, parameters } = command else { panic!() };
//! assert_eq!(reverse_path.to_string(), "<\"a b\"@example.net>");
//! assert_eq!(parameters.size(), Some(1024));
//!
//! let error = Command::parse(b"MAIL FROM:<a@>").unwrap_err();
//! assert_eq!(error.refusal().code().get(), 501);
//!
//! let reply = Reply::parse(b"452-4.2.2 mailbox full\r\n452 4.2.2 try tomorrow\r\n").unwrap();
//! assert!(reply.code().is_transient());
//! assert_eq!(reply.enhanced(), EnhancedCode::new(4, 2, 2));
//! # Ok::<(), smtp_proto::CommandError>(())
//! ```
//!
//! `encode` writes a command, and [`Fixed`] is a slice to write to:
//!
//! ```
//! use smtp_proto::command::Command;
//! use smtp_proto::{Fixed, Full};
//!
//! let mut room = [0; 512];
//! let mut out = Fixed::new(&mut room);
//! Command::parse(b"rcpt to:<bob@example.org>").unwrap().encode(&mut out);
//! assert_eq!(out.finish()?, b"RCPT TO:<bob@example.org>\r\n");
//! # Ok::<(), Full>(())
//! ```
//!
//! # Grammar
//!
//! [`Syntax::Strict`] is that of RFC 5321 and of the extensions. [`Syntax::Lenient`] takes what is known
//! to be sent besides, and [`Deviations`](command::Deviations) names what it was. Nothing that is parsed
//! is lost: unknown commands, parameters and keywords keep their octets.
//!
//! With the feature `serde`, codes, owned addresses and parameters, envelopes, replies and outcomes are
//! `Serialize` and `Deserialize`: as they stand on the wire, and checked when they are read.
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod address;
pub mod command;
pub mod reply;
pub mod session;

#[cfg(feature = "alloc")]
mod envelope;
mod error;
#[cfg(feature = "serde")]
mod serial;
mod sink;
mod syntax;
mod verdict;

#[cfg(feature = "alloc")]
pub use envelope::{Delivered, Envelope, Failure, Outcome, Recipient};
pub use error::CommandError;
pub use sink::{Fixed, Full, Sink};
pub use syntax::Syntax;
pub use verdict::{Stage, Verdict};
