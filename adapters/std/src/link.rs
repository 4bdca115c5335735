//! The loop that moves bytes between a connection and a stream, the same for both sides.

use std::io;
use std::time::{Duration, Instant};

use bytes::Buf;
use smtp_codec::{Machine, Want};

use crate::Transport;
use crate::bounds::Bounds;
use crate::wire::{Direction, Wire};

/// How long a peer has to take what it is told last.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How long a write may keep a client from what its server says.
const GLANCE: Duration = Duration::from_millis(100);

/// How long, and for how many octets, a closed session listens to a peer that goes on sending.
const LINGER: (Duration, usize) = (Duration::from_secs(1), 1024 * 1024);

#[derive(Debug)]
pub(crate) struct Link<S, C> {
    stream: Wire<S>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<crate::handshake::Tls>,
    pub(crate) connection: C,
    bounds: Bounds,
    /// What was left of the wait when the application got its turn, whose time is not the peer's.
    left: Option<Duration>,
    heard: u64,
    late: bool,
    error: Option<io::Error>,
    over: bool,
}

impl<S: Transport, C: Machine> Link<S, C> {
    pub(crate) fn new(stream: S, connection: C) -> Self {
        #[cfg(any(feature = "tracing", feature = "metrics"))]
        let connection = smtp_watch::watched(connection);
        Link {
            stream: Wire::Plain(stream),
            #[cfg(feature = "tls")]
            tls: None,
            connection,
            bounds: Bounds::default(),
            left: None,
            heard: 0,
            late: false,
            error: None,
            over: false,
        }
    }

