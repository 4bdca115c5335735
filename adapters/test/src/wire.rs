//! A socket, in the clear or under TLS, whose waits are bounded.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

#[cfg(feature = "tls")]
use crate::secured::Secured;

/// What is talked over.
pub(crate) enum Wire {
    Plain(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<Secured>),
    /// A handshake failed, or the link was cut.
    Gone,
}

impl Wire {
    fn stream(&self) -> Option<&TcpStream> {
        match self {
            Wire::Plain(stream) => Some(stream),
            #[cfg(feature = "tls")]
            Wire::Tls(secured) => Some(&secured.stream),
            Wire::Gone => None,
        }
    }

    /// Has each read and each write fail after so long.
    pub(crate) fn bound(&self, wait: Duration) -> io::Result<()> {
        let Some(stream) = self.stream() else { return Ok(()) };
        let wait = wait.max(Duration::from_millis(1));
        stream.set_read_timeout(Some(wait))?;
        stream.set_write_timeout(Some(wait))
    }

    /// Nothing more is said; under TLS that is said, too.
    pub(crate) fn end(&mut self) {
        #[cfg(feature = "tls")]
        if let Wire::Tls(secured) = self {
            secured.end();
        }
        if let Some(stream) = self.stream() {
            let _ = stream.shutdown(Shutdown::Write);
        }
    }

    /// Closes it. What waits to be read is read first, for a moment: a socket that is closed while
    /// octets wait in it is reset, and what was said last may be lost.
    pub(crate) fn close(&mut self) {
        self.end();
        if let Wire::Plain(stream) = self
            && stream.set_nonblocking(true).is_ok()
        {
            let mut room = [0; 4096];
            while stream.read(&mut room).is_ok_and(|n| n > 0) {}
        }
        *self = Wire::Gone;
    }

    #[cfg(feature = "tls")]
    pub(crate) fn secure_client(&mut self, tls: &smtp_tls::ClientTls) -> io::Result<()> {
        let config = std::sync::Arc::clone(tls.config());
        let connection = smtp_tls::rustls::ClientConnection::new(config, tls.name().clone());
        self.handshake(connection.map_err(io::Error::other)?.into())
    }

    #[cfg(feature = "tls")]
    pub(crate) fn secure(
        &mut self,
        config: &std::sync::Arc<smtp_tls::rustls::ServerConfig>,
    ) -> io::Result<()> {
        let config = std::sync::Arc::clone(config);
        let connection = smtp_tls::rustls::ServerConnection::new(config);
        self.handshake(connection.map_err(io::Error::other)?.into())
    }

    #[cfg(feature = "tls")]
    fn handshake(&mut self, connection: smtp_tls::rustls::Connection) -> io::Result<()> {
        let Wire::Plain(stream) = std::mem::replace(self, Wire::Gone) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let secured = Secured::handshake(stream, connection)?;
        *self = Wire::Tls(Box::new(secured));
        Ok(())
    }
}

impl Read for Wire {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = match self {
            Wire::Plain(stream) => stream.read(room),
            #[cfg(feature = "tls")]
            Wire::Tls(secured) => secured.read(room),
            Wire::Gone => return Ok(0),
        };
        match read {
            // A peer under TLS that closes without saying so has closed.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            read => read,
        }
    }
}

impl Write for Wire {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(stream) => stream.write(octets),
            #[cfg(feature = "tls")]
            Wire::Tls(secured) => secured.write(octets),
            Wire::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Wire::Plain(stream) => stream.flush(),
            #[cfg(feature = "tls")]
            Wire::Tls(secured) => secured.flush(),
            Wire::Gone => Ok(()),
        }
    }
}
