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
mod under_tls {
    use smtp_sasl::Login;
    use smtp_tls::{ClientTls, ServerTls};

    use super::shared::secure::{Guarded, Secure, Tls, secure_tests, send_secure, serve_secure};
    use super::*;

    impl Secure for Tokio {
        fn serve(
            stream: TcpStream,
            config: server::Config,
            when: Tls,
            tls: ServerTls,
            app: Guarded,
        ) -> App {
            block_on(async {
                let server = match when {
                    Tls::StartTls => Server::with_tls(taken(stream), config, tls),
                    Tls::Implicit => Server::implicit_tls(taken(stream), config, tls),
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

    secure_tests!(Tokio);
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

/// What memory a session with TLS takes while it lasts.
#[cfg(feature = "tls")]
mod memory_under_tls {
    use std::sync::Arc;

    use allocation_counter::measure;
    use smtp_tls::{ClientTls, Roots, ServerTls, Trust};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio_rustls::{TlsConnector, client::TlsStream};

    use super::*;

    /// A client that is past EHLO, and what the server's buffers hold while it waits.
    async fn introduced() -> (TlsStream<DuplexStream>, Server<DuplexStream>) {
        let (here, there) = tokio::io::duplex(1 << 16);
        let (tls, pem) = ServerTls::self_signed([shared::SERVER]).unwrap();
        let roots = Roots::from_pem(pem.as_bytes()).unwrap();
        let trusting = ClientTls::new(shared::SERVER, Trust::Verified, &roots).unwrap();
        let connector = TlsConnector::from(Arc::clone(trusting.config()));
        let mut server = Server::implicit_tls(there, shared::plain(), tls);
        let connecting = async {
            let mut client = connector.connect(trusting.name().clone(), here).await.unwrap();
            client.write_all(b"EHLO client.example.net\r\n").await.unwrap();
            client
        };
        let mut client = tokio::select! {
            client = connecting => client,
            () = serve(&mut server) => unreachable!(),
        };
        hear(&mut client, &mut server, 2).await;
        (client, server)
    }

    async fn serve(server: &mut Server<DuplexStream>) {
        loop {
            server.next().await.unwrap().proceed();
        }
    }

    /// Reads so many whole replies while the server serves.
    async fn hear(
        client: &mut TlsStream<DuplexStream>,
        server: &mut Server<DuplexStream>,
        replies: usize,
    ) {
        let (mut heard, mut room) = (0, [0; 16 * 1024]);
        while heard < replies {
            let n = tokio::select! {
                n = client.read(&mut room) => n.unwrap(),
                () = serve(server) => unreachable!(),
            };
            let ends =
                room[..n].windows(4).filter(|four| four[3] == b' ' && four[0].is_ascii_digit());
            heard += ends.filter(|four| four[..3].iter().all(u8::is_ascii_digit)).count();
        }
    }

    #[test]
    fn idle_without_buffers() {
        block_on(async {
            let (mut client, mut server) = introduced().await;
            assert!(shared::poll_once(server.next()).await.is_none());
            assert_eq!(server.connection().buffered(), 0);
            client.write_all(b"NOOP\r\n").await.unwrap();
            hear(&mut client, &mut server, 1).await;
            assert!(shared::poll_once(server.next()).await.is_none());
            assert_eq!(server.connection().buffered(), 0);
        });
    }

    /// A wait for input takes buffers anew, which grow with what is to be said; a command takes
    /// nothing of its own.
    #[test]
    fn no_allocation_for_a_command() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (mut client, mut server) = runtime.block_on(introduced());
        let mut group = |commands: usize| {
            let text = b"NOOP\r\n".repeat(commands);
            let run = async {
                client.write_all(&text).await.unwrap();
                hear(&mut client, &mut server, commands).await;
            };
            measure(|| runtime.block_on(run)).count_total
        };
        group(1);
        let (few, many) = (group(10), group(70));
        assert!(few > 0, "rustls takes memory for a record");
        assert!(many < few + 10, "{many} for 70 commands, {few} for 10: buffers grow, no more");
    }
}
