//! What the views on a terminal have in common.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

/// How far back a rate looks.
const WINDOW: Duration = Duration::from_secs(5);

/// Whether somebody looks at standard error as it is written.
pub(crate) fn is_watched() -> bool {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stderr().is_terminal() && !dumb
}

/// How fast something grows, over the last seconds.
#[derive(Debug, Default)]
pub(crate) struct Rate(VecDeque<(Instant, u64)>);

impl Rate {
    /// So many there are by now; how many came in a second of late.
    pub(crate) fn note(&mut self, now: Instant, total: u64) -> Speed {
        self.0.push_back((now, total));
        while self.0.get(1).is_some_and(|(second, _)| now.duration_since(*second) >= WINDOW) {
            self.0.pop_front();
        }
        let Some((since, before)) = self.0.front() else { return Speed(0) };
        let came = u128::from(total.saturating_sub(*before));
        let tenths = (came * 10_000).checked_div(now.duration_since(*since).as_millis());
        Speed(tenths.map_or(0, |tenths| u64::try_from(tenths).unwrap_or(u64::MAX)))
    }
}

/// So many tenths in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Speed(u64);

impl Speed {
    /// In a second, where each of them makes so many.
    pub(crate) fn times(self, each: usize) -> u64 {
        self.0.saturating_mul(u64::try_from(each).unwrap_or(u64::MAX)) / 10
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_forgets_what_is_long_past() {
        let (mut rate, start) = (Rate::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(rate.note(at(0), 100), Speed(0));
        assert_eq!(rate.note(at(1), 110), Speed(100));
        assert_eq!(rate.note(at(5), 150), Speed(100));
        assert_eq!(rate.note(at(10), 150), Speed(0), "nothing came in the last five seconds");
        let last = rate.note(at(15), 653);
        assert_eq!(
            (last.to_string().as_str(), last.times(1), last.times(4096)),
            ("100.6", 100, 412_057)
        );
        assert!(rate.0.len() <= 3, "{rate:?}");
    }
}
