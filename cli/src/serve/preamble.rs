//! The PROXY header before a session.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use smol::io::AsyncReadExt;
use smtp_proxy_protocol::{Header, Preamble};

/// How long a load balancer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who the client is, by the header or because nobody else is named.
fn peer(header: Header, peer: SocketAddr) -> SocketAddr {
    match header {
        Header::Client { source, .. } => source,
        Header::Local | Header::Unknown => peer,
    }
}

pub(super) fn blocking(mut stream: &TcpStream, from: SocketAddr) -> io::Result<SocketAddr> {
    use std::io::Read;
    let by = Instant::now() + PATIENCE;
    let mut preamble = Preamble::new();
    loop {
        let left = by.checked_duration_since(Instant::now()).filter(|left| !left.is_zero());
        stream.set_read_timeout(Some(left.ok_or(io::ErrorKind::TimedOut)?))?;
        let n = stream.read(preamble.space())?;
        if let Some(header) = preamble.filled(n)? {
            return Ok(peer(header, from));
        }
    }
}

/// For every runtime whose streams speak futures-io.
pub(super) async fn futures<S: smol::io::AsyncRead + Unpin>(
    stream: &mut S,
    from: SocketAddr,
) -> io::Result<SocketAddr> {
    let read = async {
        let mut preamble = Preamble::new();
        loop {
            let n = stream.read(preamble.space()).await?;
            if let Some(header) = preamble.filled(n)? {
                return Ok(peer(header, from));
            }
        }
    };
    smol::future::or(read, async {
        smol::Timer::after(PATIENCE).await;
        Err(io::ErrorKind::TimedOut.into())
    })
    .await
}

pub(super) async fn on_tokio(
    stream: &mut tokio::net::TcpStream,
    from: SocketAddr,
) -> io::Result<SocketAddr> {
    use tokio::io::AsyncReadExt;
    let read = async {
        let mut preamble = Preamble::new();
        loop {
            let n = stream.read(preamble.space()).await?;
            if let Some(header) = preamble.filled(n)? {
                return Ok(peer(header, from));
            }
        }
    };
    tokio::time::timeout(PATIENCE, read).await?
}
