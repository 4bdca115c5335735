//! The same server on each runtime: accept, hand each session its thread or task, commit where
//! blocking is allowed.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use super::app::{App, Next};
use super::preamble::Client;
use super::shared::Shared;
use super::{Port, preamble};
use crate::args::Runtime;

/// How long to wait when no more connections can be taken, for want of file descriptors.
const BREATHER: Duration = Duration::from_millis(50);

pub(super) fn serve(
    runtime: Runtime,
    threads: Option<u16>,
    ports: Vec<Port>,
    shared: Arc<Shared>,
) -> io::Result<()> {
    let threads = match threads {
        Some(threads) => threads.into(),
        None => std::thread::available_parallelism()?.get(),
    };
    match runtime {
        Runtime::Std => blocking::serve(ports, &shared),
        Runtime::Tokio => on_tokio::serve(threads, ports, &shared),
        Runtime::Smol => on_smol::serve(threads, ports, &shared),
        Runtime::AsyncStd => on_async_std::serve(ports, &shared),
    }
}

/// The loop over a session's events, which is the same but for how to wait and how to block.
/// `$next` gives `None` once the server is called off.
macro_rules! session {
    ($server:ident, $app:expr, $next:expr, |$delivery:ident| $commit:expr) => {{
        let app = &mut $app;
        loop {
            if app.tls.is_none() {
                app.tls = $server.tls().cloned().map(Box::new);
            }
            let next = match $next {
                Some(Ok(event)) => app.on(event),
                Some(Err(error)) => break app.link_broke(&error),
                None => {
                    $server.connection().shut_down();
                    continue;
                }
            };
            match next {
                Next::Event => {}
                Next::Commit($delivery) => {
                    let stored = $commit;
                    app.committed(stored);
                }
                Next::Over => break,
            }
        }
    }};
}
pub(super) use session;

/// The next event; `None` if the server is called off before. The wait is over and gone then.
macro_rules! wait {
    ($off:ident, $server:ident) => {{
        let next = pin!($server.next());
        $off.or(next).await
    }};
}

/// A server for a stream: with TLS as the policy has it, and as trusted as its client is; a load
/// balancer lends its own trust to nobody.
macro_rules! server {
    ($server:ident, ($($stream:expr),+), $shared:expr, $peer:expr, $implicit:expr) => {{
        let config = Arc::clone(&$shared.config);
        let mut server = match $shared.policy.tls.clone() {
            Some(tls) if $implicit => $server::implicit_tls($($stream),+, config, tls),
            Some(tls) => $server::with_tls($($stream),+, config, tls),
            None => $server::new($($stream),+, config),
        };
        if $shared.policy.trusts($peer) {
            server.connection().trust();
        }
        server
    }};
}
pub(super) use server;

/// Begins the session of a client that was taken, behind its PROXY header where one comes first. That is
/// a task of its own kind, since each session would be larger by the room for the header.
macro_rules! begin {
    ($stream:ident, $peer:ident, $implicit:ident, $shared:ident, $($spawn:tt)+) => {{
        let shared = Arc::clone(&$shared);
        if shared.policy.proxied {
            $($spawn)+(proxied($stream, $peer, $implicit, shared))
        } else {
            $($spawn)+(session($stream, Client::itself($peer), $implicit, shared))
        }
    }};
}

/// The task of a client whose PROXY header is read first.
macro_rules! proxied {
    ($preamble:path) => {
        async fn proxied(
            mut stream: TcpStream,
            peer: SocketAddr,
            implicit: bool,
            shared: Arc<Shared>,
        ) {
            match $preamble(&mut stream, peer).await {
                Ok(client) => session(stream, client, implicit, shared).await,
                Err(error) => no_preamble(peer, &error),
            }
        }
    };
}

fn no_preamble(peer: SocketAddr, error: &io::Error) {
    warn!(peer = peer.to_string(), "dropped: {error}");
}

