//! How far it has come, on a terminal; and Ctrl-C, which ends it early.

use std::fmt::{self, Write as _};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use console::{Term, truncate_str};
use indicatif::{DecimalBytes, ProgressBar, ProgressState, ProgressStyle};

use super::load::Load;
use super::tally::Reason;
use crate::exit::complain;
use crate::live::{Rate, Speed, is_watched};
use crate::plain::plain;

const TICK: Duration = Duration::from_millis(100);

/// Watches a load from a thread of its own, so that messages cost nothing more.
pub(super) struct Progress {
    over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Progress {
    pub(super) fn start(load: &Arc<Load>, quiet: bool) -> io::Result<Self> {
        let bar = bar(load.plan.messages, quiet);
        let mut rate = Rate::default();
        let over = Arc::new(AtomicBool::new(false));
        let called_off = Arc::new(AtomicBool::new(false));
        heed(&called_off)?;
        let (load, is_over) = (Arc::clone(load), Arc::clone(&over));
        let tick = move || {
            let say = |sentence: String| complain(format_args!("smtp bench: {}", plain(&sentence)));
            while !is_over.load(Ordering::Relaxed) {
                if called_off.load(Ordering::Relaxed) && !load.is_interrupted() {
                    load.interrupt();
                }
                if let Some(sentence) = load.notice() {
                    bar.suspend(|| say(sentence));
                }
                if !bar.is_hidden() {
                    let (done, failed) = load.progress();
                    let now = rate.note(Instant::now(), done);
                    let width = Term::stderr().size_checked().map_or(80, |(_, width)| width);
                    let details = details(&load, now, failed);
                    let details = truncate_str(&details, usize::from(width).saturating_sub(3), "…");
                    bar.set_message(details.into_owned());
                    bar.set_position(done);
                }
                std::thread::park_timeout(TICK);
            }
            bar.finish_and_clear();
            load.notice().into_iter().for_each(say);
        };
        Ok(Progress { over, thread: std::thread::Builder::new().spawn(tick)? })
    }

    /// Takes the bar away.
    pub(super) fn stop(self) {
        self.over.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        let _ = self.thread.join();
    }
}

/// How fast it goes at the moment, and what goes wrong most often.
fn details(load: &Load, rate: Speed, failed: u64) -> String {
    let tally = load.tally();
    let mut text = format!(
        "now {rate} messages/s, {}/s; {} connections, {} of them anew",
        DecimalBytes(rate.times(load.plan.content.len())),
        tally.connections,
        tally.reconnects
    );
    if failed > 0 {
        let _ = write!(text, "; {failed} not accepted");
    }
    if let Some((why, _)) = tally.failures.iter().max_by_key(|(_, count)| **count) {
        let (Reason::Reply(why) | Reason::Other(why)) = why;
        let _ = write!(text, ", most by: {}", plain(why));
    }
    text
}

fn bar(messages: u64, quiet: bool) -> ProgressBar {
    if quiet || !is_watched() {
        return ProgressBar::hidden();
    }
    let template = "  {bar:32} {human_pos} of {human_len}, {speed}, {eta} left\n  {msg}";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(messages);
    bar.set_style(style.with_key("speed", |state: &ProgressState, out: &mut dyn fmt::Write| {
        let seconds = state.elapsed().as_secs_f64().max(f64::MIN_POSITIVE);
        let _ = write!(out, "{:.0} messages/s", state.pos() as f64 / seconds);
    }));
    bar
}

/// The first signal ends the run in order, a second one as signals do.
#[cfg(unix)]
fn heed(called_off: &Arc<AtomicBool>) -> io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::flag;

    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_default(signal, Arc::clone(called_off))?;
        flag::register(signal, Arc::clone(called_off))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn heed(_: &Arc<AtomicBool>) -> io::Result<()> {
    Ok(())
}
