//! The content on its way from where it is read to the connection.

use super::BodySlot;
use crate::dot::FoundBareNewline;

/// A piece of content that has been read and not yet written: what an adapter's `send` keeps
/// between two events.
///
/// ```
/// use smtp_codec::client::Content;
///
/// let mut content = Content::new();
/// content.space()[..5].copy_from_slice(b"Hello");
/// content.filled(5);
/// assert!(content.wants_more(), "is that all?");
/// content.filled(0);
/// assert!(!content.wants_more(), "it is");
/// ```
#[derive(Debug)]
pub struct Content {
    room: Box<[u8]>,
    start: usize,
    end: usize,
    /// How often it was read since anything was written.
    reads: u8,
    over: bool,
}

/// A second read tells whether the first has brought all there is, so that the end of a message
/// leaves together with its last piece. There is no third: what comes slowly must not wait.
const READS: u8 = 2;

impl Default for Content {
    fn default() -> Self {
        Self::new()
    }
}

impl Content {
    /// Nothing read yet.
    #[must_use]
    pub fn new() -> Self {
        Content { room: vec![0; 16 * 1024].into(), start: 0, end: 0, reads: 0, over: false }
    }

    /// Whether more must be read before anything can be written.
    #[must_use]
    pub fn wants_more(&self) -> bool {
        !self.over && self.reads < READS && self.end < self.room.len()
    }

    /// Where to read it to.
    pub fn space(&mut self) -> &mut [u8] {
        self.room.get_mut(self.end..).unwrap_or_default()
    }

    /// Says how many octets were read; 0 is the end of the content.
    pub fn filled(&mut self, n: usize) {
        self.end = self.end.saturating_add(n).min(self.room.len());
        self.reads = self.reads.saturating_add(1);
        self.over = n == 0;
    }

    /// Writes what there is to `slot`, and finishes it if that is all. Nothing as long as
    /// [more must be read](Content::wants_more).
    ///
    /// # Errors
    ///
    /// [`FoundBareNewline`] as for [`BodySlot::write`].
    pub fn write_to(&mut self, mut slot: BodySlot<'_>) -> Result<(), FoundBareNewline> {
        let rest = self.room.get(self.start..self.end).unwrap_or_default();
        if self.over {
            self.start += slot.write_end(rest)?;
        } else if !self.wants_more() {
            self.start += slot.write(rest)?;
        }
        if self.start == self.end && !self.over {
            (self.start, self.end, self.reads) = (0, 0, 0);
        }
        Ok(())
    }
}
