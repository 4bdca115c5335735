//! A scripted client.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Buf as _;
use smtp_codec::Want;
use smtp_codec::client::{BareNewline, Config, Connection, Delivery, Event, Step};

use crate::expect::fail;
use crate::letter::{Delivered, Letter};
use crate::script::PATIENCE;
use crate::transcript::{Side, Transcript, visible};
use crate::wire::Wire;

/// A client that says what it is told to, and remembers what was said. What goes wrong is a panic
/// that shows it.
///
/// ```
/// use smtp_test::{Client, Server};
///
/// let server = Server::start(); // or the server under test
/// let mut client = Client::connect(server.address());
/// client.expect("220");
/// client.ask("EHLO client.example.net").expect("250");
/// client.say("MAIL FROM:<alice@example.net>");
/// client.say("RCPT TO:<bob@example.org>");
/// client.say("DATA");
/// client.expect("250");
/// client.expect("250");
/// client.expect("354");
/// client.raw("Subject: Hi\r\n\r\nHello\r\n.\r\n");
/// client.expect("250 2");
/// client.cut();
/// server.expect_message().from("alice@example.net").body("Hello\n");
/// ```
#[derive(Debug)]
pub struct Client {
    link: Link,
    /// What came, and is not a whole reply.
    heard: Vec<u8>,
    transcript: Transcript,
    patience: Duration,
    drip: Option<Duration>,
    /// Octets that may be sent, and that may be received, before the link is cut.
    left: (usize, usize),
}

/// A reader and writer.
trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

enum Link {
    Wire(Wire),
    Other(Box<dyn Stream>),
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Link::Wire(_) => "Wire",
            Link::Other(_) => "Other",
        })
    }
}

impl Link {
    fn stream(&mut self) -> &mut dyn Stream {
        match self {
            Link::Wire(wire) => wire,
            Link::Other(stream) => stream,
        }
    }
}

impl Client {
    fn new(link: Link) -> Self {
        Client {
            link,
            heard: Vec::new(),
            transcript: Transcript::default(),
            patience: PATIENCE,
            drip: None,
            left: (usize::MAX, usize::MAX),
        }
    }

