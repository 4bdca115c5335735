//! What has come of the messages so far, in constant memory.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use smtp_codec::proto::{Outcome, Verdict};
use smtp_tls::Facts;

use crate::exit::Exit;
use crate::outcome;
use crate::trouble::Trouble;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    Connect,
    Greeting,
    Ehlo,
    StartTls,
    Tls,
    Auth,
    Mail,
    Rcpt,
    Data,
    Message,
}

impl Wait {
    /// With the names that reports give them.
    pub(super) const ALL: [(Wait, &str); 10] = [
        (Wait::Connect, "connect"),
        (Wait::Greeting, "greeting"),
        (Wait::Ehlo, "ehlo"),
        (Wait::StartTls, "starttls"),
        (Wait::Tls, "tls"),
        (Wait::Auth, "auth"),
        (Wait::Mail, "mail"),
        (Wait::Rcpt, "rcpt"),
        (Wait::Data, "data"),
        (Wait::Message, "message"),
    ];
}

/// How long a wait was, over and over: 1 microsecond to 1 hour, to three digits.
#[derive(Debug, Default)]
pub(super) struct Latency(Option<Histogram<u64>>);

impl Latency {
    const MOST: u64 = 3_600_000_000;

    fn record(&mut self, wait: Duration) {
        if self.0.is_none() {
            self.0 = Histogram::new_with_bounds(1, Self::MOST, 3).ok();
        }
        if let Some(histogram) = &mut self.0 {
            histogram.saturating_record(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX));
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, Histogram::len)
    }

    /// Microseconds that so much of all, from 0 to 1, do not exceed.
    pub(super) fn quantile(&self, part: f64) -> u64 {
        self.0.as_ref().map_or(0, |histogram| histogram.value_at_quantile(part))
    }
}

/// Why a message was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reason {
    /// The server said so.
    Reply(String),
    /// Something else, in a sentence.
    Other(String),
}

/// So many reasons are kept in full: servers put numbers into their replies, each another one.
const REASONS: usize = 50;

/// So many characters of a reason are kept.
const WORDS: usize = 160;

/// What has come of the messages so far.
#[derive(Debug)]
pub(super) struct Tally {
    latencies: [Latency; Wait::ALL.len()],
    pub(super) accepted: u64,
    pub(super) refused: u64,
    pub(super) deferred: u64,
    pub(super) unknown: u64,
    pub(super) failures: HashMap<Reason, u64>,
    pub(super) connections: u64,
    pub(super) reconnects: u64,
    pub(super) tls: Option<Facts>,
    /// When the last message was done.
    pub(super) end: Option<Instant>,
    exit: Exit,
    /// Why connections were given up, how many, and the exit code of that.
    pub(super) given_up: Option<(String, u64)>,
}

impl Default for Tally {
    fn default() -> Self {
        Tally {
            latencies: Default::default(),
            accepted: 0,
            refused: 0,
            deferred: 0,
            unknown: 0,
            failures: HashMap::new(),
            connections: 0,
            reconnects: 0,
            tls: None,
            end: None,
            exit: Exit::Done,
            given_up: None,
        }
    }
}

impl Tally {
    /// Messages that were tried.
    pub(super) fn messages(&self) -> u64 {
        self.accepted + self.refused + self.deferred + self.unknown
    }

    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    pub(super) fn latency(&self, wait: Wait) -> Option<&Latency> {
        self.latencies.get(wait as usize).filter(|latency| latency.count() > 0)
    }

    pub(super) fn record(&mut self, samples: impl IntoIterator<Item = (Wait, Duration)>) {
        for (wait, duration) in samples {
            if let Some(latency) = self.latencies.get_mut(wait as usize) {
                latency.record(duration);
            }
        }
    }

    /// Counts a message, and whether it was accepted.
    pub(super) fn message(
        &mut self,
        outcome: &Outcome,
        trouble: &Trouble<'_>,
        now: Instant,
    ) -> bool {
        self.end = self.end.max(Some(now));
        self.worsen(trouble.exit(&outcome.recipients));
        let worst = outcome.recipients.iter().max_by_key(|it| badness(it.verdict));
        let verdict = worst.map_or(Verdict::Accepted, |worst| worst.verdict);
        match verdict {
            Verdict::Accepted => self.accepted += 1,
            Verdict::Refused => self.refused += 1,
            Verdict::Deferred => self.deferred += 1,
            Verdict::Unknown => self.unknown += 1,
        }
        if verdict == Verdict::Accepted {
            return true;
        }
        // The same verdict may have been reached in several ways.
        let reply = outcome.recipients.iter().filter(|it| it.verdict == verdict);
        let reply = reply.filter_map(|it| it.reply.as_ref()).next().map(|reply| reply.as_reply());
        let code = reply.map(|reply| reply.code().get());
        let reason = match reply {
            Some(reply) => Reason::Reply(shorten(&outcome::line(reply))),
            None => {
                let why = trouble.why();
                Reason::Other(shorten(why.as_deref().unwrap_or("the session ended")))
            }
        };
        let reason = match code {
            _ if self.failures.len() < REASONS || self.failures.contains_key(&reason) => reason,
            Some(code) => Reason::Reply(format!("{code} (in other words)")),
            None => Reason::Other("something else".to_owned()),
        };
        *self.failures.entry(reason).or_default() += 1;
        false
    }

    /// Takes note of a connection that is not opened again.
    pub(super) fn give_up(&mut self, why: &str, exit: Exit) {
        self.worsen(exit);
        match &mut self.given_up {
            Some((_, count)) => *count += 1,
            none => *none = Some((why.to_owned(), 1)),
        }
    }

