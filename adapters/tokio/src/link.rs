//! The loop that moves bytes between a connection and a stream, the same for both sides.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Buf;
use smtp_codec::{Machine, Want};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop::poll_proceed;
use tokio::time::Instant;

use crate::alarm::Alarm;
use crate::wire::Wire;

/// How long a peer has to take what it is told last.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How long, and for how many octets, a closed session listens to a peer that goes on sending.
const LINGER: (Duration, usize) = (Duration::from_secs(1), 1024 * 1024);

#[derive(Debug)]
pub(crate) struct Link<S, C> {
    stream: Wire<S>,
    /// In a box: a handshake under way takes more than all the rest, and most sessions have none.
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Box<crate::handshake::Tls<S>>>,
    pub(crate) connection: C,
    /// When the present wait ends. It outlives a `next` that is dropped.
    by: Option<Instant>,
    alarm: Alarm,
    /// What was left of it when the application got its turn, whose time is not the peer's.
    left: Option<Duration>,
    heard: u64,
    late: bool,
    flushing: bool,
    /// Writing failed: nothing more is sent, and what the peer has said is read to its end.
    deaf: bool,
    error: Option<io::Error>,
    farewell: Farewell,
}

/// How far the end of a session has come.
#[derive(Debug)]
enum Farewell {
    No,
    Shutdown,
    /// So many octets more are listened to.
    Linger(usize),
    /// `Closed` is handed out.
    Over,
}

impl<S: AsyncRead + AsyncWrite + Unpin, C: Machine> Link<S, C> {
    pub(crate) fn new(stream: S, connection: C) -> Self {
        #[cfg(any(feature = "tracing", feature = "metrics"))]
        let connection = smtp_watch::watched(connection);
        Link {
            stream: Wire::Plain(stream),
            #[cfg(feature = "tls")]
            tls: None,
            connection,
            by: None,
            alarm: Alarm::default(),
            left: None,
            heard: 0,
            late: false,
            flushing: false,
            deaf: false,
            error: None,
            farewell: Farewell::No,
        }
    }

    /// Whether `Closed` was handed out.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.farewell, Farewell::Over)
    }

    /// Goes on until there is an event. There is one deadline for each thing that is waited for,
    /// so that bytes that drip in cannot extend it.
    ///
    /// All of its state is kept here and none in a future, so that one can be dropped at any time,
    /// and a session that waits is no larger by it.
    pub(crate) fn turn(&mut self) -> impl Future<Output = io::Result<()>> {
        poll_fn(|cx| self.poll_turn(cx))
    }

    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_over() {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        }
        // An event that is not answered comes again at once: other tasks get their turn. It must be
        // before `step`, which passes on from the content that it has shown.
        ready!(poll_proceed(cx)).made_progress();
        loop {
            // What left the connection may still have to leave the stream.
            let want = if self.flushing { Want::Flush } else { self.connection.step() };
            let ending = self.late || self.deaf;
            if self.heard != self.connection.heard() && !ending {
                self.heard = self.connection.heard();
                (self.by, self.left) = (None, None);
            }
            match want {
                Want::Event => {
                    // Where nothing was waited for, the clock need not be asked.
                    if let Some(by) = self.by.take() {
                        self.left = Some(by.saturating_duration_since(Instant::now()));
                    }
                    if self.deaf {
                        // The peer's word says more than how the link broke.
                        self.error = None;
                    }
                    return Poll::Ready(Ok(()));
                }
                Want::Close => return self.poll_close(cx),
                Want::Tls | Want::Input | Want::Flush => {}
            }
            if self.by.is_none() {
                let wait = self.left.take().unwrap_or_else(|| self.connection.patience());
                self.by = Some(Instant::now() + wait);
            }
            if want == Want::Tls {
                ready!(self.poll_secure(cx));
                continue;
            }
            self.flushing = want == Want::Flush;
            let exchanged = ready!(self.poll_exchange(want, cx));
            self.flushing = false;
            match exchanged {
                Some(Ok(())) => {}
                Some(Err(error)) => self.failed(error),
                None if self.deaf => self.connection.eof(),
                None if self.late => self.connection.broken(),
                None => {
                    let last = self.within(LAST_WORDS);
                    self.connection.timed_out();
                    self.late = self.connection.is_over();
                    self.by = self.late.then_some(last);
                }
            }
        }
    }

    /// Makes the handshake that the session asks for. If it fails the stream is not used again.
    fn poll_secure(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match ready!(self.poll_handshake(cx)) {
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
        Poll::Ready(())
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
    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(tls) = &mut self.tls else {
            return Poll::Ready(Err(io::ErrorKind::Unsupported.into()));
        };
        let made = match tls.poll_handshake(&mut self.stream, cx) {
            Poll::Ready(made) => made,
            Poll::Pending => {
                ready!(self.alarm.poll(self.by, cx));
                Err(io::ErrorKind::TimedOut.into())
            }
        };
        if made.is_err() {
            tls.abandon();
        }
        Poll::Ready(made)
    }

    #[cfg(not(feature = "tls"))]
    fn poll_handshake(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }

    /// Sends what waits, and reads; none where the wait ends before.
    fn poll_exchange(&mut self, want: Want, cx: &mut Context<'_>) -> Poll<Option<io::Result<()>>> {
        match once(&mut self.stream, &mut self.connection, self.deaf, want, cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => self.alarm.poll(self.by, cx).map(|()| None),
        }
    }

    /// When so long has passed, or what a peer has for anything.
    fn within(&self, most: Duration) -> Instant {
        Instant::now() + most.min(self.connection.patience())
    }

    /// The link broke. If it was while writing, the peer's last words may be waiting.
    fn failed(&mut self, error: io::Error) {
        if self.deaf {
            self.connection.eof();
        } else if self.connection.listens() && self.connection.tx().has_remaining() {
            self.by = Some(self.within(LINGER.0));
            self.deaf = true;
            self.error = Some(error);
        } else {
            self.connection.broken();
            self.error = Some(error);
        }
    }

    /// Sends what there is to send, and listens to a peer that goes on sending, for a while.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(error) = self.error.take() {
            return Poll::Ready(Err(error));
        }
        loop {
            match self.farewell {
                Farewell::No => {
                    self.by = Some(self.within(LAST_WORDS));
                    self.farewell = Farewell::Shutdown;
                }
                Farewell::Shutdown => {
                    // Not every stream flushes what it has taken when it is shut down.
                    let flushed = Pin::new(&mut self.stream).poll_flush(cx);
                    if flushed.is_pending()
                        || Pin::new(&mut self.stream).poll_shutdown(cx).is_pending()
                    {
                        ready!(self.alarm.poll(self.by, cx));
                    }
                    self.by = Some(self.within(LINGER.0));
                    self.farewell = match self.connection.lingers() {
                        true => Farewell::Linger(LINGER.1),
                        false => Farewell::Over,
                    };
                }
                Farewell::Linger(ref mut left) => {
                    if drain(&mut self.stream, left, cx).is_pending() {
                        ready!(self.alarm.poll(self.by, cx));
                    }
                    self.farewell = Farewell::Over;
                }
                Farewell::Over => return Poll::Ready(Ok(())),
            }
        }
    }
}

