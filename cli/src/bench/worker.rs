//! One of the connections at a time: what to do after each event, and when to give up.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use smtp_codec::client::{
    AuthError, BodySlot, CallError, Closing, Config, Connection, Delivery, Event, Step,
};
use smtp_codec::proto::reply::ReplyBuf;
use smtp_codec::proto::session::TlsPolicy;
use smtp_codec::proto::{Failure, Outcome, Stage};
use smtp_sasl::Login;
use smtp_tls::{ClientTls, Facts};

use super::load::Load;
use super::watch::Watch;
use crate::exit::Exit;
use crate::outcome::{Mechanisms, exit_stranger, line, why_stranger};
use crate::trouble::{Trouble, is_late};

/// So many connections in a row that come to nothing, and no more are opened.
const TRIES: u32 = 5;

/// How long to wait after the second of them; then twice as long each time.
const PAUSE: Duration = Duration::from_millis(200);

/// A connection to be made.
pub(super) struct Attempt {
    /// To be waited before.
    pub(super) pause: Option<Duration>,
    pub(super) config: Arc<Config>,
    pub(super) tls: Option<ClientTls>,
}

/// What is next on a connection.
pub(super) enum Next {
    /// The next event.
    Event,
    /// AUTH.
    Authenticate(Login),
    /// The message is done with, and so is the session if its stream broke: settle it.
    Over(Option<io::Error>),
}

/// What is next when a message is done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// Another message over the same connection.
    Message,
    /// QUIT.
    Quit,
    /// Nothing more over this connection.
    Lost,
}

/// Sends one message after the other, over one connection at a time.
pub(super) struct Worker<'a> {
    load: &'a Load,
    watch: Watch,
    delivery: Delivery<'a>,
    /// Octets of the content that were written.
    written: usize,
    /// The content goes by DATA.
    by_data: bool,
    /// A message was taken up and is not settled.
    holds: bool,
    /// Messages that this connection has carried.
    carried: u64,
    login_due: bool,
    tls_noted: bool,
    /// What STARTTLS was refused with on this connection.
    starttls: Option<ReplyBuf>,
    /// The last connection failed.
    lost: bool,
    /// Connections in a row that came to nothing.
    in_vain: u32,
    gave_up: bool,
}

impl<'a> Worker<'a> {
    pub(super) fn new(load: &'a Load) -> Self {
        Worker {
            load,
            watch: Watch::new(),
            delivery: Delivery::new(&load.plan.envelope),
            written: 0,
            by_data: false,
            holds: false,
            carried: 0,
            login_due: false,
            tls_noted: false,
            starttls: None,
            lost: false,
            in_vain: 0,
            gave_up: false,
        }
    }

    /// The next connection; none when there is nothing more to do.
    pub(super) fn begin(&mut self) -> Option<Attempt> {
        if self.gave_up || self.load.is_interrupted() {
            return None;
        }
        self.holds = self.holds || self.load.take();
        let plan = &self.load.plan;
        let doublings = self.in_vain.checked_sub(2);
        self.holds.then(|| Attempt {
            pause: doublings.map(|times| PAUSE.saturating_mul(2_u32.saturating_pow(times))),
            config: Arc::clone(if self.load.is_clear() { &plan.clear } else { &plan.config }),
            tls: plan.tls.clone().filter(|_| !self.load.is_clear()),
        })
    }

    /// The connection is about to be made.
    pub(super) fn dial(&mut self) {
        self.watch.dial();
    }

    pub(super) fn not_connected(&mut self, error: &io::Error) {
        self.lost = true;
        let sentence = format!("cannot connect to {}: {error}", self.load.plan.server);
        let is_hopeless =
            error.kind() == io::ErrorKind::TimedOut || self.load.tally().connections == 0;
        self.came_to_nothing(&sentence, Exit::TryLater, is_hopeless);
    }

    pub(super) fn connected(&mut self) {
        self.watch.connected(self.load.plan.policy == TlsPolicy::Implicit);
        self.login_due = true;
        self.tls_noted = false;
        self.starttls = None;
        self.carried = 0;
        let mut tally = self.load.tally();
        tally.connections += 1;
        tally.reconnects += u64::from(std::mem::take(&mut self.lost));
    }

    pub(super) fn on(&mut self, event: Event<'_>) -> Next {
        let plan = &self.load.plan;
        self.watch.see(&event, plan.envelope.recipients.len());
        if self.watch.is_full() {
            self.load.tally().record(self.watch.samples());
        }
        if let Event::Ready(_) = event
            && std::mem::take(&mut self.login_due)
            && let Some(login) = &plan.login
        {
            self.watch.authenticating();
            return Next::Authenticate(login.clone());
        }
        if let Event::StartTls(reply) = event
            && !reply.code().is_positive()
        {
            self.starttls = Some(reply.into());
        }
        self.by_data |= matches!(event, Event::Data(_));
        match self.delivery.on(event) {
            Step::Next => {}
            Step::Over => return Next::Over(None),
            Step::Body(slot) => self.write(slot),
        }
        Next::Event
    }

