//! SMTP servers and clients on async-std: its timer and its `connect` for `smtp-futures`.
//!
//! async-std is discontinued; new programs take smol, with the feature `smol` of `smtp-futures`.
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

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_std::net::{TcpStream, ToSocketAddrs};
use smtp_codec::{client, server};

pub use smtp_codec as codec;
pub use smtp_futures::{Client, Server, Timer};

/// The timer of async-std.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sleep;

impl Timer for Sleep {
    async fn after(&self, duration: Duration) {
        async_std::task::sleep(duration).await;
    }
}

/// Serves a client that has just connected.
pub fn server<S>(stream: S, config: impl Into<Arc<server::Config>>) -> Server<S, Sleep>
where
    S: async_std::io::Read + async_std::io::Write + Unpin,
{
    Server::new(stream, Sleep, config)
}

/// Connects to a server.
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
) -> io::Result<Client<TcpStream, Sleep>> {
    let config = config.into();
    let stream =
        async_std::io::timeout(config.connect_patience(), TcpStream::connect(server)).await?;
    stream.set_nodelay(true)?;
    Ok(Client::new(stream, Sleep, config))
}
