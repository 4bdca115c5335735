//! The same client on each runtime.

use std::fs::File;
use std::io;
use std::sync::Arc;

use smtp_codec::client::{Config, Sent};
use smtp_codec::proto::Envelope;
use smtp_codec::proto::reply::Extension;

use super::trace;
use crate::args::{Endpoint, Runtime};
use crate::exit::Exit;

/// What came of it, and what the server offered.
pub(super) struct Done {
    pub(super) sent: Sent,
    pub(super) extensions: Vec<Extension>,
}

/// Sends, reports, and then says QUIT if the session allows: how that goes changes nothing for the
/// message, and may take long.
macro_rules! exchange {
    ($connect:expr, $order:ident, $body:expr $(, $await:tt)?) => {{
        let mut client = $connect?;
        if $order.traced {
            client.observe(trace);
        }
        let sent = client.send($order.envelope, $body)$(.$await)?;
        let extensions = client.connection().extensions().iter().collect();
        let exit = ($order.report)(&Done { sent, extensions });
        if client.connection().closing().is_none() {
            let _ = client.quit()$(.$await)?;
        }
        Ok(exit)
    }};
}

/// What is to be sent and how.
pub(super) struct Order<'a, F> {
    pub(super) server: &'a Endpoint,
    pub(super) config: Arc<Config>,
    pub(super) envelope: &'a Envelope,
    pub(super) traced: bool,
    /// Says what came of it.
    pub(super) report: F,
}

pub(super) fn send(
    runtime: Runtime,
    order: Order<'_, impl FnOnce(&Done) -> Exit>,
    file: File,
) -> io::Result<Exit> {
    let address = (order.server.host.as_str(), order.server.port);
    let config = Arc::clone(&order.config);
    match runtime {
        Runtime::Std => {
            exchange!(smtp_std::Client::connect(address, config), order, file)
        }
        Runtime::Tokio => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let connect = smtp_tokio::Client::connect(address, config);
                let body = tokio::fs::File::from_std(file);
                exchange!(connect.await, order, body, await)
            })
        }
        Runtime::Smol => smol::block_on(async {
            let connect = smtp_futures::Client::connect(address, config);
            exchange!(connect.await, order, smol::Unblock::new(file), await)
        }),
        Runtime::AsyncStd => async_std::task::block_on(async {
            let connect = smtp_async_std::connect(address, config);
            exchange!(connect.await, order, async_std::fs::File::from(file), await)
        }),
    }
}
