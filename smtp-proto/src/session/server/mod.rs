//! The server's side of a session.

use core::time::Duration;

mod answer;
mod check;
mod closing;
mod content;
#[cfg(test)]
#[cfg(feature = "alloc")]
mod drawing;
mod early;
mod limits;
mod obey;
mod prdr;
mod secure;
mod settings;
mod table;
mod values;

pub use secure::MECHANISMS;
pub use settings::{Context, Limits, Settings};
pub use values::PriorityProfile;

use self::secure::Security;
use self::table::Phase;
use super::{Framing, Protocol};
use crate::command::{Body, Command, Verb};
use crate::reply::Refusal;
use crate::{CommandError, Sink};

/// What the application is asked, or told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Question {
    /// A client has connected: greet it?
    Greet,
    /// HELO or EHLO.
    Hello,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA: go on with 354?
    Data,
    /// The mail data is complete: is the message taken over?
    Message,
    /// VRFY.
    Verify,
    /// EXPN.
    Expand,
    /// STARTTLS: go on with 220 and the handshake?
    StartTls,
    /// AUTH: with its initial response, if there is one, the exchange begins.
    Auth,
    /// A response to a challenge.
    AuthResponse,
    /// ETRN.
    Etrn,
    /// XCLIENT, from a client that is trusted.
    Xclient,
    /// XFORWARD, from a client that is trusted.
    Xforward,
    /// Told only: what came of the mail data is void.
    Aborted(Abort),
}

/// Why mail data that had begun will not become a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum Abort {
    /// It passed the advertised SIZE; 552 5.3.4 follows at its end.
    TooLarge,
    /// It holds a bare CR or LF; 554 5.6.0 follows at its end.
    BareNewline,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum Closing {
    /// The client said QUIT.
    Quit,
    /// The application answered 421.
    Refused,
    /// The client used up its errors, its recipients or its small chunks.
    TooManyErrors,
    /// The client passed the number of messages that it was told of (RFC 9422 section 4.1).
    TooManyMessages,
    /// What the client speaks is not SMTP.
    NotSmtp,
    /// The length of a BDAT chunk could not be read, so what follows cannot be told apart.
    ChunkSize,
    /// The client closed its side.
    PeerGone,
    /// The client was silent for too long (RFC 5321 section 4.5.3.2.7).
    TimedOut,
    /// The server is going down (RFC 5321 section 3.8).
    ShuttingDown,
    /// The TLS handshake failed.
    TlsFailed,
    /// Octets came in the clear behind STARTTLS.
    Injected,
    /// The client spoke where it had to wait: before the greeting, or behind DATA.
    EarlyTalker,
}

/// What is wrong with a line before it is looked at as a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFault {
    /// It is longer than the extensions on offer allow.
    TooLong,
    /// It holds a CR or an LF that is not part of its CRLF.
    BareNewline,
}

/// A mail transaction; replaced as a whole, never in parts.
#[derive(Clone, Copy, Debug)]
struct Transaction {
    utf8: bool,
    body: Body,
    /// Each recipient gets a reply of its own to the message: PRDR.
    each: bool,
    verdicts: Verdicts,
    recipients: u32,
    /// Refused by the application.
    refused: u32,
    /// Refused because there were enough.
    over: u32,
    /// Chunks that brought little.
    small: u32,
    size: u64,
    abort: Option<Abort>,
}

/// What was said about the message so far, where each recipient gets a reply of its own.
#[derive(Clone, Copy, Debug, Default)]
struct Verdicts {
    taken: bool,
    refused: bool,
    deferred: bool,
}

#[derive(Clone, Copy, Debug)]
struct Chunk {
    size: u64,
    left: u64,
    last: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Fresh,
    /// The same, and the greeting is held back to see whether the client waits for it.
    Held,
    Refused,
    Greeted,
    Ready,
    Open(Transaction),
    /// Content is coming, or has come and is judged.
    Data(Transaction),
    /// The same, in a chunk of which so many octets are left.
    Chunk(Transaction, Chunk),
    /// Between two chunks.
    Chunks(Transaction),
    /// A response is awaited; so many challenges were sent.
    Auth(u32),
    /// A handshake is due, with the greeting behind it where TLS is implicit.
    Tls {
        greet: bool,
    },
    Closed(Closing),
}

#[derive(Clone, Copy, Debug)]
enum Asked {
    Greet,
    Hello(Protocol),
    Mail(Transaction),
    Rcpt(Transaction),
    Data(Transaction),
    /// The first chunk: go on without 354?
    Chunk(Transaction, Chunk),
    /// In LMTP and under PRDR, for the recipient of that number among those accepted.
    Message(Transaction, u32),
    Verify,
    Expand,
    StartTls,
    Auth,
    AuthResponse,
    Etrn,
    /// With it the proxy says who has authenticated itself over there.
    Xclient {
        login: bool,
    },
    Xforward,
    Aborted(Abort),
}

