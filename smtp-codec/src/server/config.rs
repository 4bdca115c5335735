//! What a server is: its name, what it offers, what it puts up with.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use smtp_proto::Syntax;
use smtp_proto::address::{AddressError, Host};
use smtp_proto::command::{DateTime, Mechanism};
use smtp_proto::reply::{Extension, SmtpLimits};
use smtp_proto::session::BareNewline;
use smtp_proto::session::server::{Context, Limits, MECHANISMS, PriorityProfile, Settings};

/// A server's configuration, made once and shared by its connections.
///
/// It starts with PIPELINING, SIZE without a limit, 8BITMIME, SMTPUTF8, ENHANCEDSTATUSCODES, DSN,
/// CHUNKING and BINARYMIME, strict syntax, and the defaults of [`Limits`].
///
/// ```
/// use smtp_codec::server::Config;
///
/// let config = Config::new("mx.example.org")?.max_size(50 * 1024 * 1024).max_recipients(500);
/// assert_eq!(config.hostname(), "mx.example.org");
/// assert!(Config::new("not a host").is_err());
/// # Ok::<(), smtp_codec::proto::address::AddressError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    hostname: Arc<str>,
    settings: Settings,
    mechanisms: Arc<str>,
    line_limit: usize,
    most_patience: Option<Duration>,
    greet_pause: Duration,
}

/// Why AUTH cannot offer a mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadMechanism {
    /// It is not the name of one (RFC 4422 section 3.1).
    Name,
    /// It is one too many for a line of the EHLO reply, where all of them have 480 octets.
    TooMany,
}

impl fmt::Display for BadMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadMechanism::Name => "this is not the name of a SASL mechanism",
            BadMechanism::TooMany => "the names of the mechanisms are longer than 480 octets",
        })
    }
}

impl std::error::Error for BadMechanism {}

impl Config {
    /// A server of that name: a domain, or an address literal in brackets.
    ///
    /// # Errors
    ///
    /// [`AddressError`] if the name is neither, or is not in ASCII (RFC 6531 section 3.7.1 asks for
    /// A-labels).
    pub fn new(hostname: &str) -> Result<Self, AddressError> {
        let host = Host::parse_with(hostname, Syntax::Lenient)?;
        if !host.is_ascii() {
            return Err(AddressError::Domain);
        }
        let settings = Settings::default();
        let line_limit = settings.extensions.command_line_limit();
        Ok(Config {
            hostname: hostname.into(),
            settings,
            mechanisms: "".into(),
            line_limit,
            most_patience: None,
            greet_pause: Duration::ZERO,
        })
    }

    /// The most octets of content that a message may have; advertised with SIZE and enforced
    /// (RFC 1870). 0, the default, is no limit: set one where content is kept in memory.
    #[must_use]
    pub fn max_size(mut self, octets: u64) -> Self {
        self.settings.extensions = self.settings.extensions.with_size(octets);
        self
    }

    /// The most recipients that a transaction may have, 1000 by default; further ones get 452 4.5.3.
    #[must_use]
    pub fn max_recipients(mut self, recipients: u32) -> Self {
        self.settings.limits.recipients = recipients;
        self
    }

    /// Tells clients with LIMITS that a transaction may have so many RCPT, from 1 to 999,999
    /// (RFC 9422 section 4.2); further ones get 452 4.5.3. Where
    /// [`max_recipients`](Config::max_recipients) is less, that is told and holds. Any other number
    /// tells nothing.
    #[must_use]
    pub fn rcpt_max(self, recipients: u32) -> Self {
        let mut limits = self.settings.extensions.limits();
        limits.rcpt_max = Some(recipients);
        self.tell(limits)
    }

    /// Tells clients with LIMITS that a session may have so many MAIL, from 1 to 999,999 (RFC 9422
    /// section 4.1), counted anew under TLS; the next one gets 421 4.7.0, and the session ends. Any
    /// other number tells nothing.
    ///
    /// RCPTDOMAINMAX is not told: to hold a client to it, the domains of its recipients would have
    /// to be kept.
    #[must_use]
    pub fn mail_max(self, transactions: u32) -> Self {
        let mut limits = self.settings.extensions.limits();
        limits.mail_max = Some(transactions);
        self.tell(limits)
    }

    fn tell(mut self, limits: SmtpLimits) -> Self {
        let offered = self.settings.extensions.with_limits(limits);
        self.settings.extensions = match offered.limits() == SmtpLimits::default() {
            true => offered.without(Extension::Limits),
            false => offered,
        };
        self
    }

    /// What one client may use up.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// What is done with bare newlines in mail data.
    #[must_use]
    pub fn bare_newline(mut self, policy: BareNewline) -> Self {
        self.settings.bare_newline = policy;
        self
    }

    /// How strict the grammar of commands is.
    #[must_use]
    pub fn syntax(mut self, syntax: Syntax) -> Self {
        self.settings.syntax = syntax;
        self
    }

    /// Speaks LMTP (RFC 2033): `Event::Message` comes once for each recipient that was accepted.
    #[must_use]
    pub fn lmtp(mut self) -> Self {
        self.settings.lmtp = true;
        self
    }

