//! The server's side of a session.

use core::time::Duration;

mod answer;
mod check;
mod content;
mod settings;
mod table;

pub use settings::{Context, Limits, Settings};

use self::check::{UTF8_UNASKED, is_other_protocol, is_utf8_unasked};
use self::table::{Phase, Rule, rule};
use super::{Framing, Protocol};
use crate::command::{Body, Command, Verb};
use crate::reply::{Extension, Refusal};
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
    /// Told only: what came of the mail data is void.
    Aborted(Abort),
}

/// Why mail data that had begun will not become a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Abort {
    /// It passed the advertised SIZE; 552 5.3.4 follows at its end.
    TooLarge,
    /// It holds a bare CR or LF; 554 5.6.0 follows at its end.
    BareNewline,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Closing {
    /// The client said QUIT.
    Quit,
    /// The application answered 421.
    Refused,
    /// The client used up its errors or its recipients.
    TooManyErrors,
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
    recipients: u32,
    /// Refused by the application.
    refused: u32,
    /// Refused because there were enough.
    over: u32,
    size: u64,
    abort: Option<Abort>,
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
    /// In LMTP, for the recipient of that number among those accepted.
    Message(Transaction, u32),
    Verify,
    Expand,
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
/// let cx = Context { hostname: "mx.example.org", settings: &settings };
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
    swallow: u64,
    /// MAIL was refused, and so many RCPT have followed it: a client that groups its commands is
    /// not to blame for them (RFC 2920 section 3.1).
    void: Option<u32>,
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
            swallow: 0,
            void: None,
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
            Asked::Aborted(abort) => Question::Aborted(abort),
        })
    }

    /// What comes next on the wire.
    #[must_use]
    pub fn framing(&self) -> Framing {
        match self.state {
            State::Closed(_) => Framing::End,
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

    /// What was spoken so far, in the transaction that is open.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        match self.transaction() {
            Some(transaction) if transaction.utf8 => self.protocol.with_utf8(),
            _ => self.protocol,
        }
    }

    /// Octets of content received in the transaction that is open.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.transaction().map_or(0, |transaction| transaction.size)
    }

    /// For which recipient the message is judged, counted from 0 among those accepted: in LMTP.
    #[must_use]
    pub fn recipient(&self, cx: &Context<'_>) -> Option<u32> {
        match self.asked {
            Some(Asked::Message(_, number)) if cx.settings.lmtp => Some(number),
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

    /// How long to wait for the client's next octets (RFC 5321 section 4.5.3.2.7).
    #[must_use]
    pub fn patience(&self) -> Duration {
        Duration::from_secs(300)
    }

    /// Takes one command line, without its CRLF.
    pub fn command<S: Sink + ?Sized>(&mut self, cx: &Context<'_>, line: &[u8], out: &mut S) {
        match Command::parse_with(line, cx.settings.syntax) {
            Ok(command) => self.obey(cx, &command, out),
            Err(error) => {
                if Verb::of(line) == Verb::Mail {
                    self.void = Some(0);
                }
                self.fault(cx, error.refusal(), out);
                if error == CommandError::ChunkSize {
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
        if Verb::of(head) == Verb::Bdat {
            self.fault(cx, CommandError::ChunkSize.refusal(), out);
            return self.close(Closing::ChunkSize);
        }
        let text = match fault {
            LineFault::TooLong => "line too long",
            LineFault::BareNewline => "a line ends in CRLF, and holds no other CR or LF",
        };
        self.fault(cx, Refusal::known(500, (5, 5, 2), text), out);
    }

    fn phase(&self) -> Phase {
        match self.state {
            State::Fresh | State::Greeted => Phase::Greeted,
            State::Refused | State::Closed(_) => Phase::Refused,
            State::Ready => Phase::Ready,
            State::Open(Transaction { recipients: 0, .. }) => Phase::Mail,
            State::Open(_) | State::Data(_) => Phase::Rcpt,
            State::Chunk(..) | State::Chunks(_) => Phase::Chunks,
        }
    }

    fn obey<S: Sink + ?Sized>(&mut self, cx: &Context<'_>, command: &Command<'_>, out: &mut S) {
        if let Command::Bdat { size, .. } = *command {
            // Whatever the answer, these octets are no commands.
            self.swallow = size;
        }
        let verb = command.verb();
        if !matches!(verb, Verb::Rcpt | Verb::Data | Verb::Bdat) {
            self.void = None;
        }
        let row = match (cx.settings.lmtp, verb) {
            (true, Verb::Lhlo) => Verb::Ehlo,
            (true, Verb::Ehlo | Verb::Helo) => Verb::Lhlo,
            _ => verb,
        };
        match rule(row, self.phase()) {
            _ if verb == Verb::Bdat && !cx.has(Extension::Chunking) => {
                self.fault(cx, Refusal::known(502, (5, 5, 1), "not offered here"), out);
            }
            Rule::Ask => self.ask(cx, command, out),
            Rule::Order if self.void.is_some() => self.follow_up(cx, command, out),
            Rule::Order => {
                let text = match self.state {
                    State::Greeted if cx.settings.lmtp => "say LHLO first",
                    State::Greeted => "say EHLO or HELO first",
                    State::Refused => "only QUIT is taken here",
                    _ => "bad sequence of commands",
                };
                self.fault(cx, Refusal::known(503, (5, 5, 1), text), out);
            }
            Rule::NoRcpt => {
                self.fruitless(cx, Refusal::known(503, (5, 5, 1), "no valid recipients"), out);
            }
            Rule::Absent => {
                self.fault(cx, Refusal::known(502, (5, 5, 1), "not offered here"), out);
            }
            Rule::Foreign => self.foreign(cx, command, out),
            Rule::Reset => {
                self.reset();
                self.junk(cx, (250, (2, 0, 0), "reset"), out);
            }
            Rule::Nothing => self.junk(cx, (250, (2, 0, 0), "done nothing"), out),
            Rule::Quit => {
                self.say_host(cx, (221, Some((2, 0, 0)), "closing the session"), out);
                self.close(Closing::Quit);
            }
            Rule::Verify | Rule::Expand if is_utf8_unasked(command) => {
                self.fault(cx, UTF8_UNASKED, out);
            }
            Rule::Verify if cx.settings.ask_verify => self.put(cx, Asked::Verify, out),
            Rule::Verify => {
                self.junk(cx, (252, (2, 5, 0), "will take mail for it and try to deliver"), out);
            }
            Rule::Expand if cx.settings.ask_expand => self.put(cx, Asked::Expand, out),
            Rule::Expand => {
                self.fault(cx, Refusal::known(502, (5, 5, 1), "EXPN is not offered here"), out);
            }
            Rule::Help => {
                let text = "see RFC 5321 section 4.1.1, and the reply to EHLO or LHLO";
                self.junk(cx, (214, (2, 0, 0), text), out);
            }
        }
    }

    fn ask<S: Sink + ?Sized>(&mut self, cx: &Context<'_>, command: &Command<'_>, out: &mut S) {
        let question = match *command {
            Command::Ehlo(host) => self.check_host(cx, host, Protocol::esmtp()),
            Command::Helo(host) => self.check_host(cx, host, Protocol::smtp()),
            Command::Mail { reverse_path, parameters } => {
                self.check_mail(cx, reverse_path.is_ascii(), &parameters)
            }
            Command::Rcpt { forward_path, parameters } => {
                self.check_rcpt(cx, forward_path.is_ascii(), &parameters)
            }
            Command::Lhlo(host) => self.check_host(cx, host, Protocol::lmtp()),
            Command::Data => self.check_data(),
            Command::Bdat { size, last } => match self.check_chunk(cx, size, last) {
                Ok(Some(asked)) => Ok(asked),
                Ok(None) => return self.next_chunk(cx, out),
                Err(refusal) => Err(refusal),
            },
            _ => Err(Refusal::known(503, (5, 5, 1), "bad sequence of commands")),
        };
        let mut begun = false;
        match (&question, command) {
            (Err(_), Command::Mail { .. }) => self.void = Some(0),
            (Err(refusal), Command::Bdat { last, .. }) => {
                begun = matches!(self.state, State::Chunks(_));
                if *last && let Some(transaction) = self.transaction() {
                    self.refuse_others(cx, transaction.recipients, *refusal, out);
                }
                self.refuse_chunks(*last);
            }
            _ => {}
        }
        match question {
            Ok(asked @ Asked::Hello(_)) => self.put(cx, asked, out),
            Ok(asked) => self.asked = Some(asked),
            Err(refusal) if refusal.code().get() == 452 => self.over(cx, refusal, out),
            Err(refusal) if refusal.code().get() == 552 => self.fruitless(cx, refusal, out),
            Err(refusal) => self.fault(cx, refusal, out),
        }
        if begun && self.closing().is_none() {
            self.asked = Some(Asked::Aborted(Abort::TooLarge));
        }
    }

    /// Asks about a command that brings no mail nearer, unless there were too many.
    fn put<S: Sink + ?Sized>(&mut self, cx: &Context<'_>, asked: Asked, out: &mut S) {
        if self.is_junk_spent(cx) {
            self.give_up(cx, Closing::TooManyErrors, out);
        } else {
            self.asked = Some(asked);
        }
    }

    /// One more recipient of this transaction is refused.
    pub(super) fn over<S: Sink + ?Sized>(
        &mut self,
        cx: &Context<'_>,
        refusal: Refusal<'_>,
        out: &mut S,
    ) {
        let utf8 = self.protocol().is_utf8();
        let State::Open(transaction) = &mut self.state else { return };
        let limits = &cx.settings.limits;
        let (count, most) = match refusal.code().get() {
            452 if transaction.recipients >= limits.recipients => {
                (&mut transaction.over, limits.recipients_over)
            }
            _ => {
                let most = limits.recipients.saturating_add(limits.recipients_over);
                (&mut transaction.refused, most)
            }
        };
        *count = count.saturating_add(1);
        if *count > most {
            self.give_up(cx, Closing::TooManyErrors, out);
        } else {
            self.refuse(cx, refusal, utf8, out);
        }
    }

    fn foreign<S: Sink + ?Sized>(&mut self, cx: &Context<'_>, command: &Command<'_>, out: &mut S) {
        if let Command::Unknown { verb, .. } = command
            && is_other_protocol(verb.as_bytes())
        {
            return self.give_up(cx, Closing::NotSmtp, out);
        }
        let text = match command.verb() {
            Verb::Lhlo => "this is SMTP, not LMTP",
            Verb::Ehlo | Verb::Helo => "this is LMTP: say LHLO",
            _ => "command not recognised",
        };
        self.fault(cx, Refusal::known(500, (5, 5, 1), text), out);
    }

    /// Takes note that the client closed its side. What it was owed is still sent.
    pub fn peer_gone(&mut self) {
        self.close(Closing::PeerGone);
    }

    /// Ends the session because the client was silent for too long.
    pub fn timed_out<S: Sink + ?Sized>(&mut self, cx: &Context<'_>, out: &mut S) {
        if self.closing().is_some() {
            return;
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