/// A server session: fed with lines and the ends of mail data, it says who is to be asked, and
/// writes every reply.
///
/// It holds no text: whoever drives it keeps the line while the application is asked about it.
///
/// ```
/// use smtp_proto::session::server::{Context, Question, Session, Settings};
///
/// let settings = Settings::default();
/// let cx = Context::new("mx.example.org", &settings);
/// let (mut session, mut out) = (Session::new(), Vec::new());
/// assert_eq!(session.question(), Some(Question::Greet));
/// session.accept(&cx, None, &mut out);
/// session.command(&cx, b"MAIL FROM:<a@example.net>", &mut out);
/// assert!(out.ends_with(b"\r\n503 5.5.1 say EHLO or HELO first\r\n"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Session {
    state: State,
    asked: Option<Asked>,
    protocol: Protocol,
    errors: u32,
    junk: u32,
    /// MAIL commands since the greeting, or TLS.
    mails: u32,
    swallow: u64,
    /// MAIL was refused, and so many RCPT have followed it: a client that groups its commands is
    /// not to blame for them (RFC 2920 section 3.1).
    void: Option<u32>,
    security: Security,
    authenticated: bool,
    auth_failures: u32,
    trusted: bool,
    bound: bool,
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

impl Session {
    /// A session whose client has just connected.
    #[must_use]
    pub const fn new() -> Self {
        Session {
            state: State::Fresh,
            asked: Some(Asked::Greet),
            protocol: Protocol::smtp(),
            errors: 0,
            junk: 0,
            mails: 0,
            swallow: 0,
            void: None,
            security: Security::Plain,
            authenticated: false,
            auth_failures: 0,
            trusted: false,
            bound: true,
        }
    }

    /// What the application is asked or told now. Until it has answered, nothing may be fed.
    #[must_use]
    pub fn question(&self) -> Option<Question> {
        self.asked.map(|asked| match asked {
            Asked::Greet => Question::Greet,
            Asked::Hello(_) => Question::Hello,
            Asked::Mail(_) => Question::Mail,
            Asked::Rcpt(_) => Question::Rcpt,
            Asked::Data(_) | Asked::Chunk(..) => Question::Data,
            Asked::Message(..) => Question::Message,
            Asked::Verify => Question::Verify,
            Asked::Expand => Question::Expand,
            Asked::StartTls => Question::StartTls,
            Asked::Auth => Question::Auth,
            Asked::AuthResponse => Question::AuthResponse,
            Asked::Etrn => Question::Etrn,
            Asked::Xclient { .. } => Question::Xclient,
            Asked::Xforward => Question::Xforward,
            Asked::Aborted(abort) => Question::Aborted(abort),
        })
    }

    /// Whether the next line is a command: in AUTH it is a response.
    #[must_use]
    pub fn is_commanded(&self) -> bool {
        !matches!(self.state, State::Auth(_))
    }

    /// What comes next on the wire.
    #[must_use]
    pub fn framing(&self) -> Framing {
        match self.state {
            State::Closed(_) => Framing::End,
            State::Tls { .. } => Framing::Tls,
            _ if self.swallow > 0 => Framing::Skip(self.swallow),
            State::Data(_) => Framing::Data,
            State::Chunk(_, chunk) => Framing::Chunk(chunk.left),
            _ => Framing::Line,
        }
    }

    /// How the session ended, if it did.
    #[must_use]
    pub fn closing(&self) -> Option<Closing> {
        match self.state {
            State::Closed(closing) => Some(closing),
            _ => None,
        }
    }

    /// Whether a mail transaction is open, up to the reply to its message (RFC 5321 section 3.3).
    #[must_use]
    pub fn has_transaction(&self) -> bool {
        self.transaction().is_some()
    }

