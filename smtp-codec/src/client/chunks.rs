//! The chunks that are on their way: which of them has been announced, and which has left.

/// A chunk by what stands behind it in the buffer.
#[derive(Clone, Copy, Debug)]
struct Written {
    /// Octets behind its announcement.
    announced: usize,
    /// Octets behind all of it.
    behind: usize,
}

/// The chunk that was written last, and the one before it where that had not left by then: a caller
/// may write and finish at once. There are no more, since a chunk is written only when none waits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chunks {
    last: Option<Written>,
    before: Option<Written>,
}

impl Chunks {
    /// Takes note of a chunk of so many octets that are still to be put, and of the announcement of
    /// `header` octets before them, behind `waiting` others.
    pub(super) fn write(&mut self, waiting: usize, header: usize, octets: usize) {
        let more = header.saturating_add(octets);
        let moved = |it: Written| Written {
            announced: it.announced.saturating_add(more),
            behind: it.behind.saturating_add(more),
        };
        self.before = self.last.filter(|_| waiting > 0).map(moved);
        self.last = Some(Written { announced: octets, behind: 0 });
    }

    /// Whether there are any in this transaction.
    pub(super) fn are_any(&self) -> bool {
        self.last.is_some()
    }

    /// Whether a reply comes before its time: `outstanding` are awaited, and `left` octets have not
    /// left yet. A chunk may be refused as soon as it is announced, and taken once it is there.
    pub(super) fn is_early(&self, refusal: bool, outstanding: u32, left: usize) -> bool {
        let answered = match outstanding {
            1 => self.last,
            2 => self.before,
            _ => None,
        };
        answered.is_some_and(|it| left > if refusal { it.announced } else { it.behind })
    }
}
