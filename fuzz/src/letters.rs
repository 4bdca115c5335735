//! Messages, what is to become of them, and the application that sees to it.

use std::sync::Arc;

use arbitrary::{Arbitrary, Unstructured};
use smtp_codec::proto::command::{DeliverBy, DeliverByMode};
use smtp_codec::proto::reply::Refusal;
use smtp_codec::proto::{Envelope, Recipient, Verdict};
use smtp_codec::server::Event;
use smtp_sasl::{Exchange, Passwords, Step};

/// What the application does when asked.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Take,
    Refuse,
    Defer,
}

impl Fate {
    pub(crate) fn verdict(self) -> Verdict {
        match self {
            Fate::Take => Verdict::Accepted,
            Fate::Refuse => Verdict::Refused,
            Fate::Defer => Verdict::Deferred,
        }
    }

    pub(crate) fn refusal(self) -> Option<Refusal<'static>> {
        match self {
            Fate::Take => None,
            Fate::Refuse => Some(Refusal::POLICY),
            Fate::Defer => Some(Refusal::TRY_LATER),
        }
    }

    /// Mostly yes, so that sessions come far.
    pub(crate) fn mostly(given: &mut Unstructured<'_>) -> arbitrary::Result<Self> {
        if given.ratio(3, 4)? { Ok(Fate::Take) } else { Fate::arbitrary(given) }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) mail: Fate,
    /// At RCPT, and in LMTP and under PRDR at the end of the content.
    pub(crate) recipients: Vec<(Fate, Fate)>,
    pub(crate) data: Fate,
    pub(crate) end: Fate,
    pub(crate) content: Vec<u8>,
}

impl Message {
    pub(crate) fn arbitrary(given: &mut Unstructured<'_>) -> arbitrary::Result<Self> {
        let mut recipients = Vec::new();
        for _ in 0..given.int_in_range(1..=5)? {
            recipients.push((Fate::mostly(given)?, Fate::mostly(given)?));
        }
        let mut content = <&[u8]>::arbitrary(given)?.to_vec();
        if given.ratio(1, 16)? {
            content = content.repeat(usize::from(u8::arbitrary(given)?));
        }
        if given.ratio(7, 8)? {
            // Lines, as most content is.
            let text: String = content.iter().map(|byte| char::from(byte % 94 + 32)).collect();
            content = text.replace(['a', 'Q'], "\r\n").replace('b', "\r\n.").into_bytes();
        }
        let (mail, data, end) = (Fate::mostly(given)?, Fate::mostly(given)?, Fate::mostly(given)?);
        Ok(Message { mail, recipients, data, end, content })
    }

    pub(crate) fn envelope(&self, number: usize) -> Envelope {
        let sender = format!("{number}.{:?}@example.org", self.mail);
        let mut envelope = Envelope::new(sender.parse().expect("a path"));
        if number == PROMISED {
            let by = DeliverBy::new(60, DeliverByMode::Return, false);
            let parameters = envelope.parameters.by(by.expect("a time"));
            let parameters = parameters.hold_for(HELD).expect("the only one of its kind");
            envelope.parameters = parameters.mt_priority(9).expect("a priority");
        }
        for (number, (fate, late)) in self.recipients.iter().enumerate() {
            let path = format!("{number}.{fate:?}.{late:?}@example.net");
            envelope.recipients.push(Recipient::new(path.parse().expect("a path")));
        }
        envelope
    }

    /// Chunks go as they are; by DATA the last line gets the CRLF that it may lack.
    pub(crate) fn canonical(&self, chunked: bool) -> Vec<u8> {
        let mut canonical = self.content.clone();
        if !chunked && !canonical.is_empty() && !canonical.ends_with(b"\r\n") {
            canonical.extend_from_slice(b"\r\n");
        }
        canonical
    }
}

/// The number of a message that asks for the most that the server does.
const PROMISED: usize = 2;
pub(crate) const HELD: u32 = 100;
/// In how many seconds it is delivered at best.
pub(crate) const SOONEST: u32 = 60;

