//! How long each command took: the events of one connection, with times.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use smtp_codec::client::Event;

use super::tally::Wait;

/// So many samples are gathered before they are handed on, however many recipients there are.
const SAMPLES: usize = 256;

/// Takes the time of one connection after the other. Commands are answered in their order, so
/// that a queue tells when each was handed over.
#[derive(Debug)]
pub(super) struct Watch {
    /// When what is answered next was handed over, outside of transactions; then when MAIL was.
    since: Instant,
    /// The next reply comes behind a handshake.
    handshake: bool,
    rcpts: VecDeque<Instant>,
    /// Recipients that are still to be named.
    unnamed: usize,
    data: Option<Instant>,
    message: Option<Instant>,
    samples: Vec<(Wait, Duration)>,
}

impl Watch {
    pub(super) fn new() -> Self {
        Watch {
            since: Instant::now(),
            handshake: false,
            rcpts: VecDeque::new(),
            unnamed: 0,
            data: None,
            message: None,
            samples: Vec::new(),
        }
    }

    /// The connection is about to be made.
    pub(super) fn dial(&mut self) {
        self.since = Instant::now();
    }

    /// It is made; a handshake comes before the greeting where TLS is `implicit`.
    pub(super) fn connected(&mut self, implicit: bool) {
        self.lap(Wait::Connect, Instant::now());
        self.handshake = implicit;
    }

    /// AUTH is about to begin, or is over.
    pub(super) fn authenticating(&mut self) {
        self.since = Instant::now();
    }

    pub(super) fn authenticated(&mut self) {
        self.lap(Wait::Auth, Instant::now());
    }

    /// Looks at an event before it is answered: commands are handed over at once.
    pub(super) fn see(&mut self, event: &Event<'_>, recipients: usize) {
        if let Event::WantBody(_) = event {
            return;
        }
        let now = Instant::now();
        match event {
            Event::Greeting(_) => self.lap_or_handshake(Wait::Greeting, now),
            Event::Ehlo(_) => self.lap_or_handshake(Wait::Ehlo, now),
            Event::StartTls(reply) => {
                self.lap(Wait::StartTls, now);
                self.handshake = reply.code().is_positive();
            }
            Event::Ready(_) => {
                self.since = now;
                self.rcpts.clear();
                self.unnamed = recipients;
                (self.data, self.message) = (None, None);
            }
            Event::WantRcpt(_) => match self.unnamed.checked_sub(1) {
                Some(left) => {
                    self.unnamed = left;
                    self.rcpts.push_back(now);
                }
                None => self.data = Some(now),
            },
            Event::Mail(_) => self.sample(Wait::Mail, Some(self.since), now),
            Event::Rcpt(..) => {
                let since = self.rcpts.pop_front();
                self.sample(Wait::Rcpt, since, now);
            }
            Event::Data(_) => {
                let since = self.data.take();
                self.sample(Wait::Data, since, now);
            }
            Event::Done(_) | Event::DoneFor(..) => self.sample(Wait::Message, self.message, now),
            _ => {}
        }
    }

    /// The end of the content was handed over.
    pub(super) fn content_ended(&mut self) {
        self.message = Some(Instant::now());
    }

    /// Whether it is time to hand on what was gathered.
    pub(super) fn is_full(&self) -> bool {
        self.samples.len() >= SAMPLES
    }

    /// What was gathered since the last time.
    pub(super) fn samples(&mut self) -> impl Iterator<Item = (Wait, Duration)> {
        self.samples.drain(..)
    }

    fn lap_or_handshake(&mut self, wait: Wait, now: Instant) {
        let behind = std::mem::take(&mut self.handshake);
        self.lap(if behind { Wait::Tls } else { wait }, now);
    }

    fn lap(&mut self, wait: Wait, now: Instant) {
        self.sample(wait, Some(self.since), now);
        self.since = now;
    }

