//! The same load on each runtime: a thread or task for each connection.

use std::io;
use std::sync::Arc;

use super::load::Load;
use super::worker::{After, Next, Worker};
use crate::args::Runtime;

/// Sends all there is to send; returns when every connection has ended.
pub(super) fn run(runtime: Runtime, load: &Arc<Load>) -> io::Result<()> {
    match runtime {
        Runtime::Std => blocking(load),
        Runtime::Tokio => on_tokio(load),
        Runtime::Smol => {
            on_smol(load);
            Ok(())
        }
        Runtime::AsyncStd => {
            on_async_std(load);
            Ok(())
        }
    }
}

/// One connection after the other, and their events. QUIT is said after all is counted: how that
/// goes changes nothing.
macro_rules! work {
    (
        $load:ident,
        |$addresses:ident, $config:ident, $tls:ident| $secured:expr, $plain:expr,
        |$pause:ident| $sleep:expr
        $(, $await:tt)?
    ) => {{
        let mut worker = Worker::new(&$load);
        while let Some(attempt) = worker.begin() {
            if let Some($pause) = attempt.pause {
                $sleep;
            }
            worker.dial();
            let ($addresses, $config) = ($load.plan.addresses.as_slice(), attempt.config);
            let connected = match attempt.tls {
                Some($tls) => $secured,
                None => $plain,
            };
            let mut client = match connected {
                Ok(client) => client,
                Err(error) => {
                    worker.not_connected(&error);
                    continue;
                }
            };
            worker.connected();
            loop {
                let next = match client.next()$(.$await)? {
                    Ok(event) => worker.on(event),
                    Err(error) => Next::Over(Some(error)),
                };
                match next {
                    Next::Event => {}
                    Next::Authenticate(mut login) => {
                        if let Some(binding) = client.tls().and_then(|tls| tls.exporter) {
                            login = login.bind(&binding);
                        }
                        let done = client.authenticate(&mut login)$(.$await)?;
                        if !worker.authenticated(done, client.connection()) {
                            if client.connection().closing().is_none() {
                                let _ = client.quit()$(.$await)?;
                            }
                            break;
                        }
                    }
                    Next::Over(error) => {
                        worker.note_tls(client.tls());
                        match worker.settle(client.connection(), error.as_ref()) {
                            After::Message => {}
                            After::Quit => {
                                let _ = client.quit()$(.$await)?;
                                break;
                            }
                            After::Lost => break,
                        }
                    }
                }
            }
        }
    }};
}

fn blocking(load: &Arc<Load>) -> io::Result<()> {
    use smtp_std::Client;

    std::thread::scope(|scope| {
        for _ in 0..load.workers() {
            let load = Arc::clone(load);
            let work = move || {
                work!(
                    load,
                    |addresses, config, tls| Client::connect_tls(addresses, config, tls),
                    Client::connect(addresses, config),
                    |pause| std::thread::sleep(pause)
                );
            };
            std::thread::Builder::new().spawn_scoped(scope, work)?;
        }
        Ok(())
    })
}

fn on_tokio(load: &Arc<Load>) -> io::Result<()> {
    use smtp_tokio::Client;

    let work = |load: Arc<Load>| async move {
        work!(
            load,
            |addresses, config, tls| Client::connect_tls(addresses, config, tls).await,
            Client::connect(addresses, config).await,
            |pause| tokio::time::sleep(pause).await,
            await
        );
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let tasks = (0..load.workers()).map(|_| tokio::spawn(work(Arc::clone(load))));
        for task in tasks.collect::<Vec<_>>() {
            task.await?;
        }
        Ok(())
    })
}

fn on_smol(load: &Arc<Load>) {
    use smtp_futures::Client;

    let work = |load: Arc<Load>| async move {
        work!(
            load,
            |addresses, config, tls| Client::connect_tls(addresses, config, tls).await,
            Client::connect(addresses, config).await,
            |pause| smol::Timer::after(pause).await,
            await
        );
    };
    let executor = smol::LocalExecutor::new();
    smol::block_on(executor.run(async {
        let tasks = (0..load.workers()).map(|_| executor.spawn(work(Arc::clone(load))));
        for task in tasks.collect::<Vec<_>>() {
            task.await;
        }
    }));
}

fn on_async_std(load: &Arc<Load>) {
    use smtp_async_std::{connect, connect_tls};

    let work = |load: Arc<Load>| async move {
        work!(
            load,
            |addresses, config, tls| connect_tls(addresses, config, tls).await,
            connect(addresses, config).await,
            |pause| async_std::task::sleep(pause).await,
            await
        );
    };
    async_std::task::block_on(async {
        let tasks = (0..load.workers()).map(|_| async_std::task::spawn(work(Arc::clone(load))));
        for task in tasks.collect::<Vec<_>>() {
            task.await;
        }
    });
}
