//! `smtp serve`: receive mail.

mod app;
mod drive;
mod hints;
mod live;
mod log;
mod people;
mod preamble;
mod shared;
mod signals;
mod stdio;

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;

use smtp_codec::proto::Syntax;
use smtp_codec::proto::reply::Extension;
use smtp_codec::proto::session;
use smtp_codec::server::Config;
use smtp_tls::ServerTls;

use crate::args::Endpoint;
use crate::args::serve::{BareNewline, Certificate, ServeArgs, Storage};
use crate::exit::{Exit, complain};
use crate::live::is_watched;
use crate::store::Store;
use live::Live;
use shared::{Policy, Shared};

/// Serves until it has taken as many messages as it was told to, or is called off.
pub(crate) fn main(args: &ServeArgs) -> Exit {
    if let Some(sentence) = args.contradiction() {
        complain(format_args!("smtp: {sentence}"));
        return Exit::Usage;
    }
    let live = (args.has_view() && is_watched()).then(Live::new);
    log::start(args.log(), live.as_ref());
    match serve(args, live) {
        Ok(()) => Exit::Done,
        Err(error) => {
            complain(format_args!("smtp serve: {error}"));
            // What a file of users says is wrong, not how it is read.
            if error.kind() == io::ErrorKind::InvalidInput { Exit::Usage } else { Exit::Io }
        }
    }
}

fn serve(args: &ServeArgs, live: Option<Arc<Live>>) -> io::Result<()> {
    let config = Arc::new(config(args)?);
    let policy = policy(args, config.hostname())?;
    // A port that is in use must leave no directories behind.
    let listeners = if args.stdio { Vec::new() } else { listen(args)? };
    let store = match args.storage() {
        Storage::Maildir(dir) => Store::maildir(&dir, config.hostname())?,
        Storage::Raw(dir) => Store::raw(&dir)?,
        Storage::Discard => Store::discard(),
    };
    let mut shared = Shared::new(config, policy, store, args.exit_after);
    shared.live.clone_from(&live);
    let shared = Arc::new(shared);
    if args.stdio {
        return stdio::serve(args.runtime, shared);
    }
    let mut addresses = Vec::new();
    for port in &listeners {
        addresses.push(port.listener.local_addr()?);
    }
    signals::heed(&shared)?;
    announce(&addresses, args)?;
    let view = live.map(|live| live.show(&shared)).transpose()?;
    let served = drive::serve(args.runtime, args.threads, listeners, shared);
    if let Some(view) = view {
        view.stop();
    }
    served
}

fn config(args: &ServeArgs) -> io::Result<Config> {
    let hostname = args.hostname().as_host().to_string();
    let config = Config::new(&hostname)
        .map_err(|error| io::Error::other(format!("--hostname {hostname}: {error}")))?
        .max_size(args.max_size)
        .max_recipients(args.max_recipients)
        .rcpt_max(args.max_recipients)
        .syntax(if args.lenient { Syntax::Lenient } else { Syntax::Strict })
        .bare_newline(match args.bare_newline {
            BareNewline::Reject => session::BareNewline::Reject,
            BareNewline::Normalise => session::BareNewline::Normalise,
            BareNewline::Pass => session::BareNewline::Pass,
        });
    let mut config = if args.lmtp { config.lmtp() } else { config };
    if args.prdr {
        config = config.with(Extension::Prdr);
    }
    if args.has_users() {
        let passwords = args.users.iter().flat_map(|_| smtp_sasl::bound_mechanisms());
        let tokens = args.tokens.iter().flat_map(|_| smtp_sasl::token_mechanisms());
        config = config.auth(passwords.chain(tokens).copied()).map_err(io::Error::other)?;
    }
    if args.require_tls {
        config = config.require_tls();
    }
    if args.require_auth {
        config = config.require_auth();
    }
    if args.allow_plaintext_auth {
        config = config.allow_plaintext_auth();
    }
    if args.no_early_content {
        config = config.refuse_early_content();
    }
    config = args.offer.iter().fold(config, |config, offer| offer.add_to(config));
    config = config.greet_pause(args.greet_pause());
    Ok(config)
}

