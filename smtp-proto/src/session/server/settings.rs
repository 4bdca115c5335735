//! What a server offers, and what it puts up with.

use super::PriorityProfile;
use crate::Syntax;
use crate::command::DateTime;
use crate::reply::{Extension, Extensions};
use crate::session::BareNewline;

/// How much a server takes from one client. RFC 5321 section 4.5.3.1 sets the least.
///
/// What follows from something else is not here: the longest command line follows from what is
/// offered ([`Extensions::command_line_limit`]), and the largest message is that of SIZE. Fixed are
/// the waits (five minutes for the client, one for a TLS handshake) and the 32 unknown parameters
/// of one command. `smtp-codec` holds 16 KiB of input and of replies that nobody reads, and takes
/// nothing more until they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Recipients of one transaction, 1000 by default; further ones get 452 4.5.3
    /// (RFC 5321 section 4.5.3.1.8 asks for at least 100).
    pub recipients: u32,
    /// Recipients refused with that 452 in one transaction before the session ends with 421; 1000
    /// by default (RFC 5321 section 4.5.3.1.10). Of those that the application refuses, one
    /// transaction may have as many as both limits together.
    pub recipients_over: u32,
    /// Commands in error, until a message is accepted, before the session ends with 421; 20 by
    /// default.
    pub errors: u32,
    /// Commands that bring no mail nearer (NOOP, RSET, VRFY, EXPN, HELP, EHLO and HELO, a refused
    /// MAIL, STARTTLS, DATA or message), until a message is accepted, before each further one
    /// counts as an error; 100 by default.
    pub junk: u32,
    /// Chunks of fewer than 1024 octets, the first and the last aside, of one message before the
    /// session ends with 421; 10,000 by default. Each costs a command and a reply. Those of no
    /// octets at all count as [`junk`](Limits::junk) besides.
    pub small_chunks: u32,
    /// Octets of content in a second that a client must bring on average; 500 by default, 0 for
    /// any. A wait for content ends, whatever drips in, unless it brought so many octets for each
    /// second that it may last: 150,000 in the five minutes of RFC 5321 section 4.5.3.2.7. Then the
    /// next begins.
    pub least_rate: u32,
    /// AUTH that failed before the session ends with 421; 5 by default.
    pub auth_failures: u32,
    /// Challenges of one AUTH exchange before it is given up with 454; 32 by default.
    pub challenges: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            recipients: 1000,
            recipients_over: 1000,
            errors: 20,
            junk: 100,
            small_chunks: 10_000,
            least_rate: 500,
            auth_failures: 5,
            challenges: 32,
        }
    }
}

/// What a server session is made with; shared by all of them.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// What EHLO advertises. What is not advertised is not accepted; SIZE, FUTURERELEASE and
    /// DELIVERBY are enforced.
    pub extensions: Extensions,
    /// Until when a message may be held, at most. Without it FUTURERELEASE is not offered
    /// (RFC 4865 section 3 has both limits advertised).
    pub hold_until: Option<DateTime>,
    /// Which priorities MT-PRIORITY tells apart, where it is offered and that is told.
    pub priorities: Option<PriorityProfile>,
    /// What one client may use up.
    pub limits: Limits,
    /// How strict the grammar of commands is.
    pub syntax: Syntax,
    /// What is done with bare newlines in mail data.
    pub bare_newline: BareNewline,
    /// Whether content that came together with DATA, before the 354, ends the session with 554
    /// 5.5.0. RFC 2920 section 3.1 has DATA be the last of its group, and a message that was
    /// smuggled past another server comes like that. Off by default: here only CRLF "." CRLF ends a
    /// message, and what a client is answered should not depend on how its octets were cut.
    pub refuse_early_content: bool,
    /// LMTP (RFC 2033): LHLO in the place of EHLO, and an answer for each recipient of a message.
    pub lmtp: bool,
    /// Whether MAIL and what asks about users is refused without TLS (RFC 3207 section 4).
    pub require_tls: bool,
    /// The same without AUTH (RFC 4954 section 6).
    pub require_auth: bool,
    /// Whether mechanisms that show the password to whoever listens are taken without TLS
    /// (RFC 4954 section 4 says no).
    pub plaintext_auth: bool,
    /// Whether the application answers VRFY; if not, 252.
    pub ask_verify: bool,
    /// Whether the application answers EXPN; if not, 502.
    pub ask_expand: bool,
}

impl Default for Settings {
    /// PIPELINING, SIZE without a limit, 8BITMIME, SMTPUTF8, ENHANCEDSTATUSCODES, DSN, CHUNKING
    /// and BINARYMIME; strict.
    fn default() -> Self {
        let extensions = Extensions::default()
            .with(Extension::Pipelining)
            .with_size(0)
            .with(Extension::EightBitMime)
            .with(Extension::SmtpUtf8)
            .with(Extension::EnhancedStatusCodes)
            .with(Extension::Dsn)
            .with(Extension::Chunking)
            .with(Extension::BinaryMime);
        Settings {
            extensions,
            hold_until: None,
            priorities: None,
            limits: Limits::default(),
            syntax: Syntax::Strict,
            bare_newline: BareNewline::Reject,
            refuse_early_content: false,
            lmtp: false,
            require_tls: false,
            require_auth: false,
            plaintext_auth: false,
            ask_verify: false,
            ask_expand: false,
        }
    }
}

/// What a session looks at with each call, and does not keep.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Context<'c> {
    /// The name in the greeting, in the replies to EHLO and QUIT, and in 421. Without controls.
    pub hostname: &'c str,
    /// What is offered and enforced.
    pub settings: &'c Settings,
    /// The names of the SASL mechanisms that AUTH takes, with a space between them. Which of them
    /// are offered depends on TLS.
    pub mechanisms: &'c str,
}

impl<'c> Context<'c> {
    /// A server of that name, without AUTH.
    #[must_use]
    pub const fn new(hostname: &'c str, settings: &'c Settings) -> Self {
        Context { hostname, settings, mechanisms: "" }
    }

    pub(super) fn has(&self, extension: Extension) -> bool {
        self.settings.extensions.contains(extension)
    }

    /// The most octets of content, where SIZE sets a limit (RFC 1870 section 4).
    pub(super) fn max_size(&self) -> Option<u64> {
        self.settings.extensions.size().filter(|&size| size > 0)
    }
}
