//! The server's end of a connection.
//!
//! [`Config`] says what a server is, [`Connection`] is one client's session, and [`Event`] what the
//! application is told and asked. The guide has them in order: [`events`](crate::guide::events),
//! [`answering`](crate::guide::answering), [`streaming`](crate::guide::streaming),
//! [`limits`](crate::guide::limits).

use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use smtp_proto::Syntax;
use smtp_proto::command::Deviations;
use smtp_proto::session::Framing;
use smtp_proto::session::server::{LineFault, Question, Session};

mod config;
mod event;
mod present;
#[cfg(feature = "watch")]
mod watch;

pub use self::config::{BadMechanism, Config};
pub use self::event::{
    Auth, AuthResponse, Data, Etrn, Event, Expand, Greet, Hello, Mail, Message, Rcpt, StartTls,
    Verify, Xclient, Xforward,
};
pub use crate::Want;
pub use smtp_proto::reply::Refusal;
pub use smtp_proto::session::server::{Abort, Closing, Limits, PriorityProfile};
pub use smtp_proto::session::{BareNewline, Protocol};

use self::present::Present;
use crate::buffer::{RxBuf, TxBuf};
use crate::data::{Decoder, Piece};
use crate::line::{self, Framed, Lines};
use crate::pace::Pace;

/// A server session with its framing and its buffers.
///
/// Two beats drive it: [`step`](Connection::step) says what is wanted and borrows nothing,
/// [`event`](Connection::event) hands out what the application must look at or answer.
///
/// ```
/// use smtp_codec::server::{Config, Connection, Event, Want};
/// use bytes::Buf;
///
/// let mut connection = Connection::new(Config::new("mx.example.org")?);
/// connection.rx().receive(b"EHLO client.example.net\r\nMAIL FROM:<a@example.net>\r\nQUIT\r\n");
/// let mut senders = Vec::new();
/// loop {
///     match connection.step() {
///         Want::Event => match connection.event() {
///             Event::Mail(mail) => {
///                 senders.push(mail.reverse_path().to_string());
///                 mail.accept();
///             }
///             other => other.proceed(),
///         },
///         Want::Flush => { let n = connection.tx().remaining(); connection.tx().advance(n) }
///         Want::Input | Want::Tls | Want::Close => break,
///     }
/// }
/// assert_eq!(senders, ["<a@example.net>"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    config: Arc<Config>,
    session: Session,
    rx: RxBuf,
    tx: TxBuf,
    lines: Lines,
    decoder: Decoder,
    /// What the present event looks at, at the start of `rx`.
    present: Present,
    eof: bool,
    going_down: bool,
    pace: Pace,
    /// Those of the present line, and those of all lines.
    deviations: (Deviations, Deviations),
    /// The application was asked something, which ends a wait.
    asked: bool,
    #[cfg(feature = "watch")]
    watch: watch::Watch,
}

/// Room for one read of mail data.
const READ: usize = 16 * 1024;

impl Connection {
    /// A connection whose client has just connected.
    #[must_use]
    pub fn new(config: impl Into<Arc<Config>>) -> Self {
        let config = config.into();
        let limit = config.line_limit().max(READ);
        let decoder = Decoder::new(config.settings().bare_newline);
        let mut session = Session::new();
        if !config.pause().is_zero() {
            session.hold_greeting();
        }
        Connection {
            config,
            session,
            rx: RxBuf::new(limit),
            tx: TxBuf::default(),
            lines: Lines::default(),
            decoder,
            present: Present::Nothing,
            eof: false,
            going_down: false,
            pace: Pace::default(),
            deviations: (Deviations::NONE, Deviations::NONE),
            asked: false,
            #[cfg(feature = "watch")]
            watch: watch::Watch::default(),
        }
    }

    /// Where received bytes go.
    pub fn rx(&mut self) -> &mut RxBuf {
        &mut self.rx
    }

    /// Where bytes to be sent wait.
    pub fn tx(&mut self) -> &mut TxBuf {
        &mut self.tx
    }

    /// Says that the client closed its side. What it sent before is still answered.
    pub fn eof(&mut self) {
        self.eof = true;
    }

    /// Says that [`patience`](Connection::patience) has run out: 421, and the session ends. In a
    /// [pause](Config::greet_pause) before the greeting it goes on with that.
    pub fn timed_out(&mut self) {
        self.session.timed_out(&self.config.context(), &mut self.tx);
    }

    /// Says that the link broke: nothing more can be read or sent.
    pub fn broken(&mut self) {
        self.session.peer_gone();
        self.tx.clear();
    }

    /// Says that the transport can do TLS: STARTTLS is offered until it is on.
    pub fn offer_tls(&mut self) {
        self.session.offer_tls();
    }

    /// Says that TLS comes before the greeting (RFC 8314 section 3.3). Called before the first
    /// step.
    pub fn implicit_tls(&mut self) {
        self.session.implicit_tls();
    }