/// Sends what waits, and reads. Neither waits for the other, and the read buffer exists only while
/// there are bytes for it.
fn once<S: AsyncRead + AsyncWrite + Unpin, C: Machine>(
    stream: &mut S,
    connection: &mut C,
    deaf: bool,
    want: Want,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    if deaf {
        return read(stream, connection, cx);
    }
    pass_on(stream, connection, cx)?;
    // What the peer has said already was said before it could know of what is sent now.
    let early = connection.listens() && connection.tx().has_remaining();
    if early && let Poll::Ready(read) = read(stream, connection, cx) {
        return Poll::Ready(read);
    }
    match write(stream, connection, cx)? {
        Poll::Ready(()) if want == Want::Flush => Poll::Ready(Ok(())),
        Poll::Pending if want == Want::Flush => Poll::Pending,
        _ => read(stream, connection, cx),
    }
}

fn write<S: AsyncWrite + Unpin, C: Machine>(
    stream: &mut S,
    connection: &mut C,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while !connection.tx().fresh().is_empty() {
        // Where this waits, nothing else may be asked of the stream: async-net forgets whom to wake.
        let taken = ready!(Pin::new(&mut *stream).poll_write(cx, connection.tx().fresh()))?;
        if taken == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        connection.tx().handed(taken);
    }
    ready!(Pin::new(stream).poll_flush(cx))?;
    connection.tx().flushed();
    Poll::Ready(Ok(()))
}

/// What a stream has taken it may still hold, and a peer cannot have answered that.
fn pass_on<S: AsyncWrite + Unpin, C: Machine>(
    stream: &mut S,
    connection: &mut C,
    cx: &mut Context<'_>,
) -> io::Result<()> {
    let is_held = connection.tx().fresh().len() < connection.tx().remaining();
    if is_held && let Poll::Ready(flushed) = Pin::new(stream).poll_flush(cx) {
        flushed?;
        connection.tx().flushed();
    }
    Ok(())
}

fn read<S: AsyncRead + Unpin, C: Machine>(
    stream: &mut S,
    connection: &mut C,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    if connection.rx().is_full() {
        return Poll::Ready(Ok(()));
    }
    let came = connection.rx().poll_receive(|room| {
        let mut room = ReadBuf::new(room);
        Pin::new(stream).poll_read(cx, &mut room).map_ok(|()| room.filled().len())
    });
    if came.is_pending() {
        connection.release();
    }
    if ready!(came)? == 0 {
        connection.eof();
    }
    Poll::Ready(Ok(()))
}

/// A connection that is closed while bytes wait in it is reset, and what the peer was told last
/// may be lost. The room is not part of any future: each session would be larger by it.
fn drain<S: AsyncRead + Unpin>(
    stream: &mut S,
    left: &mut usize,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    let mut room = [0; 4096];
    while *left > 0 {
        let mut room = ReadBuf::new(&mut room);
        ready!(Pin::new(&mut *stream).poll_read(cx, &mut room))?;
        let n = room.filled().len();
        if n == 0 {
            break;
        }
        *left = left.saturating_sub(n);
    }
    Poll::Ready(Ok(()))
}