    pub(super) fn worsen(&mut self, exit: Exit) {
        if severity(exit) > severity(self.exit) {
            self.exit = exit;
        }
    }
}

fn badness(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Accepted => 0,
        Verdict::Refused => 1,
        Verdict::Deferred => 2,
        Verdict::Unknown => 3,
    }
}

/// The worst of many exit codes decides.
fn severity(exit: Exit) -> u8 {
    match exit {
        Exit::Done => 0,
        Exit::Unavailable => 1,
        Exit::TryLater => 2,
        Exit::Data => 3,
        Exit::Io => 4,
        Exit::Protocol => 5,
        Exit::Forbidden => 6,
        Exit::Usage => 7,
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(WORDS) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default().trim_end()),
        None => text.trim_end().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use smtp_codec::client::Closing;
    use smtp_codec::proto::reply::Reply;
    use smtp_codec::proto::{Delivered, Failure, Stage};

    use super::*;

    fn told(text: &str) -> Delivered {
        let reply = format!("{text}\r\n");
        Delivered::from_reply(Stage::Rcpt, Reply::parse(reply.as_bytes()).unwrap())
    }

    fn count(tally: &mut Tally, recipients: &[Delivered], failure: Option<Closing>) -> bool {
        let failure = failure.map(Failure::Closed);
        let outcome = Outcome { recipients: recipients.to_vec(), reply: None, failure };
        let trouble = Trouble { error: None, failure, starttls: None };
        tally.message(&outcome, &trouble, Instant::now())
    }

    fn failures(tally: &Tally, reason: Reason) -> u64 {
        tally.failures.get(&reason).copied().unwrap_or_default()
    }

    #[test]
    fn a_message_counts_once_by_its_worst_recipient() {
        let mut tally = Tally::default();
        let (yes, no, later) = (told("250 ok"), told("550 5.1.1 no"), told("451 later"));
        let lost = Delivered { verdict: Verdict::Unknown, stage: Stage::Message, reply: None };
        assert!(count(&mut tally, &[yes.clone(), yes.clone()], None));
        assert_eq!(tally.exit(), Exit::Done);
        assert!(!count(&mut tally, &[yes.clone(), no.clone()], None));
        assert_eq!(tally.exit(), Exit::Unavailable);
        assert!(!count(&mut tally, &[no.clone(), later.clone(), no.clone()], None));
        assert!(!count(&mut tally, &[no, lost, later], Some(Closing::PeerGone)));
        assert_eq!(tally.exit(), Exit::TryLater);
        assert!(count(&mut tally, &[yes], None));
        assert_eq!(
            (tally.accepted, tally.refused, tally.deferred, tally.unknown, tally.messages()),
            (2, 1, 1, 1, 5)
        );
        assert_eq!(tally.failures.len(), 3);
        assert_eq!(failures(&tally, Reason::Reply("550 5.1.1 no".into())), 1);
        assert_eq!(failures(&tally, Reason::Reply("451 later".into())), 1);
        let gone = "the server closed the connection".to_owned();
        assert_eq!(failures(&tally, Reason::Other(gone)), 1);
    }

    #[test]
    fn replies_that_are_all_different_take_no_more_room_and_still_add_up() {
        let mut tally = Tally::default();
        for number in 0..1000 {
            count(&mut tally, &[told(&format!("451 queue id {number}"))], None);
            count(&mut tally, &[told(&format!("550 {}", "é".repeat(500)))], None);
        }
        assert_eq!(tally.failures.len(), REASONS + 1);
        assert_eq!(tally.failures.values().sum::<u64>(), 2000);
        assert_eq!(failures(&tally, Reason::Reply("451 queue id 7".into())), 1);
        let others = failures(&tally, Reason::Reply("451 (in other words)".into()));
        assert_eq!(others, 1000 - 49);
        assert!(tally.failures.keys().all(|reason| match reason {
            Reason::Reply(text) | Reason::Other(text) => text.chars().count() <= WORDS + 1,
        }));
    }

    #[test]
    fn quantiles_are_those_of_what_was_recorded() {
        let mut tally = Tally::default();
        let samples = (1..=1000).map(|n| (Wait::Mail, Duration::from_micros(n)));
        tally.record(samples.chain([(Wait::Rcpt, Duration::from_secs(100_000))]));
        let mail = tally.latency(Wait::Mail).unwrap();
        assert_eq!(mail.count(), 1000);
        assert_eq!([0.5, 0.9, 0.99, 1.0].map(|part| mail.quantile(part)), [500, 900, 990, 1000]);
        let hour = tally.latency(Wait::Rcpt).unwrap().quantile(0.5);
        assert!((Latency::MOST..Latency::MOST / 1000 * 1001).contains(&hour), "{hour}");
        assert!(tally.latency(Wait::Data).is_none());
    }

    #[test]
    fn names_stand_where_their_latencies_do() {
        for (index, (wait, _)) in Wait::ALL.into_iter().enumerate() {
            assert_eq!(wait as usize, index);
        }
    }

    #[test]
    fn the_worst_exit_code_stays() {
        let mut tally = Tally::default();
        for (exit, worst) in [
            (Exit::TryLater, Exit::TryLater),
            (Exit::Unavailable, Exit::TryLater),
            (Exit::Protocol, Exit::Protocol),
            (Exit::Data, Exit::Protocol),
            (Exit::Forbidden, Exit::Forbidden),
            (Exit::Done, Exit::Forbidden),
        ] {
            tally.give_up("x", exit);
            assert_eq!(tally.exit(), worst);
        }
        assert_eq!(tally.given_up, Some(("x".to_owned(), 6)));
    }
}
