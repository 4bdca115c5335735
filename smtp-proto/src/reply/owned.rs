//! A reply that owns its octets.

use core::fmt;

use super::{Reply, ReplyCode};

/// One reply can decide about a thousand recipients, each of whom keeps it.
#[cfg(target_has_atomic = "ptr")]
use alloc::sync::Arc as Shared;

#[cfg(not(target_has_atomic = "ptr"))]
use alloc::rc::Rc as Shared;

/// A whole reply that outlives the buffer it was received in. Its clones share their octets; where
/// the target has no atomics it is not `Send`.
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
    bytes: Shared<[u8]>,
}

impl ReplyBuf {
    /// The reply, borrowed; nothing is parsed again.
    #[must_use]
    pub fn as_reply(&self) -> Reply<'_> {
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
