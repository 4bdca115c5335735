//! What the server does with the events of a session, whichever runtime brings them.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use smtp_codec::proto::command::{AttributeValue, Attributes, Deviations};
use smtp_codec::proto::reply::{EnhancedCode, Positive, Refusal};
use smtp_codec::proto::session::Protocol;
use smtp_codec::server::{Closing, Data, Event, Message};
use smtp_sasl::{Exchange, Step};
use smtp_tls::Facts;
use tracing::{info, warn};

use super::shared::{Present, Shared};
use crate::store::{Delivery, EnvelopeRecord, ParameterRecord, RecipientRecord, Stored};

/// What is to be done after an event.
pub(super) enum Next {
    /// Wait for another.
    Event,
    /// Bring this in place, where it does not hold up other sessions, and say how it went.
    Commit(Box<Delivery>),
    /// The session is over.
    Over,
}

/// One session's application.
pub(super) struct App {
    shared: Arc<Shared>,
    peer: Option<SocketAddr>,
    /// Who the peer is by XCLIENT, and for the log.
    named: Option<Box<(Option<IpAddr>, String)>>,
    hello: Box<str>,
    /// What the handshake came to.
    pub(super) tls: Option<Box<Facts>>,
    exchange: Option<Box<Exchange>>,
    identity: Option<Box<str>>,
    /// In a box: whoever waits for the next message need not keep room for it.
    transaction: Option<Box<Transaction>>,
    messages: u64,
    /// What lenient syntax let through in all.
    deviations: Deviations,
    _present: Present,
}

/// What a client has said of a message, and what became of it.
#[derive(Default)]
struct Transaction {
    reverse_path: Option<String>,
    parameters: Vec<ParameterRecord>,
    recipients: Vec<RecipientRecord>,
    delivery: Option<Box<Delivery>>,
    stored: Option<io::Result<Stored>>,
    deviations: Deviations,
}

/// The answer to a step of AUTH.
macro_rules! answer {
    ($app:ident, $handle:ident, $step:expr) => {
        match $step {
            Step::Challenge(challenge) => $handle.challenge(&challenge),
            Step::Accepted(who) => {
                $app.exchange = None;
                info!(peer = $app.peer(), user = who.acts_as, "authenticated");
                $app.identity = Some(who.acts_as.into());
                $handle.accept();
            }
            Step::Rejected => {
                $app.exchange = None;
                warn!(peer = $app.peer(), "authentication failed");
                $app.note_refusal();
                $handle.reject(Refusal::BAD_CREDENTIALS);
            }
        }
    };
}

impl App {
    pub(super) fn new(shared: &Arc<Shared>, peer: Option<SocketAddr>) -> Self {
        App {
            shared: Arc::clone(shared),
            peer,
            named: None,
            tls: None,
            exchange: None,
            identity: None,
            hello: Box::default(),
            transaction: None,
            messages: 0,
            deviations: Deviations::NONE,
            _present: shared.session(),
        }
    }

