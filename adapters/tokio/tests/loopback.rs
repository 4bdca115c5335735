//! The adapter over real sockets: the scenarios that every adapter must pass, futures that are
//! dropped, spawned and left idle, and streams that are not TCP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(missing_docs, unreachable_pub, clippy::cast_possible_truncation, clippy::string_slice)]

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use smtp_codec::{client, server};
use smtp_tokio::{Client, Server};
use tokio::io::{AsyncRead, ReadBuf};

#[path = "../../tests-shared/mod.rs"]
mod shared;

use shared::{
    Adapter, App, Body, CLIENT, Letter, Peer, Report, Running, all_tests, idle, send,
    send_dropping, serve, serve_dropping, tests,
};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn taken(stream: TcpStream) -> tokio::net::TcpStream {
    stream.set_nonblocking(true).unwrap();
    tokio::net::TcpStream::from_std(stream).unwrap()
}

impl AsyncRead for Body {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n = io::Read::read(&mut *self, room.initialize_unfilled())?;
        room.advance(n);
        Poll::Ready(Ok(()))
    }
}

struct Tokio;

impl Adapter for Tokio {
    fn serve(stream: TcpStream, config: server::Config, app: App) -> App {
        block_on(async { serve!(Server::new(taken(stream), config), app, await) })
    }

    fn send(to: SocketAddr, config: client::Config, letters: Vec<Letter>) -> Report {
        block_on(async { send!(Client::connect(to, config).await, letters, await) })
    }
}

all_tests!(Tokio);

#[cfg(feature = "tls")]
mod tls {
    use super::shared::{TlsAdapter, TlsStart, tls_tests};
    use super::*;

    impl TlsAdapter for Tokio {
        fn serve(
            stream: TcpStream,
            config: server::Config,
            tls: smtp_tls::ServerTls,
            start: TlsStart,
        ) -> App {
            block_on(async {
                match start {
                    TlsStart::Command => {
                        serve!(Server::with_tls(taken(stream), config, tls), App::default(), await)
                    }
                    TlsStart::Implicit => serve!(
                        Server::implicit_tls(taken(stream), config, tls),
                        App::default(),
                        await
                    ),
                }
            })
        }
    }

    tls_tests!(Tokio);
}

/// Nothing is lost when every `next` is dropped again and again.
mod dropped {
    use super::*;

    struct Dropped;

    impl Adapter for Dropped {
        fn serve(stream: TcpStream, config: server::Config, app: App) -> App {
            block_on(async { serve_dropping!(Server::new(taken(stream), config), app) })
        }

        fn send(to: SocketAddr, config: client::Config, letters: Vec<Letter>) -> Report {
            block_on(async { send_dropping!(Client::connect(to, config).await, letters) })
        }
    }

    tests!(Dropped:
        same_program,
        same_program_step_by_step,
        half_closed_after_everything,
        client_that_is_still_sending,
        unavailable_to_a_group,
    );
}

/// `select!` with a branch that is always ready.
#[test]
fn dropped_by_select() {
    let (address, serving) = shared::start_server::<Selecting>(shared::plain());
    let mut peer = Peer::connect(address);
    peer.say("EHLO client.example.net\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n");
    for _ in 0..100 {
        std::thread::sleep(Duration::from_millis(1));
        peer.say("some content\r\n");
    }
    peer.say(".\r\nQUIT\r\n");
    assert_eq!(peer.rest().unwrap().lines().count(), 13);
    assert_eq!(serving.end().stored[0].content, b"some content\r\n".repeat(100));
}

struct Selecting;

impl Adapter for Selecting {
    fn serve(stream: TcpStream, config: server::Config, mut app: App) -> App {
        block_on(async {
            let mut server = Server::new(taken(stream), config);
            loop {
                tokio::select! {
                    biased;
                    event = server.next() => if !app.on(event.unwrap()) { return app },
                    () = std::future::ready(()) => tokio::task::yield_now().await,
                }
            }
        })
    }

    fn send(_: SocketAddr, _: client::Config, _: Vec<Letter>) -> Report {
        unreachable!()
    }
}

/// Sessions are spawned on a runtime that moves them between threads.
#[test]
fn spawned() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let run = Running::start(move || {
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let clients = (0..8).map(|_| {
                tokio::spawn(async move {
                    let config = client::Config::new(CLIENT).unwrap();
                    let connected = Client::connect(address, config).await;
                    send!(connected, [Letter::new(&["bob"], "one\r\n")], await)
                })
            });
            let clients: Vec<_> = clients.collect();
            for _ in 0..8 {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let config = shared::plain();
                    serve!(Server::new(stream, config), App::default(), await)
                });
            }
            let mut accepted = 0;
            for client in clients {
                let report = client.await.unwrap();
                accepted += usize::from(report.outcomes[0].contains(" Accepted "));
            }
            accepted
        })
    });
    assert_eq!(run.end(), 8);
}

fn through_duplex(octets: usize, patience: Duration, letter: Letter) -> (App, Report) {
    let run = Running::start(move || {
        block_on(async {
            let (ours, theirs) = tokio::io::duplex(octets);
            let config = shared::plain().patience(patience);
            let serving = async { serve!(Server::new(ours, config), App::default(), await) };
            let config = client::Config::new(CLIENT).unwrap().patience(patience);
            let connected = io::Result::Ok(Client::new(theirs, config));
            let sending = async { send!(connected, [letter], await) };
            tokio::join!(serving, sending)
        })
    });
    run.end()
}

/// A stream that is no socket.
#[test]
fn over_a_duplex_stream() {
    let letter = Letter::new(&["bob", "nobody"], "..\r\n");
    let (app, report) = through_duplex(4096, Duration::from_secs(60), letter);
    assert_eq!(
        report.outcomes,
        [
            "<bob@example.org> Accepted at Message: 250 2.0.0 message taken",
            "<nobody@example.org> Refused at Rcpt: 550 5.1.1 no such user here",
        ]
    );
    assert_eq!(app.closing, Some(server::Closing::Quit));
    assert_eq!(app.stored[0].content, b"..\r\n");
}

/// A stream that holds less than a group of commands or of replies: neither side may wait for the
/// other to read before it reads itself (RFC 2920 section 3.1).
#[test]
fn over_a_narrow_stream() {
    let letter = Letter::new(&["bob"; 80], "..\r\n");
    let (app, report) = through_duplex(64, Duration::from_secs(1), letter);
    assert_eq!(report.failures, [None]);
    assert_eq!(app.closing, Some(server::Closing::Quit));
    assert_eq!(app.stored[0].recipients.len(), 80);
}

/// An idle connection holds its socket and its state, and no buffer.
#[test]
fn idle_without_buffers() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = Peer::connect(listener.local_addr().unwrap());
    let stream = listener.accept().unwrap().0;
    let run = Running::start(move || {
        block_on(async {
            let server = Server::new(taken(stream), shared::plain());
            idle!(server, peer)
        })
    });
    let held = run.end();
    assert_eq!(held[..2], [0, 0], "after EHLO, after NOOP");
    assert!(held[2] > 0, "in the middle of a line");
}
