//! The client's side of a session.

use core::time::Duration;

mod call;
#[cfg(test)]
#[cfg(feature = "alloc")]
mod drawing;
mod end;
mod fault;
mod secure;
mod state;
mod table;

pub use self::fault::{CallError, Closing, ProtocolFault};
use self::state::{Chunks, State, Transaction};
use self::table::{Awaited, Deed, deed};
use super::{Framing, TlsPolicy};
use crate::Sink;
use crate::address::Host;
use crate::command::Command;
use crate::reply::{Capabilities, Extension, Extensions, Reply};

/// What the caller is told with a reply, or asked to go on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Question {
    /// Told: the greeting.
    Greeting,
    /// Told: the reply to EHLO, or to HELO.
    Ehlo,
    /// Told: the reply to STARTTLS.
    StartTls,
    /// Told and asked: a challenge; what is the response?
    Challenge,
    /// Told: the reply that ends an AUTH exchange.
    Auth,
    /// Told: the reply to a command that stands alone.
    Answer,
    /// Told: the server will not serve; the session says QUIT.
    Refused,
    /// Asked: start a transaction, or quit?
    Ready,
    /// Told: the reply to MAIL.
    Mail,
    /// Asked: another recipient, or no more?
    WantRcpt,
    /// Told: the reply to the RCPT of that number, counted from 0.
    Rcpt(u32),
    /// Told: the reply to DATA.
    Data,
    /// Asked: the content, until it is finished.
    WantBody,
    /// Told: the reply to the message.
    Done,
    /// Told: in LMTP and under PRDR, the reply to the message for one recipient; its number,
    /// counted from 0 among those that were accepted. A 421 is for that one alone: the others'
    /// replies follow, and in LMTP the end. Under PRDR [`Done`](Question::Done) follows.
    DoneFor(u32),
}

/// How a client session goes about its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Whether commands are grouped where PIPELINING is offered (RFC 2920); on by default.
    pub pipelining: bool,
    /// Commands sent and not yet answered, at most; 100 by default. It keeps the replies that are
    /// under way below what any transport buffers, so that neither side waits for the other.
    pub depth: u32,
    /// Whether content goes by BDAT where CHUNKING is offered (RFC 3030); on by default.
    pub chunking: bool,
    /// LMTP (RFC 2033): LHLO in the place of EHLO, and a reply for each recipient.
    pub lmtp: bool,
    /// Whether the caller wants a reply for each recipient in SMTP too, where PRDR is offered; off
    /// by default.
    pub prdr: bool,
    /// When TLS is used; never by default.
    pub tls: TlsPolicy,
    /// Whether mechanisms that show the password to whoever listens are used without TLS
    /// (RFC 4954 section 4 says no).
    pub plaintext_auth: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            pipelining: true,
            depth: 100,
            chunking: true,
            lmtp: false,
            prdr: false,
            tls: TlsPolicy::Never,
            plaintext_auth: false,
        }
    }
}

/// How content goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentKind {
    /// By DATA: lines, dots stuffed, a lone dot at the end.
    Data,
    /// By BDAT: lines, counted (RFC 3030 section 2).
    Chunks,
    /// By BDAT: any octets (RFC 3030 section 3).
    BinaryChunks,
}

/// A client session: it writes the commands, matches the replies by count, and says what the
/// caller may do next.
///
/// ```
/// use smtp_proto::address::Host;
/// use smtp_proto::reply::Reply;
/// use smtp_proto::session::client::{Question, Session, Settings};
///
/// let hello = Host::parse("client.example.net").unwrap();
/// let (mut session, mut out) = (Session::new(Settings::default()), Vec::new());
/// session.reply(Reply::parse(b"220 mx.example.org ESMTP\r\n").unwrap(), hello, &mut out);
/// assert_eq!(session.told(), Some(Question::Greeting));
/// assert_eq!(out, b"EHLO client.example.net\r\n");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Session {
    state: State,
    told: Option<Question>,
    settings: Settings,
    extensions: Extensions,
    in_doubt: bool,
    secure: bool,
    tls_absent: bool,
    authenticated: bool,
    /// Transactions begun since the greeting, or TLS.
    transactions: u32,
}

