//! `smtp bench`: load a server.

mod content;
mod drive;
mod load;
mod progress;
mod report;
mod tally;
mod watch;
mod worker;

use std::net::ToSocketAddrs as _;
use std::sync::Arc;
use std::time::Instant;

use smtp_codec::client::Config;
use smtp_codec::proto::address::AddressError;
use smtp_codec::proto::command::MailParametersBuf;
use smtp_codec::proto::session::TlsPolicy;
use smtp_codec::proto::{Envelope, Recipient};

use crate::args::bench::BenchArgs;
use crate::exit::{Exit, complain};
use crate::send::secure;
use load::{Load, Plan};
use progress::Progress;

/// Sends the messages, says what became of them and how fast, and exits accordingly.
pub(crate) fn main(args: &BenchArgs) -> Exit {
    if let Some(sentence) = args.contradiction() {
        complain(format_args!("smtp: {sentence}"));
        return Exit::Usage;
    }
    let plan = match plan(args) {
        Ok(plan) => plan,
        Err((exit, sentence)) => {
            complain(format_args!("smtp bench: {sentence}"));
            return exit;
        }
    };
    let load = Arc::new(Load::new(plan));
    let start = Instant::now();
    let ran = Progress::start(&load, args.quiet).and_then(|progress| {
        let ran = drive::run(args.runtime, &load);
        progress.stop();
        ran
    });
    let exit = report::tell(args, &load, start);
    match ran {
        Ok(()) => exit,
        Err(error) => {
            complain(format_args!("smtp bench: {error}"));
            Exit::Io
        }
    }
}

fn plan(args: &BenchArgs) -> Result<Plan, (Exit, String)> {
    let usage = |sentence| (Exit::Usage, sentence);
    let config = config(args).map_err(|error| usage(format!("--hello: {error}")))?;
    let tls = secure::tls(&args.secure, &args.server).map_err(usage)?;
    let login = secure::login(&args.secure).map_err(usage)?;
    let server = args.server.to_string();
    let addresses = (args.server.host.as_str(), args.server.port)
        .to_socket_addrs()
        .map_err(|error| (Exit::TryLater, format!("cannot find {server}: {error}")))?
        .collect();
    Ok(Plan {
        server,
        addresses,
        clear: Arc::new(config.clone().tls(TlsPolicy::Never)),
        config: Arc::new(config),
        policy: args.tls(),
        tls,
        login,
        held_back: !args.secure.allow_plaintext_auth,
        envelope: envelope(args),
        content: content::make(args.size),
        one_per_connection: args.one_per_connection,
        messages: args.messages,
        connections: args.connections,
    })
}

fn config(args: &BenchArgs) -> Result<Config, AddressError> {
    let mut config = Config::new(&args.hello().as_host().to_string())?
        .pipelining(!args.no_pipelining)
        .chunking(!args.no_chunking)
        .tls(args.tls())
        .patience(args.timeout);
    if args.secure.allow_plaintext_auth {
        config = config.allow_plaintext_auth();
    }
    if args.lmtp {
        config = config.lmtp();
    }
    Ok(config)
}

fn envelope(args: &BenchArgs) -> Envelope {
    let recipients = args.recipients();
    let size = u64::try_from(args.size).unwrap_or(u64::MAX);
    let mut parameters = MailParametersBuf::new().size(size);
    let is_ascii =
        args.from.as_path().is_ascii() && recipients.iter().all(|to| to.as_path().is_ascii());
    if !is_ascii {
        parameters = parameters.smtp_utf8();
    }
    Envelope {
        reverse_path: args.from.clone(),
        parameters,
        recipients: recipients.into_iter().map(Recipient::new).collect(),
    }
}
