//! The server's side.

use std::io;
use std::sync::Arc;

use smtp_codec::server::{Config, Connection, Event};

use crate::Transport;
use crate::link::Link;
#[cfg(feature = "tls")]
use smtp_tls::{Facts, ServerTls};

/// A session with a client, over any stream.
///
/// ```
/// use smtp_codec::server::{Closing, Config, Event};
/// use smtp_std::{Pipe, Server};
///
/// let stream = Pipe(&b"EHLO client.example.net\r\nQUIT\r\n"[..], std::io::sink());
/// let mut server = Server::new(stream, Config::new("mx.example.org")?);
/// let closing = loop {
///     match server.next()? {
///         Event::Closed(closing) => break closing,
///         other => other.proceed(),
///     }
/// };
/// assert_eq!(closing, Closing::Quit);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Server<S> {
    link: Link<S, Connection>,
}

impl<S: Transport> Server<S> {
    /// Serves a client that has just connected.
    pub fn new(stream: S, config: impl Into<Arc<Config>>) -> Self {
        Server { link: Link::new(stream, Connection::new(config)) }
    }

    /// The same, with STARTTLS on offer.
    #[cfg(feature = "tls")]
    pub fn with_tls(stream: S, config: impl Into<Arc<Config>>, tls: ServerTls) -> Self {
        let mut server = Self::new(stream, config);
        server.link.connection.offer_tls();
        server.link.tls = Some(tls.into());
        server
    }

    /// The same, with the handshake before the greeting, as on port 465 (RFC 8314 section 3.3).
    #[cfg(feature = "tls")]
    pub fn implicit_tls(stream: S, config: impl Into<Arc<Config>>, tls: ServerTls) -> Self {
        let mut server = Self::new(stream, config);
        server.link.connection.implicit_tls();
        server.link.tls = Some(tls.into());
        server
    }

    /// What the handshake came to, once there was one.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(&self) -> Option<&Facts> {
        self.link.tls.as_ref()?.facts.as_ref()
    }

    /// The next event. Whatever the last one asked must have been answered, or it comes again, and
    /// at once: a loop that passes over it (`_ => {}`) spins, and the client is told nothing.
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

    /// The session behind it.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.link.connection
    }
}
