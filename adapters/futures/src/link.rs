//! The loop that moves bytes between a connection and a stream, the same for both sides.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Buf;
use futures_io::{AsyncRead, AsyncWrite};
use smtp_codec::{Machine, Want};

use crate::Timer;
use crate::wire::Wire;

/// How long a peer has to take what it is told last.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How long, and for how many octets, a closed session listens to a peer that goes on sending.
const LINGER: (Duration, usize) = (Duration::from_secs(1), 1024 * 1024);

/// So many exchanges or events in a row without a wait, and other tasks get a turn: not every
/// executor sees to that.
const ROUNDS: u8 = 32;

#[derive(Debug)]
pub(crate) struct Link<S, T, C> {
    stream: Wire<S>,
    /// In a box: a handshake under way takes more than all the rest, and most sessions have none.
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Box<crate::handshake::Tls<S>>>,
    pub(crate) connection: C,
    timer: T,
    /// When the present wait ends. It outlives a `next` that is dropped.
    by: Option<Instant>,
    /// What was left of it when the application got its turn, whose time is not the peer's.
    left: Option<Duration>,
    heard: u64,
    rounds: u8,
    late: bool,
    flushing: bool,
    /// Writing failed: nothing more is sent, and what the peer has said is read to its end.
    deaf: bool,
    error: Option<io::Error>,
    farewell: Farewell,
}

/// How far the end of a session has come. It outlives a `next` that is dropped.
#[derive(Debug)]
enum Farewell {
    No,
    Shutdown,
    /// So many octets more are listened to.
    Linger(usize),
    /// `Closed` is handed out.
    Over,
}

impl<S: AsyncRead + AsyncWrite + Unpin, T: Timer, C: Machine> Link<S, T, C> {
    pub(crate) fn new(stream: S, timer: T, connection: C) -> Self {
        #[cfg(any(feature = "tracing", feature = "metrics"))]
        let connection = smtp_watch::watched(connection);
        Link {
            stream: Wire::Plain(stream),
            #[cfg(feature = "tls")]
            tls: None,
            connection,
            timer,
            by: None,
            left: None,
            heard: 0,
            rounds: 0,
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
    pub(crate) async fn turn(&mut self) -> io::Result<()> {
        if self.is_over() {
            return Err(io::ErrorKind::NotConnected.into());
        }
        // An event that is not answered comes again at once. It must be before `step`, which passes on
        // from the content that it has shown.
        self.give_way().await;
        loop {
            // What left the connection may still have to leave the stream.
            let want = if self.flushing { Want::Flush } else { self.connection.step() };
            let ending = self.late || self.deaf;
            if self.heard != self.connection.heard() && !ending {
                self.heard = self.connection.heard();
                (self.by, self.left) = (None, None);
            }
            let patience = self.connection.patience();
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
                    return Ok(());
                }
                Want::Close => return self.close().await,
                Want::Tls | Want::Input | Want::Flush => {}
            }
            let wait = self.left.take().unwrap_or(patience);
            let by = *self.by.get_or_insert_with(|| Instant::now() + wait);
            if want == Want::Tls {
                self.secure(by).await;
                continue;
            }
            // It outlives this future.
            self.flushing = want == Want::Flush;
            let exchanged = self.exchange(want, by).await;
            self.flushing = false;
            match exchanged {
                Some(Ok(())) => {}
                Some(Err(error)) => self.failed(error, patience),
                None if self.deaf => self.connection.eof(),
                None if self.late => self.connection.broken(),
                None => {
                    self.connection.timed_out();
                    self.late = self.connection.is_over();
                    let last = || Instant::now() + LAST_WORDS.min(patience);
                    self.by = self.late.then(last);
                }
            }
        }
    }

