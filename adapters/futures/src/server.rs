//! The server's side.

use std::io;
use std::sync::Arc;

use futures_io::{AsyncRead, AsyncWrite};
use smtp_codec::server::{Config, Connection, Event};

use crate::Timer;
use crate::link::Link;
#[cfg(feature = "tls")]
use smtp_tls::{Facts, ServerTls};

/// A session with a client, over any stream.
///
/// ```
/// # futures_lite::future::block_on(async {
/// use futures_lite::io::{AsyncReadExt, AsyncWriteExt, Cursor};
/// use smtp_codec::server::{Closing, Config, Event};
/// use smtp_futures::Server;
///
/// let stream = Cursor::new(b"EHLO client.example.net\r\nQUIT\r\n".to_vec());
/// # let stream = Both(stream, futures_lite::io::sink());
/// let timer = |duration| async move { async_io::Timer::after(duration).await; };
/// let mut server = Server::new(stream, timer, Config::new("mx.example.org")?);
/// let closing = loop {
///     match server.next().await? {
///         Event::Closed(closing) => break closing,
///         other => other.proceed(),
///     }
/// };
/// assert_eq!(closing, Closing::Quit);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// # use std::{io, pin::Pin, task::{Context, Poll}};
/// # struct Both<R, W>(R, W);
/// # impl<R: futures_io::AsyncRead + Unpin, W: Unpin> futures_io::AsyncRead for Both<R, W> {
/// #     fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, b: &mut [u8]) -> Poll<io::Result<usize>> {
/// #         Pin::new(&mut self.0).poll_read(cx, b)
/// #     }
/// # }
/// # impl<R: Unpin, W: futures_io::AsyncWrite + Unpin> futures_io::AsyncWrite for Both<R, W> {
/// #     fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, b: &[u8]) -> Poll<io::Result<usize>> {
/// #         Pin::new(&mut self.1).poll_write(cx, b)
/// #     }
/// #     fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
/// #         Pin::new(&mut self.1).poll_flush(cx)
/// #     }
/// #     fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
/// #         Pin::new(&mut self.1).poll_close(cx)
/// #     }
/// # }
/// ```
#[derive(Debug)]
pub struct Server<S, T> {
    link: Link<S, T, Connection>,
}

impl<S: AsyncRead + AsyncWrite + Unpin, T: Timer> Server<S, T> {
    /// Serves a client that has just connected.
    pub fn new(stream: S, timer: T, config: impl Into<Arc<Config>>) -> Self {
        Server { link: Link::new(stream, timer, Connection::new(config)) }
    }

    /// The same, with STARTTLS on offer.
    #[cfg(feature = "tls")]
    pub fn with_tls(stream: S, timer: T, config: impl Into<Arc<Config>>, tls: ServerTls) -> Self {
        let mut server = Self::new(stream, timer, config);
        server.link.connection.offer_tls();
        server.link.tls = Some(Box::new(tls.into()));
        server
    }

    /// The same, with the handshake before the greeting, as on port 465 (RFC 8314 section 3.3).
    #[cfg(feature = "tls")]
    pub fn implicit_tls(
        stream: S,
        timer: T,
        config: impl Into<Arc<Config>>,
        tls: ServerTls,
    ) -> Self {
        let mut server = Self::new(stream, timer, config);
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
