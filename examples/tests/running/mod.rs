//! The programs, run as they are; and the peers that they talk with.
#![allow(dead_code, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use smtp_codec::proto::reply::{EnhancedCode, Positive, Refusal};
use smtp_codec::server::{Closing, Config, Event};

/// Nothing here takes that long, unless it takes for ever.
pub const LONG: Duration = Duration::from_secs(60);

/// A program that serves, until this is dropped.
pub struct Program {
    child: Child,
    pub address: SocketAddr,
}

impl Program {
    /// Starts it, and waits until it listens.
    pub fn start(path: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(path)
            .args(arguments)
            // Of glibc: what is large goes back when it is freed, so that memory can be measured.
            .env("MALLOC_MMAP_THRESHOLD_", "131072")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").expect(&line).parse().unwrap();
        thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Program { child, address }
    }

    pub fn talk(&self) -> Talk {
        Talk::new(TcpStream::connect(self.address).unwrap())
    }

    /// A field of /proc/PID/status, in KiB.
    pub fn memory(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A client that says what it is told to, over any stream.
pub struct Talk<S = TcpStream>(pub BufReader<S>);

impl Talk {
    pub fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.set_write_timeout(Some(LONG)).unwrap();
        Talk(BufReader::new(stream))
    }

    pub fn stream(&self) -> &TcpStream {
        self.0.get_ref()
    }
}

impl<S: Read + Write> Talk<S> {
    /// One reply, its lines with `|` between them; nothing at the end.
    pub fn hear(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return reply;
            }
            reply.push_str(line.strip_suffix("\r\n").unwrap());
            if line.as_bytes().get(3) != Some(&b'-') {
                return reply;
            }
            reply.push('|');
        }
    }

    pub fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(octets.as_ref()).unwrap();
    }

    pub fn say(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n"));
        self.hear()
    }

    /// EHLO behind the greeting; what is offered.
    pub fn ehlo(&mut self) -> String {
        self.hear();
        self.say("EHLO client.example")
    }

    /// Up to the 354, from a@x to these.
    pub fn begin(&mut self, recipients: &[&str]) {
        assert!(self.say("MAIL FROM:<a@x>").starts_with("250"));
        for recipient in recipients {
            assert!(self.say(&format!("RCPT TO:<{recipient}>")).starts_with("250"));
        }
        assert!(self.say("DATA").starts_with("354"));
    }
}

/// A server by smtp-std on a port of its own, for as long as the test runs. It refuses recipients that
/// begin with `no`, and messages that hold `refuse-me` or `defer-me`; `seen` is what happened, in words.
pub fn sink(config: Config, seen: Sender<String>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (config, seen) = (config.clone(), seen.clone());
            thread::spawn(move || serve(stream.unwrap(), config, &seen));
        }
    });
    address
}

/// The same with a name and a channel.
pub fn plain_sink() -> (SocketAddr, Receiver<String>) {
    let (seen, seeing) = channel();
    (sink(Config::new("back.example").unwrap(), seen), seeing)
}

fn serve(stream: TcpStream, config: Config, seen: &Sender<String>) {
    let mut server = smtp_std::Server::new(stream, config);
    server.connection().trust();
    let mut content = Vec::new();
    let tell = |text: String| drop(seen.send(text));
    while let Ok(event) = server.next() {
        match event {
            Event::Xclient(it) => {
                tell(format!("xclient {}", it.attributes()));
                it.accept();
            }
            Event::Xforward(it) => {
                tell(format!("xforward {}", it.attributes()));
                it.accept();
            }
            Event::Mail(mail) => {
                tell(format!("mail {} {}", mail.reverse_path(), mail.parameters()));
                mail.accept();
            }
            Event::Rcpt(rcpt) => {
                tell(format!("rcpt {} {}", rcpt.forward_path(), rcpt.parameters()));
                let lines = ["no such user", "here, at least"];
                let no = Refusal::new(550, EnhancedCode::new(5, 1, 1), &lines[..]).unwrap();
                match rcpt.forward_path().to_string().starts_with("<no") {
                    true => rcpt.reject(no),
                    false => rcpt.accept(),
                }
            }
            Event::Data(data) => {
                content.clear();
                data.accept();
            }
            Event::Body(bytes) => content.extend_from_slice(bytes),
            Event::Message(message) => {
                let text = String::from_utf8_lossy(&content);
                let queued =
                    Positive::new(250, EnhancedCode::new(2, 6, 0), "queued as 17").unwrap();
                if text.contains("refuse-me") {
                    let no = Refusal::new(571, EnhancedCode::new(5, 7, 9), "not from you").unwrap();
                    message.reject(no);
                } else if text.contains("defer-me") {
                    message.reject(Refusal::TRY_LATER);
                } else {
                    tell(format!("message {}", content.escape_ascii()));
                    message.accept_with(queued);
                }
            }
            Event::Closed(Closing::Quit) => {
                tell("quit".into());
                break;
            }
            Event::Closed(_) => {
                tell("gone".into());
                break;
            }
            other => other.proceed(),
        }
    }
}

/// What happened up to, and without, that.
pub fn until(seeing: &Receiver<String>, last: &str) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let seen = seeing.recv_timeout(LONG).unwrap_or_else(|_| panic!("no {last} behind {all:?}"));
        if seen == last {
            return all;
        }
        all.push(seen);
    }
}
