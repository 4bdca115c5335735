//! The loop that moves bytes between a connection and a stream, the same for both sides.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Buf;
use smtp_codec::{Machine, Want};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout, timeout_at};

/// How long a peer has to take what it is told last.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How long, and for how many octets, a closed session listens to a peer that goes on sending.
const LINGER: (Duration, usize) = (Duration::from_secs(1), 1024 * 1024);

#[derive(Debug)]
pub(crate) struct Link<S, C> {
    pub(crate) stream: S,
    pub(crate) connection: C,
    closed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin, C: Machine> Link<S, C> {
    pub(crate) fn new(stream: S, connection: C) -> Self {
        Link { stream, connection, closed: false }
    }

    /// Goes on until there is an event. One deadline for all of it, so that bytes that drip in
    /// cannot extend it.
    pub(crate) async fn turn(&mut self) -> io::Result<()> {
        let mut by = Instant::now() + self.connection.patience();
        loop {
            let done = match self.connection.step() {
                Want::Input => timeout_at(by, self.exchange()).await,
                Want::Flush => timeout_at(by, self.flush()).await,
                Want::Event => return Ok(()),
                Want::Close => {
                    self.close().await;
                    return Ok(());
                }
            };
            match done {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    self.connection.broken();
                    return Err(error);
                }
                Err(_) if self.closed => self.connection.broken(),
                Err(_) => {
                    self.closed = true;
                    self.connection.timed_out();
                    by = Instant::now() + LAST_WORDS;
                }
            }
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        while self.connection.tx().has_remaining() {
            if self.stream.write_buf(self.connection.tx()).await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        self.stream.flush().await
    }

    /// Sends what waits, then reads. The read buffer exists only while there are bytes for it.
    async fn exchange(&mut self) -> io::Result<()> {
        self.flush().await?;
        let Link { stream, connection, .. } = self;
        poll_fn(|cx| {
            let mut space = ReadBuf::new(connection.rx().space());
            let polled = Pin::new(&mut *stream).poll_read(cx, &mut space);
            let n = space.filled().len();
            if polled.is_pending() {
                connection.release();
            }
            ready!(polled)?;
            match n {
                0 => connection.eof(),
                n => connection.rx().filled(n),
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    async fn close(&mut self) {
        if !std::mem::replace(&mut self.closed, true) || self.connection.lingers() {
            let _ = timeout(LAST_WORDS, self.stream.shutdown()).await;
            if self.connection.lingers() {
                let _ = timeout(LINGER.0, self.drain()).await;
            }
        }
    }

    /// A connection that is closed while bytes wait in it is reset, and what the peer was told
    /// last may be lost.
    async fn drain(&mut self) -> io::Result<()> {
        let mut room = [0; 4096];
        let mut left = LINGER.1;
        while left > 0 {
            let n = tokio::io::AsyncReadExt::read(&mut self.stream, &mut room).await?;
            if n == 0 {
                break;
            }
            left = left.saturating_sub(n);
        }
        Ok(())
    }
}
