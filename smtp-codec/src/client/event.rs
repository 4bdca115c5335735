//! What the caller looks at, and what it goes on with.

use bytes::Buf;
use smtp_proto::Sink;
use smtp_proto::address::{ForwardPath, ReversePath};
use smtp_proto::command::{Argument, Attributes, MailParameters, Mechanism, Queue, RcptParameters};
use smtp_proto::reply::{Capabilities, Extensions, Reply};
use smtp_proto::session::client::{CallError, Closing, ContentKind, Session};

use super::Observer;
use super::auth::{Auth, Challenge};
use crate::buffer::TxBuf;
use crate::dot::{Encoder, FoundBareNewline, Run};

/// What was answered, or what may be done next.
///
/// Replies are seen once the connection is stepped again; a handle that is dropped comes back.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The greeting.
    Greeting(Reply<'a>),
    /// The reply to EHLO, or to HELO where EHLO is unknown.
    Ehlo(Capabilities<'a>),
    /// The server will not serve this client; the session ends by itself.
    Refused(Reply<'a>),
    /// The reply to STARTTLS.
    StartTls(Reply<'a>),
    /// A challenge in an AUTH exchange.
    Challenge(Challenge<'a>),
    /// The reply that ends an AUTH exchange: 235, or a refusal; then there is another
    /// [`Event::Ready`].
    Auth(Reply<'a>),
    /// The reply to VRFY, EXPN, ETRN, XCLIENT or XFORWARD.
    Answer(Reply<'a>),
    /// A transaction may start, or the session end. It also marks the end of a transaction.
    Ready(Ready<'a>),
    /// The reply to MAIL.
    Mail(Reply<'a>),
    /// Another recipient, or no more? With PIPELINING it recurs at once.
    WantRcpt(RcptSlot<'a>),
    /// The reply to the recipient of that number, counted from 0.
    Rcpt(u32, Reply<'a>),
    /// The reply to DATA.
    Data(Reply<'a>),
    /// The content, or more of it.
    WantBody(BodySlot<'a>),
    /// The reply to the message.
    Done(Reply<'a>),
    /// In LMTP and under PRDR, the reply to the message for one recipient; its number, counted from
    /// 0 among those that were accepted. A 421 is for that one alone: the others' replies follow,
    /// and in LMTP the end. Under PRDR [`Event::Done`] follows, and only then a yes holds.
    DoneFor(u32, Reply<'a>),
    /// The session is over.
    Closed(Closing),
    /// Nothing: the connection waits for something else than the caller.
    Idle,
}

/// The part of a handle that writes.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) session: &'a mut Session,
    pub(super) tx: &'a mut TxBuf,
    pub(super) observer: &'a mut Observer,
}

impl Call<'_> {
    pub(super) fn write<T>(&mut self, command: impl FnOnce(&mut Session, &mut TxBuf) -> T) -> T {
        let mark = self.tx.remaining();
        let done = command(self.session, self.tx);
        self.observer.sent(self.tx.since(mark));
        done
    }
}

/// The session is introduced and no transaction is open.
///
/// Besides starting a transaction with [`mail`](Ready::mail), it sends commands that stand alone:
///
/// ```
/// use smtp_codec::client::{Connection, Event, Ready};
/// use smtp_codec::proto::address::Domain;
/// use smtp_codec::proto::command::{Argument, Queue};
/// # use bytes::Buf;
/// # use smtp_codec::client::{CallError, Config, Want};
/// # fn exchange(connection: &mut Connection, reply: &[u8]) {
/// #     let sent = connection.tx().remaining();
/// #     connection.tx().advance(sent);
/// #     connection.rx().receive(reply);
/// #     while connection.step() == Want::Event
/// #         && !matches!(connection.event(), Event::Ready(_) | Event::Answer(_)) {}
/// # }
///
/// fn ask(ready: Ready<'_>) -> Result<(), CallError> {
///     ready.verify(Argument::parse("alice").unwrap())
/// }
/// fn ask_list(ready: Ready<'_>) -> Result<(), CallError> {
///     ready.expand(Argument::parse("staff").unwrap())
/// }
/// fn fetch(ready: Ready<'_>) -> Result<(), CallError> {
///     ready.etrn(Queue::Host(Domain::parse("example.net").unwrap()))
/// }
/// # let mut connection = Connection::new(Config::new("client.example.net").unwrap());
/// # assert_eq!(connection.step(), Want::Input);
/// # exchange(&mut connection, b"220 mx.example.org\r\n");
/// # exchange(&mut connection, b"250-mx.example.org\r\n250 ETRN\r\n");
/// # let commands: [(fn(Ready<'_>) -> Result<(), CallError>, &[u8]); 3] = [
/// #     (ask, b"VRFY alice\r\n"), (ask_list, b"EXPN staff\r\n"), (fetch, b"ETRN example.net\r\n"),
/// # ];
/// # for (command, line) in commands {
/// #     let Event::Ready(ready) = connection.event() else { panic!() };
/// #     command(ready)?;
/// #     assert_eq!(connection.tx().chunk(), line);
/// #     exchange(&mut connection, b"250 well\r\n");
/// // Then the reply is there:
/// if let Event::Answer(reply) = connection.event() {
///     println!("{reply}");
/// }
/// #     assert!(matches!(connection.event(), Event::Answer(_)));
/// #     assert_eq!(connection.step(), Want::Event);
/// # }
/// # Ok::<(), CallError>(())
/// ```
#[derive(Debug)]
#[must_use = "the session waits for a transaction or its end"]
pub struct Ready<'a> {
    pub(super) call: Call<'a>,
    pub(super) auth: &'a mut Auth,
}

impl Ready<'_> {
    /// What the server offers.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        self.call.session.extensions()
    }

    /// Starts a transaction with MAIL. SIZE, PRDR and BODY=7BIT are left out where not offered.
    ///
    /// # Errors
    ///
    /// [`CallError`] if the server does not offer what the parameters or the path need; nothing
    /// was sent, and the handle comes back.
    pub fn mail(
        mut self,
        reverse_path: ReversePath<'_>,
        parameters: MailParameters<'_>,
    ) -> Result<(), CallError> {
        self.call.write(|session, tx| session.mail(reverse_path, parameters, tx))
    }

    /// Whether MAIL can ask with PRDR for a reply for each recipient. LMTP has them without.
    #[must_use]
    pub fn has_prdr(&self) -> bool {
        self.call.session.has_prdr()
    }

    /// Whether it is to, as [`Config::prdr`](super::Config::prdr) says.
    pub(super) fn wants_prdr(&self) -> bool {
        self.call.session.wants_prdr()
    }

    /// Whether TLS is on.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.call.session.is_secure()
    }

    /// Begins an AUTH exchange (RFC 4954 section 4). An initial response that makes the line
    /// longer than 512 octets is held back, and given to the first challenge.
    ///
    /// # Errors
    ///
    /// [`CallError::NotOffered`] without AUTH, [`CallError::NeedsTls`] for a mechanism that shows
    /// the password where TLS is not on, [`CallError::AlreadyAuthenticated`] behind a success;
    /// nothing was sent, and the handle comes back.
    pub fn auth(
        mut self,
        mechanism: Mechanism<'_>,
        initial_response: Option<&[u8]>,
    ) -> Result<(), CallError> {
        self.auth.begin(&mut self.call, mechanism, initial_response)
    }

    /// Asks about a user with VRFY (RFC 5321 section 4.1.1.6); [`Event::Answer`] follows.
    ///
    /// # Errors
    ///
    /// [`CallError`] for an argument outside ASCII without the parameter SMTPUTF8, and for that
    /// parameter where it is not offered; nothing was sent, and the handle comes back.
    pub fn verify(mut self, argument: Argument<'_>) -> Result<(), CallError> {
        self.call.write(|session, tx| session.verify(argument, tx))
    }

    /// Asks about a list with EXPN (RFC 5321 section 4.1.1.7); [`Event::Answer`] follows.
    ///
    /// # Errors
    ///
    /// As for [`verify`](Ready::verify).
    pub fn expand(mut self, argument: Argument<'_>) -> Result<(), CallError> {
        self.call.write(|session, tx| session.expand(argument, tx))
    }

    /// Has what is queued sent, with ETRN (RFC 1985); [`Event::Answer`] follows.
    ///
    /// # Errors
    ///
    /// [`CallError::NotOffered`]; nothing was sent, and the handle comes back.
    pub fn etrn(mut self, queue: Queue<'_>) -> Result<(), CallError> {
        self.call.write(|session, tx| session.etrn(queue, tx))
    }

    /// Says for whom this side speaks, with XCLIENT; [`Event::Answer`] follows, and if it is good
    /// the session begins anew with EHLO.
    ///
    /// # Errors
    ///
    /// [`CallError::NotOffered`]; nothing was sent, and the handle comes back.
    pub fn xclient(mut self, attributes: Attributes<'_>) -> Result<(), CallError> {
        self.call.write(|session, tx| session.xclient(attributes, tx))
    }

    /// Says where the next message came from, with XFORWARD; [`Event::Answer`] follows.
    ///
    /// # Errors
    ///
    /// [`CallError::NotOffered`]; nothing was sent, and the handle comes back.
    pub fn xforward(mut self, attributes: Attributes<'_>) -> Result<(), CallError> {
        self.call.write(|session, tx| session.xforward(attributes, tx))
    }

    /// Ends the session with QUIT.
    pub fn quit(mut self) {
        self.call.write(|session, tx| session.quit(tx));
    }
}

/// A transaction is open for recipients.
///
/// Whoever leads the dialogue names recipients as often as it is handed out:
///
/// ```
/// use smtp_codec::client::{CallError, Connection, Event};
/// use smtp_codec::proto::address::ForwardPath;
///
/// /// Answers one event; whether it asked for a recipient.
/// fn name(
///     connection: &mut Connection,
///     left: &mut Vec<ForwardPath<'_>>,
/// ) -> Result<bool, CallError> {
///     let Event::WantRcpt(slot) = connection.event() else { return Ok(false) };
///     match left.pop() {
///         Some(path) => slot.send(path, Default::default())?,
///         None => slot.end(),
///     }
///     Ok(true)
/// }
/// # use bytes::Buf;
/// # use smtp_codec::client::{Config, Want};
/// # use smtp_codec::proto::address::ReversePath;
/// # let mut connection = Connection::new(Config::new("client.example.net").unwrap());
/// # let mut left = vec![ForwardPath::parse("<b@example.org>").unwrap()];
/// # let mut replies = ["220 \r\n", "250 \r\n", "250 \r\n", "250 \r\n"].iter();
/// # let mut said = Vec::new();
/// # loop {
/// #     match connection.step() {
/// #         Want::Event => {
/// #             if let Event::Ready(ready) = connection.event() {
/// #                 ready.mail(ReversePath::Null, Default::default())?;
/// #             }
/// #             name(&mut connection, &mut left)?;
/// #         }
/// #         _ => {
/// #             said.extend_from_slice(connection.tx().chunk());
/// #             let sent = connection.tx().remaining();
/// #             connection.tx().advance(sent);
/// #             let Some(reply) = replies.next() else { break };
/// #             connection.rx().receive(reply.as_bytes());
/// #         }
/// #     }
/// # }
/// # assert!(said.ends_with(b"MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"));
/// # Ok::<(), CallError>(())
/// ```
#[derive(Debug)]
#[must_use = "the transaction waits for a recipient or the end of them"]
pub struct RcptSlot<'a> {
    pub(super) call: Call<'a>,
}

impl RcptSlot<'_> {
    /// Names a recipient with RCPT.
    ///
    /// # Errors
    ///
    /// [`CallError`] as for [`Ready::mail`]; the transaction goes on without this recipient.
    pub fn send(
        mut self,
        forward_path: ForwardPath<'_>,
        parameters: RcptParameters<'_>,
    ) -> Result<(), CallError> {
        self.call.write(|session, tx| session.rcpt(forward_path, parameters, tx))
    }

    /// Gives the transaction up by ending the session.
    pub fn abandon(self) {
        self.call.session.close(Closing::Abandoned);
    }

    /// Gives the transaction up and keeps the session: RSET goes out once what was sent is answered,
    /// and when that is answered the session is [`Ready`] again.
    pub fn reset(mut self) {
        self.call.write(|session, tx| session.give_up(tx));
    }

    /// Says that there are no more recipients; DATA follows if anybody may profit from it.
    pub fn end(mut self) {
        self.call.write(|session, tx| session.end_rcpt(tx));
    }
}

/// The server waits for the content.
///
/// ```
/// use smtp_codec::FoundBareNewline;
/// use smtp_codec::client::BodySlot;
///
/// /// Writes as much as there is room for; the rest is for the next slot.
/// fn write(slot: BodySlot<'_>, content: &mut &[u8]) -> Result<(), FoundBareNewline> {
///     let taken = slot.write_end(content)?;
///     *content = content.get(taken..).unwrap_or_default();
///     Ok(())
/// }
/// # use bytes::Buf;
/// # use smtp_codec::client::{Config, Connection, Delivery, Step, Want};
/// # let mut connection = Connection::new(Config::new("client.example.net")?);
/// # let envelope = smtp_codec::proto::Envelope::new("<>".parse()?).to("b@example.org".parse()?);
/// # let mut delivery = Delivery::new(&envelope);
/// # let mut replies = ["220 \r\n", "250 \r\n", "250 \r\n", "250 \r\n", "354 \r\n", "250 \r\n"].iter();
/// # let (mut content, mut said) = (&b"Hello\r\n"[..], Vec::new());
/// # loop {
/// #     match connection.step() {
/// #         Want::Event => match delivery.on(connection.event()) {
/// #             Step::Next => {}
/// #             Step::Body(slot) => write(slot, &mut content)?,
/// #             Step::Over => break,
/// #         },
/// #         _ => {
/// #             said.extend_from_slice(connection.tx().chunk());
/// #             let sent = connection.tx().remaining();
/// #             connection.tx().advance(sent);
/// #             connection.rx().receive(replies.next().unwrap().as_bytes());
/// #         }
/// #     }
/// # }
/// # assert!(said.ends_with(b"DATA\r\nHello\r\n.\r\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the server waits for the content and its end"]
pub struct BodySlot<'a> {
    pub(super) call: Call<'a>,
    pub(super) encoder: &'a mut Encoder,
    pub(super) chunk: &'a mut Option<usize>,
    pub(super) ends: &'a mut bool,
}

impl BodySlot<'_> {
    /// Writes as much of `content` as there is room for; how many octets were taken is returned.
    /// Dots are stuffed on the way, unless it goes by BDAT. 0 means that what waits must be sent
    /// first: step again.
    ///
    /// # Errors
    ///
    /// [`FoundBareNewline`] under [`BareNewline::Reject`](smtp_proto::session::BareNewline). The
    /// session is then over: mail data cannot be taken back but by closing the connection.
    pub fn write(&mut self, content: &[u8]) -> Result<usize, FoundBareNewline> {
        if self.is_chunked() {
            return self.write_chunk(content, false).map(|(taken, _)| taken);
        }
        let mut taken = 0;
        loop {
            let room = self.call.tx.room();
            let rest = content.get(taken..).unwrap_or_default();
            let part = rest.get(..room.min(rest.len())).unwrap_or_default();
            let run = match self.encoder.next(part) {
                Ok(Some(run)) => run,
                Ok(None) => return Ok(taken),
                Err(found) => {
                    self.call.session.close(Closing::Abandoned);
                    return Err(found);
                }
            };
            taken += match run {
                Run::Lent(bytes) => {
                    self.call.tx.put(bytes);
                    bytes.len()
                }
                Run::Written(bytes, n) => {
                    self.call.tx.put(bytes);
                    n
                }
            };
        }
    }

    /// Writes what is left of the content, and [finishes](BodySlot::finish) it if there is room for
    /// all. A message that fits into one chunk then goes as `BDAT n LAST`. How many octets were taken
    /// is returned; until it is all of them, the rest is to be written with the next slot.
    ///
    /// # Errors
    ///
    /// [`FoundBareNewline`] as for [`write`](BodySlot::write) and [`finish`](BodySlot::finish).
    pub fn write_end(mut self, content: &[u8]) -> Result<usize, FoundBareNewline> {
        let (taken, ended) = if self.is_chunked() {
            self.write_chunk(content, true)?
        } else {
            (self.write(content)?, false)
        };
        if taken == content.len() && !ended {
            self.finish()?;
        }
        Ok(taken)
    }

    fn is_chunked(&self) -> bool {
        self.call.session.content() != ContentKind::Data
    }

    /// One chunk at a time, so that its reply can be told from one that comes too early. How many
    /// octets were taken, and whether it is the last chunk.
    fn write_chunk(
        &mut self,
        content: &[u8],
        ends: bool,
    ) -> Result<(usize, bool), FoundBareNewline> {
        let (mut taken, mut last) = (0, false);
        while !self.call.tx.has_remaining() {
            let rest = content.get(taken..).unwrap_or_default();
            let part = rest.get(..self.call.tx.room().min(rest.len())).unwrap_or_default();
            let (bytes, n) = match self.encoder.next(part) {
                Ok(None) => break,
                Ok(Some(Run::Lent(bytes))) => (bytes, bytes.len()),
                Ok(Some(Run::Written(bytes, n))) => (bytes, n),
                Err(found) => {
                    self.call.session.close(Closing::Abandoned);
                    return Err(found);
                }
            };
            taken += n;
            if !bytes.is_empty() {
                let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                last = ends && taken == content.len();
                self.call.write(|session, tx| session.chunk(size, last, tx));
                *self.chunk = Some(bytes.len());
                self.call.tx.put(bytes);
            }
        }
        Ok((taken, last))
    }

    /// Ends the content: by the CRLF that its last line may lack and the lone dot, or by an empty
    /// last chunk, once the one before it has left.
    ///
    /// # Errors
    ///
    /// [`FoundBareNewline`] as for [`write`](BodySlot::write), if the content ended in a bare CR.
    pub fn finish(mut self) -> Result<(), FoundBareNewline> {
        match self.encoder.finish() {
            Ok(_) if self.is_chunked() && self.call.tx.has_remaining() => {
                *self.ends = true;
                Ok(())
            }
            Ok(_) if self.is_chunked() => {
                self.call.write(|session, tx| session.chunk(0, true, tx));
                *self.chunk = Some(0);
                Ok(())
            }
            Ok(end) => {
                self.call.tx.put(end);
                self.call.session.end_body();
                Ok(())
            }
            Err(found) => {
                self.call.session.close(Closing::Abandoned);
                Err(found)
            }
        }
    }

    /// Gives the message up. Mail data cannot be taken back but by closing the connection, so the
    /// session is over.
    pub fn abandon(self) {
        self.call.session.close(Closing::Abandoned);
    }
}
