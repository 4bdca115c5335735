//! The same client on each runtime.

use std::io;
use std::sync::Arc;

use smtp_codec::client::{AuthError, Closing, Config, Event, Part, Sent, Split};
use smtp_codec::proto::reply::{Extension, ReplyBuf};
use smtp_codec::proto::session::TlsPolicy;
use smtp_codec::proto::{Envelope, Failure};
use smtp_sasl::Login;
use smtp_tls::{ClientTls, Facts};

use super::replay::Source;
use super::secure::is_unbound;
use crate::args::{Endpoint, Runtime};
use crate::exit::{Exit, complain};
use crate::outcome::Mechanisms;
use crate::plain::plain;
use crate::trace::Trace;
use crate::trouble::no_handshake;

/// What came of it, and what the server offered.
pub(super) struct Done {
    pub(super) sent: Sent,
    pub(super) extensions: Vec<Extension>,
    pub(super) tls: Option<Facts>,
    /// What STARTTLS was refused with.
    pub(super) starttls: Option<ReplyBuf>,
}

/// What became of a connection.
pub(super) enum Came {
    /// The message was offered, at least.
    Told(Exit),
    /// The server does not know this user, and nothing was offered.
    Stranger(AuthError, Mechanisms),
    /// TLS was tried and failed where it was not asked for; nothing was said.
    NoTls(Option<io::Error>),
}

/// Authenticates, sends, reports, and then says QUIT if the session allows: how that goes changes
/// nothing for the message, and may take long. What one session does not take goes by another.
macro_rules! exchange {
    ($connect:expr, $order:ident, $source:ident, $reader:expr $(, $await:tt)?) => {{
        let mut split = Split::new($order.envelope);
        let (mut extensions, mut tls, mut starttls) = (Vec::new(), None, None);
        let mut error = None;
        let client = loop {
            if let Some(trace) = &$order.trace {
                trace.connecting($order.server, $order.policy == TlsPolicy::Implicit);
            }
            let mut client = match $connect {
                Ok(client) => client,
                // What some were told already must not be lost.
                Err(broken) if split.has_begun() => {
                    let why = format!("cannot connect again: {broken}");
                    error = Some(io::Error::new(broken.kind(), why));
                    break None;
                }
                Err(broken) => return Err(broken),
            };
            if let Some(trace) = $order.trace.clone() {
                client.observe(move |line| trace.see(line));
            }
            // Whatever is wrong is told when the message is offered.
            let unready = loop {
                match client.next()$(.$await)? {
                    Ok(Event::Ready(_) | Event::Closed(_)) => break None,
                    Ok(Event::StartTls(reply)) if !reply.code().is_positive() => {
                        starttls = Some(ReplyBuf::from(reply));
                    }
                    Ok(_) => {}
                    Err(broken) => break Some(broken),
                }
            };
            if let Some(trace) = &$order.trace {
                trace.secured(client.tls());
            }
            if let Some(mut login) = $order.login.clone() {
                if let Some(binding) = client.tls().and_then(|tls| tls.exporter) {
                    login = login.bind(&binding);
                }
                if $order.warns
                    && client.tls().is_some_and(|tls| !tls.verified)
                    && is_unbound(&login, client.connection())
                {
                    complain(format_args!(
                        "smtp send: logging in although the certificate is not verified; \
                         --tls required would not, --insecure says that it is meant"
                    ));
                }
                if client.connection().closing().is_none()
                    && let Err(broken) = client.authenticate(&mut login)$(.$await)?
                {
                    let Some(stranger) = AuthError::of(&broken).cloned() else { return Err(broken) };
                    let offered = Mechanisms::of(client.connection());
                    if client.connection().closing().is_none() {
                        let _ = client.quit()$(.$await)?;
                    }
                    if split.has_begun() {
                        error = Some(io::Error::other(stranger));
                        break None;
                    }
                    return Ok(Came::Stranger(stranger, offered));
                }
            }
            let is_last = loop {
                let is_first = !split.has_begun();
                let part = match split.next(client.connection()) {
                    Part::Send(part) => part,
                    Part::Reconnect => break false,
                    Part::Over => break true,
                };
                let sent = client.send(&part, $reader($source.replay($order.trace.clone())))$(.$await)?;
                let failure = sent.outcome.failure;
                if let Some(broken) = sent.error {
                    error = Some(broken);
                }
                if is_first
                    && $order.policy == TlsPolicy::Opportunistic
                    && failure == Some(Failure::Closed(Closing::TlsFailed))
                {
                    return Ok(Came::NoTls(error.or(unready)));
                }
                split.came(sent.outcome);
            };
            error = error.or(unready);
            extensions = client.connection().extensions().iter().collect();
            tls = client.tls().cloned();
            if is_last {
                break Some(client);
            }
            if client.connection().closing().is_none() {
                let _ = client.quit()$(.$await)?;
            }
        };
        let sent = Sent { outcome: split.outcome(), error };
        let exit = ($order.report)(&Done { sent, extensions, tls, starttls });
        if let Some(mut client) = client
            && client.connection().closing().is_none()
        {
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
    /// Whether to warn before a login that somebody in between might see.
    pub(super) warns: bool,
    pub(super) envelope: &'a Envelope,
    pub(super) trace: Option<Trace>,
    /// Says what came of it.
    pub(super) report: F,
}

/// Sends over a connection, and over a second one without TLS if it was only to be tried.
pub(super) fn send(
    runtime: Runtime,
    order: &Order<'_, impl Fn(&Done) -> Exit>,
    clear: &Order<'_, impl Fn(&Done) -> Exit>,
    source: &Source,
) -> io::Result<Came> {
    match once(runtime, order, source)? {
        Came::NoTls(error) => {
            let why = error.map(|error| format!(" ({})", no_handshake(&error))).unwrap_or_default();
            complain(format_args!(
                "smtp send: TLS failed{}; sending without, as it is optional",
                plain(&why)
            ));
            once(runtime, clear, source)
        }
        came => Ok(came),
    }
}

fn once(
    runtime: Runtime,
    order: &Order<'_, impl Fn(&Done) -> Exit>,
    source: &Source,
) -> io::Result<Came> {
    let address = (order.server.host.as_str(), order.server.port);
    let config = || Arc::clone(&order.config);
    let tls = || order.tls.clone();
    match runtime {
        Runtime::Std => {
            let connect = || match tls() {
                Some(tls) => smtp_std::Client::connect_tls(address, config(), tls),
                None => smtp_std::Client::connect(address, config()),
            };
            exchange!(connect(), order, source, std::convert::identity)
        }
        Runtime::Tokio => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let connect = async || match tls() {
                    Some(tls) => smtp_tokio::Client::connect_tls(address, config(), tls).await,
                    None => smtp_tokio::Client::connect(address, config()).await,
                };
                exchange!(connect().await, order, source, std::convert::identity, await)
            })
        }
        Runtime::Smol => smol::block_on(async {
            let connect = async || match tls() {
                Some(tls) => smtp_futures::Client::connect_tls(address, config(), tls).await,
                None => smtp_futures::Client::connect(address, config()).await,
            };
            exchange!(connect().await, order, source, smol::Unblock::new, await)
        }),
        Runtime::AsyncStd => async_std::task::block_on(async {
            let connect = async || match tls() {
                Some(tls) => smtp_async_std::connect_tls(address, config(), tls).await,
                None => smtp_async_std::connect(address, config()).await,
            };
            exchange!(connect().await, order, source, smol::Unblock::new, await)
        }),
    }
}