    /// Connects to a server.
    ///
    /// # Panics
    ///
    /// Where that fails.
    #[track_caller]
    #[must_use]
    pub fn connect(server: impl ToSocketAddrs) -> Self {
        let addresses = server.to_socket_addrs().expect("the server's address");
        let mut why = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in addresses {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => {
                    let _ = stream.set_nodelay(true);
                    return Self::new(Link::Wire(Wire::Plain(stream)));
                }
                Err(error) => why = error,
            }
        }
        panic!("cannot connect: {why}")
    }

    /// Talks over that, whose waits are its own to bound: a pair of pipes, a
    /// [`MemoryStream`](crate::MemoryStream), a session without I/O behind `Read` and `Write`.
    #[must_use]
    pub fn over(stream: impl Read + Write + Send + 'static) -> Self {
        Self::new(Link::Other(Box::new(stream)))
    }

    /// How long it waits for a server: 5 seconds unless this is called.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Says everything octet by octet, with this pause behind each.
    #[must_use]
    pub fn dripping(mut self, pause: Duration) -> Self {
        self.drip = Some(pause);
        self
    }

    /// Cuts the link behind so many octets that it sent.
    #[must_use]
    pub fn cut_after_sending(mut self, octets: usize) -> Self {
        self.left.0 = octets;
        self
    }

    /// Cuts the link behind so many octets that it received.
    #[must_use]
    pub fn cut_after_receiving(mut self, octets: usize) -> Self {
        self.left.1 = octets;
        self
    }

    /// What was said.
    #[must_use]
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// Says one line; CRLF is put at its end.
    #[track_caller]
    pub fn say(&mut self, line: &str) -> &mut Self {
        self.raw(format!("{line}\r\n"))
    }

    /// Says exactly these octets. That the server has closed shows in what is heard next.
    pub fn raw(&mut self, octets: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.send(octets.as_ref());
        self
    }

    /// Hears one reply, of one line or of many.
    ///
    /// # Panics
    ///
    /// Where the server closes, or says nothing in time, before it is whole.
    #[track_caller]
    pub fn hear(&mut self) -> Reply {
        let by = Instant::now() + self.patience;
        loop {
            if let Some(octets) = self.take_reply() {
                return Reply { octets, transcript: self.transcript.clone() };
            }
            match self.receive(by) {
                Ok(0) => fail("expected a reply, and the server has closed", &self.transcript),
                Ok(_) => {}
                Err(error) => {
                    fail(&format!("expected a reply, and none came: {error}"), &self.transcript)
                }
            }
        }
    }

    /// Hears one reply, which begins so: `"2"`, `"250"`, `"250 2.1.0"`.
    ///
    /// # Panics
    ///
    /// Where it does not, or there is none.
    #[track_caller]
    pub fn expect(&mut self, start: &str) -> Reply {
        self.hear().expect(start)
    }

    /// Says a line and hears the reply.
    #[track_caller]
    pub fn ask(&mut self, line: &str) -> Reply {
        self.say(line).hear()
    }

    /// Hears the greeting, and says EHLO: the reply to that.
    #[track_caller]
    pub fn hello(&mut self) -> Reply {
        self.expect("220");
        self.ask("EHLO client.example.net").expect("250")
    }

    /// Nothing more comes, and the server has closed.
    #[track_caller]
    pub fn expect_end(&mut self) {
        let rest = self.rest();
        if !rest.is_empty() {
            let why = format!("expected the server to close, and it says {:?}", visible(&rest));
            fail(&why, &self.transcript);
        }
    }

    /// Whatever comes until the server closes.
    ///
    /// # Panics
    ///
    /// Where it does not close in time.
    #[track_caller]
    pub fn rest(&mut self) -> Vec<u8> {
        let by = Instant::now() + self.patience;
        loop {
            match self.receive(by) {
                Ok(0) => return std::mem::take(&mut self.heard),
                Err(error) if is_late(&error) => {
                    fail("expected the server to close, and it does not", &self.transcript)
                }
                // A reset is an end, too.
                Err(_) => return std::mem::take(&mut self.heard),
                Ok(_) => {}
            }
        }
    }

    /// Closes the side that it speaks on, and still listens.
    pub fn end(&mut self) {
        match &mut self.link {
            Link::Wire(wire) => wire.end(),
            Link::Other(stream) => drop(stream.flush()),
        }
    }

    /// Closes the link.
    pub fn cut(mut self) -> Transcript {
        self.note_cut();
        self.transcript
    }

    /// Says STARTTLS, and makes the handshake: `ca` is the PEM of the certificate, or of who signed
    /// it, and `name` the name that it must have.
    ///
    /// # Panics
    ///
    /// Where the server refuses, the handshake fails, or this is not a socket.
    #[cfg(feature = "tls")]
    #[track_caller]
    pub fn start_tls(&mut self, name: &str, ca: &str) {
        self.ask("STARTTLS").expect("220");
        self.secure(name, ca);
    }

    /// Makes the handshake, as before the greeting on port 465.
    ///
    /// # Panics
    ///
    /// Where it fails, or this is not a socket.
    #[cfg(feature = "tls")]
    #[track_caller]
    pub fn secure(&mut self, name: &str, ca: &str) {
        use smtp_tls::{ClientTls, Roots, Trust};

        let roots = Roots::from_pem(ca.as_bytes()).expect("certificates in PEM");
        let tls = ClientTls::new(name, Trust::Verified, &roots).expect("a server's name");
        let Link::Wire(wire) = &mut self.link else { panic!("TLS needs a socket") };
        let done = wire.bound(self.patience).and_then(|()| wire.secure_client(&tls));
        match done {
            Ok(()) => self.transcript.note("TLS"),
            Err(error) => fail(&format!("the TLS handshake failed: {error}"), &self.transcript),
        }
    }

    /// Delivers a letter as a good client does, pipelined and chunked where that is offered, from
    /// the greeting to QUIT; faults of the link excepted. Nothing must have been said before.
    ///
    /// # Panics
    ///
    /// Where something was.
    #[track_caller]
    pub fn deliver(mut self, letter: &Letter) -> Delivered {
        if !self.transcript.entries().is_empty() {
            fail("a delivery begins with the greeting", &self.transcript);
        }
        let config = Config::new("client.example.net").expect("a domain");
        let mut core = Connection::new(config.bare_newline(BareNewline::Pass));
        core.without_tls();
        let mut delivery = Delivery::new(&letter.envelope);
        let mut written = 0;
        loop {
            match core.step() {
                Want::Event | Want::Close => match delivery.on(core.event()) {
                    Step::Next => {}
                    Step::Over => break,
                    Step::Body(slot) => match slot.write_end(&letter.content[written..]) {
                        Ok(n) => written += n,
                        Err(found) => delivery.content_refused(found),
                    },
                },
                want => self.exchange(&mut core, want),
            }
        }
        let outcome = delivery.outcome(&core);
        while core.closing().is_none() {
            match core.step() {
                Want::Event => match core.event() {
                    Event::Ready(ready) => ready.quit(),
                    Event::WantRcpt(slot) => slot.abandon(),
                    Event::WantBody(slot) => slot.abandon(),
                    _ => {}
                },
                want => self.exchange(&mut core, want),
            }
        }
        let recipients = letter.envelope.recipients.iter();
        let recipients = recipients
            .map(|it| crate::dialogue::bare(&it.forward_path.to_string()).to_owned())
            .collect();
        Delivered { outcome, transcript: self.transcript, recipients }
    }

    /// Does what is wanted of the link.
    fn exchange(&mut self, core: &mut Connection, want: Want) {
        if want == Want::Tls {
            return core.tls_failed();
        }
        while core.tx().has_remaining() {
            let octets = core.tx().chunk().to_vec();
            if self.send(&octets).is_err() {
                // What the server had to say may be there.
                while let Ok(1..) = self.receive(Instant::now() + self.patience) {
                    core.rx().receive(&std::mem::take(&mut self.heard));
                }
                return core.eof();
            }
            core.tx().advance(octets.len());
        }
        if want == Want::Input {
            match self.receive(Instant::now() + self.patience) {
                Ok(0) => core.eof(),
                Ok(_) => {
                    core.rx().receive(&std::mem::take(&mut self.heard));
                }
                Err(error) if is_late(&error) => core.timed_out(),
                Err(_) => core.broken(),
            }
        }
    }

    fn note_cut(&mut self) {
        self.transcript.note("the client cuts the link");
        self.link = Link::Wire(Wire::Gone);
    }

    fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        let ends = octets.len() >= self.left.0;
        let octets = &octets[..self.left.0.min(octets.len())];
        self.left.0 -= octets.len();
        self.transcript.say(Side::Client, octets);
        if let Link::Wire(wire) = &self.link {
            wire.bound(self.patience)?;
        }
        let stream = self.link.stream();
        match self.drip {
            None => stream.write_all(octets)?,
            Some(pause) => {
                for octet in octets {
                    stream.write_all(&[*octet])?;
                    stream.flush()?;
                    thread::sleep(pause);
                }
            }
        }
        stream.flush()?;
        if ends {
            self.note_cut();
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    }

    fn receive(&mut self, by: Instant) -> io::Result<usize> {
        if let Link::Wire(wire) = &self.link {
            wire.bound(by.saturating_duration_since(Instant::now()))?;
        }
        let mut room = [0; 16 * 1024];
        let most = self.left.1.min(room.len());
        if most == 0 {
            return Ok(0);
        }
        let n = self.link.stream().read(&mut room[..most])?;
        self.left.1 -= n;
        self.transcript.say(Side::Server, &room[..n]);
        self.heard.extend_from_slice(&room[..n]);
        if self.left.1 == 0 {
            self.note_cut();
        }
        Ok(n)
    }

    /// A whole reply off the front of what was heard.
    fn take_reply(&mut self) -> Option<Vec<u8>> {
        let mut end = 0;
        loop {
            let rest = &self.heard[end..];
            let len = rest.iter().position(|&b| b == b'\n')? + 1;
            end += len;
            if rest.get(3) != Some(&b'-') {
                return Some(self.heard.drain(..end).collect());
            }
        }
    }
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// A reply that a [`Client`] heard, with what was said before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    octets: Vec<u8>,
    transcript: Transcript,
}

