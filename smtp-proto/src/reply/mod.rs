//! Replies (RFC 5321 section 4.2): codes, enhanced status codes, what a server says and what a
//! client reads.

mod answer;
mod code;
mod enhanced;

pub use answer::{Positive, Refusal, ReplyError, ReplyText, write_reply};
pub use code::{Class, ReplyCode};
pub use enhanced::EnhancedCode;