    fn sample(&mut self, wait: Wait, since: Option<Instant>, now: Instant) {
        if let Some(since) = since {
            self.samples.push((wait, now.saturating_duration_since(since)));
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Buf as _;
    use smtp_codec::Want;
    use smtp_codec::client::{Config, Connection, Delivery, Step};
    use smtp_codec::proto::Envelope;

    use super::*;

    /// What is timed in a session with a server that says this, each item in answer to what was
    /// sent before.
    fn timed(config: Config, says: &[&str], recipients: usize) -> Vec<Wait> {
        let mut envelope = Envelope::new("a@example.org".parse().unwrap());
        for _ in 0..recipients {
            envelope = envelope.to("b@example.org".parse().unwrap());
        }
        let (mut connection, mut watch) = (Connection::new(config), Watch::new());
        let mut delivery = Delivery::new(&envelope);
        watch.dial();
        watch.connected(false);
        let mut says = says.iter();
        loop {
            match connection.step() {
                Want::Event => {
                    let event = connection.event();
                    watch.see(&event, recipients);
                    match delivery.on(event) {
                        Step::Next => {}
                        Step::Body(slot) => {
                            slot.finish().unwrap();
                            watch.content_ended();
                        }
                        Step::Over => break,
                    }
                }
                Want::Tls => connection.secured(),
                _ => {
                    let waiting = connection.tx().remaining();
                    connection.tx().advance(waiting);
                    match says.next() {
                        Some(text) => {
                            assert_eq!(connection.rx().receive(text.as_bytes()), text.len())
                        }
                        None => break,
                    }
                }
            }
        }
        watch.samples().map(|(wait, _)| wait).collect()
    }

    fn config() -> Config {
        Config::new("client.example.net").unwrap()
    }

    const GREETING: &str = "220 mx\r\n";

    #[test]
    fn each_reply_is_timed_once() {
        use Wait::{Connect, Data, Ehlo, Greeting, Mail, Message, Rcpt};
        let (ok, go) = ("250 ok\r\n", "354 go\r\n");
        let slowly = timed(config(), &[GREETING, "250 mx\r\n", ok, ok, "550 no\r\n", go, ok], 2);
        assert_eq!(slowly, [Connect, Greeting, Ehlo, Mail, Rcpt, Rcpt, Data, Message]);
        let group = [ok, ok, ok, go].concat();
        let piped = [GREETING, "250-mx\r\n250 PIPELINING\r\n", &group, ok];
        assert_eq!(timed(config(), &piped, 2), slowly);
        let lmtp = timed(config().lmtp(), &[piped[0], piped[1], &group, ok, ok], 2);
        assert_eq!(lmtp, [Connect, Greeting, Ehlo, Mail, Rcpt, Rcpt, Data, Message, Message]);
        let chunks = [GREETING, "250-mx\r\n250 CHUNKING\r\n", ok, ok, ok];
        assert_eq!(timed(config(), &chunks, 1), [Connect, Greeting, Ehlo, Mail, Rcpt, Message]);
    }

    #[test]
    fn the_handshake_is_timed_with_the_ehlo_behind_it() {
        use smtp_codec::proto::session::TlsPolicy;
        let hello = "250-mx\r\n250 STARTTLS\r\n";
        let says = [GREETING, hello, "220 go\r\n", "250 mx\r\n"];
        let timed = timed(config().tls(TlsPolicy::Required), &says, 1);
        assert_eq!(timed, [Wait::Connect, Wait::Greeting, Wait::Ehlo, Wait::StartTls, Wait::Tls]);
    }

    #[test]
    fn a_transaction_that_fails_leaves_nothing_for_the_next() {
        let mut watch = Watch::new();
        let mut connection = Connection::new(config());
        connection.rx().receive(b"220 mx\r\n");
        assert_eq!(connection.step(), Want::Event);
        connection.rx().receive(b"250 mx\r\n");
        connection.tx().advance(100);
        assert_eq!(connection.step(), Want::Event);
        assert_eq!(connection.step(), Want::Event);
        watch.rcpts.push_back(Instant::now());
        watch.content_ended();
        watch.see(&connection.event(), 3);
        assert!(watch.rcpts.is_empty() && watch.message.is_none() && watch.unnamed == 3);
    }
}
