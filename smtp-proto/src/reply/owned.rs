//! A reply that owns its octets.

use alloc::boxed::Box;
use core::fmt;

use super::{Reply, ReplyCode};

/// A whole reply that outlives the buffer it was received in.
///
/// ```
/// use smtp_proto::reply::{Reply, ReplyBuf};
///
/// let kept: ReplyBuf = Reply::parse(b"250 2.1.5 fine\r\n").unwrap().into();
/// assert_eq!(kept.as_reply().text(), b"fine");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ReplyBuf {
    code: ReplyCode,
    bytes: Box<[u8]>,
}

impl ReplyBuf {
    /// The reply, borrowed; nothing is parsed again.
    #[must_use]
    pub const fn as_reply(&self) -> Reply<'_> {
        Reply::checked(self.code, &self.bytes)
    }
}

impl From<Reply<'_>> for ReplyBuf {
    fn from(reply: Reply<'_>) -> Self {
        ReplyBuf { code: reply.code(), bytes: reply.as_bytes().into() }
    }
}

impl fmt::Display for ReplyBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_reply().fmt(f)
    }
}

impl fmt::Debug for ReplyBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_reply().fmt(f)
    }
}