impl Session {
    /// A session whose connection has just been made.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Session {
            state: match settings.tls {
                TlsPolicy::Implicit => State::Tls { greet: true },
                _ => State::Greeting,
            },
            told: None,
            settings,
            extensions: Extensions::default(),
            in_doubt: false,
            secure: false,
            tls_absent: false,
            authenticated: false,
            transactions: 0,
        }
    }

    /// What comes next on the wire, from the server.
    #[must_use]
    pub fn framing(&self) -> Framing {
        match self.state {
            State::Closed(_) => Framing::End,
            State::Tls { .. } => Framing::Tls,
            _ => Framing::Line,
        }
    }

    /// What the last reply was about, until [`noted`](Session::noted).
    #[must_use]
    pub fn told(&self) -> Option<Question> {
        self.told
    }

    /// Takes note that the caller has seen the last reply.
    pub fn noted(&mut self) {
        self.told = None;
    }

    /// What the caller is asked to go on with, when nothing is left to be told.
    #[must_use]
    pub fn asked(&self) -> Option<Question> {
        match self.state {
            State::Ready => Some(Question::Ready),
            State::Challenge(_) => Some(Question::Challenge),
            State::Body { .. } => Some(Question::WantBody),
            State::Chunks(chunks) => {
                let open = !chunks.last_sent && chunks.sent - chunks.answered < self.depth();
                open.then_some(Question::WantBody)
            }
            State::Open(transaction) => {
                let open = !transaction.ended && !transaction.mail_refused;
                (open && transaction.outstanding() < self.depth()).then_some(Question::WantRcpt)
            }
            _ => None,
        }
    }

    /// What the server offers; nothing before EHLO was answered.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// How long to wait for the server (RFC 5321 section 4.5.3.2).
    #[must_use]
    pub fn patience(&self) -> Duration {
        let minutes = match self.state {
            State::Open(transaction) if transaction.awaited() == Some(Awaited::Data) => 2,
            State::Body { .. } | State::Chunks(Chunks { last_sent: false, .. }) => 3,
            State::Message { .. } | State::MessageOrBlock { .. } | State::Block { .. } => 10,
            State::Leaving { .. } | State::Chunks(_) | State::LoneDot => 10,
            // A handshake is no person's typing.
            State::Quit(_) | State::Tls { .. } => 1,
            _ => 5,
        };
        Duration::from_secs(minutes * 60)
    }

    /// Commands that may be under way together.
    fn depth(&self) -> u32 {
        let grouped = self.settings.pipelining && self.extensions.contains(Extension::Pipelining);
        if grouped { self.settings.depth.max(1) } else { 1 }
    }

    fn awaited(&self) -> Awaited {
        match self.state {
            State::Greeting => Awaited::Greeting,
            State::Ehlo => Awaited::Ehlo,
            State::Helo => Awaited::Helo,
            State::Open(transaction) => transaction.awaited().unwrap_or(Awaited::Nothing),
            State::Message { .. } => Awaited::Message,
            State::Leaving { .. } => Awaited::Leaving,
            State::MessageOrBlock { .. } => Awaited::MessageOrBlock,
            State::Block { .. } => Awaited::Block,
            State::Chunks(chunks) if chunks.answered == chunks.sent => Awaited::Nothing,
            State::Chunks(_) => Awaited::Chunk,
            State::LostChunks(_) => Awaited::LostChunk,
            State::Lhlo => Awaited::Lhlo,
            State::StartTls => Awaited::StartTls,
            State::Auth(_) => Awaited::Auth,
            State::Cancelled => Awaited::Cancelled,
            State::Answer { .. } => Awaited::Answer,
            State::Tls { .. } | State::Challenge(_) => Awaited::Nothing,
            State::LoneDot => Awaited::LoneDot,
            State::Rset => Awaited::Rset,
            State::Quit(_) => Awaited::Quit,
            State::Ready | State::Body { .. } | State::Closed(_) => Awaited::Nothing,
        }
    }

    /// Commands that were written and are not answered yet. The end of the mail data counts as
    /// one.
    #[must_use]
    pub fn outstanding(&self) -> u32 {
        match self.state {
            State::Open(transaction) => transaction.outstanding(),
            State::Chunks(chunks) => chunks.sent - chunks.answered,
            State::LostChunks(left) => left,
            State::Greeting | State::Ready | State::Body { .. } | State::Closed(_) => 0,
            State::Tls { .. } | State::Challenge(_) => 0,
            State::Ehlo | State::Helo | State::Lhlo | State::Message { .. } => 1,
            State::StartTls | State::Auth(_) | State::Cancelled | State::Answer { .. } => 1,
            State::Leaving { .. } | State::MessageOrBlock { .. } | State::Block { .. } => 1,
            State::LoneDot | State::Rset | State::Quit(_) => 1,
        }
    }

    fn awaits_a_first_verdict(&self) -> bool {
        matches!(self.state, State::Message { answered: 0, .. } | State::MessageOrBlock { .. })
    }

    fn is_refused_midway(&self, reply: Reply<'_>) -> bool {
        let refusal = reply.code().is_transient() || reply.code().is_permanent();
        refusal && matches!(self.state, State::Body { .. })
    }

    /// Takes note of a reply to a command, or to the end of the mail data, that has not left this
    /// side.
    pub fn unasked(&mut self, reply: Reply<'_>) {
        let refusal = reply.code().is_transient() || reply.code().is_permanent();
        if reply.code().get() == 421 {
            self.told = Some(Question::Refused);
            self.close(Closing::Unavailable);
        } else if refusal && self.awaits_a_first_verdict() {
            // As if the end were still to be written.
            self.told = Some(Question::Done);
            self.close(Closing::Unavailable);
        } else {
            self.close(Closing::Protocol(ProtocolFault::Unasked));
        }
    }

    /// Takes one whole reply. `hello` is the name that EHLO and HELO give.
    pub fn reply<S: Sink + ?Sized>(&mut self, reply: Reply<'_>, hello: Host<'_>, out: &mut S) {
        let awaited = self.awaited();
        let unavailable = reply.code().get() == 421 && awaited != Awaited::Quit;
        match deed(awaited, reply.code().class()) {
            // The server will not read on (RFC 5321 section 4.1.1.4 has no way back from there).
            Deed::Broken if self.is_refused_midway(reply) => {
                self.told = Some(Question::Done);
                return self.close(Closing::Unavailable);
            }
            _ if unavailable && !awaited.is_of_a_transaction() => {
                self.told = Some(Question::Refused);
                return self.close(Closing::Unavailable);
            }
            Deed::Introduce => {
                self.told = Some(Question::Greeting);
                self.introduce(hello, out);
            }
            Deed::FallBack if self.lacks_tls() => self.say_quit(Closing::NoTls, out),
            Deed::FallBack => {
                self.state = State::Helo;
                Command::Helo(hello).encode(out);
            }
            Deed::Ready => {
                self.told = Some(Question::Ehlo);
                self.extensions = match awaited {
                    Awaited::Ehlo | Awaited::Lhlo => Capabilities::new(reply).extensions(),
                    _ => Extensions::default(),
                };
                self.introduced(out);
            }
            Deed::Secure if reply.code().get() == 220 => {
                self.told = Some(Question::StartTls);
                self.state = State::Tls { greet: false };
            }
            Deed::NoTls => {
                self.told = Some(Question::StartTls);
                if self.lacks_tls() {
                    self.say_quit(Closing::NoTls, out);
                } else {
                    self.state = State::Ready;
                }
            }
            Deed::Authenticated if reply.code().get() == 235 => self.authenticated(hello, out),
            Deed::Challenged if reply.code().get() == 334 => self.challenged(),
            Deed::Unauthenticated => {
                self.told = Some(Question::Auth);
                self.state = State::Ready;
            }
            Deed::Told => self.answered(reply, hello, out),
            Deed::Announced if reply.code().get() == 353 => self.announced(),
            Deed::Refused => {
                self.told = Some(Question::Refused);
                self.say_quit(Closing::Refused, out);
            }
            Deed::Over => {
                if let State::Quit(closing) = self.state {
                    self.close(closing);
                }
                return;
            }
            Deed::Broken
            | Deed::Secure
            | Deed::Authenticated
            | Deed::Challenged
            | Deed::Announced => {
                let fault = match awaited {
                    Awaited::Nothing => ProtocolFault::Unasked,
                    _ => ProtocolFault::Class,
                };
                return self.close(Closing::Protocol(fault));
            }
            deed @ (Deed::Good | Deed::Bad | Deed::Ignore) => {
                self.advance(awaited, deed != Deed::Bad, out);
            }
        }
        // What a recipient is told does not end the session before the last reply has come.
        match self.state {
            _ if !unavailable || awaited.is_followed() => {}
            State::Message { answered, due } => self.state = State::Leaving { answered, due },
            _ => {
                self.in_doubt = false;
                self.close(Closing::Unavailable);
            }
        }
    }

    /// A step of a transaction was answered.
    fn advance<S: Sink + ?Sized>(&mut self, awaited: Awaited, good: bool, out: &mut S) {
        match (awaited, &mut self.state) {
            (Awaited::Mail, State::Open(transaction)) => {
                self.told = Some(Question::Mail);
                transaction.mail_due = false;
                transaction.mail_refused = !good;
            }
            (Awaited::Rcpt, State::Open(transaction)) => {
                self.told = Some(Question::Rcpt(transaction.answered));
                transaction.answered += 1;
                transaction.accepted += u32::from(good);
            }
            (Awaited::Data, State::Open(transaction)) => {
                self.told = Some(Question::Data);
                let wanted = transaction.accepted > 0 && !transaction.mail_refused;
                match (good, wanted) {
                    (true, true) => {
                        let Transaction { each, accepted, .. } = *transaction;
                        self.state = State::Body { each, accepted };
                    }
                    (true, false) => {
                        out.put(b".\r\n");
                        self.state = State::LoneDot;
                    }
                    (false, _) if transaction.mail_refused => self.state = State::Ready,
                    (false, _) => self.say_rset(out),
                }
            }
            (Awaited::Chunk, State::Chunks(chunks)) => {
                chunks.answered += 1;
                let chunks = *chunks;
                if good {
                    self.state = chunks.next(self.settings.lmtp);
                } else {
                    self.told = Some(Question::Done);
                    self.state = State::LostChunks(chunks.sent - chunks.answered);
                }
            }
            (Awaited::LostChunk, State::LostChunks(left)) => *left -= 1,
            (Awaited::Message, State::Message { answered, due }) => {
                self.told = Some(match self.settings.lmtp {
                    true => Question::DoneFor(*answered),
                    false => Question::Done,
                });
                *answered += 1;
                if answered == due {
                    self.state = State::Ready;
                }
            }
            (Awaited::Leaving, State::Leaving { answered, due }) => {
                self.told = Some(Question::DoneFor(*answered));
                *answered += 1;
                if answered == due {
                    self.state = State::Closed(Closing::Unavailable);
                }
            }
            (Awaited::MessageOrBlock, _) => {
                self.told = Some(Question::Done);
                self.state = State::Ready;
            }
            (Awaited::Block, State::Block { answered, due }) => {
                self.told = Some(Question::DoneFor(*answered));
                *answered += 1;
                if answered == due {
                    self.state = State::Message { answered: 0, due: 1 };
                }
            }
            (Awaited::LoneDot | Awaited::Rset, _) => self.state = State::Ready,
            _ => {}
        }
        self.settle(out);
    }

    /// Ends a transaction that can come to nothing more.
    pub(super) fn settle<S: Sink + ?Sized>(&mut self, out: &mut S) {
        if let State::Open(transaction) = self.state
            && transaction.outstanding() == 0
        {
            if transaction.mail_refused {
                self.state = State::Ready;
            } else if transaction.has_content() && transaction.chunked {
                let Transaction { each, binary, accepted, .. } = transaction;
                let (sent, answered, last_sent) = (0, 0, false);
                let chunks = Chunks { each, binary, accepted, sent, answered, last_sent };
                self.state = State::Chunks(chunks);
            } else if transaction.ended {
                self.say_rset(out);
            }
        }
        if let State::LostChunks(0) = self.state {
            self.say_rset(out);
        }
    }

    fn say_rset<S: Sink + ?Sized>(&mut self, out: &mut S) {
        Command::Rset.encode(out);
        self.state = State::Rset;
    }
}
