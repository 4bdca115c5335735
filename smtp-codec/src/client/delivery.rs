//! One message on its way: the events of a transaction turned into an outcome.

use std::borrow::Cow;
use std::io;

use smtp_proto::reply::{Class, Reply, ReplyBuf};
use smtp_proto::session::client::CallError;
use smtp_proto::{Delivered, Envelope, Failure, Outcome, Stage, Verdict};

use super::{BodySlot, Connection, Event};
use crate::dot::FoundBareNewline;

/// What came of sending a message.
#[derive(Debug)]
#[must_use = "a recipient may have been refused"]
pub struct Sent {
    /// Recipient by recipient.
    pub outcome: Outcome,
    /// What went wrong with the link, or with reading the content. That there is none does not mean
    /// that the message was taken: `outcome` tells.
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
    /// How far the transaction has come.
    stage: Stage,
    /// The next recipient to name.
    next: usize,
    /// Behind the replies for each recipient there is one for the message: PRDR.
    sums_up: bool,
    /// The next recipient that a reply to RCPT can be for.
    answered: usize,
    /// Behind whom the next is that a reply to the message can be for.
    judged: usize,
    fates: Vec<Fate>,
    reply: Option<ReplyBuf>,
    /// Why the message was given up on this side.
    given_up: Option<Failure>,
    /// Why a recipient could not be named.
    unnamed: Option<Failure>,
}

#[derive(Debug)]
enum Fate {
    Open,
    Taken,
    /// Under PRDR, accepted unless the last reply takes it back.
    Promised(Delivered),
    Decided(Delivered),
}

impl<'e> Delivery<'e> {
    /// A message that has not been offered yet.
    #[must_use]
    pub fn new(envelope: &'e Envelope) -> Self {
        Delivery {
            envelope,
            stage: Stage::Connect,
            next: 0,
            sums_up: false,
            answered: 0,
            judged: 0,
            fates: envelope.recipients.iter().map(|_| Fate::Open).collect(),
            reply: None,
            given_up: None,
            unnamed: None,
        }
    }