/// The server's application: addresses say what becomes of them.
#[derive(Default)]
pub(crate) struct Application {
    pub(crate) message: Option<Message>,
    sender: String,
    /// Those taken, by their place in the envelope.
    recipients: Vec<usize>,
    content: Vec<u8>,
    /// The number of the message, the recipient, the content.
    pub(crate) stored: Vec<(usize, usize, Vec<u8>)>,
    exchange: Option<Exchange>,
}

impl Application {
    pub(crate) fn on(&mut self, event: Event<'_>) {
        let message = self.message.as_ref();
        let number = self.sender.split('.').next().and_then(|it| it.parse().ok()).unwrap_or(99);
        match event {
            Event::Mail(mail) => {
                let sender = mail.reverse_path().to_string();
                self.sender = sender.trim_matches(['<', '>']).to_owned();
                (self.recipients, self.content) = (Vec::new(), Vec::new());
                let asked = mail.parameters();
                let asks = asked.hold_for() == Some(HELD) && asked.mt_priority() == Some(9);
                assert_eq!(
                    asks && asked.by().is_some(),
                    sender.starts_with(&format!("<{PROMISED}."))
                );
                match message.and_then(|it| it.mail.refusal()) {
                    None => mail.accept(),
                    Some(refusal) => mail.reject(refusal),
                }
            }
            Event::Rcpt(rcpt) => {
                let path = rcpt.forward_path().to_string();
                let place = path.trim_start_matches('<').split('.').next().expect("a number");
                let place: usize = place.parse().expect("a number");
                let fate = message.and_then(|it| it.recipients.get(place)).expect("a recipient").0;
                match fate.refusal() {
                    None => {
                        self.recipients.push(place);
                        rcpt.accept();
                    }
                    Some(refusal) => rcpt.reject(refusal),
                }
            }
            Event::Data(data) => match message.and_then(|it| it.data.refusal()) {
                None => data.accept(),
                Some(refusal) => data.reject(refusal),
            },
            Event::Body(bytes) => self.content.extend_from_slice(bytes),
            Event::Message(judged) => {
                let message = message.expect("a message");
                assert_eq!(usize::try_from(judged.size()).ok(), Some(self.content.len()));
                let (fate, for_whom) = match judged.recipient() {
                    None => (message.end, self.recipients.clone()),
                    Some(index) => {
                        let index = usize::try_from(index).expect("an index");
                        let place = *self.recipients.get(index).expect("one that was taken");
                        (message.recipients.get(place).expect("one").1, vec![place])
                    }
                };
                match fate.refusal() {
                    None => {
                        for place in for_whom {
                            self.stored.push((number, place, self.content.clone()));
                        }
                        judged.accept();
                    }
                    Some(refusal) => judged.reject(refusal),
                }
            }
            Event::Auth(auth) => {
                let users = Arc::new(Passwords::from_iter([("alice", "tiger")]));
                let exchange = self.exchange.insert(Exchange::new(users, None));
                let initial = auth.initial_response();
                match exchange.start(auth.mechanism().as_str(), initial.as_deref()) {
                    Step::Challenge(challenge) => auth.challenge(&challenge),
                    Step::Accepted(_) => auth.accept(),
                    Step::Rejected => auth.reject(Refusal::BAD_CREDENTIALS),
                }
            }
            Event::AuthResponse(response) => {
                let exchange = self.exchange.as_mut().expect("an exchange");
                match exchange.respond(&response.response()) {
                    Step::Challenge(challenge) => response.challenge(&challenge),
                    Step::Accepted(_) => response.accept(),
                    Step::Rejected => response.reject(Refusal::BAD_CREDENTIALS),
                }
            }
            other => other.proceed(),
        }
    }
}

/// Whether a newline stands alone in it.
pub(crate) fn is_bare(content: &[u8]) -> bool {
    let whole = content.windows(2).filter(|two| two == b"\r\n").count();
    content.iter().filter(|byte| matches!(byte, b'\r' | b'\n')).count() != 2 * whole
}
