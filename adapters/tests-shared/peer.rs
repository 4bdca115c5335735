//! The foreign end of a connection: a blocking socket, and a mind of its own.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::BOUND;

pub struct Peer {
    reader: BufReader<TcpStream>,
}

impl Peer {
    pub fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(BOUND)).unwrap();
        stream.set_write_timeout(Some(BOUND)).unwrap();
        Peer { reader: BufReader::new(stream) }
    }

    pub fn connect(to: SocketAddr) -> Self {
        Self::new(TcpStream::connect(to).unwrap())
    }

    pub fn stream(&self) -> &TcpStream {
        self.reader.get_ref()
    }

    pub fn say(&mut self, text: impl AsRef<[u8]>) {
        self.stream().write_all(text.as_ref()).unwrap();
    }

    /// One line without its CRLF.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line.strip_suffix("\r\n").unwrap_or_else(|| panic!("cut off: {line:?}")).into()
    }

    /// Lines up to one that begins so.
    pub fn hear(&mut self, start: &str) {
        while !self.line().starts_with(start) {}
    }

    /// One whole reply, its lines joined with LF.
    pub fn reply(&mut self) -> String {
        let mut reply = self.line();
        while reply.lines().last().unwrap().as_bytes()[3] == b'-' {
            reply.push('\n');
            reply.push_str(&self.line());
        }
        reply
    }

    /// Says a command, hears the reply.
    pub fn ask(&mut self, command: &str) -> String {
        self.say(format!("{command}\r\n"));
        self.reply()
    }

    /// Everything up to the end. A reset is an error.
    pub fn rest(&mut self) -> io::Result<String> {
        let mut rest = String::new();
        self.reader.read_to_string(&mut rest)?;
        Ok(rest)
    }

    /// So many octets at least.
    pub fn swallow(&mut self, octets: usize) {
        let mut left = octets;
        while left > 0 {
            let n = self.reader.fill_buf().unwrap().len();
            assert!(n > 0);
            self.reader.consume(n);
            left = left.saturating_sub(n);
        }
    }

    /// Closes the writing half.
    pub fn end(&mut self) {
        self.stream().shutdown(Shutdown::Write).unwrap();
    }

    /// Says `drop` again and again, as long as the other end lets it; whether that ended.
    pub fn drip(&mut self, first: &str, drop: &str, pause: Duration) {
        let started = Instant::now();
        let mut say = first;
        while self.stream().write_all(say.as_bytes()).is_ok() {
            say = drop;
            assert!(started.elapsed() < BOUND, "nobody ends this");
            thread::sleep(pause);
        }
    }

    /// Says all of it without reading, unless the other end takes nothing for `stuck`.
    pub fn flood(&mut self, text: &[u8], stuck: Duration) {
        self.stream().set_write_timeout(Some(stuck)).unwrap();
        if let Err(error) = self.stream().write_all(text) {
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        }
    }

    /// Waits for the other end to close or reset the connection.
    pub fn await_end(&mut self) {
        let mut sink = Vec::new();
        if let Err(error) = self.reader.read_to_end(&mut sink) {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        }
    }
}
