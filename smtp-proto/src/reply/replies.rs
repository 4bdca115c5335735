//! Replies as they arrive, in a slice.

use core::fmt;

use memchr::memchr2;

use super::{Progress, Reply, ReplyFault, ReplyScanner};

/// Replies as they arrive, cut from a caller's slice, for programs without an allocator. The longest
/// reply must fit: that to EHLO may have some hundreds of octets.
///
/// ```
/// use smtp_proto::reply::Replies;
///
/// let mut room = [0; 1024];
/// let mut replies = Replies::new(&mut room);
/// for piece in [&b"250-mx.example.org\r"[..], b"\n250 SIZE\r\n354 go", b" ahead\r\n"] {
///     replies.space()[..piece.len()].copy_from_slice(piece);
///     replies.filled(piece.len());
///     while let Some(reply) = replies.reply()? {
///         assert!(matches!(reply.code().get(), 250 | 354));
///     }
/// }
/// assert!(replies.is_empty());
/// # Ok::<(), smtp_proto::reply::ReplyFault>(())
/// ```
pub struct Replies<'b> {
    room: &'b mut [u8],
    filled: usize,
    /// Octets of the lines that were scanned.
    scanned: usize,
    /// Octets of the reply that was handed out last.
    seen: usize,
    scanner: ReplyScanner,
}

impl<'b> Replies<'b> {
    /// Nothing has arrived yet.
    #[must_use]
    pub const fn new(room: &'b mut [u8]) -> Self {
        Replies { room, filled: 0, scanned: 0, seen: 0, scanner: ReplyScanner::new() }
    }

    /// Where to read to; empty only if a reply is there, or one is too long.
    pub fn space(&mut self) -> &mut [u8] {
        self.give_up();
        self.room.get_mut(self.filled..).unwrap_or_default()
    }

    /// Says that the first `n` octets of [`space`](Replies::space) were filled.
    pub fn filled(&mut self, n: usize) {
        self.filled = self.filled.saturating_add(n).min(self.room.len());
    }

    /// The next reply, if it is whole; the one before is given up.
    ///
    /// # Errors
    ///
    /// What [`ReplyScanner::feed`] finds, and [`ReplyFault::TooLong`] once the slice is full. The
    /// stream of replies cannot be trusted behind it: close the connection.
    pub fn reply(&mut self) -> Result<Option<Reply<'_>>, ReplyFault> {
        self.give_up();
        loop {
            let arrived = self.room.get(..self.filled).unwrap_or_default();
            let rest = arrived.get(self.scanned..).unwrap_or_default();
            let end = memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
            let line = match rest.split_at_checked(end) {
                Some((line, [b'\r', b'\n', ..])) => line,
                Some((_, [] | [b'\r'])) if self.filled < self.room.len() => return Ok(None),
                Some((_, [] | [b'\r'])) => return Err(ReplyFault::TooLong),
                _ => return Err(ReplyFault::Control),
            };
            let progress = self.scanner.feed(line)?;
            self.scanned += end + 2;
            if progress == Progress::Complete {
                break;
            }
        }
        self.seen = core::mem::take(&mut self.scanned);
        self.scanner.reply(self.room.get(..self.seen).unwrap_or_default()).map(Some)
    }

    /// Whether nothing waits that was not handed out. Between two commands that is so, unless the
    /// server speaks unasked.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.filled == self.seen
    }

    fn give_up(&mut self) {
        self.room.copy_within(self.seen..self.filled, 0);
        self.filled -= core::mem::take(&mut self.seen);
    }
}

/// Without what is in it.
impl fmt::Debug for Replies<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Replies({} of {} octets)", self.filled - self.seen, self.room.len())
    }
}

#[cfg(feature = "alloc")]
#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// Feeds pieces of such sizes, as far as there is room, and collects codes and texts.
    fn run(room: usize, wire: &[u8], sizes: &[usize]) -> Result<Vec<(u16, Vec<u8>)>, ReplyFault> {
        let mut room = alloc::vec![0; room];
        let (mut replies, mut out) = (Replies::new(&mut room), Vec::new());
        let (mut rest, mut sizes) = (wire, sizes.iter().copied().cycle());
        loop {
            while let Some(reply) = replies.reply()? {
                out.push((reply.code().get(), reply.text().to_vec()));
            }
            if rest.is_empty() {
                return Ok(out);
            }
            let space = replies.space();
            let n = sizes.next().unwrap_or(1).clamp(1, rest.len()).min(space.len());
            assert!(n > 0, "a full room is an error");
            space[..n].copy_from_slice(&rest[..n]);
            replies.filled(n);
            rest = &rest[n..];
        }
    }

    #[test]
    fn a_reply_that_does_not_fit_is_too_long() {
        let reply = b"250-one\r\n250 two\r\n";
        assert_eq!(run(reply.len(), reply, &[5]).map(|replies| replies.len()), Ok(1));
        assert_eq!(run(reply.len() - 1, reply, &[5]), Err(ReplyFault::TooLong));
        assert_eq!(run(0, b"", &[1]), Err(ReplyFault::TooLong));
    }

    #[test]
    fn what_is_no_reply_is_told() {
        for (wire, fault) in [
            (&b"250-a\r\n550 b\r\n"[..], ReplyFault::Mismatch),
            (b"250 a\n250 b\r\n", ReplyFault::Control),
            (b"250 a\n", ReplyFault::Control),
            (b"250 a\rb", ReplyFault::Control),
            (b"hello\r\n", ReplyFault::Code),
        ] {
            assert_eq!(run(64, wire, &[3]), Err(fault), "{wire:?}");
        }
    }

    #[test]
    fn what_waits_is_known() {
        let mut room = [0; 32];
        let mut replies = Replies::new(&mut room);
        assert!(replies.is_empty());
        replies.space()[..12].copy_from_slice(b"250 a\r\n250 b");
        replies.filled(12);
        assert!(!replies.is_empty());
        assert!(replies.reply().unwrap().is_some());
        assert!(!replies.is_empty(), "the beginning of the second");
        assert_eq!(alloc::format!("{replies:?}"), "Replies(5 of 32 octets)");
        replies.space()[..2].copy_from_slice(b"\r\n");
        replies.filled(2);
        assert_eq!(replies.reply().unwrap().map(|reply| reply.text()), Some(&b"b"[..]));
        assert!(replies.is_empty());
    }

    proptest! {
        #[test]
        fn no_split_changes_what_is_heard(
            sizes in prop::collection::vec(1_usize..40, 1..9),
            lines in prop::collection::vec((0_usize..4, "[ -~]{0,20}"), 1..20),
        ) {
            let codes = ["220", "250", "354", "550"];
            let wire: alloc::string::String = lines
                .iter()
                .map(|(code, text)| alloc::format!("{0}-{text}\r\n{0} {text}\r\n", codes[*code]))
                .collect();
            let heard = run(64, wire.as_bytes(), &sizes);
            prop_assert_eq!(&heard, &run(wire.len(), wire.as_bytes(), &[wire.len()]));
            prop_assert_eq!(heard.map(|heard| heard.len()), Ok(lines.len()));
        }
    }
}