fn failed_to_accept(error: &io::Error) {
    warn!("cannot take a connection: {error}");
}

mod blocking {
    use std::net::TcpStream;

    use smtp_std::Server;

    use super::*;

    pub(super) fn serve(ports: Vec<Port>, shared: &Arc<Shared>) -> io::Result<()> {
        for port in ports {
            let shared = Arc::clone(shared);
            std::thread::Builder::new().spawn(move || accept(&port, &shared))?;
        }
        shared.wait();
        Ok(())
    }

    fn accept(port: &Port, shared: &Arc<Shared>) {
        loop {
            let taken = port.listener.accept().and_then(|(stream, peer)| {
                let (shared, implicit) = (Arc::clone(shared), port.implicit);
                std::thread::Builder::new().spawn(move || session(stream, peer, implicit, &shared))
            });
            if let Err(error) = taken {
                failed_to_accept(&error);
                std::thread::sleep(BREATHER);
            }
        }
    }

    /// A read that blocks is not woken: a client that says nothing has until the process ends.
    fn session(stream: TcpStream, peer: SocketAddr, implicit: bool, shared: &Arc<Shared>) {
        let _ = stream.set_nodelay(true);
        let client = match shared.policy.proxied {
            true => preamble::blocking(&stream, peer),
            false => Ok(Client::itself(peer)),
        };
        let client = match client {
            Ok(client) => client,
            Err(error) => return no_preamble(peer, &error),
        };
        let mut app = App::new(shared, Some(client.address));
        let mut server = server!(Server, (stream), shared, client.trustworthy(), implicit);
        let mut is_told = false;
        session!(
            server,
            app,
            if shared.is_off() && !is_told {
                is_told = true;
                None
            } else {
                Some(server.next())
            },
            |delivery| delivery.commit()
        );
    }
}

mod on_tokio {
    use smtp_tokio::Server;
    use tokio::net::{TcpListener as Listener, TcpStream};

    use super::*;
    use crate::store::{Delivery, Stored};

    pub(super) fn serve(threads: usize, ports: Vec<Port>, shared: &Arc<Shared>) -> io::Result<()> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(threads).enable_all().build()?;
        let _entered = runtime.enter();
        for Port { listener, implicit } in ports {
            listener.set_nonblocking(true)?;
            let listener = Listener::from_std(listener)?;
            runtime.spawn(accept(listener, implicit, Arc::clone(shared)));
        }
        shared.wait();
        runtime.shutdown_background();
        Ok(())
    }

    async fn accept(listener: Listener, implicit: bool, shared: Arc<Shared>) {
        let mut off = shared.until_off();
        while let Some(taken) = off.or(pin!(listener.accept())).await {
            match taken {
                Ok((stream, peer)) => {
                    begin!(stream, peer, implicit, shared, tokio::spawn);
                }
                Err(error) => {
                    failed_to_accept(&error);
                    tokio::time::sleep(BREATHER).await;
                }
            }
        }
    }

    proxied!(preamble::on_tokio);

    pub(super) fn session(
        stream: TcpStream,
        client: Client,
        implicit: bool,
        shared: Arc<Shared>,
    ) -> impl Future<Output = ()> + Send {
        let _ = stream.set_nodelay(true);
        let mut app = App::new(&shared, Some(client.address));
        let mut off = shared.until_off();
        let mut server = server!(Server, (stream), shared, client.trustworthy(), implicit);
        async move {
            session!(server, app, wait!(off, server), |delivery| commit(delivery).await);
        }
    }

    pub(in crate::serve) async fn commit(delivery: Box<Delivery>) -> io::Result<Stored> {
        tokio::task::spawn_blocking(|| delivery.commit()).await.map_err(io::Error::other)?
    }
}
pub(super) use on_tokio::commit as commit_on_tokio;

mod on_smol {
    use smol::Async;
    use smol::Executor;
    use smol::net::{TcpListener as Listener, TcpStream};
    use smtp_futures::{AsyncIo, Server};