    pub(super) fn on(&mut self, event: Event<'_>) -> Next {
        match event {
            Event::Hello(hello) => {
                self.note(hello.deviations());
                self.hello = hello.host().to_string().into();
                hello.accept();
            }
            Event::Greet(greet) if self.shared.is_stopping() => {
                greet.reject(Refusal::SHUTTING_DOWN);
            }
            Event::Mail(mail) if self.shared.is_stopping() => {
                mail.reject(Refusal::SHUTTING_DOWN);
            }
            Event::Mail(mail) => {
                self.transaction = Some(Box::new(Transaction {
                    reverse_path: mail.reverse_path().mailbox().map(|it| it.to_string()),
                    parameters: records(mail.parameters().iter()),
                    ..Transaction::default()
                }));
                self.note(mail.deviations());
                mail.accept();
            }
            Event::Rcpt(rcpt) => {
                self.note(rcpt.deviations());
                let mailbox = rcpt.forward_path().mailbox();
                let path = mailbox.map_or_else(|| "Postmaster".to_owned(), |it| it.to_string());
                let parameters = records(rcpt.parameters().iter());
                self.transaction().recipients.push(RecipientRecord { path, parameters });
                rcpt.accept();
            }
            Event::StartTls(start) => {
                // What was known before TLS counts no more.
                (self.identity, self.exchange) = (None, None);
                start.accept();
            }
            Event::Auth(auth) => {
                let binding = self.tls.as_ref().and_then(|tls| tls.exporter);
                let (mechanism, initial) = (auth.mechanism(), auth.initial_response());
                let step = self.shared.policy.users.as_ref().map_or(Step::Rejected, |users| {
                    let binding = binding.as_ref().map(<[u8; 32]>::as_slice);
                    self.exchange
                        .insert(Box::new(Exchange::new(Arc::clone(users), binding)))
                        .start(mechanism.as_str(), initial.as_deref())
                });
                answer!(self, auth, step);
            }
            Event::AuthResponse(response) => {
                let step = self
                    .exchange
                    .as_mut()
                    .map_or(Step::Rejected, |exchange| exchange.respond(&response.response()));
                answer!(self, response, step);
            }
            Event::Xclient(xclient) => {
                self.become_other(xclient.attributes());
                xclient.accept();
            }
            Event::Xforward(xforward) => {
                info!(peer = self.peer(), "forwarded: {}", xforward.attributes());
                xforward.accept();
            }
            Event::Data(data) => {
                self.note(data.deviations());
                self.begin(data);
            }
            Event::Body(bytes) => {
                if let Some(delivery) = &mut self.transaction().delivery {
                    delivery.write(bytes);
                }
            }
            Event::Message(message) => match self.transaction().delivery.take() {
                Some(delivery) if delivery.waits_for_disk() => return Next::Commit(delivery),
                Some(delivery) => {
                    self.committed(delivery.commit());
                    self.acknowledge(message);
                }
                None => self.acknowledge(message),
            },
            Event::Aborted(abort) => {
                warn!(peer = self.peer(), "message refused: {abort:?}");
                self.note_refusal();
                self.forget();
            }
            Event::Closed(closing) => {
                self.closed(closing);
                return Next::Over;
            }
            other => other.proceed(),
        }
        Next::Event
    }

    /// Says how bringing the message in place went; the next event asks for the answer again.
    pub(super) fn committed(&mut self, stored: io::Result<Stored>) {
        self.transaction().stored = Some(stored);
    }

    pub(super) fn link_broke(&self, error: &io::Error) {
        warn!(peer = self.peer(), messages = self.messages, "session broken: {error}");
    }

    /// XCLIENT: the session is that of the client that a proxy names.
    fn become_other(&mut self, attributes: Attributes<'_>) {
        let text = |name: &str| match attributes.get(name) {
            Some(AttributeValue::Is(text)) => String::from_utf8(text.decode().collect()).ok(),
            _ => None,
        };
        if let Some(address) = text("ADDR") {
            let bare = address.strip_prefix("IPV6:").unwrap_or(&address);
            let port = text("PORT").map(|port| format!(":{port}")).unwrap_or_default();
            let told = format!("{address}{port} by {}", self.peer());
            self.named = Some(Box::new((bare.parse().ok(), told)));
        }
        self.identity = text("LOGIN").map(Into::into);
        self.hello = text("HELO").unwrap_or_default().into();
        self.exchange = None;
        self.forget();
    }

    fn begin(&mut self, data: Data<'_>) {
        let protocol = data.protocol();
        match self.shared.store.begin(|| self.record(protocol)) {
            Ok(delivery) => {
                self.transaction().delivery = Some(Box::new(delivery));
                data.accept();
            }
            Err(error) => {
                data.reject(not_stored(&error));
                warn!(peer = self.peer(), store = self.store(), "cannot begin a message: {error}");
                self.note_refusal();
            }
        }
    }

    /// Answers, and only then writes of it: a log that fails must not lose the answer. In LMTP
    /// there is an answer for each recipient, and the message is told of once.
    fn acknowledge(&mut self, message: Message<'_>) {
        let index = message.recipient();
        match &self.transaction().stored {
            Some(Ok(stored)) => {
                let text = format!("taken as {}", stored.id.as_str());
                match Positive::new(250, EnhancedCode::new(2, 0, 0), text.as_str()) {
                    Ok(positive) => message.accept_with(positive),
                    Err(_) => message.accept(),
                }
            }
            Some(Err(error)) => message.reject(not_stored(error)),
            None => message.reject(Refusal::LOCAL_ERROR),
        }
        if index.is_none_or(|index| index == 0) {
            self.note_message();
        }
        let answered = index.map(|index| usize::try_from(index).unwrap_or(usize::MAX));
        let recipients = self.transaction().recipients.len();
        if answered.is_none_or(|before| before.saturating_add(1) >= recipients) {
            self.forget();
        }
    }

