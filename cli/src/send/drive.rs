//! The same client on each runtime.

use std::fs::File;
use std::io;
use std::sync::Arc;

use smtp_codec::client::{AuthError, Closing, Config, Sent};
use smtp_codec::proto::reply::Extension;
use smtp_codec::proto::session::TlsPolicy;
use smtp_codec::proto::{Envelope, Failure};
use smtp_sasl::Login;
use smtp_tls::{ClientTls, Facts};

use super::trace;
use crate::args::{Endpoint, Runtime};
use crate::exit::{Exit, complain};

/// What came of it, and what the server offered.
pub(super) struct Done {
    pub(super) sent: Sent,
    pub(super) extensions: Vec<Extension>,
    pub(super) tls: Option<Facts>,
}

/// What became of a connection.
pub(super) enum Came {
    /// The message was offered, at least.
    Told(Exit),
    /// The server does not know this user, and nothing was offered.
    Stranger(AuthError),
    /// TLS was tried and failed where it was not asked for; nothing was said.
    NoTls(Option<io::Error>),
}

/// Authenticates, sends, reports, and then says QUIT if the session allows: how that goes changes
/// nothing for the message, and may take long.
macro_rules! exchange {
    ($connect:expr, $order:ident, $body:expr $(, $await:tt)?) => {{
        let mut client = $connect?;
        if $order.traced {
            client.observe(trace);
        }
        if let Some(mut login) = $order.login.clone() {
            // Whatever is wrong is told when the message is offered.
            let _ = client.ready()$(.$await)?;
            if let Some(binding) = client.tls().and_then(|tls| tls.exporter) {
                login = login.bind(&binding);
            }
            if client.connection().closing().is_none()
                && let Err(error) = client.authenticate(&mut login)$(.$await)??
            {
                if client.connection().closing().is_none() {
                    let _ = client.quit()$(.$await)?;
                }
                return Ok(Came::Stranger(error));
            }
        }
        let sent = client.send($order.envelope, $body)$(.$await)?;
        let policy = $order.policy;
        if policy == TlsPolicy::Opportunistic
            && sent.outcome.failure == Some(Failure::Closed(Closing::TlsFailed))
        {
            return Ok(Came::NoTls(sent.error));
        }
        let extensions = client.connection().extensions().iter().collect();
        let tls = client.tls().cloned();
        let exit = ($order.report)(&Done { sent, extensions, tls });
        if client.connection().closing().is_none() {
            let _ = client.quit()$(.$await)?;
        }
        Ok(Came::Told(exit))
    }};
}

/// What is to be sent and how.
pub(super) struct Order<'a, F> {
    pub(super) server: &'a Endpoint,
    pub(super) config: Arc<Config>,
    pub(super) policy: TlsPolicy,
    pub(super) tls: Option<ClientTls>,
    pub(super) login: Option<Login>,
    pub(super) envelope: &'a Envelope,
    pub(super) traced: bool,
    /// Says what came of it.
    pub(super) report: F,
}

/// Sends over a connection, and over a second one without TLS if it was only to be tried.
pub(super) fn send(
    runtime: Runtime,
    order: &Order<'_, impl Fn(&Done) -> Exit>,
    clear: &Order<'_, impl Fn(&Done) -> Exit>,
    file: &File,
) -> io::Result<Came> {
    match once(runtime, order, file.try_clone()?)? {
        Came::NoTls(error) => {
            let why = error.map(|error| format!(" ({error})")).unwrap_or_default();
            complain(format_args!(
                "smtp send: TLS failed{why}; sending without, as it is optional"
            ));
            once(runtime, clear, file.try_clone()?)
        }
        came => Ok(came),
    }
}

fn once(
    runtime: Runtime,
    order: &Order<'_, impl Fn(&Done) -> Exit>,
    file: File,
) -> io::Result<Came> {
    let address = (order.server.host.as_str(), order.server.port);
    let config = Arc::clone(&order.config);
    let tls = order.tls.clone();
    match runtime {
        Runtime::Std => {
            let connect = match tls {
                Some(tls) => smtp_std::Client::connect_tls(address, config, tls),
                None => smtp_std::Client::connect(address, config),
            };
            exchange!(connect, order, file)
        }
        Runtime::Tokio => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let connect = match tls {
                    Some(tls) => smtp_tokio::Client::connect_tls(address, config, tls).await,
                    None => smtp_tokio::Client::connect(address, config).await,
                };
                let body = tokio::fs::File::from_std(file);
                exchange!(connect, order, body, await)
            })
        }
        Runtime::Smol => smol::block_on(async {
            let connect = match tls {
                Some(tls) => smtp_futures::Client::connect_tls(address, config, tls).await,
                None => smtp_futures::Client::connect(address, config).await,
            };
            exchange!(connect, order, smol::Unblock::new(file), await)
        }),
        Runtime::AsyncStd => async_std::task::block_on(async {
            let connect = match tls {
                Some(tls) => smtp_async_std::connect_tls(address, config, tls).await,
                None => smtp_async_std::connect(address, config).await,
            };
            exchange!(connect, order, async_std::fs::File::from(file), await)
        }),
    }
}
