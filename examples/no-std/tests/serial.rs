//! The client over a mock of a serial line, with our own server at the other end: octets drip, the
//! line has room for sixteen of them, and may be cut at any of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use embedded_io::{Error, ErrorKind, ErrorType, Read, Write};
use smtp_proto::Verdict::{self, Accepted, Deferred, Refused, Unknown};
use smtp_proto::address::{ForwardPath, Host, ReversePath};
use smtp_proto::session::client::Closing;
use smtp_std::codec::server::{Config, Event, Refusal};
use smtp_std::{Server, Transport};
use tiny_client::{Link, Unfit, send};

/// Dots in every place, an empty line, the longest line, and what looks like the end.
const LINES: [&str; 9] =
    ["Subject: a device", "", ".", "..", ".leading", "in.side", "trailing.", "QUIT", "last"];

fn content() -> Vec<u8> {
    LINES.map(|line| line.to_owned() + "\r\n").concat().into_bytes()
}

/// What goes wrong with the line.
#[derive(Debug)]
struct Fault(ErrorKind);

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Fault {}

impl Error for Fault {
    fn kind(&self) -> ErrorKind {
        self.0
    }
}

/// One end of the line. It hands over an octet at a time, and rests now and then.
struct Uart {
    from: Receiver<u8>,
    to: SyncSender<u8>,
    /// Octets that may pass in either direction until it breaks.
    left: usize,
    passed: Rc<Cell<usize>>,
    rests: bool,
    wait: Duration,
}

