//! The handshake, when the session asks for one, and the octets behind it.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Instant;

use smtp_tls::rustls::{ClientConnection, Connection, ServerConnection};
use smtp_tls::{ClientTls, Facts, ServerTls};

use crate::Transport;
use crate::wire::Wire;

/// What this side brings to a handshake, and what it came to.
#[derive(Debug)]
pub(crate) struct Tls {
    side: Side,
    pub(crate) facts: Option<Facts>,
}

#[derive(Debug)]
enum Side {
    Server(ServerTls),
    Client(ClientTls),
}

impl From<ServerTls> for Tls {
    fn from(tls: ServerTls) -> Self {
        Tls { side: Side::Server(tls), facts: None }
    }
}

impl From<ClientTls> for Tls {
    fn from(tls: ClientTls) -> Self {
        Tls { side: Side::Client(tls), facts: None }
    }
}

impl Tls {
    /// Makes a secured stream of a plain one, until `by`.
    pub(crate) fn handshake<S: Transport>(
        &mut self,
        wire: &mut Wire<S>,
        by: Instant,
    ) -> io::Result<()> {
        let Wire::Plain(stream) = std::mem::replace(wire, Wire::Gone) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let connection: Connection = match &self.side {
            Side::Server(tls) => ServerConnection::new(Arc::clone(tls.config())).map(Into::into),
            Side::Client(tls) => {
                ClientConnection::new(Arc::clone(tls.config()), tls.name().clone()).map(Into::into)
            }
        }
        .map_err(io::Error::other)?;
        let mut secured = Secured { stream, connection };
        while secured.connection.is_handshaking() || secured.connection.wants_write() {
            let left = by.checked_duration_since(Instant::now()).filter(|left| !left.is_zero());
            let left = left.ok_or(io::ErrorKind::TimedOut)?;
            secured.stream.bound_reads(left)?;
            secured.stream.bound_writes(left)?;
            if secured.flush()? || secured.connection.wants_write() {
                continue;
            }
            if secured.connection.is_handshaking() && secured.receive()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        self.facts = match (&self.side, &secured.connection) {
            (Side::Server(tls), Connection::Server(connection)) => Some(tls.facts(connection)),
            (Side::Client(tls), Connection::Client(connection)) => Some(tls.facts(connection)),
            _ => None,
        };
        *wire = Wire::Tls(Box::new(secured));
        Ok(())
    }
}

/// A stream under TLS.
pub(crate) struct Secured<S> {
    pub(crate) stream: S,
    connection: Connection,
}

impl<S: Transport> Secured<S> {
    pub(crate) fn read(&mut self, room: &mut [u8]) -> io::Result<Option<usize>> {
        match self.connection.reader().read(room) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // No message ends where its peer just falls silent: this is like any other end.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Some(0)),
            read => return read.map(Some),
        }
        self.receive()?;
        Ok(None)
    }

    fn receive(&mut self) -> io::Result<usize> {
        let n = self.connection.read_tls(&mut self.stream)?;
        if let Err(error) = self.connection.process_new_packets() {
            // The alert that says why.
            let _ = self.connection.write_tls(&mut self.stream);
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(n)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.connection.writer().write(bytes)?;
        if n == 0 {
            self.flush()?;
            return self.connection.writer().write(bytes);
        }
        Ok(n)
    }

    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        if !self.connection.wants_write() {
            return self.stream.flush().map(|()| false);
        }
        match self.connection.write_tls(&mut self.stream)? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            _ => Ok(true),
        }
    }

    pub(crate) fn end(&mut self) -> io::Result<()> {
        self.connection.send_close_notify();
        while self.flush()? {}
        self.stream.end()
    }
}