    /// Takes an event; what the transaction needs is answered.
    pub fn on<'a>(&mut self, event: Event<'a>) -> Step<'a> {
        let event = match self.stage {
            Stage::Connect => match foreign(event) {
                Some(event) => event,
                None => return Step::Next,
            },
            _ => event,
        };
        match event {
            Event::Ready(_) if self.stage > Stage::Connect => return Step::Over,
            Event::Ready(ready) => {
                self.stage = Stage::Mail;
                let envelope = self.envelope;
                let path = envelope.reverse_path.as_path();
                let mut parameters = Cow::Borrowed(&envelope.parameters);
                if ready.wants_prdr() && envelope.recipients.len() > 1 {
                    parameters = Cow::Owned(parameters.into_owned().prdr());
                }
                self.sums_up = ready.has_prdr() && parameters.as_parameters().prdr();
                if let Err(error) = ready.mail(path, parameters.as_parameters()) {
                    self.given_up = Some(Failure::NotSent(error));
                    return Step::Over;
                }
            }
            Event::WantRcpt(slot) => match self.envelope.recipients.get(self.next) {
                None => slot.end(),
                Some(recipient) => {
                    let path = recipient.forward_path.as_path();
                    if let Err(error) = slot.send(path, recipient.parameters.as_parameters()) {
                        self.unnamed = Some(Failure::NotSent(error));
                        self.decide(self.next, verdict(error), Stage::Rcpt);
                    }
                    self.next += 1;
                }
            },
            Event::WantBody(slot) => return Step::Body(slot),
            Event::Mail(reply) if !reply.code().is_positive() => {
                let reply = ReplyBuf::from(reply);
                self.decide_all(|_, _| Delivered::from_reply(Stage::Mail, reply.clone()));
                self.reply = Some(reply);
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
                if reply.code().class() == Class::PositiveIntermediate {
                    self.stage = Stage::Message;
                } else {
                    self.decide_taken(Stage::Data, reply.into());
                }
            }
            Event::Done(reply) => {
                let reply = ReplyBuf::from(reply);
                self.keep_promises(&reply);
                self.decide_taken(Stage::Message, reply);
            }
            Event::DoneFor(_, reply) => self.decide_next(reply),
            Event::Refused(reply) => {
                let (stage, named, reply) = (self.stage, self.next, ReplyBuf::from(reply));
                self.decide_all(|index, fate| {
                    Delivered::from_reply(reached(stage, named, index, fate), reply.clone())
                });
                self.reply = Some(reply);
            }
            Event::Closed(_) => return Step::Over,
            Event::Challenge(challenge) => challenge.cancel(),
            Event::StartTls(_) | Event::Auth(_) | Event::Answer(_) => {}
            Event::Greeting(_) | Event::Ehlo(_) | Event::Mail(_) | Event::Idle => {}
        }
        Step::Next
    }

    /// Takes note that the content cannot be sent as it is.
    pub fn content_refused(&mut self, _: FoundBareNewline) {
        self.given_up = Some(Failure::BareNewline);
    }

    fn decide(&mut self, index: usize, verdict: Verdict, stage: Stage) {
        if let Some(fate) = self.fates.get_mut(index) {
            *fate = Fate::Decided(Delivered { verdict, stage, reply: None });
        }
    }

    fn decide_all(&mut self, decide: impl Fn(usize, &Fate) -> Delivered) {
        for (index, fate) in self.fates.iter_mut().enumerate() {
            if !matches!(fate, Fate::Decided(_)) {
                *fate = Fate::Decided(decide(index, fate));
            }
        }
    }

    /// LMTP and PRDR answer for one recipient after the other, in the order in which they were
    /// accepted.
    fn decide_next(&mut self, reply: Reply<'_>) {
        let kept = ReplyBuf::from(reply);
        for fate in self.fates.iter_mut().skip(self.judged) {
            self.judged += 1;
            if let Fate::Taken = fate {
                let delivered = Delivered::from_reply(Stage::Message, kept.clone());
                *fate = match reply.code().is_positive() && self.sums_up {
                    true => Fate::Promised(delivered),
                    false => Fate::Decided(delivered),
                };
                break;
            }
        }
        self.reply = Some(kept);
    }

    /// The last reply of PRDR: what a recipient was refused stays so, whatever it says.
    fn keep_promises(&mut self, reply: &ReplyBuf) {
        for fate in &mut self.fates {
            if let Fate::Promised(promised) = fate {
                *fate = Fate::Decided(match reply.as_reply().code().is_positive() {
                    true => promised.clone(),
                    false => Delivered::from_reply(Stage::Message, reply.clone()),
                });
            }
        }
    }

    fn decide_taken(&mut self, stage: Stage, reply: ReplyBuf) {
        for fate in &mut self.fates {
            if let Fate::Taken = fate {
                *fate = Fate::Decided(Delivered::from_reply(stage, reply.clone()));
            }
        }
        self.reply = Some(reply);
    }

    /// What has become of every recipient. Whoever is undecided was not reached, and is deferred;
    /// or unknown, if the link broke while the reply to the message was awaited. Under PRDR that
    /// goes for those too that were told yes and lack the last reply.
    #[must_use]
    pub fn outcome(self, connection: &Connection) -> Outcome {
        let Delivery { stage, next, fates, reply, given_up, unnamed, .. } = self;
        let lost = match given_up {
            Some(Failure::NotSent(error)) => verdict(error),
            Some(_) => Verdict::Refused,
            None => Verdict::Deferred,
        };
        let closed = connection.closing().map(Failure::Closed);
        let is_first = stage == Stage::Connect;
        let recipients = fates.into_iter().enumerate().map(|(index, fate)| {
            let stage = reached(stage, next, index, &fate);
            match fate {
                Fate::Decided(delivered) => delivered,
                // Told before this message was at hand.
                Fate::Open if stage == Stage::Connect && connection.refusal().is_some() => {
                    refused_before(connection)
                }
                Fate::Promised(_) => {
                    Delivered { verdict: Verdict::Unknown, stage: Stage::Message, reply: None }
                }
                Fate::Taken if connection.in_doubt() => {
                    Delivered { verdict: Verdict::Unknown, stage, reply: None }
                }
                Fate::Taken | Fate::Open => Delivered { verdict: lost, stage, reply: None },
            }
        });
        Outcome {
            recipients: recipients.collect(),
            reply: reply.or_else(|| connection.refusal().filter(|_| is_first).cloned()),
            failure: given_up.or(closed).or(unnamed),
        }
    }
}

/// What another transaction, or another session, could still do is not refused for good.
fn verdict(error: CallError) -> Verdict {
    match error {
        CallError::TooManyRecipients(_) | CallError::TooManyTransactions(_) => Verdict::Deferred,
        _ => Verdict::Refused,
    }
}

fn refused_before(connection: &Connection) -> Delivered {
    let lost = Delivered { verdict: Verdict::Deferred, stage: Stage::Connect, reply: None };
    connection.refusal().map_or(lost, |reply| Delivered::from_reply(Stage::Connect, reply.clone()))
}

/// Where a recipient stands that nothing was decided about, when `named` of them were named.
fn reached(stage: Stage, named: usize, index: usize, fate: &Fate) -> Stage {
    match (stage, fate) {
        (Stage::Connect | Stage::Message, _) => stage,
        (_, Fate::Taken) => Stage::Data,
        _ if index < named => Stage::Rcpt,
        _ => stage,
    }
}

/// Before this message has begun there may be another that was given up half-way: a `send` that
/// was dropped. Nothing of it may be mixed with this one, so it costs the session.
fn foreign(event: Event<'_>) -> Option<Event<'_>> {
    match event {
        Event::WantRcpt(slot) => slot.abandon(),
        Event::WantBody(slot) => slot.abandon(),
        Event::Mail(_) | Event::Rcpt(..) | Event::Data(_) => {}
        Event::Done(_) | Event::DoneFor(..) => {}
        event => return Some(event),
    }
    None
}