    /// Writes what there is room for. Behind a chunk the end must wait for its turn; mail data
    /// goes with its end. The content holds no bare newline, so that it is never refused.
    fn write(&mut self, mut slot: BodySlot<'_>) {
        let content = self.load.plan.content.as_slice();
        let rest = content.get(self.written..).unwrap_or_default();
        self.written += slot.write(rest).unwrap_or_default();
        if rest.is_empty() || (self.by_data && self.written == content.len()) {
            let _ = slot.finish();
            self.watch.content_ended();
        }
    }

    /// Whether the server knows this user, so that the connection can be used.
    pub(super) fn authenticated(&mut self, done: io::Result<()>, connection: &Connection) -> bool {
        let Err(error) = done else {
            self.watch.authenticated();
            return true;
        };
        let (sentence, exit) = match AuthError::of(&error) {
            Some(error) => {
                let offered = Mechanisms::of(connection);
                let why = why_stranger(error, &offered, self.load.plan.held_back);
                (why, exit_stranger(error))
            }
            None => (error.to_string(), Exit::TryLater),
        };
        self.lost = true;
        self.came_to_nothing(&sentence, exit, exit != Exit::TryLater);
        false
    }

    pub(super) fn note_tls(&mut self, facts: Option<&Facts>) {
        if let Some(facts) = facts.filter(|_| !self.tls_noted) {
            self.load.note_tls(facts);
            self.tls_noted = true;
        }
    }

    /// Counts the message. One that the server has not heard of may be kept for the next
    /// connection.
    pub(super) fn settle(&mut self, connection: &Connection, error: Option<&io::Error>) -> After {
        let fresh = Delivery::new(&self.load.plan.envelope);
        let outcome = std::mem::replace(&mut self.delivery, fresh).outcome(connection);
        (self.written, self.by_data) = (0, false);
        let starttls = self.starttls.take();
        let trouble = Trouble { error, failure: outcome.failure, starttls: starttls.as_ref() };
        let sentence = || trouble.why().unwrap_or_default();
        match outcome.failure {
            Some(Failure::Closed(Closing::TlsFailed))
                if self.load.plan.policy == TlsPolicy::Opportunistic =>
            {
                self.load.give_tls_up(error);
                return After::Lost;
            }
            Some(_) if trouble.lacks_trust() => {
                self.came_to_nothing(&sentence(), Exit::Forbidden, true);
                return After::Lost;
            }
            Some(Failure::NotSent(CallError::TooManyTransactions(_))) if self.carried > 0 => {
                return After::Quit;
            }
            Some(Failure::NotSent(_)) if !is_begun(&outcome) => {
                self.came_to_nothing(&sentence(), Exit::Data, true);
                return After::Quit;
            }
            _ => {}
        }
        self.holds = false;
        self.carried += 1;
        let accepted = {
            let mut tally = self.load.tally();
            tally.record(self.watch.samples());
            tally.message(&outcome, &trouble, Instant::now())
        };
        self.load.count(accepted);
        let is_answered =
            outcome.recipients.iter().any(|it| it.reply.is_some() && it.stage > Stage::Connect);
        if is_answered {
            self.in_vain = 0;
        }
        match connection.closing() {
            Some(closing) => {
                self.lost = true;
                if !is_answered {
                    let sentence = refusal(&outcome).unwrap_or_else(sentence);
                    let is_late = closing == Closing::TimedOut || error.is_some_and(is_late);
                    self.came_to_nothing(&sentence, Exit::TryLater, is_late);
                }
                After::Lost
            }
            None if self.load.plan.one_per_connection => After::Quit,
            None => {
                self.holds = self.load.take();
                if self.holds { After::Message } else { After::Quit }
            }
        }
    }

    fn came_to_nothing(&mut self, sentence: &str, exit: Exit, is_hopeless: bool) {
        self.in_vain += 1;
        self.gave_up = is_hopeless || self.in_vain >= TRIES;
        if self.gave_up {
            self.load.give_up(sentence, exit);
            if std::mem::take(&mut self.holds) {
                self.load.put_back();
            }
        }
        self.load.tally().record(self.watch.samples());
    }
}

/// Whether the server has heard of the message.
fn is_begun(outcome: &Outcome) -> bool {
    outcome.recipients.iter().any(|it| it.reply.is_some() || it.stage > Stage::Mail)
}

/// The reply that kept the session from its beginning.
fn refusal(outcome: &Outcome) -> Option<String> {
    let reply = outcome.recipients.iter().find_map(|it| it.reply.as_ref())?;
    Some(line(reply.as_reply()))
}
