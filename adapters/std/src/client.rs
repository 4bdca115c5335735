//! The client's side.

use std::io::{self, Read};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;

use smtp_codec::client::{
    AuthError, Authentication, Authenticator, Config, Connection, Content, Delivery, Event, Sent,
    Step, Traffic,
};
use smtp_codec::proto::Envelope;

use crate::Transport;
use crate::link::Link;
#[cfg(feature = "tls")]
use smtp_tls::{ClientTls, Facts};

/// A session with a server, over any stream.
///
/// ```no_run
/// # fn send() -> Result<(), Box<dyn std::error::Error>> {
/// use smtp_codec::client::Config;
/// use smtp_codec::proto::Envelope;
/// use smtp_std::Client;
///
/// let mut client = Client::connect("127.0.0.1:2525", Config::new("client.example.net")?)?;
/// let envelope = Envelope::new("alice@example.net".parse()?).to("bob@example.org".parse()?);
/// let sent = client.send(&envelope, &b"Subject: Hello\r\n\r\nHello Bob\r\n"[..]);
/// for (recipient, outcome) in envelope.recipients.iter().zip(&sent.outcome.recipients) {
///     println!("{}: {:?}", recipient.forward_path, outcome.verdict);
/// }
/// client.quit()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Client<S> {
    link: Link<S, Connection>,
}

impl Client<TcpStream> {
    /// Connects to a server, and uses no TLS. Under a policy that requires it nothing is sent, and the
    /// session ends as `NoTls`.
    ///
    /// # Errors
    ///
    /// What the network says; `TimedOut` past [`Config::connect_patience`].
    pub fn connect(server: impl ToSocketAddrs, config: impl Into<Arc<Config>>) -> io::Result<Self> {
        let config = config.into();
        Ok(Self::new(dial(server, &config)?, config))
    }

    /// Connects to a server, and uses TLS as [`Config::tls`] says.
    ///
    /// # Errors
    ///
    /// As [`connect`](Client::connect).
    #[cfg(feature = "tls")]
    pub fn connect_tls(
        server: impl ToSocketAddrs,
        config: impl Into<Arc<Config>>,
        tls: ClientTls,
    ) -> io::Result<Self> {
        let config = config.into();
        Ok(Self::with_tls(dial(server, &config)?, config, tls))
    }
}

fn dial(server: impl ToSocketAddrs, config: &Config) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in server.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, config.connect_patience()) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl<S: Transport> Client<S> {
    /// Talks to the server at the other end of `stream`, without TLS.
    pub fn new(stream: S, config: impl Into<Arc<Config>>) -> Self {
        let mut connection = Connection::new(config);
        connection.without_tls();
        Client { link: Link::new(stream, connection) }
    }

    /// The same, with TLS as [`Config::tls`] says.
    #[cfg(feature = "tls")]
    pub fn with_tls(stream: S, config: impl Into<Arc<Config>>, tls: ClientTls) -> Self {
        let mut link = Link::new(stream, Connection::new(config));
        link.tls = Some(tls.into());
        Client { link }
    }

    /// What the handshake came to, once there was one.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(&self) -> Option<&Facts> {
        self.link.tls.as_ref()?.facts.as_ref()
    }

    /// Waits until the session is introduced, and TLS is on where it is to be; then the next event
    /// is `Ready`. Worth calling before [`authenticate`](Client::authenticate) with a mechanism
    /// that is bound to the channel, which [`tls`](Client::tls) then tells of.
    ///
    /// # Errors
    ///
    /// What the stream says; `ConnectionAborted` if the session ended, as
    /// [`Connection::closing`] tells.
    pub fn ready(&mut self) -> io::Result<()> {
        loop {
            match self.next()? {
                Event::Ready(_) => return Ok(()),
                Event::Closed(_) => return Err(io::ErrorKind::ConnectionAborted.into()),
                _ => {}
            }
        }
    }

    /// Says who this is, with AUTH (RFC 4954); `smtp-sasl` brings mechanisms.
    ///
    /// # Errors
    ///
    /// What the stream says; or an [`AuthError`], which [`AuthError::of`] tells apart.
    pub fn authenticate(&mut self, who: &mut dyn Authenticator) -> io::Result<()> {
        let mut exchange = Authentication::new();
        loop {
            self.link.turn()?;
            if let Some(result) = exchange.on(&mut self.link.connection, who) {
                return result.map_err(AuthError::into);
            }
        }
    }

    /// The next event, for programs that lead the dialogue themselves.
    ///
    /// # Errors
    ///
    /// What the stream says. The session is over then, and the next event is `Closed`; behind
    /// `Closed` there is only `NotConnected`.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> io::Result<Event<'_>> {
        self.link.turn()?;
        Ok(self.link.connection.event())
    }

    /// Sends a message: `body` is streamed, dots are stuffed on the way. One recipient that is
    /// refused does not stop the others. More messages may follow over the same session.
    /// For more recipients than the server takes at once there is
    /// [`Split`](smtp_codec::client::Split).
    ///
    /// The lines of `body` must end in CRLF: a bare CR or LF costs the session, and nobody gets the
    /// message, unless [`Config::bare_newline`] says otherwise. Why recipients have no reply, as
    /// there, is in [`Outcome::failure`](smtp_codec::proto::Outcome::failure); only what the link
    /// or the reader says is in `error`.
    pub fn send<B: Read>(&mut self, envelope: &Envelope, mut body: B) -> Sent {
        let mut delivery = Delivery::new(envelope);
        let mut content = Content::new();
        let mut error = None;
        while !self.link.is_over() {
            let event = match self.next() {
                Ok(event) => event,
                Err(broken) => {
                    error = error.or(Some(broken));
                    break;
                }
            };
            match delivery.on(event) {
                Step::Next => {}
                Step::Over => break,
                Step::Body(slot) => {
                    if content.wants_more() {
                        match body.read(content.space()) {
                            Ok(n) => content.filled(n),
                            Err(unread) => {
                                error = Some(unread);
                                slot.abandon();
                                continue;
                            }
                        }
                    }
                    if let Err(found) = content.write_to(slot) {
                        delivery.content_refused(found);
                    }
                }
            }
        }
        Sent { outcome: delivery.outcome(&self.link.connection), error }
    }

    /// Says QUIT, and waits for the server to close.
    ///
    /// # Errors
    ///
    /// What the stream says.
    pub fn quit(mut self) -> io::Result<()> {
        while self.link.connection.closing().is_none() {
            match self.next()? {
                Event::Ready(ready) => ready.quit(),
                Event::WantRcpt(slot) => slot.abandon(),
                Event::WantBody(slot) => slot.abandon(),
                _ => {}
            }
        }
        Ok(())
    }

    /// Has each line of the dialogue shown to `tell`, mail data excepted.
    pub fn observe(&mut self, tell: impl FnMut(Traffic<'_>) + Send + 'static) {
        self.link.connection.observe(tell);
    }

    /// The session behind it.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.link.connection
    }
}
