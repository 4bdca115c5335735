//! The server's side.

use std::io;
use std::sync::Arc;

use smtp_codec::server::{Config, Connection, Event};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::link::Link;
#[cfg(feature = "tls")]
use smtp_tls::{Facts, ServerTls};

/// A session with a client, over any stream.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use smtp_codec::server::{Closing, Config, Event};
/// use smtp_tokio::Server;
///
/// let client = b"EHLO client.example.net\r\nQUIT\r\n".as_slice();
/// let stream = tokio::io::join(client, tokio::io::sink());
/// let mut server = Server::new(stream, Config::new("mx.example.org")?);
/// let closing = loop {
///     match server.next().await? {
///         Event::Closed(closing) => break closing,
///         other => other.proceed(),
///     }
/// };
/// assert_eq!(closing, Closing::Quit);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Server<S> {
    link: Link<S, Connection>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Server<S> {
    /// Serves a client that has just connected.
    pub fn new(stream: S, config: impl Into<Arc<Config>>) -> Self {
        Server { link: Link::new(stream, Connection::new(config)) }
    }

    /// The same, with STARTTLS on offer.
    ///
    /// ```no_run
    /// # async fn serve(stream: tokio::net::TcpStream) -> Result<(), Box<dyn std::error::Error>> {
    /// let tls = smtp_tokio::tls::ServerTls::from_pem_files("chain.pem", "key.pem")?;
    /// let config = smtp_codec::server::Config::new("mx.example.org")?;
    /// let server = smtp_tokio::Server::with_tls(stream, config, tls);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "tls")]
    pub fn with_tls(stream: S, config: impl Into<Arc<Config>>, tls: ServerTls) -> Self {
        let mut server = Self::new(stream, config);
        server.link.connection.offer_tls();
        server.link.tls = Some(Box::new(tls.into()));
        server
    }

    /// The same, with the handshake before the greeting, as on port 465 (RFC 8314 section 3.3).
    #[cfg(feature = "tls")]
    pub fn implicit_tls(stream: S, config: impl Into<Arc<Config>>, tls: ServerTls) -> Self {
        let mut server = Self::new(stream, config);
        server.link.connection.implicit_tls();
        server.link.tls = Some(Box::new(tls.into()));
        server
    }

    /// What the handshake came to, once there was one.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(&self) -> Option<&Facts> {
        self.link.tls.as_ref()?.facts.as_ref()
    }

    /// The next event. Whatever the last one asked must have been answered, or it comes again, and
    /// at once: a loop that passes over it (`_ => {}`) spins, though it lets other tasks run, and the
    /// client is told nothing. The future may be dropped at any time and called anew.
    ///
    /// # Errors
    ///
    /// What the stream says. The session is over then, and the next event is `Closed`; behind
    /// `Closed` there is only `NotConnected`.
    pub async fn next(&mut self) -> io::Result<Event<'_>> {
        self.link.turn().await?;
        Ok(self.link.connection.event())
    }

    /// The session behind it.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.link.connection
    }
}
