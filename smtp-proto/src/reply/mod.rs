//! Replies (RFC 5321 section 4.2): codes, enhanced status codes, what a server says and what a
//! client reads, the reply to EHLO among it.

mod answer;
mod capability;
mod code;
mod ehlo;
mod enhanced;
mod extensions;
mod keyword;
mod limits;
mod line;
#[cfg(feature = "alloc")]
mod owned;
mod received;
mod relayed;
mod replies;
mod scanner;

pub(crate) use answer::{Known, known, put_codes};
pub use answer::{Positive, Refusal, ReplyError, ReplyText, write_reply};
pub use capability::{Capabilities, Capability};
pub use code::{Class, ReplyCode};
pub use ehlo::write_ehlo_reply;
pub(crate) use ehlo::write_offer;
pub use enhanced::EnhancedCode;
pub use extensions::Extensions;
pub use keyword::Extension;
pub use limits::SmtpLimits;
pub use line::{ReplyFault, ReplyLine};
#[cfg(feature = "alloc")]
pub use owned::ReplyBuf;
pub use received::Reply;
pub use replies::Replies;
pub use scanner::{Progress, ReplyScanner};

pub(crate) use answer::REPLY_LINE;