    /// Lets other tasks have a turn if it is time.
    async fn give_way(&mut self) {
        self.rounds += 1;
        if self.rounds > ROUNDS {
            self.rounds = 0;
            let mut gave_way = false;
            poll_fn(|cx| {
                if std::mem::replace(&mut gave_way, true) {
                    return Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        }
    }

    /// Makes the handshake that the session asks for. If it fails the stream is not used again.
    async fn secure(&mut self, by: Instant) {
        match self.handshake(by).await {
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
    async fn handshake(&mut self, by: Instant) -> io::Result<()> {
        let Link { stream, timer, tls, .. } = self;
        let Some(tls) = tls else { return Err(io::ErrorKind::Unsupported.into()) };
        let mut deadline = pin!(timer.after(by.saturating_duration_since(Instant::now())));
        let made = {
            let mut handshake = pin!(tls.handshake(stream));
            poll_fn(|cx| match handshake.as_mut().poll(cx) {
                Poll::Ready(made) => Poll::Ready(made),
                Poll::Pending => {
                    deadline.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
                }
            })
            .await
        };
        if made.is_err() {
            tls.abandon();
        }
        made
    }

    #[cfg(not(feature = "tls"))]
    async fn handshake(&mut self, _: Instant) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Sends what waits, and reads, until `by`; none where that was too late.
    async fn exchange(&mut self, want: Want, by: Instant) -> Option<io::Result<()>> {
        let Link { stream, connection, timer, rounds, deaf, .. } = self;
        let mut deadline = pin!(timer.after(by.saturating_duration_since(Instant::now())));
        let mut gave_way = false;
        poll_fn(|cx| {
            if *rounds >= ROUNDS && !gave_way {
                gave_way = true;
                cx.waker().wake_by_ref();
                return deadline.as_mut().poll(cx).map(|()| None);
            }
            if let Poll::Ready(done) = once(stream, connection, *deaf, want, cx) {
                *rounds = if gave_way { 0 } else { *rounds + 1 };
                return Poll::Ready(Some(done));
            }
            *rounds = 0;
            deadline.as_mut().poll(cx).map(|()| None)
        })
        .await
    }

    /// The link broke. If it was while writing, the peer's last words may be waiting.
    fn failed(&mut self, error: io::Error, patience: Duration) {
        if self.deaf {
            self.connection.eof();
        } else if self.connection.listens() && self.connection.tx().has_remaining() {
            self.by = Some(Instant::now() + LINGER.0.min(patience));
            self.deaf = true;
            self.error = Some(error);
        } else {
            self.connection.broken();
            self.error = Some(error);
        }
    }

    /// Sends what there is to send, and listens to a peer that goes on sending, for a while.
    async fn close(&mut self) -> io::Result<()> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let patience = self.connection.patience();
        let within = |most: Duration| Some(Instant::now() + most.min(patience));
        loop {
            let wait =
                self.by.map_or(Duration::ZERO, |by| by.saturating_duration_since(Instant::now()));
            match &mut self.farewell {
                Farewell::No => {
                    self.by = within(LAST_WORDS);
                    self.farewell = Farewell::Shutdown;
                }
                Farewell::Shutdown => {
                    let stream = &mut self.stream;
                    let mut deadline = pin!(self.timer.after(wait));
                    // Not every stream flushes what it has taken when it is closed.
                    poll_fn(|cx| match Pin::new(&mut *stream).poll_flush(cx) {
                        Poll::Ready(_) if Pin::new(&mut *stream).poll_close(cx).is_ready() => {
                            Poll::Ready(())
                        }
                        _ => deadline.as_mut().poll(cx),
                    })
                    .await;
                    self.by = within(LINGER.0);
                    self.farewell = match self.connection.lingers() {
                        true => Farewell::Linger(LINGER.1),
                        false => Farewell::Over,
                    };
                }
                Farewell::Linger(left) => {
                    let stream = &mut self.stream;
                    let mut deadline = pin!(self.timer.after(wait));
                    poll_fn(|cx| match drain(stream, left, cx) {
                        Poll::Ready(_) => Poll::Ready(()),
                        Poll::Pending => deadline.as_mut().poll(cx),
                    })
                    .await;
                    self.farewell = Farewell::Over;
                }
                // Nothing may come between this and the event that says so: a future can be dropped.
                Farewell::Over => return Ok(()),
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
    let came = connection.rx().poll_receive(|room| Pin::new(stream).poll_read(cx, room));
    if came.is_pending() {
        connection.release();
    }
    if ready!(came)? == 0 {
        connection.eof();
    }
    Poll::Ready(Ok(()))
}

/// A connection that is closed while bytes wait in it is reset, and what the peer was told last
/// may be lost.
fn drain<S: AsyncRead + Unpin>(
    stream: &mut S,
    left: &mut usize,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    let mut room = [0; 4096];
    while *left > 0 {
        let n = ready!(Pin::new(&mut *stream).poll_read(cx, &mut room))?;
        if n == 0 {
            break;
        }
        *left = left.saturating_sub(n);
    }
    Poll::Ready(Ok(()))
}
