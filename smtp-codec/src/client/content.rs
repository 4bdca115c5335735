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
/// assert!(content.wants_more());
/// content.space()[..5].copy_from_slice(b"Hello");
/// content.filled(5);
/// assert!(!content.wants_more());
/// ```
#[derive(Debug)]
pub struct Content {
    room: Box<[u8]>,
    start: usize,
    end: usize,
    over: bool,
}

impl Default for Content {
    fn default() -> Self {
        Self::new()
    }
}

impl Content {
    /// Nothing read yet.
    #[must_use]
    pub fn new() -> Self {
        Content { room: vec![0; 16 * 1024].into(), start: 0, end: 0, over: false }
    }

    /// Whether more must be read before anything can be written.
    #[must_use]
    pub fn wants_more(&self) -> bool {
        self.start == self.end && !self.over
    }

    /// Where to read it to.
    pub fn space(&mut self) -> &mut [u8] {
        &mut self.room
    }

    /// Says how many octets were read; 0 is the end of the content.
    pub fn filled(&mut self, n: usize) {
        (self.start, self.end) = (0, n.min(self.room.len()));
        self.over = n == 0;
    }

    /// Writes what there is to `slot`, or finishes it.
    ///
    /// # Errors
    ///
    /// [`FoundBareNewline`] as for [`BodySlot::write`].
    pub fn write_to(&mut self, mut slot: BodySlot<'_>) -> Result<(), FoundBareNewline> {
        if self.over {
            return slot.finish();
        }
        let rest = self.room.get(self.start..self.end).unwrap_or_default();
        self.start += slot.write(rest)?;
        Ok(())
    }
}
