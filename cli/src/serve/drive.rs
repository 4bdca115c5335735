//! The same server on each runtime: accept, hand each session its thread or task, commit where
//! blocking is allowed.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use super::app::{App, Next};
use super::shared::Shared;
use crate::args::Runtime;

/// How long to wait when no more connections can be taken, for want of file descriptors.
const BREATHER: Duration = Duration::from_millis(50);

pub(super) fn serve(
    runtime: Runtime,
    listeners: Vec<TcpListener>,
    shared: Arc<Shared>,
) -> io::Result<()> {
    match runtime {
        Runtime::Std => blocking::serve(listeners, &shared),
        Runtime::Tokio => on_tokio::serve(listeners, &shared),
        Runtime::Smol => on_smol::serve(listeners, &shared),
        Runtime::AsyncStd => on_async_std::serve(listeners, &shared),
    }
}

/// The loop over a session's events, which is the same but for how to wait and how to block.
/// `$next` gives `None` once the server is called off.
macro_rules! session {
    ($server:ident, $app:expr, $next:expr, |$delivery:ident| $commit:expr) => {{
        let mut app = $app;
        loop {
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

fn failed_to_accept(error: &io::Error) {
    warn!("cannot take a connection: {error}");
}

mod blocking {
    use std::net::TcpStream;

    use super::*;

    pub(super) fn serve(listeners: Vec<TcpListener>, shared: &Arc<Shared>) -> io::Result<()> {
        for listener in listeners {
            let shared = Arc::clone(shared);
            std::thread::Builder::new().spawn(move || accept(&listener, &shared))?;
        }
        shared.wait();
        Ok(())
    }

    fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
        loop {
            let taken = listener.accept().and_then(|(stream, peer)| {
                stream.set_nodelay(true)?;
                let app = App::new(shared, Some(peer));
                let server = smtp_std::Server::new(stream, Arc::clone(&shared.config));
                let shared = Arc::clone(shared);
                std::thread::Builder::new().spawn(move || session(server, app, &shared))
            });
            if let Err(error) = taken {
                failed_to_accept(&error);
                std::thread::sleep(BREATHER);
            }
        }
    }

    /// A read that blocks is not woken: a client that says nothing has until the process ends.
    fn session(mut server: smtp_std::Server<TcpStream>, app: App, shared: &Shared) {
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
    use tokio::net::{TcpListener as Listener, TcpStream};

    use super::*;
    use crate::store::{Delivery, Stored};

    pub(super) fn serve(listeners: Vec<TcpListener>, shared: &Arc<Shared>) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let _entered = runtime.enter();
        for listener in listeners {
            listener.set_nonblocking(true)?;
            runtime.spawn(accept(Listener::from_std(listener)?, Arc::clone(shared)));
        }
        shared.wait();
        runtime.shutdown_background();
        Ok(())
    }

    async fn accept(listener: Listener, shared: Arc<Shared>) {
        let mut off = shared.until_off();
        while let Some(taken) = off.or(listener.accept()).await {
            match taken {
                Ok((stream, peer)) => {
                    tokio::spawn(session(stream, peer, Arc::clone(&shared)));
                }
                Err(error) => {
                    failed_to_accept(&error);
                    tokio::time::sleep(BREATHER).await;
                }
            }
        }
    }

    async fn session(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) {
        let _ = stream.set_nodelay(true);
        let (app, mut off) = (App::new(&shared, Some(peer)), shared.until_off());
        let mut server = smtp_tokio::Server::new(stream, Arc::clone(&shared.config));
        session!(server, app, off.or(server.next()).await, |delivery| commit(delivery).await);
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

    use super::*;

    static EXECUTOR: Executor<'static> = Executor::new();

    pub(super) fn serve(listeners: Vec<TcpListener>, shared: &Arc<Shared>) -> io::Result<()> {
        for listener in listeners {
            let listener = Listener::from(Async::new(listener)?);
            EXECUTOR.spawn(accept(listener, Arc::clone(shared))).detach();
        }
        for _ in 0..std::thread::available_parallelism()?.get() {
            let run = || smol::block_on(EXECUTOR.run(smol::future::pending::<()>()));
            std::thread::Builder::new().spawn(run)?;
        }
        shared.wait();
        Ok(())
    }

    async fn accept(listener: Listener, shared: Arc<Shared>) {
        let mut off = shared.until_off();
        while let Some(taken) = off.or(listener.accept()).await {
            match taken {
                Ok((stream, peer)) => {
                    EXECUTOR.spawn(session(stream, peer, Arc::clone(&shared))).detach();
                }
                Err(error) => {
                    failed_to_accept(&error);
                    smol::Timer::after(BREATHER).await;
                }
            }
        }
    }

    async fn session(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) {
        let _ = stream.set_nodelay(true);
        let (app, mut off) = (App::new(&shared, Some(peer)), shared.until_off());
        let config = Arc::clone(&shared.config);
        let mut server = smtp_futures::Server::new(stream, smtp_futures::AsyncIo, config);
        session!(server, app, off.or(server.next()).await, |delivery| smol::unblock(
            || delivery.commit()
        )
        .await);
    }
}

mod on_async_std {
    use async_std::net::{TcpListener as Listener, TcpStream};
    use async_std::task::{sleep, spawn, spawn_blocking};

    use super::*;

    pub(super) fn serve(listeners: Vec<TcpListener>, shared: &Arc<Shared>) -> io::Result<()> {
        for listener in listeners {
            listener.set_nonblocking(true)?;
            spawn(accept(Listener::from(listener), Arc::clone(shared)));
        }
        shared.wait();
        Ok(())
    }

    async fn accept(listener: Listener, shared: Arc<Shared>) {
        let mut off = shared.until_off();
        while let Some(taken) = off.or(listener.accept()).await {
            match taken {
                Ok((stream, peer)) => {
                    spawn(session(stream, peer, Arc::clone(&shared)));
                }
                Err(error) => {
                    failed_to_accept(&error);
                    sleep(BREATHER).await;
                }
            }
        }
    }

    async fn session(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) {
        let _ = stream.set_nodelay(true);
        let (app, mut off) = (App::new(&shared, Some(peer)), shared.until_off());
        let mut server = smtp_async_std::server(stream, Arc::clone(&shared.config));
        session!(server, app, off.or(server.next()).await, |delivery| spawn_blocking(
            || delivery.commit()
        )
        .await);
    }
}
