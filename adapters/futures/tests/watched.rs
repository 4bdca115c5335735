//! What this adapter traces by itself.
#![allow(clippy::unwrap_used)]

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_lite::{AsyncRead, AsyncWrite};
use smtp_codec::server::{Config, Event};
use smtp_futures::watch::Watch;
use smtp_futures::{AsyncIo, Server};
use tracing_subscriber::filter::LevelFilter;

#[path = "../../tests-shared/traced.rs"]
mod traced;

const CLIENT: &[u8] = b"HELO \x01\r\nQUIT\r\n";

#[test]
fn each_session_is_a_span_that_may_be_named() {
    let unnamed = traced::traced(LevelFilter::TRACE, || serve(None));
    assert!(unnamed.iter().all(|it| it.contains(r#"smtp{side="server" id="#)), "{unnamed:?}");
    assert!(unnamed.iter().any(|it| it.ends_with(r"received line=HELO \x01")), "{unnamed:?}");
    assert!(!unnamed[0].contains("peer="), "{unnamed:?}");
    let named = traced::traced(LevelFilter::TRACE, || serve(Some("pipe")));
    assert!(
        named.iter().all(|it| it.contains(r#"smtp{side="server" id=7 peer=pipe}"#)),
        "{named:?}"
    );
    assert!(named.last().unwrap().contains("closed why=the client said QUIT"), "{named:?}");
    assert_eq!(named.len(), unnamed.len());
}

/// What comes, and nobody to hear the answer.
struct Deaf(&'static [u8]);

impl AsyncRead for Deaf {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, room)
    }
}

impl AsyncWrite for Deaf {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn serve(peer: Option<&str>) {
    futures_lite::future::block_on(async {
        let config = Config::new("mx.example.org").unwrap();
        let mut server = Server::new(Deaf(CLIENT), AsyncIo, config);
        if let Some(peer) = peer {
            Watch::new().id(7).peer(peer).install(server.connection());
        }
        loop {
            match server.next().await.unwrap() {
                Event::Closed(_) => break,
                other => other.proceed(),
            }
        }
    });
}