impl Uart {
    fn pass(&mut self) -> Result<(), Fault> {
        self.left = self.left.checked_sub(1).ok_or(Fault(ErrorKind::ConnectionReset))?;
        self.passed.set(self.passed.get() + 1);
        if self.rests && self.passed.get().is_multiple_of(64) {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

impl ErrorType for Uart {
    type Error = Fault;
}

impl Read for Uart {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Fault> {
        buf[0] = match self.from.recv_timeout(self.wait) {
            Ok(octet) => octet,
            Err(RecvTimeoutError::Timeout) => return Err(Fault(ErrorKind::TimedOut)),
            Err(RecvTimeoutError::Disconnected) => return Ok(0),
        };
        self.pass()?;
        Ok(1)
    }
}

impl Write for Uart {
    fn write(&mut self, buf: &[u8]) -> Result<usize, Fault> {
        self.pass()?;
        self.to.send(buf[0]).map_err(|_| Fault(ErrorKind::BrokenPipe))?;
        Ok(1)
    }

    fn flush(&mut self) -> Result<(), Fault> {
        Ok(())
    }
}

impl Link for Uart {
    fn deadline(&mut self, time: Duration) {
        assert!(time >= Duration::from_secs(60), "RFC 5321 section 4.5.3.2");
    }
}

/// The other end.
struct Port(Receiver<u8>, SyncSender<u8>);

impl io::Read for Port {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Ok(self.0.recv().map_or(0, |octet| {
            buf[0] = octet;
            1
        }))
    }
}

impl io::Write for Port {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.1.send(buf[0]).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(1)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Port {
    fn bound_reads(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn bound_writes(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn nonblocking(&mut self, _: bool) -> io::Result<bool> {
        Ok(false)
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn line(left: usize) -> (Uart, Port) {
    let ((to_server, from_client), (to_client, from_server)) = (sync_channel(16), sync_channel(16));
    let wait = Duration::from_secs(60);
    let passed = Rc::default();
    let uart = Uart { from: from_server, to: to_server, left, passed, rests: false, wait };
    (uart, Port(from_client, to_client))
}

/// Serves one session; the messages that it took over, each with its recipients. `nobody` is
/// refused, and `later` is put off.
fn serve(port: Port, config: Config) -> JoinHandle<Vec<(Vec<String>, Vec<u8>)>> {
    thread::spawn(move || {
        let (mut server, mut taken) = (Server::new(port, config), Vec::new());
        let (mut recipients, mut content) = (Vec::new(), Vec::new());
        while let Ok(event) = server.next() {
            match event {
                Event::Mail(mail) => {
                    recipients.clear();
                    mail.accept();
                }
                Event::Rcpt(rcpt) => match rcpt.forward_path().to_string() {
                    path if path.starts_with("<nobody@") => rcpt.reject(Refusal::NO_SUCH_USER),
                    path if path.starts_with("<later@") => rcpt.reject(Refusal::TRY_LATER),
                    path => {
                        recipients.push(path);
                        rcpt.accept();
                    }
                },
                Event::Data(data) => {
                    content.clear();
                    data.accept();
                }
                Event::Body(octets) => content.extend_from_slice(octets),
                Event::Message(message) => {
                    taken.push((recipients.clone(), content.clone()));
                    message.accept();
                }
                Event::Closed(_) => break,
                other => other.proceed(),
            }
        }
        taken
    })
}

fn config() -> Config {
    Config::new("mx.example.org").unwrap()
}

fn post<const N: usize>(uart: &mut Uart, to: [&str; N]) -> ([Verdict; N], Closing) {
    let hello = Host::parse("device.example.net").unwrap();
    let from = ReversePath::parse("<device@example.net>").unwrap();
    let to = to.map(|path| ForwardPath::parse(path).unwrap());
    send(uart, hello, from, to, &LINES).unwrap()
}

#[test]
fn a_message_arrives_octet_for_octet() {
    let (mut uart, port) = line(usize::MAX);
    uart.rests = true;
    let serving = serve(port, config());
    let sent = post(&mut uart, ["<bob@example.org>"]);
    assert_eq!(sent, ([Accepted], Closing::Quit));
    drop(uart);
    assert_eq!(serving.join().unwrap(), [(vec!["<bob@example.org>".to_owned()], content())]);
}

#[test]
fn each_recipient_has_a_verdict() {
    let (mut uart, port) = line(usize::MAX);
    let serving = serve(port, config());
    let to = ["<nobody@example.org>", "<bob@example.org>", "<later@example.org>", "<Postmaster>"];
    let sent = post(&mut uart, to);
    assert_eq!(sent, ([Refused, Accepted, Deferred, Accepted], Closing::Quit));
    drop(uart);
    let recipients = vec!["<bob@example.org>".to_owned(), "<Postmaster>".to_owned()];
    assert_eq!(serving.join().unwrap(), [(recipients, content())]);
}

#[test]
fn without_a_recipient_nothing_is_sent() {
    let (mut uart, port) = line(usize::MAX);
    let serving = serve(port, config());
    let sent = post(&mut uart, ["<nobody@example.org>", "<later@example.org>"]);
    assert_eq!(sent, ([Refused, Deferred], Closing::Quit));
    let nobody: [&str; 0] = [];
    drop(uart);
    assert!(serving.join().unwrap().is_empty());

    let (mut uart, port) = line(usize::MAX);
    let serving = serve(port, config());
    assert_eq!(post(&mut uart, nobody), ([], Closing::Quit));
    drop(uart);
    assert!(serving.join().unwrap().is_empty());
}

#[test]
fn a_server_that_will_not_have_it_says_so() {
    for (config, verdict) in [
        (config().max_size(20), Refused),
        (config().require_tls(), Refused),
        (config().rcpt_max(1), Accepted),
    ] {
        let (mut uart, port) = line(usize::MAX);
        let serving = serve(port, config);
        let ([first, last], closing) = post(&mut uart, ["<bob@example.org>", "<c@example.org>"]);
        let last_verdict = if verdict == Accepted { Deferred } else { verdict };
        assert_eq!((first, last, closing), (verdict, last_verdict, Closing::Quit));
        drop(uart);
        let taken = if verdict == Accepted { 1 } else { 0 };
        assert_eq!(serving.join().unwrap().len(), taken);
    }
}

/// Wherever it breaks: what is said to be accepted was taken over, what was taken over is accepted
/// or unknown, and all else can be sent again.
#[test]
fn a_line_may_be_cut_at_any_octet() {
    let (mut uart, port) = line(usize::MAX);
    let serving = serve(port, config());
    let passed = Rc::clone(&uart.passed);
    post(&mut uart, ["<nobody@example.org>", "<bob@example.org>"]);
    drop(uart);
    serving.join().unwrap();
    let mut seen = [0; 4];
    for left in 0..passed.get() {
        let (mut uart, port) = line(left);
        let serving = serve(port, config());
        let ([nobody, bob], closing) =
            post(&mut uart, ["<nobody@example.org>", "<bob@example.org>"]);
        drop(uart);
        let taken = serving.join().unwrap();
        assert!(matches!(nobody, Refused | Deferred | Unknown), "{left}: {nobody:?}");
        assert!(matches!(closing, Closing::PeerGone | Closing::Quit), "{left}: {closing:?}");
        match bob {
            Accepted => assert_eq!(taken.len(), 1, "{left}"),
            Unknown => assert!(taken.len() <= 1, "{left}"),
            Refused => panic!("{left}"),
            Deferred => assert!(taken.is_empty(), "{left}"),
        }
        assert!(taken.iter().all(|(_, body)| *body == content()), "{left}");
        seen[match bob {
            Deferred => 0,
            Unknown => 1,
            Accepted => 2,
            Refused => 3,
        }] += 1;
    }
    assert!(seen[0] > 100 && seen[1] > 1 && seen[2] > 1, "{seen:?}");
}

/// What a scripted server says, whatever it is asked.
fn scripted(script: &[u8]) -> ([Verdict; 1], Closing) {
    let (mut uart, Port(from_client, to_client)) = line(usize::MAX);
    uart.wait = Duration::from_millis(300);
    let script = script.to_owned();
    let hearing = thread::spawn(move || while from_client.recv().is_ok() {});
    // The line stays open: a server that has nothing more to say is silent.
    let saying = thread::spawn(move || {
        let _ = script.iter().try_for_each(|octet| to_client.send(*octet));
        to_client
    });
    let sent = post(&mut uart, ["<bob@example.org>"]);
    drop(uart);
    drop(saying.join().unwrap());
    hearing.join().unwrap();
    sent
}

#[test]
fn bad_servers_are_seen_through() {
    let long = ["220 x\r\n250-".as_bytes(), &[b'x'; 600], b"\r\n250-", &[b'y'; 600]].concat();
    for (script, verdict) in [
        (&b"220 x\r\n250 x\r\n250 ok\r\n250 ok\r\n250 no 354\r\n"[..], Deferred),
        (b"HTTP/1.1 400 Bad Request\r\n", Deferred),
        (b"220 x\n", Deferred),
        (b"220-x\r\n250 x\r\n", Deferred),
        (&long, Deferred),
        (b"220 x\r\n250 x\r\n250 ok\r\n250 ok\r\n354 go\r\nwhat?\r\n", Unknown),
    ] {
        let ([bob], closing) = scripted(script);
        let shown = String::from_utf8_lossy(script);
        assert_eq!(bob, verdict, "{shown}");
        assert!(matches!(closing, Closing::Protocol(_)), "{shown} {closing:?}");
    }
}

#[test]
fn silence_ends() {
    for (script, verdict) in [
        (&b""[..], Deferred),
        (b"220 x\r\n25", Deferred),
        (b"220 x\r\n250 x\r\n250 ok\r\n250 ok\r\n354 go\r\n", Unknown),
    ] {
        assert_eq!(scripted(script), ([verdict], Closing::TimedOut));
    }
    let closing = scripted(b"421 busy\r\n");
    assert_eq!(closing, ([Deferred], Closing::Unavailable));
    let closing = scripted(b"554 no mail here\r\n221 bye\r\n");
    assert_eq!(closing, ([Refused], Closing::Refused));
}

#[test]
fn what_is_unfit_is_not_sent() {
    let hello = Host::parse("device.example.net").unwrap();
    let from = ReversePath::parse("<>").unwrap();
    let long = "x".repeat(999);
    for line in ["bare\rCR", "bare\nLF", "end\r\n", "caf\u{e9}", &long] {
        let (mut uart, _port) = self::line(0);
        let to = [ForwardPath::parse("<bob@example.org>").unwrap()];
        assert_eq!(send(&mut uart, hello, from, to, &["good", line]), Err(Unfit));
    }
    let (mut uart, _port) = line(0);
    let to = [ForwardPath::parse("<b\u{f6}b@example.org>").unwrap()];
    assert_eq!(send(&mut uart, hello, from, to, &["good"]), Err(Unfit));
}
