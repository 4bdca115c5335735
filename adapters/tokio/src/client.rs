//! The client's side.

use std::io;
use std::sync::Arc;

use smtp_codec::client::{Config, Connection, Content, Delivery, Event, Sent, Step, Traffic};
use smtp_codec::proto::Envelope;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::time::timeout;

use crate::link::Link;

/// A session with a server, over any stream.
///
/// ```no_run
/// # async fn send() -> Result<(), Box<dyn std::error::Error>> {
/// use smtp_codec::client::Config;
/// use smtp_codec::proto::Envelope;
/// use smtp_tokio::Client;
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
pub struct Client<S> {
    link: Link<S, Connection>,
}

impl Client<TcpStream> {
    /// Connects to a server.
    ///
    /// # Errors
    ///
    /// What the network says; `TimedOut` past [`Config::connect_patience`].
    pub async fn connect(
        server: impl ToSocketAddrs,
        config: impl Into<Arc<Config>>,
    ) -> io::Result<Self> {
        let config = config.into();
        let stream = timeout(config.connect_patience(), TcpStream::connect(server)).await??;
        stream.set_nodelay(true)?;
        Ok(Self::new(stream, config))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Talks to the server at the other end of `stream`.
    pub fn new(stream: S, config: impl Into<Arc<Config>>) -> Self {
        Client { link: Link::new(stream, Connection::new(config)) }
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
                        match body.read(content.space()).await {
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
