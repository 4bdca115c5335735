//! Many lines of one kind, sent as fast as the server takes them.

use std::time::{Duration, Instant};

use super::link::{Got, Link};
use super::run::{Went, Wrong, told};

/// Octets that go out at once.
const BATCH: usize = 8 * 1024;

/// Sends lines until there were `octets` of them, the server ends it, or it took six waits. Every
/// line must be answered for as long as the session lasts.
pub(super) fn run(
    link: &mut Link,
    line: &[u8],
    tires: bool,
    octets: usize,
    wait: Duration,
    risky: &mut Option<String>,
) -> Went {
    let until = Instant::now() + wait.saturating_mul(6);
    let in_batch = BATCH.checked_div(line.len()).unwrap_or(0).max(1);
    let batch = line.repeat(in_batch);
    let batches = octets.checked_div(batch.len()).unwrap_or(0).max(1);
    let due = batches.saturating_mul(in_batch);
    let mut count = Count::default();
    let mut stuck = false;
    for _ in 0..batches {
        stuck = link.write(&batch).is_err();
        count.drain(link, Duration::ZERO, due);
        if stuck || count.end.is_some() || Instant::now() > until {
            break;
        }
    }
    while count.end.is_none() && count.replies < due && Instant::now() < until {
        count.drain(link, wait, due);
    }
    let shown = super::transcript::shown(line, 60);
    link.transcript.note(&format!("up to {due} times \"{shown}\""));
    let last = count.last.as_ref().map_or_else(|| "nothing".to_owned(), told);
    link.transcript.note(&format!("{} replies, the last {last}", count.replies));
    let wrong = |why: String| Went::Wrong(Wrong { why, broken: true });
    match count.end {
        Some(got @ Got::Broken(_)) => {
            wrong(format!("{} after {} replies", told(&got), count.replies))
        }
        Some(_) => Went::Over,
        None if count.replies >= due => {
            if tires && count.alike {
                let why = format!("all {due} are answered alike, and the server never tires");
                *risky = Some(why);
            }
            Went::On
        }
        // Slowing down is an answer too.
        None if Instant::now() >= until && count.replies > 0 => Went::Over,
        None if stuck => wrong("the server reads no more and says nothing".to_owned()),
        None => wrong(format!("{} replies come to {due} lines", count.replies)),
    }
}

struct Count {
    replies: usize,
    /// The session's end.
    end: Option<Got>,
    last: Option<Got>,
    first: Option<u16>,
    /// Whether all replies were of one code.
    alike: bool,
}

impl Default for Count {
    fn default() -> Self {
        Count { replies: 0, end: None, last: None, first: None, alike: true }
    }
}

impl Count {
    /// Counts the replies that are there; whether there were any.
    fn drain(&mut self, link: &mut Link, wait: Duration, due: usize) -> bool {
        let before = self.replies;
        while self.end.is_none() && self.replies < due {
            let wait = if self.replies == before { wait } else { Duration::ZERO };
            let got = link.reply_within(wait);
            match &got {
                Got::Silence => break,
                Got::Reply(code, _) => {
                    let code = code.get();
                    self.replies += 1;
                    self.alike &= *self.first.get_or_insert(code) == code;
                    if matches!(code, 221 | 421 | 521) {
                        self.end = Some(got.clone());
                    }
                    self.last = Some(got);
                }
                Got::Closed | Got::Broken(_) => self.end = Some(got),
            }
        }
        self.replies > before
    }
}
