//! A connection that sends any octets whatever, and reads replies.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rustls::ClientConnection;
use smtp_proto::reply::{Progress, Reply, ReplyCode, ReplyScanner};
use smtp_tls::ClientTls;

use super::stdio::Child;
use super::transcript::Transcript;

/// Pieces of input that wait to be read: 16 MiB at most.
const PIECES: usize = 1024;
const PIECE: usize = 16 * 1024;
/// A reply line that is longer than this is no reply line.
const LONGEST: usize = 64 * 1024;

/// Where the server is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target<'a> {
    Tcp(&'a str, u16),
    Command(&'a str),
}

/// What came instead of a reply, or the reply.
#[derive(Clone, Debug)]
pub(super) enum Got {
    Reply(ReplyCode, Vec<u8>),
    /// The connection ended.
    Closed,
    /// Nothing came in time.
    Silence,
    /// This is no reply, and why.
    Broken(String),
}

enum Wire {
    Tcp(TcpStream),
    Child(Child),
}

/// One connection.
pub(super) struct Link {
    wire: Wire,
    incoming: Receiver<Vec<u8>>,
    tls: Option<Box<ClientConnection>>,
    buffer: Vec<u8>,
    /// Why nothing can be read any more.
    over: Option<String>,
    wait: Duration,
    pub(super) transcript: Transcript,
}

impl Link {
    pub(super) fn open(target: Target<'_>, wait: Duration) -> io::Result<Self> {
        let (pieces, incoming) = sync_channel(PIECES);
        let wire = match target {
            Target::Tcp(host, port) => {
                let stream = connect(host, port, wait)?;
                stream.set_nodelay(true)?;
                stream.set_write_timeout(Some(wait))?;
                let reader = stream.try_clone()?;
                thread::spawn(move || pump(reader, &pieces));
                Wire::Tcp(stream)
            }
            Target::Command(command) => {
                let child = Child::start(command, wait)?;
                let reader = child.reader()?;
                thread::spawn(move || pump(reader, &pieces));
                Wire::Child(child)
            }
        };
        Ok(Link {
            wire,
            incoming,
            tls: None,
            buffer: Vec::new(),
            over: None,
            wait,
            transcript: Transcript::default(),
        })
    }

    /// Sends octets. What goes wrong shows in the replies.
    pub(super) fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        self.transcript.sent(octets);
        self.write(octets)
    }

    /// Sends octets one by one.
    pub(super) fn trickle(&mut self, octets: &[u8]) -> io::Result<()> {
        self.transcript.sent(octets);
        octets.chunks(1).try_for_each(|octet| self.write(octet))
    }

    /// Sends octets that the transcript is told of elsewhere.
    pub(super) fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        let Some(mut tls) = self.tls.take() else { return self.wire.write_all(octets) };
        let mut rest = octets;
        let written = loop {
            let count = match tls.writer().write(rest) {
                Ok(count) => count,
                Err(error) => break Err(error),
            };
            if let Err(error) = flush(&mut tls, &mut self.wire) {
                break Err(error);
            }
            rest = rest.get(count..).unwrap_or_default();
            if rest.is_empty() {
                break Ok(());
            }
        };
        self.tls = Some(tls);
        written
    }

    /// The next reply, or what came in its place.
    pub(super) fn reply(&mut self) -> Got {
        let got = self.read_reply(Instant::now() + self.wait, true);
        self.transcript.got(&got);
        got
    }

    /// A reply that is whole within that time; what was cut off is none, and the transcript does not
    /// tell of it.
    pub(super) fn reply_within(&mut self, wait: Duration) -> Got {
        self.read_reply(Instant::now() + wait, false)
    }

    fn read_reply(&mut self, until: Instant, strict: bool) -> Got {
        let mut scanner = ReplyScanner::new();
        let mut read = 0;
        loop {
            let unread = self.buffer.get(read..).unwrap_or_default();
            if let Some(end) = memchr::memchr(b'\n', unread) {
                let line = unread.get(..end).unwrap_or_default();
                let Some(line) = line.strip_suffix(b"\r") else {
                    return self.broken("a reply line ends with a bare LF");
                };
                match scanner.feed(line) {
                    Ok(Progress::Continue) => read += end + 1,
                    Ok(Progress::Complete) => {
                        let raw: Vec<u8> = self.buffer.drain(..read + end + 1).collect();
                        return match Reply::parse(&raw) {
                            Ok(reply) => Got::Reply(reply.code(), raw),
                            Err(fault) => self.broken(&fault.to_string()),
                        };
                    }
                    Err(fault) => return self.broken(&fault.to_string()),
                }
                continue;
            }
            if unread.len() > LONGEST {
                return self.broken("a reply line does not end");
            }
            match self.fill(until) {
                Filled::Some => {}
                Filled::Nothing if self.buffer.is_empty() || !strict => return Got::Silence,
                Filled::Nothing => return self.broken("the rest of a reply does not come"),
                Filled::End if self.buffer.is_empty() || !strict => return Got::Closed,
                Filled::End => return self.broken("the connection ends within a reply"),
            }
        }
    }

    /// What is wrong, and the octets that were looked at.
    fn broken(&mut self, why: &str) -> Got {
        let octets = std::mem::take(&mut self.buffer);
        let shown = super::transcript::shown(&octets, 80);
        let why = self.over.clone().filter(|_| octets.is_empty()).unwrap_or_else(|| why.to_owned());
        Got::Broken(format!("{why}: {shown}"))
    }

    fn fill(&mut self, until: Instant) -> Filled {
        if self.over.is_some() {
            return Filled::End;
        }
        let left = until.saturating_duration_since(Instant::now());
        let piece = match self.incoming.recv_timeout(left) {
            Ok(piece) => piece,
            Err(RecvTimeoutError::Timeout) => return Filled::Nothing,
            Err(RecvTimeoutError::Disconnected) => return self.end("the connection ended"),
        };
        let Some(mut tls) = self.tls.take() else {
            self.buffer.extend_from_slice(&piece);
            return Filled::Some;
        };
        let read = self.decrypt(&mut tls, &piece);
        let ended = tls.process_new_packets().is_ok_and(|state| state.peer_has_closed());
        self.tls = Some(tls);
        match read {
            Err(error) => self.end(&error.to_string()),
            Ok(()) if ended && self.buffer.is_empty() => self.end("TLS was ended"),
            Ok(()) => Filled::Some,
        }
    }

    fn end(&mut self, why: &str) -> Filled {
        self.over = Some(why.to_owned());
        Filled::End
    }

    fn decrypt(&mut self, tls: &mut ClientConnection, piece: &[u8]) -> io::Result<()> {
        let mut rest = piece;
        let mut plain = [0; PIECE];
        while !rest.is_empty() {
            tls.read_tls(&mut rest)?;
            tls.process_new_packets().map_err(io::Error::other)?;
            loop {
                match tls.reader().read(&mut plain) {
                    Ok(0) => break,
                    Ok(count) => {
                        self.buffer.extend_from_slice(plain.get(..count).unwrap_or_default());
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
        }
        flush(tls, &mut self.wire)
    }

    /// The handshake.
    ///
    /// # Errors
    ///
    /// Why it failed, in words.
    pub(super) fn handshake(&mut self, tls: &ClientTls) -> Result<(), String> {
        self.transcript.note("TLS handshake");
        let made = ClientConnection::new(tls.config().clone(), tls.name().clone());
        let mut tls = made.map_err(|error| error.to_string())?;
        let until = Instant::now() + self.wait;
        let stray = std::mem::take(&mut self.buffer);
        let mut read = if stray.is_empty() { Ok(()) } else { self.decrypt(&mut tls, &stray) };
        while tls.is_handshaking() && read.is_ok() {
            flush(&mut tls, &mut self.wire).map_err(|error| error.to_string())?;
            let left = until.saturating_duration_since(Instant::now());
            read = match self.incoming.recv_timeout(left) {
                Ok(piece) => self.decrypt(&mut tls, &piece),
                Err(RecvTimeoutError::Timeout) => Err(io::Error::other("no answer")),
                Err(RecvTimeoutError::Disconnected) => {
                    Err(io::Error::other("the connection ended"))
                }
            };
        }
        read.and_then(|()| flush(&mut tls, &mut self.wire)).map_err(|error| {
            self.over = Some(error.to_string());
            error.to_string()
        })?;
        self.tls = Some(Box::new(tls));
        Ok(())
    }

    /// Ends TLS in order; what follows goes in the clear.
    pub(super) fn clear(&mut self) {
        self.transcript.note("TLS close_notify, and then in the clear");
        if let Some(mut tls) = self.tls.take() {
            tls.send_close_notify();
            // What goes wrong shows in the replies.
            let _ = flush(&mut tls, &mut self.wire);
        }
    }

    /// Protocol and cipher suite, once there is TLS.
    pub(super) fn tls_version(&self) -> Option<&'static str> {
        let version = self.tls.as_ref()?.protocol_version()?;
        Some(match version {
            rustls::ProtocolVersion::TLSv1_2 => "TLS 1.2",
            rustls::ProtocolVersion::TLSv1_3 => "TLS 1.3",
            _ => "TLS",
        })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Wire::Tcp(stream) = &self.wire {
            // So that the thread that reads ends.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

enum Filled {
    Some,
    Nothing,
    End,
}

impl Wire {
    fn write_all(&mut self, octets: &[u8]) -> io::Result<()> {
        match self {
            // In pieces: each may take as long as a reply.
            Wire::Tcp(stream) => octets.chunks(PIECE).try_for_each(|piece| stream.write_all(piece)),
            Wire::Child(child) => octets.chunks(PIECE).try_for_each(|piece| child.write_all(piece)),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.write_all(octets).map(|()| octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn flush(tls: &mut ClientConnection, wire: &mut Wire) -> io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(wire)?;
    }
    Ok(())
}

fn connect(host: &str, port: u16, wait: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, wait) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Reads until there is nothing more, or nobody who wants it.
fn pump(mut from: impl Read, to: &SyncSender<Vec<u8>>) {
    let mut piece = vec![0; PIECE];
    while let Ok(count @ 1..) = from.read(&mut piece) {
        if to.send(piece.get(..count).unwrap_or_default().to_vec()).is_err() {
            break;
        }
    }
}
