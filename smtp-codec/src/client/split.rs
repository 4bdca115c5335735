//! A message to more recipients than a server takes at once: several transactions, one outcome.

use std::collections::{HashSet, VecDeque};

use smtp_proto::reply::ReplyBuf;
use smtp_proto::session::client::CallError;
use smtp_proto::{Delivered, Envelope, Failure, Outcome, Recipient, Stage, Verdict};

use super::Connection;

/// Splits an [`Envelope`] into as many transactions as the server's limits ask for, and puts their
/// outcomes together. Each needs the content anew, so this is for content that can be read again.
///
/// It goes by what the server told with LIMITS (RFC 9422), and names those once more that it said
/// were too many (RFC 5321 section 4.5.3.1.10).
///
/// ```
/// # fn send(_: &mut Connection, _: &Envelope) -> smtp_codec::proto::Outcome { unreachable!() }
/// # fn connect() -> Connection { unreachable!() }
/// use smtp_codec::client::{Connection, Part, Split};
/// use smtp_codec::proto::{Envelope, Outcome};
///
/// fn send_all(mut connection: Connection, envelope: &Envelope) -> Outcome {
///     let mut split = Split::new(envelope);
///     loop {
///         match split.next(&connection) {
///             Part::Send(part) => {
///                 let outcome = send(&mut connection, &part); // an adapter's `send`
///                 split.came(outcome);
///             }
///             Part::Reconnect => connection = connect(),
///             Part::Over => return split.outcome(),
///         }
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Split<'e> {
    envelope: &'e Envelope,
    /// Recipients that are to be named yet, by their place in the envelope.
    waiting: VecDeque<usize>,
    /// Those of the part that is under way.
    present: Vec<usize>,
    /// The domains of recipients in this session, in lower case.
    domains: HashSet<String>,
    /// So many recipients were taken at once where one more was too many.
    most: usize,
    /// What each was told last.
    fates: Vec<Option<Delivered>>,
    reply: Option<ReplyBuf>,
    failure: Option<Failure>,
    begun: bool,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Send the message to these, and tell [`Split::came`] of the outcome.
    Send(Envelope),
    /// This session takes no more: connect anew for the rest, or [give up](Split::give_up).
    Reconnect,
    /// Nobody is left: take the [`Outcome`].
    Over,
}

impl<'e> Split<'e> {
    /// A message that has not been offered yet.
    #[must_use]
    pub fn new(envelope: &'e Envelope) -> Self {
        Split {
            envelope,
            waiting: (0..envelope.recipients.len()).collect(),
            present: Vec::new(),
            domains: HashSet::new(),
            most: usize::MAX,
            fates: vec![None; envelope.recipients.len()],
            reply: None,
            failure: None,
            begun: false,
        }
    }

    /// What to do next over `connection`. Its limits are those that the last reply to EHLO told, so
    /// ask once the connection is ready, as the adapters' `ready` sees to.
    pub fn next(&mut self, connection: &Connection) -> Part {
        if self.waiting.is_empty() {
            return Part::Over;
        }
        let limits = connection.extensions().limits();
        let most = limits.rcpt_max.map_or(usize::MAX, as_usize).min(self.most);
        let domains = limits.rcpt_domain_max.map_or(usize::MAX, as_usize);
        let mut rest = VecDeque::new();
        self.present.clear();
        if connection.mails_left() != Some(0) {
            for index in std::mem::take(&mut self.waiting) {
                if self.present.len() < most && self.is_within(index, domains) {
                    self.present.push(index);
                } else {
                    rest.push_back(index);
                }
            }
            self.waiting = rest;
        }
        if self.present.is_empty() {
            self.domains.clear();
            self.most = usize::MAX;
            return Part::Reconnect;
        }
        self.begun = true;
        let recipients = self.present.iter().filter_map(|&index| self.recipient(index).cloned());
        Part::Send(Envelope {
            reverse_path: self.envelope.reverse_path.clone(),
            parameters: self.envelope.parameters.clone(),
            recipients: recipients.collect(),
        })
    }

