//! SMTP without I/O: commands, replies, the envelope, and the server and client sessions.
//!
//! | feature | brings |
//! |---|---|
//! | `alloc`, on by default | values that own their text, `Envelope`, `Outcome` |
//! | `serde` | `Serialize` and `Deserialize` for codes, owned addresses and parameters, envelopes, replies, outcomes: as they stand on the wire, and checked when they are read |
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
#[cfg(feature = "serde")]
mod serial;
mod sink;
mod syntax;

#[cfg(feature = "alloc")]
pub use envelope::{Delivered, Envelope, Failure, Outcome, Recipient, Stage, Verdict};
pub use error::CommandError;
pub use sink::{Fixed, Full, Sink};
pub use syntax::Syntax;
