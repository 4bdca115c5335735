//! Streams that send what they took only while they are flushed.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

#[macro_use]
#[path = "../../tests-shared/slow.rs"]
mod slow;

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use slow::Slow;
use smtp_tokio::codec::server::{Config, Event};
use smtp_tokio::{Client, Server};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

impl AsyncRead for Slow {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
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

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

slow_tests!(Server::new, Client::new, block_on);