fn policy(args: &ServeArgs, hostname: &str) -> io::Result<Policy> {
    let tls = match args.certificate() {
        None => None,
        Some(Certificate::Files(chain, key)) => {
            let tls = ServerTls::from_pem_files(chain, key);
            Some(tls.map_err(|error| {
                let files = format!("--tls-cert {} --tls-key {}", chain.display(), key.display());
                format!("{files}: {error}")
            }))
        }
        Some(Certificate::SelfSigned) => {
            let names = [hostname, "localhost", "127.0.0.1", "::1"];
            let names = names.into_iter().filter(|name| !name.starts_with('['));
            let names = names.enumerate().filter(|(at, name)| *at == 0 || *name != hostname);
            let names = names.map(|(_, name)| name);
            let (tls, pem) = ServerTls::self_signed(names).map_err(io::Error::other)?;
            if let Some(file) = &args.tls_cert_out {
                std::fs::write(file, pem).map_err(|error| {
                    let why = format!("--tls-cert-out {}: {error}", file.display());
                    io::Error::new(error.kind(), why)
                })?;
            }
            Some(Ok(tls))
        }
    };
    Ok(Policy {
        tls: tls.transpose().map_err(io::Error::other)?,
        users: people::read(args.users.as_deref(), args.tokens.as_deref())?,
        proxied: args.proxy_protocol,
        trusted: args.xclient_from.clone(),
    })
}

/// A socket, and whether TLS comes before the greeting there.
struct Port {
    listener: TcpListener,
    implicit: bool,
}

/// The sockets are made here, the same for every runtime.
fn listen(args: &ServeArgs) -> io::Result<Vec<Port>> {
    let clear = args.listen();
    let clear = clear.iter().map(|endpoint| (endpoint, false));
    let ports = clear.chain(args.listen_tls.iter().map(|endpoint| (endpoint, true)));
    ports.map(|(endpoint, implicit)| Ok(Port { listener: bind(endpoint)?, implicit })).collect()
}

fn bind(endpoint: &Endpoint) -> io::Result<TcpListener> {
    let explain = |error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => "; is another server running? Try --listen 127.0.0.1:0",
            io::ErrorKind::PermissionDenied => "; ports below 1024 are for the superuser",
            _ => "",
        };
        io::Error::new(error.kind(), format!("cannot listen on {endpoint}: {error}{hint}"))
    };
    let addresses: Vec<SocketAddr> =
        (endpoint.host.as_str(), endpoint.port).to_socket_addrs().map_err(explain)?.collect();
    listener(&addresses).map_err(explain)
}

/// How many clients may wait to be taken. The system may allow fewer; the 128 of the standard
/// library are passed by any burst, and whoever comes then waits for seconds.
const BACKLOG: i32 = 4096;

fn listener(addresses: &[SocketAddr]) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(addresses)?;
    socket2::SockRef::from(&listener).listen(BACKLOG)?;
    Ok(listener)
}

/// Scripts read the first lines; the rest is for people.
fn announce(addresses: &[SocketAddr], args: &ServeArgs) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for address in addresses {
        writeln!(out, "listening on {address}")?;
    }
    out.flush()?;
    if !args.has_hints() {
        return Ok(());
    }
    let smtp = std::env::args().next().unwrap_or_else(|| "smtp".to_owned());
    complain(format_args!("{}", hints::hints(&smtp, addresses, args)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_of_clients_can_wait_to_be_taken() {
        let listener = listener(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let address = listener.local_addr().unwrap();
        let burst: Vec<_> = (0..300)
            .map(|_| TcpStream::connect_timeout(&address, Duration::from_secs(10)))
            .collect();
        assert!(burst.iter().all(Result::is_ok), "{:?}", burst.iter().find(|it| it.is_err()));
    }
}
