//! `smtp probe`: look at a server without sending mail.

mod advice;
mod certificate;
mod drive;
mod findings;
mod report;
mod seen;
mod watch;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Instant;

use smtp_codec::client::Config;
use smtp_codec::proto::address::AddressError;
use smtp_codec::proto::session::TlsPolicy;
use smtp_tls::{ClientTls, Roots, Trust};

use crate::args::probe::ProbeArgs;
use crate::exit::{Exit, complain};
use crate::trace::Trace;
use seen::Seen;

/// Looks, tells what was seen and what could be better, and exits accordingly.
pub(crate) fn main(args: &ProbeArgs) -> Exit {
    if let Some(sentence) = args.contradiction() {
        complain(format_args!("smtp: {sentence}"));
        return Exit::Usage;
    }
    let (config, tls) = match config(args).map_err(|error| format!("--hello: {error}")) {
        Ok(config) => match tls(args) {
            Ok(tls) => (config, tls),
            Err(sentence) => return unusable(&sentence),
        },
        Err(sentence) => return unusable(&sentence),
    };
    let mut seen = Seen::new(args);
    let start = Instant::now();
    let addresses = match resolve(args) {
        Ok(addresses) => addresses,
        Err(error) => {
            seen.fail(Exit::TryLater, format!("cannot find {}: {error}", args.server));
            Vec::new()
        }
    };
    seen.watch.looked_up(start.elapsed());
    let config = Arc::new(config);
    let trace = args.trace.then(Trace::new);
    let looked =
        drive::look(args.runtime, &addresses, &config, tls.as_ref(), trace.as_ref(), &mut seen);
    if let Err(error) = looked {
        complain(format_args!("smtp probe: {error}"));
        return Exit::Io;
    }
    if let (None, Some(last)) = (&seen.findings.address, seen.findings.unreachable.last()) {
        let why = format!("cannot connect to {}: {}", args.server, last.error);
        seen.fail(Exit::TryLater, why);
    }
    report::tell(args, &seen.findings).unwrap_or(seen.exit)
}

fn unusable(sentence: &str) -> Exit {
    complain(format_args!("smtp probe: {sentence}"));
    Exit::Usage
}

fn resolve(args: &ProbeArgs) -> io::Result<Vec<SocketAddr>> {
    let mut addresses = Vec::new();
    for address in (args.server.host.as_str(), args.server.port).to_socket_addrs()? {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

fn config(args: &ProbeArgs) -> Result<Config, AddressError> {
    let config =
        Config::new(&args.hello().as_host().to_string())?.tls(args.tls()).patience(args.timeout);
    Ok(if args.lmtp { config.lmtp() } else { config })
}

/// Whatever the certificate is like, the look goes on; what is wrong with it is found.
fn tls(args: &ProbeArgs) -> Result<Option<ClientTls>, String> {
    if args.tls() == TlsPolicy::Never {
        return Ok(None);
    }
    let roots = match &args.tls_ca {
        Some(file) => Roots::from_pem_file(file)
            .map_err(|error| format!("--tls-ca {}: {error}", file.display()))?,
        None => Roots::platform(),
    };
    ClientTls::new(&args.server.host, Trust::Opportunistic, &roots)
        // A name that no certificate can be for.
        .or_else(|_| ClientTls::new("name.invalid", Trust::Opportunistic, &roots))
        .map(Some)
        .map_err(|error| error.to_string())
}
