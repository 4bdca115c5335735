//! Transports for lettre over the client of the core. A program that sends with lettre changes one
//! line,
//!
//! ```
//! # fn mailer() -> Result<smtp_examples::lettre::Mailer, smtp_codec::proto::address::AddressError> {
//! # use smtp_examples::lettre::Mailer;
//! # use smtp_codec::client::Config;
//! // let mailer = SmtpTransport::builder_dangerous("localhost").port(25).build();
//! let mailer = Mailer::new("localhost:25", Config::new("client.example.net")?);
//! # Ok(mailer)
//! # }
//! ```
//!
//! and gains PIPELINING, CHUNKING, LMTP and PRDR (as the `Config` says), and an outcome for each
//! recipient: one that is refused does not keep the message from the others.
//!
//! [`Mailer`] is a `lettre::Transport`, which blocks, and a `lettre::AsyncTransport` on tokio.
//!
//! Left out: a pool. Each message has a connection of its own.

use std::{fmt, io, sync::Arc};

use async_trait::async_trait;
use lettre::address::{Address, Envelope};
use smtp_codec::client::{AuthError, Config, Sent};
use smtp_codec::proto::address::AddressError;
use smtp_codec::proto::command::{Body, MailParametersBuf};
use smtp_codec::proto::{self, Delivered, Outcome, Stage, Verdict};
use smtp_sasl::{Login, Secret};
use smtp_tls::ClientTls;

/// A way to a server.
#[derive(Clone, Debug)]
pub struct Mailer {
    server: String,
    config: Arc<Config>,
    tls: Option<ClientTls>,
    login: Option<(String, Secret)>,
}

impl Mailer {
    /// To `server`, HOST:PORT, in the clear.
    #[must_use]
    pub fn new(server: &str, config: Config) -> Self {
        Mailer { server: server.to_owned(), config: Arc::new(config), tls: None, login: None }
    }

    /// With TLS, as [`Config::tls`] says.
    #[must_use]
    pub fn tls(mut self, tls: ClientTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// As a user with a password.
    #[must_use]
    pub fn login(mut self, user: &str, password: &str) -> Self {
        self.login = Some((user.to_owned(), password.into()));
        self
    }

    fn try_send(&self, envelope: &proto::Envelope, email: &[u8]) -> io::Result<Sent> {
        let (server, config) = (self.server.as_str(), Arc::clone(&self.config));
        let mut client = match self.tls.clone() {
            Some(tls) => smtp_std::Client::connect_tls(server, config, tls)?,
            None => smtp_std::Client::connect(server, config)?,
        };
        if let Some((user, password)) = &self.login {
            client.authenticate(&mut Login::password(user, password.clone()))?;
        }
        let sent = client.send(envelope, email);
        // What became of the message is known, however the session ends.
        let _ = client.quit();
        Ok(sent)
    }

    async fn try_send_async(&self, envelope: &proto::Envelope, email: &[u8]) -> io::Result<Sent> {
        let (server, config) = (self.server.as_str(), Arc::clone(&self.config));
        let mut client = match self.tls.clone() {
            Some(tls) => smtp_tokio::Client::connect_tls(server, config, tls).await?,
            None => smtp_tokio::Client::connect(server, config).await?,
        };
        if let Some((user, password)) = &self.login {
            client.authenticate(&mut Login::password(user, password.clone())).await?;
        }
        let sent = client.send(envelope, email).await;
        let _ = client.quit().await;
        Ok(sent)
    }
}

impl lettre::Transport for Mailer {
    type Ok = Outcome;
    type Error = Error;

    fn send_raw(&self, envelope: &Envelope, email: &[u8]) -> Result<Outcome, Error> {
        let result = convert(envelope, email).and_then(|it| self.try_send(&it, email));
        judge(envelope, result)
    }
}

#[async_trait]
impl lettre::AsyncTransport for Mailer {
    type Ok = Outcome;
    type Error = Error;

    async fn send_raw(&self, envelope: &Envelope, email: &[u8]) -> Result<Outcome, Error> {
        let result = match convert(envelope, email) {
            Ok(converted) => self.try_send_async(&converted, email).await,
            Err(error) => Err(error),
        };
        judge(envelope, result)
    }
}

/// The envelope, with the parameters that the addresses and the content need.
fn convert(envelope: &Envelope, email: &[u8]) -> io::Result<proto::Envelope> {
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
    let from = envelope.from().map_or_else(|| "<>".to_owned(), ToString::to_string);
    let mut converted = proto::Envelope::new(from.parse().map_err(invalid)?);
    let mut is_ascii = from.is_ascii();
    for address in envelope.to() {
        let to = address.to_string();
        is_ascii &= to.is_ascii();
        converted = converted.to(to.parse().map_err(invalid)?);
    }
    let mut parameters = MailParametersBuf::new();
    parameters = parameters.size(u64::try_from(email.len()).unwrap_or(u64::MAX));
    if !email.is_ascii() {
        parameters = parameters.body(Body::EightBitMime);
    }
    converted.parameters = if is_ascii { parameters } else { parameters.smtp_utf8() };
    Ok(converted)
}

fn judge(envelope: &Envelope, result: io::Result<Sent>) -> Result<Outcome, Error> {
    let (outcome, cause) = match result {
        Ok(sent) if sent.outcome.is_accepted() => return Ok(sent.outcome),
        Ok(Sent { outcome, error }) => {
            (outcome.recipients, error.or(outcome.failure.map(io::Error::other)))
        }
        Err(error) => {
            let is_misspelt = error.get_ref().is_some_and(|it| it.is::<AddressError>());
            let verdict = if is_misspelt { Verdict::Refused } else { Verdict::Deferred };
            let mut all = Delivered { verdict, stage: Stage::Connect, reply: None };
            if let Some(AuthError::Refused(reply)) = AuthError::of(&error) {
                all = Delivered::from_reply(Stage::Connect, reply.as_reply());
            }
            (vec![all; envelope.to().len()], Some(error))
        }
    };
    Err(Error { recipients: envelope.to().iter().cloned().zip(outcome).collect(), cause })
}

/// Somebody does not get the message, or may not.
#[derive(Debug)]
pub struct Error {
    recipients: Vec<(Address, Delivered)>,
    cause: Option<io::Error>,
}

impl Error {
    /// Each recipient, and what became of it: some may have been accepted.
    pub fn recipients(&self) -> impl Iterator<Item = (&Address, &Delivered)> {
        self.recipients.iter().map(|(address, outcome)| (address, outcome))
    }

    /// Whether trying again later may help somebody. Try for those only that are deferred.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.recipients().any(|(_, outcome)| outcome.verdict == Verdict::Deferred)
    }

    /// Whether somebody was refused for good.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        self.recipients().any(|(_, outcome)| outcome.verdict == Verdict::Refused)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not sent to all")?;
        for (address, outcome) in self.recipients().filter(|it| it.1.verdict != Verdict::Accepted) {
            write!(f, ", {address}: {:?}", outcome.verdict)?;
            if let Some(reply) = &outcome.reply {
                write!(f, " ({reply})")?;
            }
        }
        self.cause.as_ref().map_or(Ok(()), |cause| write!(f, ": {cause}"))
    }
}

impl std::error::Error for Error {}
