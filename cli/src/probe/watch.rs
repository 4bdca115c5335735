//! When what was said: how long each step took.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use smtp_codec::client::Traffic;

/// How long each step took, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Timings {
    pub(super) lookup: Option<f64>,
    pub(super) connect: Option<f64>,
    pub(super) greeting: Option<f64>,
    pub(super) ehlo: Option<f64>,
    pub(super) starttls: Option<f64>,
    pub(super) tls: Option<f64>,
    pub(super) ehlo_tls: Option<f64>,
    pub(super) quit: Option<f64>,
}

/// What the server is being waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Greeting,
    Ehlo,
    StartTls,
    Tls,
    EhloTls,
    Quit,
}

#[derive(Debug)]
struct State {
    since: Instant,
    awaited: Option<Step>,
    secure: bool,
    said_helo: bool,
    answered_quit: bool,
    timings: Timings,
}

/// Looks at each line of the dialogue as it goes by.
#[derive(Clone, Debug)]
pub(super) struct Watch(Arc<Mutex<State>>);

impl Watch {
    pub(super) fn new() -> Self {
        Watch(Arc::new(Mutex::new(State {
            since: Instant::now(),
            awaited: None,
            secure: false,
            said_helo: false,
            answered_quit: false,
            timings: Timings::default(),
        })))
    }

    pub(super) fn looked_up(&self, took: Duration) {
        self.state().timings.lookup = Some(milliseconds(took));
    }

    /// The connection is about to be made.
    pub(super) fn dial(&self) {
        self.state().since = Instant::now();
    }

    /// It is made; a handshake comes before the greeting where TLS is `implicit`.
    pub(super) fn connected(&self, implicit: bool) {
        let (mut state, now) = (self.state(), Instant::now());
        state.timings.connect = Some(milliseconds(now - state.since));
        state.since = now;
        state.secure = implicit;
        state.awaited = Some(if implicit { Step::Tls } else { Step::Greeting });
    }

    pub(super) fn see(&self, traffic: Traffic<'_>) {
        match traffic {
            Traffic::Sent(line) => self.state().sent(line, Instant::now()),
            Traffic::Received(line) => self.state().received(line, Instant::now()),
        }
    }

    pub(super) fn timings(&self) -> Timings {
        self.state().timings.clone()
    }

    /// Whether HELO had to be said, since EHLO is unknown there.
    pub(super) fn said_helo(&self) -> bool {
        self.state().said_helo
    }

    /// Whether QUIT was answered.
    pub(super) fn answered_quit(&self) -> bool {
        self.state().answered_quit
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn sent(&mut self, line: &[u8], now: Instant) {
        // EHLO behind STARTTLS leaves when the handshake is done.
        if self.awaited == Some(Step::Tls) {
            self.secure = true;
            self.lap(now);
        }
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        self.said_helo |= verb == b"HELO";
        self.awaited = match verb.as_slice() {
            b"EHLO" | b"LHLO" | b"HELO" if self.secure && self.timings.ehlo.is_some() => {
                Some(Step::EhloTls)
            }
            b"EHLO" | b"LHLO" | b"HELO" => Some(Step::Ehlo),
            b"STAR" => Some(Step::StartTls),
            b"QUIT" => Some(Step::Quit),
            _ => None,
        };
        self.since = now;
    }

    fn received(&mut self, line: &[u8], now: Instant) {
        if line.get(3) == Some(&b'-') {
            return;
        }
        let handshake = self.awaited == Some(Step::StartTls) && line.starts_with(b"220");
        self.answered_quit |= self.awaited == Some(Step::Quit);
        self.lap(now);
        self.awaited = handshake.then_some(Step::Tls);
    }

    fn lap(&mut self, now: Instant) {
        let took = milliseconds(now - self.since);
        let timings = &mut self.timings;
        let slot = match self.awaited.take() {
            Some(Step::Greeting) => &mut timings.greeting,
            Some(Step::Ehlo) => &mut timings.ehlo,
            Some(Step::StartTls) => &mut timings.starttls,
            Some(Step::Tls) => &mut timings.tls,
            Some(Step::EhloTls) => &mut timings.ehlo_tls,
            Some(Step::Quit) => &mut timings.quit,
            None => return,
        };
        // EHLO may be refused, and HELO said behind it.
        *slot = Some(slot.unwrap_or_default() + took);
        self.since = now;
    }
}

/// To a microsecond.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dialogue: &[&str], implicit: bool) -> (Vec<String>, bool) {
        let watch = Watch::new();
        watch.dial();
        watch.connected(implicit);
        for line in dialogue {
            watch.see(match line.strip_prefix("> ") {
                Some(sent) => Traffic::Sent(sent.as_bytes()),
                None => Traffic::Received(line.as_bytes()),
            });
        }
        let timings = serde_json::to_value(watch.timings()).unwrap();
        let all = timings.as_object().unwrap().iter();
        let named = all.filter(|(_, it)| it.is_number()).map(|(name, _)| name.clone()).collect();
        (named, watch.answered_quit())
    }

    #[test]
    fn each_step_has_its_time() {
        let clear = ["220-mx", "220 mx", "> EHLO x", "250-mx", "250 STARTTLS"];
        let secure = ["> STARTTLS", "220 go", "> EHLO x", "250 mx", "> QUIT"];
        let all = [&clear[..], &secure[..], &["221 bye"]].concat();
        let names_of = |it: &[&str], implicit| {
            let (mut names, quit) = names(it, implicit);
            names.sort_unstable();
            (names.join(" "), quit)
        };
        let whole = "connect ehlo ehlo_tls greeting quit starttls tls";
        assert_eq!(names_of(&all, false), (whole.to_owned(), true));
        assert_eq!(names_of(&clear, true), ("connect ehlo tls".to_owned(), false));
        let helo = ["220 mx", "> EHLO x", "502 what", "> HELO x", "250 mx", "> QUIT"];
        assert_eq!(names_of(&helo, false), ("connect ehlo greeting".to_owned(), false));
        let refused = ["220 mx", "> EHLO x", "250 mx", "> STARTTLS", "454 no"];
        assert_eq!(names_of(&refused, false), ("connect ehlo greeting starttls".to_owned(), false));
    }
}
