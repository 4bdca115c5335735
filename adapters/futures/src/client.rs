//! The client's side.

#[cfg(feature = "smol")]
use std::future::Future;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
#[cfg(feature = "smol")]
use std::task::Poll;

use futures_io::{AsyncRead, AsyncWrite};
use smtp_codec::client::{
    AuthError, Authentication, Authenticator, Config, Connection, Content, Delivery, Event, Sent,
    Step, Traffic,
};
use smtp_codec::proto::Envelope;

use crate::Timer;
use crate::link::Link;
#[cfg(feature = "tls")]
use smtp_tls::{ClientTls, Facts};

/// A session with a server, over any stream.
///
/// ```no_run
/// # #[cfg(feature = "smol")]
/// # async fn send() -> Result<(), Box<dyn std::error::Error>> {
/// use smtp_codec::client::Config;
/// use smtp_codec::proto::Envelope;
/// use smtp_futures::Client;
///
/// let mut client = Client::connect("127.0.0.1:2525", Config::new("client.example.net")?).await?;
/// let envelope = Envelope::new("alice@example.net".parse()?).to("bob@example.org".parse()?);
/// let sent = client.send(&envelope, &b"Subject: Hello\r\n\r\nHello Bob\r\n"[..]).await;
/// for (recipient, outcome) in envelope.recipients.iter().zip(&sent.outcome.recipients) {
///     println!("{}: {:?}", recipient.forward_path, outcome.verdict);
/// }
/// client.quit().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Client<S, T> {
    link: Link<S, T, Connection>,
}

#[cfg(feature = "smol")]
impl Client<async_net::TcpStream, crate::AsyncIo> {
    /// Connects to a server, on smol.
    ///
    /// # Errors
    ///
    /// What the network says; `TimedOut` past [`Config::connect_patience`].
    pub async fn connect(
        server: impl async_net::AsyncToSocketAddrs,
        config: impl Into<Arc<Config>>,
    ) -> io::Result<Self> {
        let config = config.into();
        let stream = dial(server, &config).await?;
        Ok(Self::new(stream, crate::AsyncIo, config))
    }

    /// Connects to a server, on smol, and uses TLS as [`Config::tls`] says.
    ///
    /// # Errors
    ///
    /// As [`connect`](Client::connect).
    #[cfg(feature = "tls")]
    pub async fn connect_tls(
        server: impl async_net::AsyncToSocketAddrs,
        config: impl Into<Arc<Config>>,
        tls: ClientTls,
    ) -> io::Result<Self> {
        let config = config.into();
        let stream = dial(server, &config).await?;
        Ok(Self::with_tls(stream, crate::AsyncIo, config, tls))
    }
}

#[cfg(feature = "smol")]
async fn dial(
    server: impl async_net::AsyncToSocketAddrs,
    config: &Config,
) -> io::Result<async_net::TcpStream> {
    let mut deadline = std::pin::pin!(crate::AsyncIo.after(config.connect_patience()));
    let mut attempt = std::pin::pin!(async_net::TcpStream::connect(server));
    let stream = poll_fn(|cx| match attempt.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(done),
        Poll::Pending => deadline.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
    });
    let stream = stream.await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl<S: AsyncRead + AsyncWrite + Unpin, T: Timer> Client<S, T> {
    /// Talks to the server at the other end of `stream`, without TLS.
    pub fn new(stream: S, timer: T, config: impl Into<Arc<Config>>) -> Self {
        let mut connection = Connection::new(config);
        connection.without_tls();
        Client { link: Link::new(stream, timer, connection) }
    }

    /// The same, with TLS as [`Config::tls`] says.
    #[cfg(feature = "tls")]
    pub fn with_tls(stream: S, timer: T, config: impl Into<Arc<Config>>, tls: ClientTls) -> Self {
        let mut link = Link::new(stream, timer, Connection::new(config));
        link.tls = Some(Box::new(tls.into()));
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
    pub async fn ready(&mut self) -> io::Result<()> {
        loop {
            match self.next().await? {
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
    pub async fn authenticate(&mut self, who: &mut (dyn Authenticator + Send)) -> io::Result<()> {
        let mut exchange = Authentication::new();
        loop {
            self.link.turn().await?;
            if let Some(result) = exchange.on(&mut self.link.connection, who) {
                return result.map_err(AuthError::into);
            }
        }
    }

    /// The next event, for programs that lead the dialogue themselves. The future may be dropped
    /// at any time and called anew.
    ///
    /// # Errors
    ///
    /// What the stream says. The session is over then, and the next event is `Closed`; behind
    /// `Closed` there is only `NotConnected`.
    pub async fn next(&mut self) -> io::Result<Event<'_>> {
        self.link.turn().await?;
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
    ///
    /// A future that is dropped before it is ready leaves a transaction half done: it costs the
    /// session, and the next `send` says so.
    pub async fn send<B: AsyncRead + Unpin>(&mut self, envelope: &Envelope, mut body: B) -> Sent {
        let mut delivery = Delivery::new(envelope);
        let mut content = Content::new();
        let mut error = None;
        while !self.link.is_over() {
            let event = match self.next().await {
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
                        let read = poll_fn(|cx| Pin::new(&mut body).poll_read(cx, content.space()));
                        match read.await {
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
    pub async fn quit(mut self) -> io::Result<()> {
        while self.link.connection.closing().is_none() {
            match self.next().await? {
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
