//! The same look on each runtime.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use smtp_codec::client::{Config, Traffic};
use smtp_tls::ClientTls;

use super::seen::Seen;
use crate::args::Runtime;
use crate::trace::Trace;

/// Looks at the first of the addresses that takes a connection.
macro_rules! look {
    ($connect:expr, $addresses:ident, $seen:ident, $trace:ident $(, $await:tt)?) => {{
        for address in $addresses {
            if let Some(trace) = $trace {
                trace.connecting(address, $seen.is_implicit());
            }
            $seen.watch.dial();
            let mut client = match $connect(*address)$(.$await)? {
                Ok(client) => client,
                Err(error) => {
                    $seen.not_connected(*address, &error);
                    continue;
                }
            };
            $seen.connected(*address);
            let (watch, trace) = ($seen.watch.clone(), $trace.cloned());
            client.observe(move |line: Traffic<'_>| {
                watch.see(line);
                if let Some(trace) = &trace {
                    trace.see(line);
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
    trace: Option<&Trace>,
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
            look!(connect, addresses, seen, trace)
        }
        Runtime::Tokio => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let connect = async |address| match tls() {
                    Some(tls) => smtp_tokio::Client::connect_tls(address, config(), tls).await,
                    None => smtp_tokio::Client::connect(address, config()).await,
                };
                look!(connect, addresses, seen, trace, await)
            })
        }
        Runtime::Smol => smol::block_on(async {
            let connect = async |address| match tls() {
                Some(tls) => smtp_futures::Client::connect_tls(address, config(), tls).await,
                None => smtp_futures::Client::connect(address, config()).await,
            };
            look!(connect, addresses, seen, trace, await)
        }),
        Runtime::AsyncStd => async_std::task::block_on(async {
            let connect = async |address| match tls() {
                Some(tls) => smtp_async_std::connect_tls(address, config(), tls).await,
                None => smtp_async_std::connect(address, config()).await,
            };
            look!(connect, addresses, seen, trace, await)
        }),
    }
}