    /// Offers AUTH with these mechanisms, by their names (RFC 4954). Those that show a password
    /// to whoever listens are offered within TLS only, unless
    /// [`allow_plaintext_auth`](Config::allow_plaintext_auth) is called; those that are bound to
    /// TLS, within TLS in any case.
    ///
    /// # Errors
    ///
    /// [`BadMechanism`] if one is no mechanism's name, or there are too many.
    pub fn auth<'m>(
        mut self,
        mechanisms: impl IntoIterator<Item = &'m str>,
    ) -> Result<Self, BadMechanism> {
        let mut names = String::new();
        for name in mechanisms {
            Mechanism::parse(name).ok_or(BadMechanism::Name)?;
            names.push_str(if names.is_empty() { "" } else { " " });
            names.push_str(name);
        }
        if names.len() >= MECHANISMS {
            return Err(BadMechanism::TooMany);
        }
        let offered = self.settings.extensions;
        self.settings.extensions = match names.is_empty() {
            true => offered.without(Extension::Auth),
            false => offered.with(Extension::Auth),
        };
        self.mechanisms = names.into();
        self.line_limit = self.settings.extensions.command_line_limit();
        Ok(self)
    }

    /// Takes PLAIN, LOGIN and bearer tokens without TLS too.
    #[must_use]
    pub fn allow_plaintext_auth(mut self) -> Self {
        self.settings.plaintext_auth = true;
        self
    }

    /// Refuses MAIL, AUTH and what asks about users before STARTTLS, with 530 5.7.0 (RFC 3207
    /// section 4).
    #[must_use]
    pub fn require_tls(mut self) -> Self {
        self.settings.require_tls = true;
        self
    }

    /// Refuses MAIL and what asks about users before AUTH, with 530 5.7.0 (RFC 4954 section 6).
    #[must_use]
    pub fn require_auth(mut self) -> Self {
        self.settings.require_auth = true;
        self
    }

    /// Offers `extension` too. SIZE, AUTH, FUTURERELEASE and LIMITS need the methods that they have
    /// of their own, and DELIVERBY and MT-PRIORITY may be given a value by theirs; STARTTLS is
    /// offered where the transport can do TLS.
    ///
    /// Where PRDR is offered and a client asks for it, `Event::Message` comes once for each
    /// recipient that was accepted, as in LMTP, which does not offer it.
    #[must_use]
    pub fn with(mut self, extension: Extension) -> Self {
        self.settings.extensions = self.settings.extensions.with(extension);
        self.line_limit = self.settings.extensions.command_line_limit();
        self
    }

    /// Offers FUTURERELEASE (RFC 4865): a message may be held for so many seconds, and no longer
    /// than until then; further off is 501 5.5.4. To hold it is up to the application, and so is a
    /// HOLDUNTIL in the past.
    #[must_use]
    pub fn future_release(mut self, max_interval: u32, until: DateTime) -> Self {
        self.settings.extensions = self.settings.extensions.with_future_release(max_interval);
        self.settings.hold_until = Some(until);
        self.line_limit = self.settings.extensions.command_line_limit();
        self
    }

    /// Offers DELIVERBY (RFC 2852). Who wants a message returned unless it is delivered in fewer
    /// seconds than this gets 555 5.5.4; 0 is no minimum.
    #[must_use]
    pub fn deliver_by(mut self, min_by_time: u32) -> Self {
        self.settings.extensions = self.settings.extensions.with_deliver_by(min_by_time);
        self.line_limit = self.settings.extensions.command_line_limit();
        self
    }

    /// Offers MT-PRIORITY (RFC 6710), and tells which priorities are told apart.
    #[must_use]
    pub fn priorities(mut self, profile: PriorityProfile) -> Self {
        self.settings.priorities = Some(profile);
        self.with(Extension::MtPriority)
    }

    /// Does not offer `extension`.
    #[must_use]
    pub fn without(mut self, extension: Extension) -> Self {
        self.settings.extensions = self.settings.extensions.without(extension);
        self.line_limit = self.settings.extensions.command_line_limit();
        self
    }

    /// Has VRFY answered by the application (`Event::Verify`); otherwise it is answered with 252.
    #[must_use]
    pub fn ask_verify(mut self) -> Self {
        self.settings.ask_verify = true;
        self
    }

    /// Has EXPN answered by the application (`Event::Expand`); otherwise it is answered with 502.
    #[must_use]
    pub fn ask_expand(mut self) -> Self {
        self.settings.ask_expand = true;
        self
    }

    /// Waits no longer than this for a client, instead of the five minutes that RFC 5321 section
    /// 4.5.3.2.7 asks for at least.
    #[must_use]
    pub fn patience(mut self, most: Duration) -> Self {
        self.most_patience = Some(most);
        self
    }

    /// Waits so long before it greets a client, and refuses one that speaks meanwhile with 554
    /// (RFC 5321 section 4.3.1 has a client wait). No pause by default. What is seen is what arrives
    /// within the pause, so it should be longer than the way to the client and back; senders of
    /// spam that are in a hurry are known not to wait for some seconds.
    #[must_use]
    pub fn greet_pause(mut self, pause: Duration) -> Self {
        self.greet_pause = pause;
        self
    }

    /// Ends a session with 554 5.5.0 whose client sends content together with DATA, without
    /// waiting for the 354 (RFC 2920 section 3.1). What is seen is what was received together with
    /// the command.
    #[must_use]
    pub fn refuse_early_content(mut self) -> Self {
        self.settings.refuse_early_content = true;
        self
    }

    /// The server's name.
    #[must_use]
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    pub(super) fn most_patience(&self) -> Option<Duration> {
        self.most_patience
    }

    pub(super) fn pause(&self) -> Duration {
        self.greet_pause
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn line_limit(&self) -> usize {
        self.line_limit
    }

    pub(super) fn context(&self) -> Context<'_> {
        let mut cx = Context::new(&self.hostname, &self.settings);
        cx.mechanisms = &self.mechanisms;
        cx
    }
}