    use super::*;

    static EXECUTOR: Executor<'static> = Executor::new();

    pub(super) fn serve(threads: usize, ports: Vec<Port>, shared: &Arc<Shared>) -> io::Result<()> {
        for Port { listener, implicit } in ports {
            let listener = Listener::from(Async::new(listener)?);
            EXECUTOR.spawn(accept(listener, implicit, Arc::clone(shared))).detach();
        }
        for _ in 0..threads {
            let run = || smol::block_on(EXECUTOR.run(smol::future::pending::<()>()));
            std::thread::Builder::new().spawn(run)?;
        }
        shared.wait();
        Ok(())
    }

    async fn accept(listener: Listener, implicit: bool, shared: Arc<Shared>) {
        let mut off = shared.until_off();
        while let Some(taken) = off.or(pin!(listener.accept())).await {
            match taken {
                Ok((stream, peer)) => {
                    begin!(stream, peer, implicit, shared, EXECUTOR.spawn).detach();
                }
                Err(error) => {
                    failed_to_accept(&error);
                    smol::Timer::after(BREATHER).await;
                }
            }
        }
    }

    proxied!(preamble::futures);

    pub(super) fn session(
        stream: TcpStream,
        client: Client,
        implicit: bool,
        shared: Arc<Shared>,
    ) -> impl Future<Output = ()> + Send {
        let _ = stream.set_nodelay(true);
        let mut app = App::new(&shared, Some(client.address));
        let mut off = shared.until_off();
        let mut server = server!(Server, (stream, AsyncIo), shared, client.trustworthy(), implicit);
        async move {
            session!(server, app, wait!(off, server), |delivery| smol::unblock(
                || delivery.commit()
            )
            .await);
        }
    }
}

mod on_async_std {
    use async_std::net::{TcpListener as Listener, TcpStream};
    use async_std::task::{sleep, spawn, spawn_blocking};
    use smtp_async_std::{Server, Sleep, Tcp};

    use super::*;

    pub(super) fn serve(ports: Vec<Port>, shared: &Arc<Shared>) -> io::Result<()> {
        for Port { listener, implicit } in ports {
            listener.set_nonblocking(true)?;
            spawn(accept(Listener::from(listener), implicit, Arc::clone(shared)));
        }
        shared.wait();
        Ok(())
    }

    async fn accept(listener: Listener, implicit: bool, shared: Arc<Shared>) {
        let mut off = shared.until_off();
        while let Some(taken) = off.or(pin!(listener.accept())).await {
            match taken {
                Ok((stream, peer)) => {
                    begin!(stream, peer, implicit, shared, spawn);
                }
                Err(error) => {
                    failed_to_accept(&error);
                    sleep(BREATHER).await;
                }
            }
        }
    }

    proxied!(preamble::futures);

    pub(super) fn session(
        stream: TcpStream,
        client: Client,
        implicit: bool,
        shared: Arc<Shared>,
    ) -> impl Future<Output = ()> + Send {
        let _ = stream.set_nodelay(true);
        let mut app = App::new(&shared, Some(client.address));
        let mut off = shared.until_off();
        let mut server =
            server!(Server, (Tcp(stream), Sleep), shared, client.trustworthy(), implicit);
        async move {
            session!(server, app, wait!(off, server), |delivery| spawn_blocking(
                || delivery.commit()
            )
            .await);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<A, B, C, D, F>(_: impl FnOnce(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    /// Whoever connects and says nothing makes the server keep this. A buffer or a handshake that is
    /// part of a future is kept by each session, used or not. (Features that other packages of a
    /// workspace ask of the runtimes add a word or two.)
    #[test]
    fn a_session_is_small() {
        let others = [size(on_smol::session), size(on_async_std::session)];
        assert!(size(on_tokio::session) <= 720, "{}", size(on_tokio::session));
        assert!(others.iter().all(|size| *size <= 1152), "{others:?}");
    }
}
