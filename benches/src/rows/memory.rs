//! A stream in memory, for those who want one: what was put in is read, what is written is counted
//! or kept. It never waits, so a future over it is ready when it is polled.

use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures::FutureExt;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

/// What was written, and by whom it is looked at afterwards.
#[derive(Clone, Debug, Default)]
pub struct Written(Arc<Mutex<Wire>>);

#[derive(Debug, Default)]
struct Wire {
    keep: bool,
    kept: Vec<u8>,
    octets: usize,
}

impl Written {
    /// Keeps what is written, as if it were sent from one buffer; otherwise it is only counted.
    pub fn keeping(octets: usize) -> Self {
        let kept = Vec::with_capacity(octets);
        Written(Arc::new(Mutex::new(Wire { keep: true, kept, octets: 0 })))
    }

    fn put(&self, bytes: &[u8]) {
        let Ok(mut wire) = self.0.lock() else { return };
        wire.octets += bytes.len();
        if wire.keep {
            wire.kept.extend_from_slice(bytes);
        }
    }

    /// How many octets were written since this was asked last.
    pub fn take(&self) -> usize {
        let Ok(mut wire) = self.0.lock() else { return 0 };
        wire.kept.clear();
        std::mem::take(&mut wire.octets)
    }
}

/// Reads `input`, over and over if it is `endless`, at most `most` octets at once.
#[derive(Debug)]
pub struct Memory<B> {
    input: B,
    at: usize,
    most: usize,
    endless: bool,
    written: Written,
}

impl<B: AsRef<[u8]>> Memory<B> {
    pub fn new(input: B) -> Self {
        Memory { input, at: 0, most: usize::MAX, endless: false, written: Written::default() }
    }

    #[must_use]
    pub fn in_reads_of(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    #[must_use]
    pub fn endless(mut self) -> Self {
        self.endless = true;
        self
    }

    #[must_use]
    pub fn into(mut self, written: &Written) -> Self {
        self.written = written.clone();
        self
    }

    fn rest(&mut self) -> &[u8] {
        let input = self.input.as_ref();
        if self.endless && self.at == input.len() {
            self.at = 0;
        }
        let rest = &input[self.at..];
        &rest[..rest.len().min(self.most)]
    }

    fn write(&self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.written.put(bytes);
        Poll::Ready(Ok(bytes.len()))
    }
}

/// The outcome of a future that never waits.
pub fn now<F: Future>(future: F) -> Option<F::Output> {
    future.now_or_never()
}

impl<B: AsRef<[u8]> + Unpin> AsyncRead for Memory<B> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = self.rest();
        let n = rest.len().min(room.remaining());
        room.put_slice(&rest[..n]);
        self.at += n;
        Poll::Ready(Ok(()))
    }
}

impl<B: AsRef<[u8]> + Unpin> AsyncBufRead for Memory<B> {
    fn poll_fill_buf(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Poll::Ready(Ok(self.get_mut().rest()))
    }

    fn consume(mut self: Pin<&mut Self>, n: usize) {
        self.at += n;
    }
}

impl<B: AsRef<[u8]> + Unpin> AsyncWrite for Memory<B> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl<B: AsRef<[u8]> + Unpin> futures::AsyncRead for Memory<B> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let rest = self.rest();
        let n = rest.len().min(room.len());
        room[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        Poll::Ready(Ok(n))
    }
}

impl<B: AsRef<[u8]> + Unpin> futures::AsyncWrite for Memory<B> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut octets = 0;
        for slice in slices {
            self.written.put(slice);
            octets += slice.len();
        }
        Poll::Ready(Ok(octets))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl lettre::transport::smtp::client::AsyncTokioStream for Memory<Vec<u8>> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok((Ipv4Addr::LOCALHOST, 25).into())
    }
}
