//! How waits end: by something that came whole, or by enough content.

use std::time::Duration;

/// Counts the waits of a connection. There is no clock here: whoever has one lets a wait last for
/// the patience that it began with, and looks whether the count has changed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    waits: u64,
    /// Octets of content since the present wait began.
    octets: u64,
}

impl Pace {
    /// How many waits have ended.
    pub(crate) fn heard(self) -> u64 {
        self.waits
    }

    /// Ends the present wait.
    pub(crate) fn end(&mut self) {
        *self = Pace { waits: self.waits + 1, octets: 0 };
    }

    /// Takes note of content. It ends the wait only once there is as much as `rate`, in octets a
    /// second, makes of the time that the wait may last.
    pub(crate) fn content(&mut self, octets: usize, rate: u32, patience: Duration) {
        self.octets = self.octets.saturating_add(u64::try_from(octets).unwrap_or(u64::MAX));
        let millis = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        if self.octets.saturating_mul(1000) >= u64::from(rate).saturating_mul(millis) {
            self.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ends_a_wait_once_there_is_enough() {
        let minute = Duration::from_secs(60);
        let mut pace = Pace::default();
        for (octets, heard) in [(1, 0), (5_998, 0), (1, 1), (5_999, 1), (1, 2), (60_000, 3)] {
            pace.content(octets, 100, minute);
            assert_eq!(pace.heard(), heard, "{octets}");
        }
    }

    #[test]
    fn without_a_rate_each_piece_is_enough() {
        let mut pace = Pace::default();
        pace.content(1, 0, Duration::from_secs(300));
        assert_eq!(pace.heard(), 1);
    }

    #[test]
    fn what_comes_whole_begins_the_count_anew() {
        let mut pace = Pace::default();
        pace.content(99, 100, Duration::from_secs(1));
        pace.end();
        pace.content(99, 100, Duration::from_secs(1));
        assert_eq!(pace.heard(), 1);
        pace.content(usize::MAX, u32::MAX, Duration::MAX);
        assert_eq!(pace.heard(), 2);
    }
}
