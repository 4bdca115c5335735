//! The same client on each runtime.

use std::io;
use std::sync::Arc;

use smtp_codec::client::{Config, Sent};
use smtp_codec::proto::Envelope;
use smtp_codec::proto::reply::Extension;

use super::letter::Letter;
use super::trace;
use crate::args::{Endpoint, Runtime};

/// What came of it, and what the server offered.
pub(super) struct Done {
    pub(super) sent: Sent,
    pub(super) extensions: Vec<Extension>,
}

/// Sends, and says QUIT if the session allows. How that goes changes nothing for the message.
macro_rules! exchange {
    ($connect:expr, $envelope:expr, $body:expr, $traced:expr $(, $await:tt)?) => {{
        let mut client = $connect?;
        if $traced {
            client.observe(trace);
        }
        let sent = client.send($envelope, $body)$(.$await)?;
        let extensions = client.connection().extensions().iter().collect();
        if client.connection().closing().is_none() {
            let _ = client.quit()$(.$await)?;
        }
        Ok(Done { sent, extensions })
    }};
}

pub(super) fn send(
    runtime: Runtime,
    server: &Endpoint,
    config: Arc<Config>,
    envelope: &Envelope,
    letter: Letter,
    traced: bool,
) -> io::Result<Done> {
    let address = (server.host.as_str(), server.port);
    let file = letter.file;
    match runtime {
        Runtime::Std => {
            exchange!(smtp_std::Client::connect(address, config), envelope, file, traced)
        }
        Runtime::Tokio => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let connect = smtp_tokio::Client::connect(address, config);
                let body = tokio::fs::File::from_std(file);
                exchange!(connect.await, envelope, body, traced, await)
            })
        }
        Runtime::Smol => smol::block_on(async {
            let connect = smtp_futures::Client::connect(address, config);
            exchange!(connect.await, envelope, smol::Unblock::new(file), traced, await)
        }),
        Runtime::AsyncStd => async_std::task::block_on(async {
            let connect = smtp_async_std::connect(address, config);
            exchange!(connect.await, envelope, async_std::fs::File::from(file), traced, await)
        }),
    }
}
