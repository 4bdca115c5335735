//! A stream that takes what is written at once and sends it only while it is flushed: its end does not
//! flush it.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use futures_lite::io::{AsyncRead, AsyncWrite};
use smtp_futures::codec::server::{Config, Event};
use smtp_futures::{AsyncIo, Server};

struct Slow<'a> {
    input: &'a [u8],
    held: Vec<u8>,
    waited: bool,
    sent: &'a mut Vec<u8>,
}

impl AsyncRead for Slow<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.input).poll_read(cx, room)
    }
}

impl AsyncWrite for Slow<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.held.extend_from_slice(bytes);
        self.waited = false;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.held.is_empty() && !self.waited {
            self.waited = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let Slow { held, sent, .. } = &mut *self;
        sent.append(held);
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

const COMMANDS: &[u8] = b"HELO client.example.net\r\nVRFY a\r\nQUIT\r\n";

fn codes(sent: &[u8]) -> Vec<&str> {
    let lines = std::str::from_utf8(sent).unwrap_or_default().lines();
    lines.filter_map(|line| line.split_once(' ')).map(|(code, _)| code).collect()
}

fn over<'a>(input: &'a [u8], sent: &'a mut Vec<u8>, config: Config) -> Server<Slow<'a>, AsyncIo> {
    let stream = Slow { input, held: Vec::new(), waited: false, sent };
    Server::new(stream, AsyncIo, config)
}

#[test]
fn what_is_told_last_is_sent() {
    let mut sent = Vec::new();
    let mut server = over(COMMANDS, &mut sent, Config::new("mx.example.org").unwrap());
    loop {
        match futures_lite::future::block_on(server.next()).unwrap() {
            Event::Closed(_) => break,
            other => other.proceed(),
        }
    }
    drop(server);
    assert_eq!(codes(&sent), ["220", "250", "252", "221"]);
}

#[test]
fn also_by_futures_that_are_dropped() {
    let mut sent = Vec::new();
    let mut server = over(COMMANDS, &mut sent, Config::new("mx.example.org").unwrap());
    loop {
        match pin!(server.next()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(Event::Closed(_))) => break,
            Poll::Ready(event) => event.unwrap().proceed(),
            Poll::Pending => {}
        }
    }
    drop(server);
    assert_eq!(codes(&sent), ["220", "250", "252", "221"]);
}

/// The end of input needs no word, so that nothing is flushed for one.
#[test]
fn what_was_told_before_the_end_of_input_is_sent() {
    let mut sent = Vec::new();
    let config = Config::new("mx.example.org").unwrap();
    let mut server = over(b"HELO client.example.net\r\nVRFY a\r\n", &mut sent, config);
    loop {
        match futures_lite::future::block_on(server.next()).unwrap() {
            Event::Closed(_) => break,
            other => other.proceed(),
        }
    }
    drop(server);
    assert_eq!(codes(&sent), ["220", "250", "252"]);
}
