//! SMTP servers and clients on async-std: its timer and its `connect` for `smtp-futures`.
//!
//! async-std is discontinued; new programs take smol, with the feature `smol` of `smtp-futures`.
//!
//! What the events are and how they are answered tells the [guide](smtp_codec::guide); whole answers to
//! small questions has the [cookbook](smtp_codec::cookbook).
//!
//! ```no_run
//! use smtp_codec::server::{Config, Event};
//!
//! # async fn serve(stream: async_std::net::TcpStream) -> Result<(), Box<dyn std::error::Error>> {
//! let mut server = smtp_async_std::server(stream, Config::new("mx.example.org")?);
//! loop {
//!     match server.next().await? {
//!         Event::Rcpt(rcpt) => rcpt.accept(),
//!         Event::Message(message) => message.accept(),
//!         Event::Closed(_) => break,
//!         other => other.proceed(),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! With the features `tracing` and `metrics` each session is a span with events in it, and counted;
//! `smtp-watch` has the tables.
#![cfg_attr(docsrs, feature(doc_cfg))]

use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_std::io::{Read, Write};
use async_std::net::{TcpStream, ToSocketAddrs};
use smtp_codec::{client, server};

pub use smtp_codec as codec;
#[cfg(feature = "tls")]
pub use smtp_futures::tls;
#[cfg(any(feature = "tracing", feature = "metrics"))]
pub use smtp_futures::watch;
pub use smtp_futures::{Client, Server, Timer};

/// The timer of async-std.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sleep;

impl Timer for Sleep {
    async fn after(&self, duration: Duration) {
        async_std::task::sleep(duration).await;
    }
}

/// A TCP stream of async-std whose `poll_close` shuts down the writing half, which async-std's own
/// does not.
#[derive(Clone, Debug)]
pub struct Tcp(pub TcpStream);

impl Read for Tcp {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, room)
    }
}

impl Write for Tcp {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.shutdown(Shutdown::Write))
    }
}

/// Serves a client that has just connected. For other streams than TCP there is [`Server::new`].
pub fn server(stream: TcpStream, config: impl Into<Arc<server::Config>>) -> Server<Tcp, Sleep> {
    Server::new(Tcp(stream), Sleep, config)
}

/// The same, with STARTTLS on offer.
#[cfg(feature = "tls")]
pub fn server_tls(
    stream: TcpStream,
    config: impl Into<Arc<server::Config>>,
    tls: tls::ServerTls,
) -> Server<Tcp, Sleep> {
    Server::with_tls(Tcp(stream), Sleep, config, tls)
}

/// The same, with the handshake before the greeting.
#[cfg(feature = "tls")]
pub fn server_implicit_tls(
    stream: TcpStream,
    config: impl Into<Arc<server::Config>>,
    tls: tls::ServerTls,
) -> Server<Tcp, Sleep> {
    Server::implicit_tls(Tcp(stream), Sleep, config, tls)
}

/// Connects to a server, and uses no TLS. Under a policy that requires it nothing is sent, and the
/// session ends as `NoTls`.
///
/// ```no_run
/// # async fn send() -> Result<(), Box<dyn std::error::Error>> {
/// use smtp_codec::client::Config;
/// use smtp_codec::proto::Envelope;
///
/// let mut client =
///     smtp_async_std::connect("127.0.0.1:2525", Config::new("client.example.net")?).await?;
/// let envelope = Envelope::new("alice@example.net".parse()?).to("bob@example.org".parse()?);
/// let sent = client.send(&envelope, &b"Subject: Hello\r\n\r\nHello Bob\r\n"[..]).await;
/// assert!(sent.outcome.is_accepted());
/// client.quit().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// What the network says; `TimedOut` past the configuration's `connect_patience`.
pub async fn connect(
    server: impl ToSocketAddrs,
    config: impl Into<Arc<client::Config>>,
) -> io::Result<Client<Tcp, Sleep>> {
    let config = config.into();
    Ok(Client::new(dial(server, &config).await?, Sleep, config))
}

/// Connects to a server, and uses TLS as the configuration says.
///
/// # Errors
///
/// As [`connect`].
#[cfg(feature = "tls")]
pub async fn connect_tls(
    server: impl ToSocketAddrs,
    config: impl Into<Arc<client::Config>>,
    tls: tls::ClientTls,
) -> io::Result<Client<Tcp, Sleep>> {
    let config = config.into();
    Ok(Client::with_tls(dial(server, &config).await?, Sleep, config, tls))
}

async fn dial(server: impl ToSocketAddrs, config: &client::Config) -> io::Result<Tcp> {
    let stream =
        async_std::io::timeout(config.connect_patience(), TcpStream::connect(server)).await?;
    stream.set_nodelay(true)?;
    Ok(Tcp(stream))
}
