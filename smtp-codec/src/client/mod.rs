//! The client's end of a connection.
//!
//! [`Config`] says how a client goes about its work, and [`Connection`] is one session. An adapter's
//! `send` is [`Delivery`] in a loop and returns [`Sent`]; its `authenticate` is [`Authentication`]; for
//! more recipients than a server takes there is [`Split`]. Who leads the dialogue alone meets
//! [`Event`].

use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use smtp_proto::reply::{
    Capabilities, Extension, Extensions, Progress, ReplyBuf, ReplyFault, ReplyScanner,
};
use smtp_proto::session::Framing;
use smtp_proto::session::client::{ContentKind, ProtocolFault, Question, Session};

mod auth;
mod authenticator;
mod config;
mod content;
mod delivery;
mod event;
mod limits;
mod observer;
mod split;
#[cfg(feature = "watch")]
mod watch;

pub use self::auth::Challenge;
pub use self::authenticator::{Attempt, AuthError, Authentication, Authenticator};
pub use self::config::Config;
pub use self::content::Content;
pub use self::delivery::{Delivery, Sent, Step};
pub use self::event::{BodySlot, Event, RcptSlot, Ready};
pub use self::limits::Limits;
pub use self::observer::Traffic;
pub use self::split::{Part, Split};
pub use crate::Want;
pub use smtp_proto::session::client::{CallError, Closing};
pub use smtp_proto::session::{BareNewline, TlsPolicy};

use self::auth::{Auth, remember};
use self::event::Call;
use self::observer::Observer;
use crate::buffer::{RxBuf, TxBuf};
use crate::dot::Encoder;
use crate::line::{Framed, LineFault, Lines};
use crate::pace::Pace;

/// A client session with its framing and its buffers.
///
/// It is driven like the server's: [`step`](Connection::step) says what is wanted,
/// [`event`](Connection::event) hands out replies to look at and things to go on with.
///
/// ```
/// use smtp_codec::client::{Config, Connection, Event, Want};
/// use bytes::Buf;
///
/// let mut connection = Connection::new(Config::new("client.example.net")?);
/// connection.rx().receive(b"220 mx.example.org ESMTP\r\n");
/// assert_eq!(connection.step(), Want::Event);
/// assert!(matches!(connection.event(), Event::Greeting(reply) if reply.code().get() == 220));
/// assert_eq!(connection.step(), Want::Input);
/// assert_eq!(connection.tx().chunk(), b"EHLO client.example.net\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    config: Arc<Config>,
    session: Session,
    rx: RxBuf,
    tx: TxBuf,
    lines: Lines,
    scanner: ReplyScanner,
    /// Octets of the reply that is coming in, as far as its lines are complete.
    gathered: usize,
    /// Octets of the reply that the caller is being told of.
    present: usize,
    encoder: Encoder,
    /// The encoder is the one of the content that is being written.
    body: bool,
    /// What was written last is a chunk, of so many octets.
    chunk: Option<usize>,
    /// The content has come to its end, and the last chunk is still to be written.
    ends: bool,
    observer: Observer,
    auth: Auth,
    /// The names of the mechanisms on offer, a space between them.
    mechanisms: String,
    /// Why the server does not serve, in its words.
    refusal: Option<ReplyBuf>,
    eof: bool,
    pace: Pace,
    /// What the last event asked.
    handed: Option<Question>,
    /// Octets that had left this side when the present wait began to count.
    gone: u64,
}

impl Connection {
    /// A connection that has just been made.
    #[must_use]
    pub fn new(config: impl Into<Arc<Config>>) -> Self {
        let config = config.into();
        let session = Session::new(config.settings());
        let encoder = config.encoder(ContentKind::Data);
        let limits = *config.bounds();
        let room = limits.reply.saturating_add(limits.reply_line);
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        Connection {
            config,
            session,
            rx: RxBuf::new(room),
            tx: TxBuf::default(),
            lines: Lines::default(),
            scanner: limits.scanner(),
            gathered: 0,
            present: 0,
            encoder,
            body: false,
            chunk: None,
            ends: false,
            observer: Observer::default(),
            auth: Auth::default(),
            mechanisms: String::new(),
            refusal: None,
            eof: false,
            pace: Pace::default(),
            handed: None,
            gone: 0,
        }
    }

