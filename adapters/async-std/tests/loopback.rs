//! The adapter over real sockets: the scenarios that every adapter must pass, futures that are
//! dropped, spawned and left idle, and streams that are not TCP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(missing_docs, unreachable_pub, clippy::cast_possible_truncation, clippy::string_slice)]

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll};

use async_std::io::Read as AsyncRead;
use async_std::task::{self, block_on};
use smtp_async_std::{Client, Server, Sleep, Tcp, connect};
use smtp_codec::{client, server};

#[path = "../../tests-shared/mod.rs"]
mod shared;

use shared::{
    Adapter, App, Body, CLIENT, Letter, Peer, Report, Running, SERVER, all_tests, idle, send,
    send_dropping, serve, serve_dropping, tests,
};

fn taken(stream: TcpStream, config: server::Config) -> Server<Tcp, Sleep> {
    smtp_async_std::server(stream.into(), config)
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

struct AsyncStd;

impl Adapter for AsyncStd {
    fn serve(stream: TcpStream, config: server::Config, app: App) -> App {
        block_on(async { serve!(taken(stream, config), app, await) })
    }

    fn send(to: SocketAddr, config: client::Config, letters: Vec<Letter>) -> Report {
        block_on(async { send!(connect(to, config).await, letters, await) })
    }
}

all_tests!(AsyncStd);

#[cfg(feature = "tls")]
mod under_tls {
    use smtp_sasl::Login;
    use smtp_tls::{ClientTls, ServerTls};

    use super::shared::secure::{Guarded, Secure, Tls, secure_tests, send_secure, serve_secure};
    use super::*;

    impl Secure for AsyncStd {
        fn serve(
            stream: TcpStream,
            config: server::Config,
            when: Tls,
            tls: ServerTls,
            app: Guarded,
        ) -> App {
            block_on(async {
                let server = match when {
                    Tls::StartTls => smtp_async_std::server_tls(stream.into(), config, tls),
                    Tls::Implicit => {
                        smtp_async_std::server_implicit_tls(stream.into(), config, tls)
                    }
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
                send_secure!(
                    smtp_async_std::connect_tls(to, config, tls).await,
                    login,
                    letters,
                    await
                )
            })
        }
    }

    secure_tests!(AsyncStd);
}

/// Nothing is lost when every `next` is dropped again and again.
mod dropped {
    use super::*;

    struct Dropped;

    impl Adapter for Dropped {
        fn serve(stream: TcpStream, config: server::Config, app: App) -> App {
            block_on(async { serve_dropping!(taken(stream, config), app) })
        }

        fn send(to: SocketAddr, config: client::Config, letters: Vec<Letter>) -> Report {
            block_on(async { send_dropping!(connect(to, config).await, letters) })
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

/// Sessions are spawned on a runtime that moves them between threads.
#[test]
fn spawned() {
    let run = Running::start(|| {
        block_on(async {
            let listener = async_std::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let clients = (0..8).map(|_| {
                task::spawn(async move {
                    let config = client::Config::new(CLIENT).unwrap();
                    let connected = connect(address, config).await;
                    send!(connected, [Letter::new(&["bob"], "one\r\n")], await)
                })
            });
            let clients: Vec<_> = clients.collect();
            for _ in 0..8 {
                let (stream, _) = listener.accept().await.unwrap();
                task::spawn(async move {
                    let config = server::Config::new(SERVER).unwrap();
                    serve!(smtp_async_std::server(stream, config), App::default(), await)
                });
            }
            let mut accepted = 0;
            for client in clients {
                accepted += usize::from(client.await.outcomes[0].contains(" Accepted "));
            }
            accepted
        })
    });
    assert_eq!(run.end(), 8);
}

/// A stream that is not TCP.
#[cfg(unix)]
#[test]
fn over_a_unix_socket() {
    let run = Running::start(|| {
        block_on(async {
            let (ours, theirs) = async_std::os::unix::net::UnixStream::pair().unwrap();
            let config = server::Config::new(SERVER).unwrap();
            let serving = task::spawn(async move {
                serve!(Server::new(ours, Sleep, config), App::default(), await)
            });
            let config = client::Config::new(CLIENT).unwrap();
            let connected = io::Result::Ok(Client::new(theirs, Sleep, config));
            let letters = [Letter::new(&["bob", "nobody"], "..\r\n")];
            let report = send!(connected, letters, await);
            (serving.await, report)
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
            let server = taken(stream, config);
            idle!(server, peer)
        })
    });
    let held = run.end();
    assert_eq!(held[..2], [0, 0], "after EHLO, after NOOP");
    assert!(held[2] > 0, "in the middle of a line");
}