impl Reply {
    /// The reply as it came, line ends and all.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Its code; 0 if it has none.
    #[must_use]
    pub fn code(&self) -> u16 {
        let code = self.octets.get(..3).and_then(|code| std::str::from_utf8(code).ok());
        code.and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    /// Its lines without the code.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.octets);
        text.lines().map(|line| line.get(4..).unwrap_or_default().to_owned()).collect()
    }

    /// Whether one of its lines begins with that word, as an EHLO keyword does; in any case.
    #[must_use]
    pub fn has_line(&self, word: &str) -> bool {
        let first = |line: &String| line.split(' ').next().unwrap_or_default().to_owned();
        self.lines().iter().any(|line| first(line).eq_ignore_ascii_case(word))
    }

    /// It begins so: `"2"`, `"250"`, `"250 2.1.0"`.
    ///
    /// # Panics
    ///
    /// Where it does not.
    #[track_caller]
    #[allow(clippy::return_self_not_must_use)]
    pub fn expect(self, start: &str) -> Self {
        let plain = String::from_utf8_lossy(&self.octets).into_owned();
        let is_so = match start.as_bytes() {
            // The code alone: the reply may have many lines.
            [_, _, _, b' ', ..] => {
                plain.starts_with(start) || {
                    let hyphen = format!("{}-{}", &start[..3], &start[4..]);
                    plain.starts_with(&hyphen)
                }
            }
            _ => plain.starts_with(start),
        };
        if !is_so {
            let why = format!("expected a reply that begins with {start:?}, and it is {plain:?}");
            fail(&why, &self.transcript);
        }
        self
    }
}
