//! Names for stored messages.

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The name of one stored message: what the server says behind `queued as`, what stands in the
/// `Received` field, and the base of the file names under `--raw`.
///
/// It holds only `0-9`, `a-f` and `-`, so it is an `Atom` (RFC 5321 section 4.4, `ID`) and safe as
/// a file name. It starts with the time in 16 digits, so names sort by arrival.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Id(String);

impl Id {
    /// A name that no other message of this process has. Time and process id keep processes
    /// apart; where that could fail, creating the file exclusively decides.
    pub(crate) fn next() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        static PROCESS: LazyLock<u32> = LazyLock::new(std::process::id);
        let nanos =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let counter = COUNTER.fetch_add(1, Ordering::Relaxed);
        Id(format!("{nanos:016x}-{:x}-{counter:x}", *PROCESS))
    }

    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn threads_never_share_a_name() {
        let workers: Vec<_> = (0..8)
            .map(|_| std::thread::spawn(|| (0..1000).map(|_| Id::next()).collect::<Vec<_>>()))
            .collect();
        let names: HashSet<_> = workers.into_iter().flat_map(|w| w.join().unwrap()).collect();
        assert_eq!(names.len(), 8000);
        assert!(
            names
                .iter()
                .all(|name| { name.as_str().bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') })
        );
    }
}
