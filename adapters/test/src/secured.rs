//! A socket under TLS.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use smtp_tls::rustls::Connection;

/// A stream of either side whose handshake is done.
pub(crate) struct Secured {
    pub(crate) stream: TcpStream,
    connection: Connection,
}

impl Secured {
    /// Makes the handshake.
    pub(crate) fn handshake(stream: TcpStream, connection: Connection) -> io::Result<Self> {
        let mut secured = Secured { stream, connection };
        while secured.connection.is_handshaking() {
            if let Err(error) = secured.connection.complete_io(&mut secured.stream) {
                // The alert that says why.
                let _ = secured.connection.write_tls(&mut secured.stream);
                return Err(error);
            }
        }
        Ok(secured)
    }

    /// Says that nothing more is said.
    pub(crate) fn end(&mut self) {
        match &mut self.connection {
            Connection::Server(connection) => connection.send_close_notify(),
            Connection::Client(connection) => connection.send_close_notify(),
        }
        let _ = self.flush();
    }
}

impl Read for Secured {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.connection.reader().read(room) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            // A peer that closes without saying so has closed: the reader tells it.
            self.connection.read_tls(&mut self.stream)?;
            self.connection.process_new_packets().map_err(io::Error::other)?;
        }
    }
}

impl Write for Secured {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let n = self.connection.writer().write(octets)?;
        self.flush()?;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut self.stream)?;
        }
        self.stream.flush()
    }
}
