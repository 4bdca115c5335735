//! One message on its way: the events of a transaction turned into an outcome.

use std::io;

use smtp_proto::reply::{Class, Reply, ReplyBuf};
use smtp_proto::{Delivered, Envelope, Failure, Outcome, Stage, Verdict};

use super::{BodySlot, Connection, Event};
use crate::dot::FoundBareNewline;

/// What came of sending a message.
#[derive(Debug)]
#[must_use = "a recipient may have been refused"]
pub struct Sent {
    /// Recipient by recipient.
    pub outcome: Outcome,
    /// What went wrong with the link, or with reading the content.
    pub error: Option<io::Error>,
}

/// What to do after an event.
#[derive(Debug)]
pub enum Step<'a> {
    /// Wait for the next event.
    Next,
    /// Write some of the content, or finish it.
    Body(BodySlot<'a>),
    /// It is over: take the [`Outcome`].
    Over,
}

/// Sends one message over a [`Connection`]: it answers the events of the transaction and keeps
/// account of every recipient. The adapters' `send` is a loop around it.
///
/// ```
/// use smtp_codec::client::{Config, Connection, Delivery, Step, Want};
/// use smtp_codec::proto::{Envelope, Verdict};
///
/// let mut connection = Connection::new(Config::new("client.example.net")?);
/// let envelope = Envelope::new("a@example.net".parse()?).to("b@example.org".parse()?);
/// let mut delivery = Delivery::new(&envelope);
/// connection.rx().receive(b"554 no mail here\r\n");
/// while let Want::Event = connection.step() {
///     match delivery.on(connection.event()) {
///         Step::Next => {}
///         Step::Body(slot) => slot.finish()?,
///         Step::Over => break,
///     }
/// }
/// let outcome = delivery.outcome(&connection);
/// assert_eq!(outcome.recipients[0].verdict, Verdict::Refused);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Delivery<'e> {
    envelope: &'e Envelope,
    started: bool,
    /// The next recipient to name.
    next: usize,
    /// The next recipient that a reply to RCPT can be for.
    answered: usize,
    fates: Vec<Fate>,
    reply: Option<ReplyBuf>,
    failure: Option<Failure>,
}

#[derive(Debug)]
enum Fate {
    Open,
    Taken,
    Decided(Delivered),
}

impl<'e> Delivery<'e> {
    /// A message that has not been offered yet.
    #[must_use]
    pub fn new(envelope: &'e Envelope) -> Self {
        Delivery {
            envelope,
            started: false,
            next: 0,
            answered: 0,
            fates: envelope.recipients.iter().map(|_| Fate::Open).collect(),
            reply: None,
            failure: None,
        }
    }

    /// Takes an event; what the transaction needs is answered.
    pub fn on<'a>(&mut self, event: Event<'a>) -> Step<'a> {
        match event {
            Event::Ready(_) if self.started => return Step::Over,
            Event::Ready(ready) => {
                self.started = true;
                let envelope = self.envelope;
                let path = envelope.reverse_path.as_path();
                if let Err(error) = ready.mail(path, envelope.parameters.as_parameters()) {
                    self.failure = Some(Failure::NotSent(error));
                    return Step::Over;
                }
            }
            Event::WantRcpt(slot) => match self.envelope.recipients.get(self.next) {
                None => slot.end(),
                Some(recipient) => {
                    let path = recipient.forward_path.as_path();
                    if let Err(error) = slot.send(path, recipient.parameters.as_parameters()) {
                        self.failure = Some(Failure::NotSent(error));
                        self.decide(self.next, Verdict::Refused, Stage::Rcpt);
                    }
                    self.next += 1;
                }
            },
            Event::WantBody(slot) => return Step::Body(slot),
            Event::Mail(reply) if !reply.code().is_positive() => {
                self.decide_all(|_| Some(Delivered::from_reply(Stage::Mail, reply)));
                self.reply = Some(reply.into());
            }
            Event::Rcpt(_, reply) => {
                while let Some(Fate::Decided(_)) = self.fates.get(self.answered) {
                    self.answered += 1;
                }
                if let Some(fate) = self.fates.get_mut(self.answered) {
                    *fate = match reply.code().is_positive() {
                        true => Fate::Taken,
                        false => Fate::Decided(Delivered::from_reply(Stage::Rcpt, reply)),
                    };
                }
                self.answered += 1;
            }
            Event::Data(reply) => {
                if !matches!(reply.code().class(), Class::PositiveIntermediate) {
                    self.decide_taken(Stage::Data, reply);
                }
            }
            Event::Done(reply) => self.decide_taken(Stage::Message, reply),
            Event::Refused(reply) => {
                self.decide_all(|_| Some(Delivered::from_reply(Stage::Connect, reply)));
                self.reply = Some(reply.into());
            }
            Event::Closed(_) => return Step::Over,
            Event::Greeting(_) | Event::Ehlo(_) | Event::Mail(_) | Event::Idle => {}
        }
        Step::Next
    }

    /// Takes note that the content cannot be sent as it is.
    pub fn content_refused(&mut self, _: FoundBareNewline) {
        self.failure = Some(Failure::BareNewline);
    }

    fn decide(&mut self, index: usize, verdict: Verdict, stage: Stage) {
        if let Some(fate) = self.fates.get_mut(index) {
            *fate = Fate::Decided(Delivered { verdict, stage, reply: None });
        }
    }

    fn decide_all(&mut self, decide: impl Fn(&Fate) -> Option<Delivered>) {
        for fate in &mut self.fates {
            if !matches!(fate, Fate::Decided(_))
                && let Some(delivered) = decide(fate)
            {
                *fate = Fate::Decided(delivered);
            }
        }
    }

    fn decide_taken(&mut self, stage: Stage, reply: Reply<'_>) {
        self.decide_all(|fate| match fate {
            Fate::Taken => Some(Delivered::from_reply(stage, reply)),
            _ => None,
        });
        self.reply = Some(reply.into());
    }

    /// What has become of every recipient. Whoever is undecided was not reached, and is deferred;
    /// or unknown, if the link broke while the reply to the message was awaited.
    #[must_use]
    pub fn outcome(mut self, connection: &Connection) -> Outcome {
        let closed = connection.closing().filter(|_| self.failure.is_none());
        let failure = self.failure.take().or(closed.map(Failure::Closed));
        let refused = matches!(failure, Some(Failure::NotSent(_) | Failure::BareNewline));
        let lost = if refused { Verdict::Refused } else { Verdict::Deferred };
        let (started, named) = (self.started, self.next);
        let in_doubt = connection.in_doubt();
        let recipients = self
            .fates
            .into_iter()
            .enumerate()
            .map(|(index, fate)| match fate {
                Fate::Decided(delivered) => delivered,
                Fate::Taken if in_doubt => {
                    Delivered { verdict: Verdict::Unknown, stage: Stage::Message, reply: None }
                }
                Fate::Taken => Delivered { verdict: lost, stage: Stage::Message, reply: None },
                Fate::Open => {
                    let stage = match started {
                        false => Stage::Connect,
                        true if index < named => Stage::Rcpt,
                        true => Stage::Mail,
                    };
                    Delivered { verdict: lost, stage, reply: None }
                }
            })
            .collect();
        Outcome { recipients, reply: self.reply, failure }
    }
}
