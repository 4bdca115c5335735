//! The PROXY header before a session.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use smol::io::AsyncReadExt;
use smtp_proxy_protocol::{Header, Preamble};

/// How long a load balancer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Client {
    /// The client, or who speaks for it where nobody is named.
    pub(super) address: SocketAddr,
    /// Whether that is the client itself.
    pub(super) is_known: bool,
}

impl Client {
    /// Who connected, without a header.
    pub(super) fn itself(peer: SocketAddr) -> Self {
        Client { address: peer, is_known: true }
    }

    fn by(header: Header, peer: SocketAddr) -> Self {
        match header {
            Header::Client { source, .. } => Self::itself(source),
            // The load balancer speaks for itself, or for nobody.
            Header::Local | Header::Unknown => Client { address: peer, is_known: false },
        }
    }

    /// Whom to trust, if anybody.
    pub(super) fn trustworthy(self) -> Option<SocketAddr> {
        self.is_known.then_some(self.address)
    }
}

pub(super) fn blocking(mut stream: &TcpStream, from: SocketAddr) -> io::Result<Client> {
    use std::io::Read;
    let by = Instant::now() + PATIENCE;
    let mut preamble = Preamble::new();
    loop {
        let left = by.checked_duration_since(Instant::now()).filter(|left| !left.is_zero());
        stream.set_read_timeout(Some(left.ok_or(io::ErrorKind::TimedOut)?))?;
        let n = match stream.read(preamble.space()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if let Some(header) = preamble.filled(n)? {
            return Ok(Client::by(header, from));
        }
    }
}

/// For every runtime whose streams speak futures-io.
pub(super) async fn futures<S: smol::io::AsyncRead + Unpin>(
    stream: &mut S,
    from: SocketAddr,
) -> io::Result<Client> {
    let read = async {
        let mut preamble = Preamble::new();
        loop {
            let n = stream.read(preamble.space()).await?;
            if let Some(header) = preamble.filled(n)? {
                return Ok(Client::by(header, from));
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
) -> io::Result<Client> {
    use tokio::io::AsyncReadExt;
    let read = async {
        let mut preamble = Preamble::new();
        loop {
            let n = stream.read(preamble.space()).await?;
            if let Some(header) = preamble.filled(n)? {
                return Ok(Client::by(header, from));
            }
        }
    };
    tokio::time::timeout(PATIENCE, read).await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_the_header_does_not_name_nobody_trusts() {
        let (client, balancer) = ("192.0.2.1:40000", "127.0.0.1:1");
        let [client, balancer]: [SocketAddr; 2] = [client, balancer].map(|it| it.parse().unwrap());
        let named = Header::Client { source: client, destination: balancer };
        assert_eq!(Client::by(named, balancer).trustworthy(), Some(client));
        for header in [Header::Local, Header::Unknown] {
            assert_eq!(Client::by(header, balancer).trustworthy(), None);
        }
        assert_eq!(Client::itself(balancer).trustworthy(), Some(balancer));
    }
}
