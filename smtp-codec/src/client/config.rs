//! How a client goes about its work.

use std::time::Duration;

use smtp_proto::address::{AddressError, Host, HostBuf};
use smtp_proto::session::client::{ContentKind, Settings};
use smtp_proto::session::{BareNewline, TlsPolicy};

use super::Limits;
use crate::dot::Encoder;

/// A client's configuration, made once and shared by its connections.
///
/// ```
/// use smtp_codec::client::Config;
/// use smtp_codec::proto::session::BareNewline;
///
/// let config = Config::new("client.example.net")?.bare_newline(BareNewline::Normalise);
/// assert!(Config::new("two words").is_err());
/// # Ok::<(), smtp_codec::proto::address::AddressError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    hello: HostBuf,
    settings: Settings,
    newlines: BareNewline,
    most_patience: Option<Duration>,
    limits: Limits,
}

impl Config {
    /// A client that introduces itself by that name: its domain, or an address literal in
    /// brackets (RFC 5321 section 4.1.1.1).
    ///
    /// # Errors
    ///
    /// [`AddressError`] if the name is neither, or is not in ASCII (RFC 6531 section 3.7.1 asks for
    /// A-labels).
    pub fn new(hello: &str) -> Result<Self, AddressError> {
        let host = Host::parse(hello)?;
        if !host.is_ascii() {
            return Err(AddressError::Domain);
        }
        Ok(Config {
            hello: HostBuf::from(host),
            settings: Settings::default(),
            newlines: BareNewline::Reject,
            most_patience: None,
            limits: Limits::default(),
        })
    }

    /// Whether commands are grouped where the server offers PIPELINING; they are by default.
    #[must_use]
    pub fn pipelining(mut self, on: bool) -> Self {
        self.settings.pipelining = on;
        self
    }

    /// Whether content goes by BDAT where the server offers CHUNKING (RFC 3030); it does by
    /// default, but never under [`BareNewline::Normalise`]. BODY=BINARYMIME needs it.
    #[must_use]
    pub fn chunking(mut self, on: bool) -> Self {
        self.settings.chunking = on;
        self
    }

    /// Speaks LMTP (RFC 2033): each recipient gets a reply of its own to the message.
    #[must_use]
    pub fn lmtp(mut self) -> Self {
        self.settings.lmtp = true;
        self
    }

    /// Asks for a reply for each recipient of a message to more than one, where the server offers
    /// PRDR (draft-hall-prdr-00); it does not by default.
    #[must_use]
    pub fn prdr(mut self, on: bool) -> Self {
        self.settings.prdr = on;
        self
    }

    /// When TLS is used; never by default.
    #[must_use]
    pub fn tls(mut self, policy: TlsPolicy) -> Self {
        self.settings.tls = policy;
        self
    }

    /// Uses PLAIN, LOGIN and bearer tokens without TLS too (RFC 4954 section 4 says not to).
    #[must_use]
    pub fn allow_plaintext_auth(mut self) -> Self {
        self.settings.plaintext_auth = true;
        self
    }

    /// What is done with bare newlines in the content; they are an error by default. Content of
    /// BODY=BINARYMIME has no lines, and is not looked at.
    #[must_use]
    pub fn bare_newline(mut self, policy: BareNewline) -> Self {
        self.newlines = policy;
        self
    }

    /// Waits no longer than this at any point, where RFC 5321 section 4.5.3.2 would wait longer. Up to
    /// 16 KiB leave within one wait: below half a minute, a server must take more in a second than
    /// [`Limits::least_rate`].
    #[must_use]
    pub fn patience(mut self, most: Duration) -> Self {
        self.most_patience = Some(most);
        self
    }

    /// How much is taken from the server.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How long to wait for a connection: two minutes, unless [`patience`](Config::patience) is
    /// shorter.
    #[must_use]
    pub fn connect_patience(&self) -> Duration {
        let patience = Duration::from_secs(120);
        self.most_patience.map_or(patience, |most| patience.min(most))
    }

    pub(super) fn hello(&self) -> Host<'_> {
        self.hello.as_host()
    }

    pub(super) fn settings(&self) -> Settings {
        // Chunks have their length before them, and newlines that are mended change it.
        let chunking = self.settings.chunking && self.newlines != BareNewline::Normalise;
        let mut settings = self.settings;
        settings.chunking = chunking;
        settings
    }

    pub(super) fn encoder(&self, content: ContentKind) -> Encoder {
        match content {
            ContentKind::Data => Encoder::new(self.newlines),
            ContentKind::Chunks => Encoder::for_chunks(self.newlines),
            ContentKind::BinaryChunks => Encoder::for_chunks(BareNewline::Pass),
        }
    }

    pub(super) fn bounds(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn most_patience(&self) -> Option<Duration> {
        self.most_patience
    }
}