    /// Has each line of the dialogue shown to `tell`.
    pub fn observe(&mut self, tell: impl FnMut(Traffic<'_>) + Send + 'static) {
        self.observer.tell = Some(Box::new(tell));
    }

    /// Where received bytes go.
    pub fn rx(&mut self) -> &mut RxBuf {
        &mut self.rx
    }

    /// Where bytes to be sent wait.
    pub fn tx(&mut self) -> &mut TxBuf {
        &mut self.tx
    }

    /// Says that the server closed its side. What it sent before is still looked at.
    pub fn eof(&mut self) {
        self.eof = true;
    }

    /// Says that [`patience`](Connection::patience) has run out.
    pub fn timed_out(&mut self) {
        self.close(Closing::TimedOut);
    }

    /// Says that the link broke: nothing more can be read or sent.
    pub fn broken(&mut self) {
        self.close(Closing::PeerGone);
    }

    /// Says that the TLS handshake has succeeded: all that follows is protected, what the server
    /// offered before is forgotten, and EHLO is said anew (RFC 3207 section 4.2). If anything came
    /// in the clear in its place, the session is over.
    pub fn secured(&mut self) {
        self.rx.consume(std::mem::take(&mut self.present));
        if !self.rx.is_empty() || self.tx.has_remaining() {
            return self.injected();
        }
        self.lines = Lines::default();
        self.scanner = self.config.bounds().scanner();
        self.mechanisms.clear();
        let mark = self.tx.remaining();
        self.session.secured(self.config.hello(), &mut self.tx);
        self.observer.sent(self.tx.since(mark));
        self.pace.end();
    }

    /// Says that nothing can be bound to the channel, which is the authenticator's to know.
    pub fn unbound(&mut self) {}

    /// Says that the TLS handshake failed: not an octet more is sent.
    pub fn tls_failed(&mut self) {
        self.close(Closing::TlsFailed);
    }

    /// Says that there is no TLS on this transport. Under
    /// [`TlsPolicy`] `Required` or `Implicit` no mail will be sent.
    pub fn without_tls(&mut self) {
        self.session.without_tls();
    }

    /// Whether TLS is on.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.session.is_secure()
    }

