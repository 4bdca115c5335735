//! What a server does, on a terminal, while it does it. Nothing is counted where nobody looks.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use console::{Term, style, truncate_str};
use indicatif::{DecimalBytes, FormattedDuration, HumanCount, ProgressBar, ProgressStyle};

use super::shared::Shared;
use crate::exit::complain;
use crate::live::Rate;
use crate::plain::plain;

/// How often the view is drawn anew.
const TICK: Duration = Duration::from_millis(200);

/// Log lines do not wait for each other longer than that.
const BREATH: Duration = Duration::from_millis(20);

/// Octets of log lines that may wait to be written.
const WAITING: usize = 1 << 20;

/// Messages that are shown.
const LAST: usize = 3;

/// Counts, and the log lines that go above the view.
#[derive(Debug)]
pub(super) struct Live {
    start: Instant,
    sessions: AtomicU64,
    messages: AtomicU64,
    octets: AtomicU64,
    refused: AtomicU64,
    last: Mutex<VecDeque<(Instant, String)>>,
    lines: Mutex<Vec<u8>>,
    drawer: OnceLock<Thread>,
    over: AtomicBool,
}

impl Live {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Live {
            start: Instant::now(),
            sessions: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            octets: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            last: Mutex::default(),
            lines: Mutex::default(),
            drawer: OnceLock::new(),
            over: AtomicBool::new(false),
        })
    }

    pub(super) fn session(&self) {
        self.sessions.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn message(&self, from: &str, to: &str, octets: u64) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.octets.fetch_add(octets, Ordering::Relaxed);
        let text = format!("{from} to {to}, {}", DecimalBytes(octets));
        let mut last = locked(&self.last);
        last.push_back((Instant::now(), text));
        if last.len() > LAST {
            last.pop_front();
        }
    }

    /// Draws, from a thread of its own, until the view is stopped.
    pub(super) fn show(self: &Arc<Self>, shared: &Arc<Shared>) -> io::Result<View> {
        let (live, shared) = (Arc::clone(self), Arc::clone(shared));
        let thread = std::thread::Builder::new().spawn(move || live.draw(&shared))?;
        let _ = self.drawer.set(thread.thread().clone());
        Ok(View { live: Arc::clone(self), thread })
    }

    fn draw(&self, shared: &Shared) {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        let mut rates = (Rate::default(), Rate::default());
        let mut due = Instant::now();
        while !self.over.load(Ordering::Relaxed) {
            let now = Instant::now();
            self.write_lines(&bar);
            if now >= due {
                let width = Term::stderr().size_checked().map_or(80, |(_, width)| width);
                bar.set_message(self.page(now, shared.present(), &mut rates, usize::from(width)));
                bar.tick();
                due = now + TICK;
            }
            std::thread::sleep(BREATH);
            if locked(&self.lines).is_empty() {
                std::thread::park_timeout(due.saturating_duration_since(Instant::now()));
            }
        }
        bar.finish_and_clear();
        self.write_lines(&bar);
    }

    fn write_lines(&self, bar: &ProgressBar) {
        let lines = std::mem::take(&mut *locked(&self.lines));
        if !lines.is_empty() {
            // A terminal that is gone is no reason to stop.
            bar.suspend(|| drop(io::stderr().write_all(&lines)));
        }
    }

    fn page(&self, now: Instant, present: usize, rates: &mut (Rate, Rate), width: usize) -> String {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (messages, octets) = (count(&self.messages), count(&self.octets));
        let (rate, speed) = (rates.0.note(now, messages), rates.1.note(now, octets));
        let up = now.saturating_duration_since(self.start);
        let speed = DecimalBytes(speed.times(1));
        let mut lines = vec![
            // What is left of the view where Ctrl-C is echoed behind it, and moves it by a line.
            String::new(),
            format!(
                "sessions {present} ({} in all)   messages {}, {rate}/s   refused {}   {}, {speed}/s   up {}",
                HumanCount(count(&self.sessions)),
                HumanCount(messages),
                HumanCount(count(&self.refused)),
                DecimalBytes(octets),
                FormattedDuration(up),
            ),
        ];
        for (at, text) in locked(&self.last).iter().rev() {
            let ago = now.saturating_duration_since(*at).as_secs();
            lines.push(style(format!("{ago:>5} s ago  {}", plain(text))).dim().to_string());
        }
        let cut = lines.iter().map(|line| truncate_str(line, width.saturating_sub(1), "…"));
        cut.collect::<Vec<_>>().join("\n")
    }

    /// In a sentence, when all is over.
    fn sum(&self) -> String {
        let count = |counter: &AtomicU64, one: &str| match counter.load(Ordering::Relaxed) {
            1 => format!("1 {one}"),
            n => format!("{} {one}s", HumanCount(n)),
        };
        format!(
            "Took {}, {}, in {}; refused {}.",
            count(&self.messages, "message"),
            DecimalBytes(self.octets.load(Ordering::Relaxed)),
            count(&self.sessions, "session"),
            HumanCount(self.refused.load(Ordering::Relaxed)),
        )
    }
}

/// Log lines wait for the drawer, so that no session waits for the terminal; unless there are more
/// of them than it can write.
impl Write for &Live {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut lines = locked(&self.lines);
        lines.extend_from_slice(line);
        if lines.len() > WAITING {
            let all = std::mem::take(&mut *lines);
            io::stderr().write_all(&all)?;
        } else if lines.len() == line.len()
            && let Some(drawer) = self.drawer.get()
        {
            drawer.unpark();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A view that is being drawn.
pub(super) struct View {
    live: Arc<Live>,
    thread: JoinHandle<()>,
}

impl View {
    /// Takes it away, with what was logged till then written, and sums up.
    pub(super) fn stop(self) {
        self.live.over.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        let _ = self.thread.join();
        complain(format_args!("{}", self.live.sum()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_counts_and_fits() {
        let live = Live::new();
        (0..4).for_each(|_| live.session());
        live.refused();
        for number in 0..5 {
            live.message(&format!("a{number}@example.org"), "bob@example.net\u{1b}", 2000);
        }
        let now = Instant::now() + Duration::from_secs(3);
        let page = |width| {
            let page = live.page(now, 2, &mut Default::default(), width);
            console::strip_ansi_codes(&page).into_owned()
        };
        let whole = page(120);
        let lines: Vec<_> = whole.lines().collect();
        let counts =
            "sessions 2 (4 in all)   messages 5, 0.0/s   refused 1   10.00 kB, 0 B/s   up ";
        assert!(lines[1].starts_with(counts), "{whole}");
        assert_eq!(lines.len(), 2 + LAST);
        assert_eq!(lines[2], "    3 s ago  a4@example.org to bob@example.net\\u{1b}, 2.00 kB");
        assert!(
            page(20).lines().all(|line| console::measure_text_width(line) < 20),
            "{}",
            page(20)
        );
        assert_eq!(Live::new().sum(), "Took 0 messages, 0 B, in 0 sessions; refused 0.");
        assert_eq!(live.sum(), "Took 5 messages, 10.00 kB, in 4 sessions; refused 1.");
    }

    #[test]
    fn log_lines_wait_for_the_drawer() {
        let live = Live::new();
        (&*live).write_all(b"one\n").unwrap();
        (&*live).write_all(b"two\n").unwrap();
        assert_eq!(locked(&live.lines).as_slice(), b"one\ntwo\n");
    }
}
