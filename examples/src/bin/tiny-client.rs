//! The client for devices (`examples/no-std`) on a machine that has an operating system: a TCP
//! connection stands in for its serial line.
//!
//! ```sh
//! cargo run -p smtp-examples --bin tiny-client -- 127.0.0.1:2525 a@example.net b@example.org < file
//! ```
//!
//! It sends standard input, in ASCII, to one recipient; says what became of it; and ends with 1
//! unless it was accepted. What it leaves out stands there.

use std::error::Error;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use embedded_io::{ErrorType, Read, Write};
use smtp_codec::proto::Verdict;
use smtp_codec::proto::address::{ForwardPath, Host, ReversePath};
use tiny_client::{Link, send};

struct Tcp {
    stream: TcpStream,
    by: Instant,
}

impl Tcp {
    /// Has the next operation end in time.
    fn bound(&self) -> io::Result<()> {
        let left = self.by.saturating_duration_since(Instant::now());
        let left = Some(left.max(Duration::from_millis(1)));
        self.stream.set_read_timeout(left)?;
        self.stream.set_write_timeout(left)
    }
}

/// What the standard library calls a timeout depends on the system.
fn named(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    }
}

impl ErrorType for Tcp {
    type Error = io::Error;
}

impl Read for Tcp {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.bound()?;
        self.stream.read(room).map_err(named)
    }
}

impl Write for Tcp {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bound()?;
        self.stream.write(bytes).map_err(named)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Link for Tcp {
    fn deadline(&mut self, time: Duration) {
        self.by = Instant::now() + time;
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, from, to] = arguments.as_slice() else {
        return Err("usage: tiny-client SERVER FROM TO < MESSAGE".into());
    };
    let (from, to) = (format!("<{from}>"), format!("<{to}>"));
    let content = io::read_to_string(io::stdin())?;
    let lines: Vec<&str> = content.lines().collect();

    let stream = TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    let mut link = Tcp { stream, by: Instant::now() };
    let hello = Host::parse("device.example.net")?;
    let (from, to) = (ReversePath::parse(&from)?, ForwardPath::parse(&to)?);
    let ([verdict], closing) = send(&mut link, hello, from, [to], &lines)
        .map_err(|_| "the message has a line that is too long, or something outside ASCII")?;
    println!("{verdict:?}, {closing:?}");
    Ok(if verdict == Verdict::Accepted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