    /// Says that the handshake has succeeded: all that follows is protected. Whatever was said
    /// before it is forgotten (RFC 3207 section 4.2). If anything came in the clear in its place,
    /// the session is over, as [`Closing::Injected`].
    pub fn secured(&mut self) {
        if self.rx.is_empty() && !self.tx.has_remaining() {
            self.session.secured();
            if !self.config.pause().is_zero() {
                self.session.hold_greeting();
            }
            self.lines = Lines::default();
            self.pace.end();
        } else {
            self.session.injected(&self.config.context(), &mut self.tx);
            self.tx.clear();
        }
    }

    /// Says that the channel has nothing that mechanisms could be bound to (RFC 9266): those in
    /// -PLUS are not offered. Called before [`secured`](Connection::secured).
    pub fn unbound(&mut self) {
        self.session.unbound();
    }

    /// Says that the handshake failed: not an octet more is sent.
    pub fn tls_failed(&mut self) {
        self.session.tls_failed();
        self.tx.clear();
    }

    /// Says that there is no TLS on this transport, which is so unless
    /// [`offer_tls`](Connection::offer_tls) was called.
    pub fn without_tls(&mut self) {}

    /// Says that this client may tell with XCLIENT and XFORWARD for whom it speaks. Called before
    /// the first step.
    pub fn trust(&mut self) {
        self.session.trust();
    }

