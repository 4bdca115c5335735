//! The loop that moves bytes between a connection and a stream, the same for both sides.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Buf;
use futures_io::{AsyncRead, AsyncWrite};
use smtp_codec::{Machine, Want};

use crate::Timer;

/// How long a peer has to take what it is told last.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How long, and for how many octets, a closed session listens to a peer that goes on sending.
const LINGER: (Duration, usize) = (Duration::from_secs(1), 1024 * 1024);

#[derive(Debug)]
pub(crate) struct Link<S, T, C> {
    pub(crate) stream: S,
    pub(crate) connection: C,
    timer: T,
    closed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin, T: Timer, C: Machine> Link<S, T, C> {
    pub(crate) fn new(stream: S, timer: T, connection: C) -> Self {
        Link { stream, connection, timer, closed: false }
    }

    /// Goes on until there is an event. One deadline for all of it, so that bytes that drip in
    /// cannot extend it.
    pub(crate) async fn turn(&mut self) -> io::Result<()> {
        if self.until_event().await? == Want::Close {
            self.close().await;
        }
        Ok(())
    }

    async fn until_event(&mut self) -> io::Result<Want> {
        let Link { stream, connection, timer, closed } = self;
        let mut deadline = pin!(timer.after(connection.patience()));
        loop {
            let want = connection.step();
            let done = match want {
                Want::Input | Want::Flush => {
                    poll_fn(|cx| match exchange(stream, connection, want, cx) {
                        Poll::Ready(done) => Poll::Ready(Some(done)),
                        Poll::Pending => deadline.as_mut().poll(cx).map(|()| None),
                    })
                    .await
                }
                Want::Event | Want::Close => return Ok(want),
            };
            match done {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    connection.broken();
                    return Err(error);
                }
                None if *closed => connection.broken(),
                None => {
                    *closed = true;
                    connection.timed_out();
                    deadline.set(timer.after(LAST_WORDS));
                }
            }
        }
    }

    async fn close(&mut self) {
        let Link { stream, connection, timer, closed } = self;
        if !std::mem::replace(closed, true) || connection.lingers() {
            let mut deadline = pin!(timer.after(LAST_WORDS));
            poll_fn(|cx| match Pin::new(&mut *stream).poll_close(cx) {
                Poll::Ready(_) => Poll::Ready(()),
                Poll::Pending => deadline.as_mut().poll(cx),
            })
            .await;
            if connection.lingers() {
                let mut deadline = pin!(timer.after(LINGER.0));
                let mut left = LINGER.1;
                poll_fn(|cx| match drain(stream, &mut left, cx) {
                    Poll::Ready(_) => Poll::Ready(()),
                    Poll::Pending => deadline.as_mut().poll(cx),
                })
                .await;
            }
        }
    }
}

/// Sends what waits; then, if input is wanted, reads. The read buffer exists only while there are
/// bytes for it.
fn exchange<S: AsyncRead + AsyncWrite + Unpin, C: Machine>(
    stream: &mut S,
    connection: &mut C,
    want: Want,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while connection.tx().has_remaining() {
        let sent = ready!(Pin::new(&mut *stream).poll_write(cx, connection.tx().chunk()))?;
        if sent == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        connection.tx().advance(sent);
    }
    ready!(Pin::new(&mut *stream).poll_flush(cx))?;
    if want != Want::Input {
        return Poll::Ready(Ok(()));
    }
    let read = Pin::new(stream).poll_read(cx, connection.rx().space());
    if read.is_pending() {
        connection.release();
    }
    match ready!(read)? {
        0 => connection.eof(),
        n => connection.rx().filled(n),
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