    /// What was spoken so far, in the transaction that is open.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        let protocol = self.with_security(self.protocol);
        match self.transaction() {
            Some(transaction) if transaction.utf8 => protocol.with_utf8(),
            _ => protocol,
        }
    }

    /// Octets of content received in the transaction that is open.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.transaction().map_or(0, |transaction| transaction.size)
    }

    /// For which recipient the message is judged, counted from 0 among those accepted: in LMTP,
    /// and where the client asked for PRDR.
    #[must_use]
    pub fn recipient(&self, cx: &Context<'_>) -> Option<u32> {
        match self.asked {
            Some(Asked::Message(transaction, number)) => {
                (cx.settings.lmtp || transaction.each).then_some(number)
            }
            _ => None,
        }
    }

    fn transaction(&self) -> Option<&Transaction> {
        match &self.state {
            State::Open(transaction)
            | State::Data(transaction)
            | State::Chunk(transaction, _)
            | State::Chunks(transaction) => Some(transaction),
            _ => None,
        }
    }

    /// How long to wait for the client's next octets (RFC 5321 section 4.5.3.2.7): five minutes;
    /// one for a TLS handshake, which no person types.
    #[must_use]
    pub fn patience(&self) -> Duration {
        Duration::from_secs(match self.state {
            State::Tls { .. } => 60,
            _ => 300,
        })
    }

    /// Takes one command line, without its CRLF.
    pub fn command<S: Sink + ?Sized>(&mut self, cx: &Context<'_>, line: &[u8], out: &mut S) {
        if let State::Auth(_) = self.state {
            return self.response(cx, line, out);
        }
        // By reference: to move what was just written in pieces costs more than to parse it.
        match &Command::parse_with(line, cx.settings.syntax) {
            Ok(command) => self.obey(cx, command, out),
            Err(error) => {
                // Lenient syntax takes white space before a verb.
                if Verb::of(line.trim_ascii_start()) == Verb::Mail {
                    self.void = Some(0);
                }
                self.fault(cx, error.refusal(), out);
                if *error == CommandError::ChunkSize {
                    self.close(Closing::ChunkSize);
                }
            }
        }
    }

    /// Takes note of a line that is none; `head` is its start. If that is BDAT, the chunk behind
    /// it cannot be told from commands, and the session ends.
    pub fn bad_line<S: Sink + ?Sized>(
        &mut self,
        cx: &Context<'_>,
        fault: LineFault,
        head: &[u8],
        out: &mut S,
    ) {
        if let State::Auth(_) = self.state {
            self.state = State::Ready;
            let refusal = Refusal::known(500, (5, 5, 6), "the response is too long, or no line");
            return self.auth_failed(cx, refusal, out);
        }
        if Verb::of(head) == Verb::Bdat {
            self.fault(cx, CommandError::ChunkSize.refusal(), out);
            return self.close(Closing::ChunkSize);
        }
        if Verb::of(head) == Verb::Mail {
            self.void = Some(0);
        }
        if (fault, Verb::of(head)) == (LineFault::TooLong, Verb::Auth) {
            // RFC 4954 section 6.
            let refusal = Refusal::known(500, (5, 5, 6), "the exchange line is too long");
            return self.fault(cx, refusal, out);
        }
        let text = match fault {
            LineFault::TooLong => "line too long",
            LineFault::BareNewline => "a line ends in CRLF, and holds no other CR or LF",
        };
        self.fault(cx, Refusal::known(500, (5, 5, 2), text), out);
    }

    fn phase(&self) -> Phase {
        match self.state {
            State::Fresh | State::Held | State::Greeted => Phase::Greeted,
            State::Refused | State::Tls { .. } | State::Closed(_) => Phase::Refused,
            State::Ready | State::Auth(_) => Phase::Ready,
            State::Open(Transaction { recipients: 0, .. }) => Phase::Mail,
            State::Open(_) | State::Data(_) => Phase::Rcpt,
            State::Chunk(..) | State::Chunks(_) => Phase::Chunks,
        }
    }

    /// Takes note that the client closed its side. What it was owed is still sent.
    pub fn peer_gone(&mut self) {
        self.close(Closing::PeerGone);
    }

    /// Ends the session because the client was silent for too long; where the greeting is
    /// [held back](Session::hold_greeting), that is what was waited for, and it is due.
    pub fn timed_out<S: Sink + ?Sized>(&mut self, cx: &Context<'_>, out: &mut S) {
        if self.closing().is_some() {
            return;
        }
        if let State::Held = self.state {
            (self.state, self.asked) = (State::Fresh, Some(Asked::Greet));
            return;
        }
        if let State::Tls { .. } = self.state {
            return self.tls_failed();
        }
        self.say_host(cx, (421, Some((4, 4, 2)), "timed out"), out);
        self.close(Closing::TimedOut);
    }

    /// Ends the session because the server is going down.
    pub fn shut_down<S: Sink + ?Sized>(&mut self, cx: &Context<'_>, out: &mut S) {
        if self.closing().is_some() {
            return;
        }
        self.say_host(cx, (421, Some((4, 3, 2)), "shutting down, try again later"), out);
        self.close(Closing::ShuttingDown);
    }

    fn reset(&mut self) {
        if self.transaction().is_some() {
            self.state = State::Ready;
        }
    }

    fn close(&mut self, closing: Closing) {
        if !matches!(self.state, State::Closed(_)) {
            self.state = State::Closed(closing);
            self.asked = None;
        }
    }
}
