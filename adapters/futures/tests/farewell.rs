//! Sessions that end by futures that are dropped: what bounds the end is not begun anew by each.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures_lite::io::{AsyncRead, AsyncWrite};
use smtp_futures::codec::server::{Config, Event};
use smtp_futures::{AsyncIo, Server};

/// A client of another protocol that sends for ever, now and then.
#[derive(Default)]
struct Endless {
    begun: bool,
    waits: bool,
    /// Its side of the end never comes.
    never_closes: bool,
}

impl AsyncRead for Endless {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.waits = !self.waits;
        if !self.waits {
            return Poll::Pending;
        }
        room.fill(b'x');
        if !std::mem::replace(&mut self.begun, true) {
            let request = b"GET / HTTP/1.1\r\n";
            room.iter_mut().zip(request).for_each(|(place, octet)| *place = *octet);
            return Poll::Ready(Ok(request.len()));
        }
        Poll::Ready(Ok(room.len()))
    }
}

impl AsyncWrite for Endless {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.never_closes { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

/// Whether the session comes to its end, each future polled once.
fn ends(stream: Endless, patience: Duration) -> bool {
    let config = Config::new("mx.example.org").unwrap().patience(patience);
    let mut server = Server::new(stream, AsyncIo, config);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(5) {
        match pin!(server.next()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(Event::Closed(_))) => return true,
            Poll::Ready(event) => event.unwrap().proceed(),
            Poll::Pending => {}
        }
    }
    false
}

#[test]
fn no_more_is_listened_to_by_many_futures_than_by_one() {
    assert!(ends(Endless::default(), Duration::from_secs(60)));
}

#[test]
fn a_stream_that_does_not_close_is_waited_for_once() {
    let stream = Endless { never_closes: true, ..Endless::default() };
    assert!(ends(stream, Duration::from_millis(50)));
}
