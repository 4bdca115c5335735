//! SMTP without I/O: commands, replies, the envelope, and the server and client sessions.
#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod address;
pub mod command;
pub mod reply;
pub mod session;

#[cfg(feature = "alloc")]
mod envelope;
mod error;
mod sink;
mod syntax;
mod verdict;

#[cfg(feature = "alloc")]
pub use envelope::{Delivered, Envelope, Failure, Outcome, Recipient};
pub use error::CommandError;
pub use sink::{Fixed, Full, Sink};
pub use syntax::Syntax;
pub use verdict::{Stage, Verdict};