    /// Takes note of what came of the part that [`next`](Split::next) gave last.
    pub fn came(&mut self, outcome: Outcome) {
        let Outcome { recipients, reply, failure } = outcome;
        let unnamed = matches!(failure, Some(Failure::NotSent(CallError::TooManyRecipients(_))));
        // If all were too many, naming them again would come to the same.
        let again = recipients.iter().any(|it| !is_one_too_many(it, unnamed));
        if again {
            let taken = recipients.iter().filter(|it| !is_one_too_many(it, unnamed)).count();
            if taken < recipients.len() {
                self.most = taken;
            }
        }
        let first = recipients.first().cloned();
        let never_begun = recipients.iter().all(|it| it.stage <= Stage::Mail);
        for (index, mut delivered) in
            std::mem::take(&mut self.present).into_iter().zip(recipients).rev()
        {
            if again && is_one_too_many(&delivered, unnamed) {
                self.waiting.push_front(index);
                if delivered.reply.is_none() {
                    continue;
                }
                // 552 too is meant for now (RFC 5321 section 4.5.3.1.10).
                delivered.verdict = Verdict::Deferred;
            }
            if let Some(fate) = self.fates.get_mut(index) {
                *fate = Some(delivered);
            }
        }
        self.reply = reply.or(self.reply.take());
        if !unnamed || !again {
            self.failure = self.failure.or(failure);
        }
        match (failure, first) {
            // What kept this part from its end would keep the others.
            (Some(Failure::Closed(_)), _) => self.give_up(),
            (Some(Failure::BareNewline), _) => self.leave(&UNFIT),
            (_, Some(first)) if never_begun => self.leave(&first),
            _ => {}
        }
    }

    /// Whether something was sent already, so that there is an outcome to tell.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// Gives up those that are left: they are deferred, with what they were told if they were.
    pub fn give_up(&mut self) {
        self.waiting.clear();
    }

    /// What has become of every recipient, in the order of the envelope. Who is left is deferred.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        let recipients = self.fates.into_iter().map(|fate| fate.unwrap_or(UNTOLD));
        Outcome { recipients: recipients.collect(), reply: self.reply, failure: self.failure }
    }

    fn leave(&mut self, fate: &Delivered) {
        for index in std::mem::take(&mut self.waiting) {
            if let Some(left) = self.fates.get_mut(index) {
                *left = Some(fate.clone());
            }
        }
    }

    fn recipient(&self, index: usize) -> Option<&'e Recipient> {
        self.envelope.recipients.get(index)
    }

    /// RFC 9422 section 4.3: whether its domain may be named in this session.
    fn is_within(&mut self, index: usize, most: usize) -> bool {
        let path = self.recipient(index).map(|recipient| recipient.forward_path.as_path());
        let Some(mailbox) = path.and_then(|path| path.mailbox()) else { return true };
        let domain = mailbox.host().to_string().to_ascii_lowercase();
        if self.domains.contains(&domain) {
            return true;
        }
        let is_free = self.domains.len() < most;
        if is_free && most < usize::MAX {
            self.domains.insert(domain);
        }
        is_free
    }
}

/// The content cannot be sent, to whomever.
const UNFIT: Delivered =
    Delivered { verdict: Verdict::Refused, stage: Stage::Message, reply: None };

/// A recipient that no server was asked about.
const UNTOLD: Delivered =
    Delivered { verdict: Verdict::Deferred, stage: Stage::Connect, reply: None };

/// Whether a recipient was one more than the server takes: it said so (452, or 552 in its place),
/// or had told so beforehand. A full mailbox has the same code and another enhanced one.
fn is_one_too_many(delivered: &Delivered, unnamed: bool) -> bool {
    let Some(reply) = &delivered.reply else {
        return unnamed && delivered.stage == Stage::Rcpt;
    };
    let reply = reply.as_reply();
    let is_about_number = reply.enhanced().is_none_or(|it| (it.subject(), it.detail()) == (5, 3));
    delivered.stage == Stage::Rcpt && matches!(reply.code().get(), 452 | 552) && is_about_number
}

fn as_usize(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}
