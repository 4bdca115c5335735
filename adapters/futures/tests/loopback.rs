//! The adapter on smol, over real sockets: the scenarios that every adapter must pass, futures that
//! are dropped, sent and left idle, and streams that are not TCP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(missing_docs, unreachable_pub, clippy::cast_possible_truncation, clippy::string_slice)]

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use async_io::block_on;
use futures_io::AsyncRead;
use futures_lite::future;
use smtp_codec::{client, server};
use smtp_futures::{AsyncIo, Client, Server};

#[path = "../../tests-shared/mod.rs"]
mod shared;

use shared::{
    Adapter, App, Body, CLIENT, Letter, Peer, Report, Running, SERVER, all_tests, idle, send,
    send_dropping, serve, serve_dropping, tests,
};

fn taken(stream: TcpStream) -> async_net::TcpStream {
    stream.try_into().unwrap()
}

impl AsyncRead for Body {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(io::Read::read(&mut *self, room))
    }
}

struct Smol;

impl Adapter for Smol {
    fn serve(stream: TcpStream, config: server::Config, app: App) -> App {
        block_on(async { serve!(Server::new(taken(stream), AsyncIo, config), app, await) })
    }

    fn send(to: SocketAddr, config: client::Config, letters: Vec<Letter>) -> Report {
        block_on(async { send!(Client::connect(to, config).await, letters, await) })
    }
}

all_tests!(Smol);

#[cfg(feature = "tls")]
mod under_tls {
    use smtp_sasl::Login;
    use smtp_tls::{ClientTls, ServerTls};

    use super::shared::secure::{Guarded, Secure, Tls, secure_tests, send_secure, serve_secure};
    use super::*;

    impl Secure for Smol {
        fn serve(
            stream: TcpStream,
            config: server::Config,
            when: Tls,
            tls: ServerTls,
            app: Guarded,
        ) -> App {
            block_on(async {
                let server = match when {
                    Tls::StartTls => Server::with_tls(taken(stream), AsyncIo, config, tls),
                    Tls::Implicit => Server::implicit_tls(taken(stream), AsyncIo, config, tls),
                };
                serve_secure!(server, app, await)
            })
        }

        fn send(
            to: SocketAddr,
            config: client::Config,
            tls: ClientTls,
            login: Option<Login>,
            letters: Vec<Letter>,
        ) -> Report {
            block_on(async {
                send_secure!(Client::connect_tls(to, config, tls).await, login, letters, await)
            })
        }
    }

    secure_tests!(Smol);
}

/// Nothing is lost when every `next` is dropped again and again.
mod dropped {
    use super::*;

    struct Dropped;

    impl Adapter for Dropped {
        fn serve(stream: TcpStream, config: server::Config, app: App) -> App {
            block_on(async { serve_dropping!(Server::new(taken(stream), AsyncIo, config), app) })
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

/// Sessions can be sent to another thread, before and between their polls.
#[test]
fn sent_between_threads() {
    let run = Running::start(|| {
        let listener = block_on(async_net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = Box::pin(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let config = server::Config::new(SERVER).unwrap();
            serve!(Server::new(stream, AsyncIo, config), App::default(), await)
        });
        let sending = async move {
            let config = client::Config::new(CLIENT).unwrap();
            send!(Client::connect(address, config).await, [Letter::new(&["bob"], "one\r\n")], await)
        };
        let sending = thread::spawn(|| block_on(sending));
        let app = loop {
            let polled = thread::spawn(move || {
                let app = block_on(shared::some_polls(serving.as_mut(), 3));
                (serving, app)
            });
            match polled.join().unwrap() {
                (_, Some(app)) => break app,
                (unfinished, None) => serving = unfinished,
            }
        };
        (app, sending.join().unwrap())
    });
    let (app, report) = run.end();
    assert_eq!(app.stored[0].content, b"one\r\n");
    assert!(report.outcomes[0].contains(" Accepted "));
}

/// A stream that is not TCP.
#[cfg(unix)]
#[test]
fn over_a_unix_socket() {
    let run = Running::start(|| {
        block_on(async {
            let (ours, theirs) = async_net::unix::UnixStream::pair().unwrap();
            let config = server::Config::new(SERVER).unwrap();
            let serving =
                async { serve!(Server::new(ours, AsyncIo, config), App::default(), await) };
            let config = client::Config::new(CLIENT).unwrap();
            let connected = io::Result::Ok(Client::new(theirs, AsyncIo, config));
            let letters = [Letter::new(&["bob", "nobody"], "..\r\n")];
            let sending = async { send!(connected, letters, await) };
            future::zip(serving, sending).await
        })
    });
    let (app, report) = run.end();
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

/// An idle connection holds its socket and its state, and no buffer.
#[test]
fn idle_without_buffers() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = Peer::connect(listener.local_addr().unwrap());
    let stream = listener.accept().unwrap().0;
    let run = Running::start(move || {
        block_on(async {
            let config = server::Config::new(SERVER).unwrap();
            let server = Server::new(taken(stream), AsyncIo, config);
            idle!(server, peer)
        })
    });
    let held = run.end();
    assert_eq!(held[..2], [0, 0], "after EHLO, after NOOP");
    assert!(held[2] > 0, "in the middle of a line");
}
