//! The same look on each runtime.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use smtp_codec::client::{Config, Traffic};
use smtp_tls::ClientTls;

use super::seen::Seen;
use crate::args::Runtime;

/// Looks at the first of the addresses that takes a connection.
macro_rules! look {
    ($connect:expr, $addresses:ident, $seen:ident, $traced:ident $(, $await:tt)?) => {{
        for address in $addresses {
            $seen.watch.dial();
            let mut client = match $connect(*address)$(.$await)? {
                Ok(client) => client,
                Err(error) => {
                    $seen.not_connected(*address, &error);
                    continue;
                }
            };
            $seen.connected(*address);
            let (watch, traced) = ($seen.watch.clone(), $traced);
            client.observe(move |line: Traffic<'_>| {
                watch.see(line);
                if traced {
                    crate::send::trace(line);
                }
            });
            let error = loop {
                match client.next()$(.$await)? {
                    Ok(event) => {
                        if $seen.on(event) {
                            break None;
                        }
                    }
                    Err(error) => break Some(error),
                }
            };
            let facts = client.tls().cloned();
            $seen.over(client.connection(), facts.as_ref(), error);
            break;
        }
        Ok(())
    }};
}

pub(super) fn look(
    runtime: Runtime,
    addresses: &[SocketAddr],
    config: &Arc<Config>,
    tls: Option<&ClientTls>,
    traced: bool,
    seen: &mut Seen<'_>,
) -> io::Result<()> {
    let config = || Arc::clone(config);
    let tls = || tls.cloned();
    match runtime {
        Runtime::Std => {
            let connect = |address| match tls() {
                Some(tls) => smtp_std::Client::connect_tls(address, config(), tls),
                None => smtp_std::Client::connect(address, config()),
            };
            look!(connect, addresses, seen, traced)
        }
        Runtime::Tokio => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let connect = async |address| match tls() {
                    Some(tls) => smtp_tokio::Client::connect_tls(address, config(), tls).await,
                    None => smtp_tokio::Client::connect(address, config()).await,
                };
                look!(connect, addresses, seen, traced, await)
            })
        }
        Runtime::Smol => smol::block_on(async {
            let connect = async |address| match tls() {
                Some(tls) => smtp_futures::Client::connect_tls(address, config(), tls).await,
                None => smtp_futures::Client::connect(address, config()).await,
            };
            look!(connect, addresses, seen, traced, await)
        }),
        Runtime::AsyncStd => async_std::task::block_on(async {
            let connect = async |address| match tls() {
                Some(tls) => smtp_async_std::connect_tls(address, config(), tls).await,
                None => smtp_async_std::connect(address, config()).await,
            };
            look!(connect, addresses, seen, traced, await)
        }),
    }
}
