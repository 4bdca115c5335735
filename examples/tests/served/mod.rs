//! An example program as a child, and the other end of a connection to it.
// Not every test needs all of it.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// No wait lasts longer; whatever takes so long has failed.
const BOUND: Duration = Duration::from_secs(60);

/// A program that says `listening on ADDRESS` first. It is killed in the end.
pub struct Program {
    child: Child,
    lines: Receiver<String>,
    pub address: SocketAddr,
}

impl Program {
    pub fn start(path: &str, arguments: &[&str]) -> Self {
        let mut child =
            Command::new(path).args(arguments).stdout(Stdio::piped()).spawn().expect("starts");
        let output = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| send.send(line))
        });
        let first: String = lines.recv_timeout(BOUND).expect("says where it listens");
        let address = first.strip_prefix("listening on ").expect("an address").parse().unwrap();
        Program { child, lines, address }
    }

    /// The next line that it prints.
    pub fn line(&self) -> String {
        self.lines.recv_timeout(BOUND).expect("another line")
    }

    pub fn connect(&self) -> Peer {
        Peer::new(TcpStream::connect(self.address).unwrap())
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A raw socket.
pub struct Peer {
    pub reader: BufReader<TcpStream>,
}

impl Peer {
    pub fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(BOUND)).unwrap();
        stream.set_write_timeout(Some(BOUND)).unwrap();
        Peer { reader: BufReader::new(stream) }
    }

    pub fn stream(&self) -> &TcpStream {
        self.reader.get_ref()
    }

    pub fn say(&self, octets: impl AsRef<[u8]>) {
        self.stream().write_all(octets.as_ref()).unwrap();
    }

    pub fn end(&self) {
        self.stream().shutdown(Shutdown::Write).unwrap();
    }

    /// The next reply, which must have this code; its last line is returned.
    pub fn hear(&mut self, code: &str) -> String {
        loop {
            let mut line = String::new();
            self.reader.read_line(&mut line).unwrap();
            assert!(line.starts_with(code), "{line:?} instead of {code}");
            if line.as_bytes().get(3) == Some(&b' ') {
                return line;
            }
        }
    }

    /// Says a line, and hears a reply with this code.
    pub fn ask(&mut self, line: &str, code: &str) -> String {
        self.say(format!("{line}\r\n"));
        self.hear(code)
    }

    /// All that comes until the other end closes, which must be in order.
    pub fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.reader.read_to_string(&mut rest).unwrap();
        rest
    }
}
