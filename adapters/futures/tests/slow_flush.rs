//! Streams that send what they took only while they are flushed.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

#[macro_use]
#[path = "../../tests-shared/slow.rs"]
mod slow;

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use futures_lite::io::{AsyncRead, AsyncWrite};
use slow::Slow;
use smtp_futures::codec::server::{Config, Event};
use smtp_futures::{AsyncIo, Client, Server};

impl AsyncRead for Slow {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.open && self.input.is_empty() {
            return Poll::Pending;
        }
        Pin::new(&mut self.input).poll_read(cx, room)
    }
}

impl AsyncWrite for Slow {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.take(bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

slow_tests!(
    |stream, config| Server::new(stream, AsyncIo, config),
    |stream, config| Client::new(stream, AsyncIo, config),
    futures_lite::future::block_on
);
