//! How much a client takes from a server.

use smtp_proto::reply::ReplyScanner;

/// How much a client takes from one server. Past any of the first three the session is over, as
/// [`Closing::Protocol`](super::Closing::Protocol).
///
/// ```
/// use smtp_codec::client::{Config, Limits};
///
/// let mut limits = Limits::default();
/// limits.reply_lines = 20;
/// let config = Config::new("client.example.net")?.limits(limits);
/// # Ok::<(), smtp_codec::proto::address::AddressError>(())
/// ```
///
/// The mechanisms that are remembered from the EHLO reply are 4 KiB, and of what a caller writes
/// 16 KiB wait to be sent; how long each wait is, RFC 5321 section 4.5.3.2 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Lines of one reply; 128 by default.
    pub reply_lines: u16,
    /// Octets of one reply, all its lines together; 64 KiB by default.
    pub reply: u32,
    /// Octets of one line of a reply, its CRLF included; 8 KiB by default. RFC 5321 section
    /// 4.5.3.1.5 allows 512; servers are known to send more.
    pub reply_line: u32,
    /// Octets of content in a second that a server must take on average; 500 by default, 0 for any.
    /// A wait while content goes ends, whatever the server takes drop by drop, unless so many
    /// octets left for each second that it may last: 90,000 in the three minutes of RFC 5321
    /// section 4.5.3.2.5. Then the next begins.
    pub least_rate: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { reply_lines: 128, reply: 64 * 1024, reply_line: 8 * 1024, least_rate: 500 }
    }
}

impl Limits {
    pub(super) fn scanner(&self) -> ReplyScanner {
        ReplyScanner::with_limits(self.reply_lines, self.reply)
    }
}