    /// Whether the server knows who this is.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.session.is_authenticated()
    }

    /// The SASL mechanisms that the server offers, as the last reply to EHLO named them; at most
    /// 4 KiB of names.
    pub fn mechanisms(&self) -> impl Iterator<Item = &str> {
        self.mechanisms.split(' ').filter(|name| !name.is_empty())
    }

    /// The reply by which the server said that it does not serve this client, if it did.
    #[must_use]
    pub fn refusal(&self) -> Option<&ReplyBuf> {
        self.refusal.as_ref()
    }

    /// Says that the server has not proven who it is, although the mechanism has it do so: the
    /// session is over.
    pub fn not_proven(&mut self) {
        self.close(Closing::NotProven);
    }

    fn injected(&mut self) {
        self.session.injected();
        self.tx.clear();
    }

    fn close(&mut self, closing: Closing) {
        self.session.close(closing);
        if self.tx.has_remaining() {
            self.session.not_in_doubt();
        }
        self.tx.clear();
    }

    /// How long the present wait may last (RFC 5321 section 4.5.3.2).
    #[must_use]
    pub fn patience(&self) -> Duration {
        let patience = self.session.patience();
        self.config.most_patience().map_or(patience, |most| patience.min(most))
    }

    /// What the server offers; nothing before EHLO was answered.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        self.session.extensions()
    }

    /// Transactions that the server takes in this session yet, where it told how many (RFC 9422
    /// section 4.1).
    #[must_use]
    pub fn mails_left(&self) -> Option<u32> {
        self.session.mails_left()
    }

    /// How the session ended, once it has.
    #[must_use]
    pub fn closing(&self) -> Option<Closing> {
        self.session.closing()
    }

    /// Whether the session ended between the end of the mail data and its reply: the message may
    /// have been accepted (RFC 1047).
    #[must_use]
    pub fn in_doubt(&self) -> bool {
        self.session.in_doubt()
    }

    /// Grows with each reply, each answer of the caller's, and each portion of content that leaves
    /// this side fast enough: each begins a new wait.
    #[must_use]
    pub fn heard(&self) -> u64 {
        self.pace.heard()
    }

    /// Octets of memory that the buffers hold.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.rx.capacity() + self.tx.capacity()
    }

    /// Gives back the memory of empty buffers.
    pub fn release(&mut self) {
        self.rx.release();
        self.tx.release();
    }

    /// Consumes what was seen, looks at the replies that are there, and says what is wanted.
    pub fn step(&mut self) -> Want {
        self.session.noted();
        self.count();
        loop {
            #[cfg(feature = "watch")]
            self.look();
            if let Some(told) = self.session.told() {
                self.handed = Some(told);
                return Want::Event;
            }
            self.rx.consume(std::mem::take(&mut self.present));
            match self.session.framing() {
                Framing::End => {
                    self.tx.clear();
                    return Want::Close;
                }
                Framing::Tls if self.rx.is_empty() && !self.tx.has_remaining() => return Want::Tls,
                Framing::Tls => {
                    self.injected();
                    continue;
                }
                _ => {}
            }
            match self.reply() {
                Ok(true) => continue,
                Ok(false) => {}
                Err(fault) => {
                    self.close(Closing::Protocol(ProtocolFault::Reply(fault)));
                    continue;
                }
            }
            let asked = self.session.asked();
            if self.eof && matches!(asked, None | Some(Question::WantRcpt | Question::WantBody)) {
                self.close(Closing::PeerGone);
                continue;
            }
            let is_chunk = self.session.content() != ContentKind::Data;
            return match asked {
                _ if self.tx.is_full() => Want::Flush,
                // One chunk at a time: see `BodySlot::write`.
                Some(Question::WantBody) if is_chunk && self.tx.has_remaining() => Want::Flush,
                Some(Question::WantBody) if self.ends => {
                    self.end_chunks();
                    continue;
                }
                Some(_) => {
                    self.handed = asked;
                    Want::Event
                }
                None => Want::Input,
            };
        }
    }

    fn end_chunks(&mut self) {
        let mark = self.tx.remaining();
        self.session.chunk(0, true, &mut self.tx);
        self.observer.sent(self.tx.since(mark));
        (self.chunk, self.ends) = (Some(0), false);
    }

    /// Whether what the caller was handed last ends a wait. While content goes, that it can write
    /// more is not enough: so much must have left, be it in the middle of a chunk.
    fn count(&mut self) {
        let handed = self.handed.take();
        let gone = self.tx.gone();
        let sent = gone.saturating_sub(self.gone);
        let writes = self.session.asked() == Some(Question::WantBody);
        if handed.is_none() && (sent == 0 || !writes) {
            return;
        }
        self.gone = gone;
        if writes && handed.is_none_or(|handed| handed == Question::WantBody) {
            let sent = usize::try_from(sent).unwrap_or(usize::MAX);
            self.pace.content(sent, self.config.bounds().least_rate, self.patience());
        } else {
            self.pace.end();
        }
    }

    /// Looks for a whole reply; whether there was one.
    fn reply(&mut self) -> Result<bool, ReplyFault> {
        let most = usize::try_from(self.config.bounds().reply_line).unwrap_or(usize::MAX);
        loop {
            let rest = self.rx.bytes().get(self.gathered..).unwrap_or_default();
            let len = match self.lines.next(rest, most) {
                Framed::Line { len } => len,
                Framed::Fault { fault: LineFault::TooLong, .. } => return Err(ReplyFault::TooLong),
                Framed::Fault { fault: LineFault::BareNewline, .. } => {
                    return Err(ReplyFault::Control);
                }
                Framed::Incomplete { skip: 0 } if self.lines.is_bad() => {
                    return Err(ReplyFault::Control);
                }
                Framed::Incomplete { skip: 0 } => return Ok(false),
                Framed::Incomplete { .. } => return Err(ReplyFault::TooLong),
            };
            let line = rest.get(..len).unwrap_or_default();
            self.observer.received(line);
            let scanned = self.scanner.feed(line)?;
            self.gathered += len + 2;
            if scanned == Progress::Complete {
                break;
            }
        }
        self.pace.end();
        self.present = std::mem::take(&mut self.gathered);
        let reply = self.scanner.reply(self.rx.bytes().get(..self.present).unwrap_or_default())?;
        // A chunk may be refused as soon as it is announced.
        let is_announced = self.chunk.is_some_and(|octets| self.tx.remaining() <= octets);
        let may_be_early = is_announced && !reply.code().is_positive();
        let outstanding = self.session.outstanding();
        if outstanding > 0 && self.unsent() >= outstanding && !may_be_early {
            // Until a chunk is announced there is nothing to refuse.
            match self.chunk.is_some() && reply.code().get() != 421 {
                true => self.session.close(Closing::Protocol(ProtocolFault::Unasked)),
                false => self.session.unasked(reply),
            }
            self.session.not_in_doubt();
            return Ok(true);
        }
        let mark = self.tx.remaining();
        self.session.reply(reply, self.config.hello(), &mut self.tx);
        #[cfg(feature = "watch")]
        self.observer.watch.told(self.session.told(), reply.code());
        if self.session.asked() == Some(Question::Challenge) {
            self.auth.challenged(reply, &mut self.session, &mut self.tx);
            if self.tx.remaining() > mark {
                self.observer.masked("");
            }
        } else {
            self.observer.sent(self.tx.since(mark));
        }
        match self.session.told() {
            Some(Question::Ehlo) => {
                self.mechanisms.clear();
                if self.session.extensions().contains(Extension::Auth) {
                    remember(&mut self.mechanisms, Capabilities::new(reply));
                }
            }
            Some(Question::Refused) => self.refusal = Some(reply.into()),
            _ => {}
        }
        if self.session.framing() == Framing::Tls && self.rx.len() > self.present {
            self.injected();
            return Ok(true);
        }
        // Where a 421 overtakes the end of the message, nobody can have been told anything good.
        if reply.code().get() == 421 && may_be_early && self.tx.has_remaining() {
            self.session.close(Closing::Unavailable);
        }
        if self.session.closing().is_some() && self.tx.has_remaining() {
            self.session.not_in_doubt();
        }
        Ok(true)
    }

    /// Commands, or the end of the mail data, that have not left this side in full.
    fn unsent(&self) -> u32 {
        // What is in a chunk is no lines: its end need not be one.
        if self.chunk.is_some() || self.session.content() != ContentKind::Data {
            return u32::from(self.tx.has_remaining());
        }
        let lines = memchr::memchr_iter(b'\n', self.tx.chunk()).count();
        u32::try_from(lines).unwrap_or(u32::MAX)
    }

    /// What the caller must look at or go on with. Asked twice it answers the same.
    pub fn event(&mut self) -> Event<'_> {
        let Connection { config, session, rx, tx, present, encoder, body, .. } = self;
        let Connection { chunk, ends, observer, auth, scanner, .. } = self;
        if let Some(told) = session.told() {
            let bytes = rx.bytes().get(..*present).unwrap_or_default();
            let Ok(reply) = scanner.reply(bytes) else { return Event::Idle };
            return match told {
                Question::Greeting => Event::Greeting(reply),
                Question::Ehlo => Event::Ehlo(Capabilities::new(reply)),
                Question::Refused => Event::Refused(reply),
                Question::Mail => Event::Mail(reply),
                Question::Rcpt(number) => Event::Rcpt(number, reply),
                Question::Data => Event::Data(reply),
                Question::Done => Event::Done(reply),
                Question::StartTls => Event::StartTls(reply),
                Question::Auth => Event::Auth(reply),
                Question::Answer => Event::Answer(reply),
                Question::DoneFor(number) => Event::DoneFor(number, reply),
                _ => Event::Idle,
            };
        }
        if let Some(closing) = session.closing() {
            return Event::Closed(closing);
        }
        let asked = session.asked();
        let call = Call { session, tx, observer };
        match asked {
            Some(Question::Ready) => {
                (*chunk, *ends) = (None, false);
                Event::Ready(Ready { call, auth })
            }
            Some(Question::Challenge) => Event::Challenge(Challenge { call, auth }),
            Some(Question::WantRcpt) => {
                *body = false;
                Event::WantRcpt(RcptSlot { call })
            }
            Some(Question::WantBody) if !*ends => {
                if !std::mem::replace(body, true) {
                    *encoder = config.encoder(call.session.content());
                }
                Event::WantBody(BodySlot { call, encoder, chunk, ends })
            }
            _ => Event::Idle,
        }
    }
}