    /// Whether TLS is on.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.session.is_secure()
    }

    /// Whether the client has authenticated itself.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.session.is_authenticated()
    }

    /// Asks for the session to end with 421 as soon as the client is owed nothing: between two
    /// commands, never inside mail data (RFC 5321 section 3.8).
    pub fn shut_down(&mut self) {
        self.going_down = true;
    }

    /// How long the present wait, for input or for room to send, may last.
    #[must_use]
    pub fn patience(&self) -> Duration {
        if self.session.is_held() {
            return self.config.pause();
        }
        let patience = self.session.patience();
        self.config.most_patience().map_or(patience, |most| patience.min(most))
    }

    /// Grows with each command, each answer of the application's, and each portion of content that
    /// is worth the wait (see [`Limits::least_rate`]): each begins a new one.
    #[must_use]
    pub fn heard(&self) -> u64 {
        self.pace.heard()
    }

    /// What was spoken so far, for the `with` clause of a Received field.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.session.protocol()
    }

    /// The name that the server goes by.
    #[must_use]
    pub fn hostname(&self) -> &str {
        self.config.hostname()
    }

    /// In which ways the client's commands have so far deviated from the grammar, under
    /// [`Syntax::Lenient`](smtp_proto::Syntax); those that were refused all the same are not looked
    /// at. Of a single command its event tells.
    #[must_use]
    pub fn deviations(&self) -> Deviations {
        self.deviations.1
    }

    /// How the session ended, once it has.
    #[must_use]
    pub fn closing(&self) -> Option<Closing> {
        self.session.closing()
    }

    /// Whether the client may still be sending when the session is over, so that what it was told
    /// last could be lost if the connection were closed at once.
    #[must_use]
    pub fn lingers(&self) -> bool {
        !matches!(
            self.closing(),
            None | Some(Closing::Quit | Closing::PeerGone | Closing::TlsFailed)
        )
    }

    /// Gives back the memory of empty buffers. Worth calling before a wait; never needed.
    pub fn release(&mut self) {
        self.rx.release();
        self.tx.release();
    }

    /// Octets of memory that the buffers hold.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.rx.capacity() + self.tx.capacity()
    }

    /// Consumes what was answered or seen, frames what comes next, and says what is wanted.
    pub fn step(&mut self) -> Want {
        if std::mem::take(&mut self.asked) {
            self.pace.end();
        }
        if let Present::Body { .. } | Present::Literal(_) = self.present {
            self.take_present();
        } else if let Some(Question::Aborted(_)) = self.session.question() {
            self.session.noted();
        }
        loop {
            #[cfg(feature = "watch")]
            self.look();
            if let Some(question) = self.session.question() {
                self.asked = true;
                // What one recipient is told need not wait for what the next will be.
                let is_next = question == Question::Message
                    && self.session.recipient(&self.config.context()).is_some();
                return if is_next && self.tx.has_remaining() { Want::Flush } else { Want::Event };
            }
            self.take_present();
            if self.tx.is_full() {
                return Want::Flush;
            }
            let progress = match self.session.framing() {
                Framing::Line => self.line(),
                Framing::Data => self.data(),
                Framing::Chunk(left) => self.chunk(left),
                Framing::Skip(left) => self.skip(left),
                Framing::Tls if !self.tx.has_remaining() => return Want::Tls,
                _ if self.tx.has_remaining() => return Want::Flush,
                _ => return Want::Close,
            };
            match progress {
                Progress::Made => self.pace.end(),
                Progress::Content => return Want::Event,
                Progress::Swallowed => {}
                Progress::Starved if self.eof => self.session.peer_gone(),
                Progress::Starved => return Want::Input,
            }
        }
    }

    fn take_present(&mut self) {
        match std::mem::replace(&mut self.present, Present::Nothing) {
            Present::Line(len) => self.rx.consume(len + 2),
            Present::Body { len, .. } => self.rx.consume(len),
            Present::Nothing | Present::Literal(_) => {}
        }
    }

    /// Takes note of content.
    fn bring(&mut self, octets: usize) {
        let rate = self.config.settings().limits.least_rate;
        self.pace.content(octets, rate, self.patience());
    }

    fn line(&mut self) -> Progress {
        let cx = self.config.context();
        if self.going_down {
            self.session.shut_down(&cx, &mut self.tx);
            return Progress::Made;
        }
        if self.rx.is_empty() {
            return Progress::Starved;
        }
        if self.session.is_held() {
            self.session.spoke_first(&cx, &mut self.tx);
            return Progress::Made;
        }
        match self.lines.next(self.rx.bytes(), self.config.line_limit()) {
            Framed::Line { len } => {
                let line = self.rx.bytes().get(..len).unwrap_or_default();
                if self.config.settings().syntax == Syntax::Lenient && self.session.is_commanded() {
                    self.deviations.0 = Deviations::of(line);
                    self.deviations.1 |= self.deviations.0;
                }
                #[cfg(feature = "watch")]
                self.watch.line(line, self.session.is_commanded(), cx.mechanisms);
                self.session.command(&cx, line, &mut self.tx);
                self.present = Present::Line(len);
                if let Some(Question::Data) = self.session.question() {
                    self.decoder = Decoder::new(self.config.settings().bare_newline);
                }
                if self.rx.len() > len + 2 {
                    match self.session.question() {
                        Some(Question::StartTls) => self.session.injected(&cx, &mut self.tx),
                        Some(Question::Data) => self.session.followed(&cx, &mut self.tx),
                        _ => {}
                    }
                }
                // A chunk is announced, and none of it is there: `least_rate` is for content.
                match self.session.framing() {
                    Framing::Chunk(_) => Progress::Swallowed,
                    _ => Progress::Made,
                }
            }
            Framed::Fault { fault, skip, head } => {
                self.rx.consume(skip);
                let fault = match fault {
                    line::LineFault::TooLong => LineFault::TooLong,
                    line::LineFault::BareNewline => LineFault::BareNewline,
                };
                #[cfg(feature = "watch")]
                self.watch.bad_line(&head);
                self.session.bad_line(&cx, fault, &head, &mut self.tx);
                Progress::Made
            }
            Framed::Incomplete { skip } => {
                self.rx.consume(skip);
                Progress::Starved
            }
        }
    }

    fn data(&mut self) -> Progress {
        let (skip, len, literal) = match self.decoder.next(self.rx.bytes()) {
            Piece::Run { skip, len } => (skip, len, None),
            Piece::Literal { skip, text } => (skip, text.len(), Some(text)),
            Piece::Bare { skip } => {
                self.rx.consume(skip);
                self.session.abort(Abort::BareNewline);
                return Progress::Made;
            }
            Piece::End { skip } => {
                self.rx.consume(skip);
                self.session.end_of_data(&self.config.context(), &mut self.tx);
                return Progress::Made;
            }
            Piece::Incomplete => return Progress::Starved,
        };
        self.rx.consume(skip);
        self.show(len, literal)
    }

    /// Lends the next `len` octets to the application, as far as it is to see them.
    fn show(&mut self, len: usize, literal: Option<&'static [u8]>) -> Progress {
        self.bring(len);
        let octets = u64::try_from(len).unwrap_or(u64::MAX);
        let shown = self.session.content(&self.config.context(), octets);
        let shown = usize::try_from(shown).unwrap_or(len);
        self.present = match literal {
            Some(text) => Present::Literal(text.get(..shown).unwrap_or_default()),
            None => Present::Body { shown, len },
        };
        if shown > 0 {
            return Progress::Content;
        }
        self.take_present();
        Progress::Swallowed
    }

    fn chunk(&mut self, left: u64) -> Progress {
        if left == 0 {
            self.session.end_of_chunk(&self.config.context(), &mut self.tx);
            return Progress::Swallowed;
        }
        match usize::try_from(left).unwrap_or(usize::MAX).min(self.rx.len()) {
            0 => Progress::Starved,
            len => self.show(len, None),
        }
    }

    fn skip(&mut self, left: u64) -> Progress {
        let n = usize::try_from(left).unwrap_or(usize::MAX).min(self.rx.len());
        self.rx.consume(n);
        self.session.swallowed(u64::try_from(n).unwrap_or(left));
        if n == 0 {
            return Progress::Starved;
        }
        self.bring(n);
        Progress::Swallowed
    }
}

enum Progress {
    /// Something came whole.
    Made,
    /// Content that the application is to see.
    Content,
    /// Content that it is not to see.
    Swallowed,
    Starved,
}
