//! `smtp serve`: receive mail.

mod app;
mod drive;
mod log;
mod shared;
mod signals;
mod stdio;

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;

use smtp_codec::proto::Syntax;
use smtp_codec::proto::session;
use smtp_codec::server::Config;

use crate::args::Endpoint;
use crate::args::serve::{BareNewline, Log, ServeArgs, Storage};
use crate::exit::{Exit, complain};
use crate::store::Store;
use shared::Shared;

/// Serves until it has taken as many messages as it was told to, or is called off.
pub(crate) fn main(args: &ServeArgs) -> Exit {
    log::start(args.log);
    match serve(args) {
        Ok(()) => Exit::Done,
        Err(error) => {
            complain(format_args!("smtp serve: {error}"));
            Exit::Io
        }
    }
}

fn serve(args: &ServeArgs) -> io::Result<()> {
    let config = Arc::new(config(args)?);
    // A port that is in use must leave no directories behind.
    let listeners = if args.stdio { Vec::new() } else { listen(&args.listen)? };
    let store = match args.storage() {
        Storage::Maildir(dir) => Store::maildir(&dir, config.hostname())?,
        Storage::Raw(dir) => Store::raw(&dir)?,
        Storage::Discard => Store::discard(),
    };
    let shared = Arc::new(Shared::new(config, store, args.exit_after));
    if args.stdio {
        return stdio::serve(args.runtime, shared);
    }
    let mut addresses = Vec::new();
    for listener in &listeners {
        addresses.push(listener.local_addr()?);
    }
    signals::heed(&shared)?;
    announce(&addresses, args)?;
    drive::serve(args.runtime, listeners, shared)
}

fn config(args: &ServeArgs) -> io::Result<Config> {
    let hostname = args.hostname().as_host().to_string();
    let config = Config::new(&hostname)
        .map_err(|error| io::Error::other(format!("--hostname {hostname}: {error}")))?
        .max_size(args.max_size)
        .max_recipients(args.max_recipients)
        .syntax(if args.lenient { Syntax::Lenient } else { Syntax::Strict })
        .bare_newline(match args.bare_newline {
            BareNewline::Reject => session::BareNewline::Reject,
            BareNewline::Normalise => session::BareNewline::Normalise,
            BareNewline::Pass => session::BareNewline::Pass,
        });
    Ok(if args.lmtp { config.lmtp() } else { config })
}

/// The sockets are made here, the same for every runtime.
fn listen(endpoints: &[Endpoint]) -> io::Result<Vec<TcpListener>> {
    endpoints.iter().map(bind).collect()
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
    TcpListener::bind(addresses.as_slice()).map_err(explain)
}

/// Scripts read the first lines; the rest is for people.
fn announce(addresses: &[SocketAddr], args: &ServeArgs) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for address in addresses {
        writeln!(out, "listening on {address}")?;
    }
    out.flush()?;
    let Some(address) = addresses.first().filter(|_| args.log == Log::Text) else {
        return Ok(());
    };
    let smtp = std::env::args().next().unwrap_or_else(|| "smtp".to_owned());
    let place = match args.storage() {
        Storage::Maildir(dir) => format!("into the Maildir {}", dir.display()),
        Storage::Raw(dir) => format!("into {}, as ID.eml and ID.json", dir.display()),
        Storage::Discard => "nowhere: it is accepted and dropped".to_owned(),
    };
    let letter = r"printf 'Subject: Hello\r\n\r\nHello Bob\r\n'";
    let envelope = "--from alice@example.org --to bob@example.org";
    let (host, port) = (address.ip(), address.port());
    let lines = if args.lmtp {
        format!(
            "  {letter} | {smtp} send --lmtp --server {address} {envelope}\n  \
             swaks --protocol LMTP --server {host} --port {port} {envelope}"
        )
    } else {
        format!(
            "  {letter} | {smtp} send --server {address} {envelope}\n  \
             {letter} | curl smtp://{address} --mail-from alice@example.org \
             --mail-rcpt bob@example.org --upload-file -\n  \
             swaks --server {host} --port {port} {envelope}"
        )
    };
    complain(format_args!(
        "Mail goes {place}. To send some, copy a line into another terminal:\n\n{lines}\n\n\
         Ctrl-C stops the server. Arriving:"
    ));
    Ok(())
}