    /// Whether `Closed` was handed out.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// Goes on until there is an event. There is one deadline for each thing that is waited for,
    /// so that bytes that drip in cannot extend it.
    pub(crate) fn turn(&mut self) -> io::Result<()> {
        if self.over {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let wait = self.left.take().unwrap_or_else(|| self.connection.patience());
        let mut by = Instant::now() + wait;
        loop {
            let want = self.connection.step();
            let patience = self.connection.patience();
            if self.heard != self.connection.heard() && !self.late {
                self.heard = self.connection.heard();
                by = Instant::now() + patience;
            }
            let done = match want {
                Want::Tls => {
                    self.secure(by);
                    continue;
                }
                Want::Flush | Want::Input => match self.flush(by) {
                    Ok(true) if want == Want::Input => match self.read(by) {
                        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
                        read => read,
                    },
                    flushed => flushed.map(|_| ()),
                },
                Want::Event => {
                    self.left = Some(by.saturating_duration_since(Instant::now()));
                    // The peer's last word says more than how the link broke.
                    self.error = None;
                    return Ok(());
                }
                Want::Close => return self.close(),
            };
            match done {
                Ok(()) => {}
                Err(error) if is_late(&error) && self.late => self.connection.broken(),
                Err(error) if is_late(&error) => {
                    self.connection.timed_out();
                    self.late = self.connection.is_over();
                    let patience = self.connection.patience();
                    by = Instant::now()
                        + if self.late { LAST_WORDS.min(patience) } else { patience };
                }
                Err(error) => {
                    if self.connection.listens() && self.connection.tx().has_remaining() {
                        // The peer's last words may be waiting.
                        let soon = Instant::now() + LINGER.0.min(patience);
                        while self.read(soon).is_ok_and(|()| !self.connection.rx().is_full()) {}
                        self.connection.eof();
                    } else {
                        self.connection.broken();
                    }
                    self.error = Some(error);
                }
            }
        }
    }

    /// Makes the handshake that the session asks for. If it fails the stream is not used again.
    fn secure(&mut self, by: Instant) {
        let made = self.handshake(by);
        // The handshake has bounds of its own.
        self.bounds = Bounds::default();
        match made {
            Ok(()) => {
                self.note_binding();
                self.connection.secured();
            }
            Err(error) => {
                self.stream = Wire::Gone;
                self.error = Some(error);
                self.connection.tls_failed();
            }
        }
    }

    #[cfg(feature = "tls")]
    fn note_binding(&mut self) {
        let facts = self.tls.as_ref().and_then(|tls| tls.facts.as_ref());
        if facts.is_none_or(|facts| facts.exporter.is_none()) {
            self.connection.unbound();
        }
    }

    #[cfg(not(feature = "tls"))]
    fn note_binding(&mut self) {}

    #[cfg(feature = "tls")]
    fn handshake(&mut self, by: Instant) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => tls.handshake(&mut self.stream, by),
            None => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    #[cfg(not(feature = "tls"))]
    fn handshake(&mut self, _: Instant) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn bound(&mut self, direction: Direction, by: Instant) -> io::Result<()> {
        match by.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => self.bounds.hold(&mut self.stream, direction, left),
            _ => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Sends what waits. `false`: the peer said something before all of it had left.
    fn flush(&mut self, by: Instant) -> io::Result<bool> {
        let listens = self.connection.listens();
        if listens && self.connection.tx().has_remaining() && self.glance()? {
            return Ok(false);
        }
        while self.connection.tx().has_remaining() {
            let until = if listens { by.min(Instant::now() + GLANCE) } else { by };
            match self.bound(Direction::Write, until).and_then(|()| self.write()) {
                Err(error) if is_late(&error) && Instant::now() < by => {
                    if listens && self.glance()? {
                        return Ok(false);
                    }
                }
                written => written?,
            }
        }
        Ok(true)
    }

    /// Writes once.
    fn write(&mut self) -> io::Result<()> {
        if self.connection.tx().fresh().is_empty() {
            if !retry(|| self.stream.flush())? {
                self.connection.tx().flushed();
            }
            return Ok(());
        }
        let taken = retry(|| self.stream.write(self.connection.tx().fresh()))?;
        if taken == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.connection.tx().handed(taken);
        Ok(())
    }

    /// Reads what is there already; whether something was, or the end.
    fn glance(&mut self) -> io::Result<bool> {
        if self.connection.rx().is_full() || !self.stream.nonblocking(true)? {
            return Ok(false);
        }
        let mut came = Ok(None);
        // Under TLS what comes need not be content; nobody may keep this from writing with such.
        for _ in 0..4 {
            came = match retry(|| self.stream.read(self.connection.rx().space())) {
                Ok(None) => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
                read => read,
            };
            break;
        }
        self.stream.nonblocking(false)?;
        match came? {
            None => return Ok(false),
            Some(0) => self.connection.eof(),
            Some(n) => self.connection.rx().filled(n),
        }
        Ok(true)
    }

    fn read(&mut self, by: Instant) -> io::Result<()> {
        let n = loop {
            self.bound(Direction::Read, by)?;
            if let Some(n) = retry(|| self.stream.read(self.connection.rx().space()))? {
                break n;
            }
        };
        match n {
            0 => {
                self.connection.eof();
                Err(io::ErrorKind::UnexpectedEof.into())
            }
            n => {
                self.connection.rx().filled(n);
                Ok(())
            }
        }
    }

    fn close(&mut self) -> io::Result<()> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let by = Instant::now() + LAST_WORDS.min(self.connection.patience());
        let _ = self.bound(Direction::Write, by);
        let _ = self.stream.end();
        if self.connection.lingers() {
            let _ = self.drain();
        }
        self.over = true;
        Ok(())
    }

    /// A connection that is closed while bytes wait in it is reset, and what the peer was told
    /// last may be lost.
    fn drain(&mut self) -> io::Result<()> {
        let by = Instant::now() + LINGER.0.min(self.connection.patience());
        let mut room = [0; 4096];
        let mut left = LINGER.1;
        while left > 0 {
            self.bound(Direction::Read, by)?;
            let Some(n) = retry(|| self.stream.read(&mut room))? else { continue };
            if n == 0 {
                break;
            }
            left = left.saturating_sub(n);
        }
        Ok(())
    }
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn retry<T>(mut operation: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match operation() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