    fn note_message(&mut self) {
        let Some(transaction) = &self.transaction else { return };
        match &transaction.stored {
            Some(Ok(stored)) => {
                self.messages += 1;
                self.shared.took_one();
                let deviations = told(transaction.deviations);
                let from = transaction.reverse_path.as_deref().unwrap_or("<>");
                if let Some(live) = &self.shared.live {
                    live.message(from, &transaction.recipients(), stored.size);
                }
                info!(
                    peer = self.peer(),
                    from,
                    to = transaction.recipients(),
                    octets = stored.size,
                    file = stored.path.as_deref().map(|path| path.display().to_string()),
                    deviations,
                    "message"
                );
            }
            Some(Err(error)) => {
                warn!(peer = self.peer(), store = self.store(), "cannot store a message: {error}");
                self.note_refusal();
            }
            None => {}
        }
    }

    fn note_refusal(&self) {
        if let Some(live) = &self.shared.live {
            live.refused();
        }
    }

    fn record(&self, protocol: Protocol) -> EnvelopeRecord {
        let transaction = self.transaction.as_deref();
        EnvelopeRecord {
            protocol: protocol.to_string(),
            reverse_path: transaction.and_then(|it| it.reverse_path.clone()),
            parameters: transaction.map(|it| it.parameters.clone()).unwrap_or_default(),
            recipients: transaction.map(|it| it.recipients.clone()).unwrap_or_default(),
            peer: match &self.named {
                Some(named) => named.0,
                None => self.peer.map(|peer| peer.ip()),
            },
            hello: self.hello.to_string(),
            authenticated: self.identity.as_deref().map(str::to_owned),
            tls: self.tls.as_ref().map(|tls| format!("{} {}", tls.version, tls.cipher_suite)),
        }
    }

    fn transaction(&mut self) -> &mut Transaction {
        self.transaction.get_or_insert_default()
    }

    fn forget(&mut self) {
        self.transaction = None;
    }

    fn closed(&mut self, closing: Closing) {
        let how = match closing {
            Closing::Quit => "QUIT",
            Closing::Refused => "refused",
            Closing::TooManyErrors => "too many errors",
            Closing::TooManyMessages => "too many messages",
            Closing::NotSmtp => "not SMTP",
            Closing::ChunkSize => "unreadable chunk size",
            Closing::PeerGone => "peer gone",
            Closing::TimedOut => "timed out",
            Closing::ShuttingDown => "shutting down",
            Closing::TlsFailed => "TLS failed",
            Closing::Injected => "octets in the clear behind STARTTLS",
            Closing::EarlyTalker => "spoke before its turn",
            _ => "closed",
        };
        self.forget();
        let deviations = told(self.deviations);
        info!(
            peer = self.peer(),
            hello = &*self.hello,
            messages = self.messages,
            deviations,
            "session: {how}"
        );
    }

    fn note(&mut self, found: Deviations) {
        self.deviations |= found;
        if let Some(transaction) = &mut self.transaction {
            transaction.deviations |= found;
        }
    }

    /// The peer with its port, for the log.
    fn peer(&self) -> String {
        match (&self.named, self.peer) {
            (Some(named), _) => named.1.clone(),
            (None, Some(peer)) => peer.to_string(),
            (None, None) => "stdio".to_owned(),
        }
    }

    fn store(&self) -> Option<String> {
        self.shared.store.path().map(|path| path.display().to_string())
    }
}

impl Transaction {
    fn recipients(&self) -> String {
        let first = self.recipients.first().map_or("", |recipient| recipient.path.as_str());
        match self.recipients.len() {
            0 | 1 => first.to_owned(),
            n => format!("{first} and {} more", n - 1),
        }
    }
}

fn told(deviations: Deviations) -> Option<String> {
    (!deviations.is_empty()).then(|| deviations.to_string())
}

/// RFC 5321 section 4.2.3, RFC 3463 section 3.4: a store that is full is told from one that fails.
fn not_stored(error: &io::Error) -> Refusal<'static> {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            Refusal::new(452, EnhancedCode::new(4, 3, 1), "no room for it here, try again later")
                .unwrap_or(Refusal::LOCAL_ERROR)
        }
        _ => Refusal::LOCAL_ERROR,
    }
}

fn records<'p>(
    parameters: impl Iterator<Item = smtp_codec::proto::command::Parameter<'p>>,
) -> Vec<ParameterRecord> {
    parameters
        .map(|parameter| ParameterRecord {
            keyword: parameter.keyword().to_owned(),
            value: parameter.value().map(str::to_owned),
        })
        .collect()
}
