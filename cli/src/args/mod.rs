//! The command line, as the user writes it and as the program reads it.

mod address;
pub(crate) mod bench;
pub(crate) mod conform;
mod endpoint;
pub(crate) mod offer;
pub(crate) mod pages;
pub(crate) mod parse;
pub(crate) mod probe;
pub(crate) mod secure;
pub(crate) mod send;
pub(crate) mod serve;
mod usage;

use std::net::Ipv4Addr;
use std::str::FromStr;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use smtp_proto::address::{AddressLiteral, Host, HostBuf};

pub(crate) use endpoint::Endpoint;
pub(crate) use usage::refuse;

use bench::BenchArgs;
use conform::ConformArgs;
use pages::{CompletionsArgs, ManArgs};
use parse::ParseArgs;
use probe::ProbeArgs;
use send::SendArgs;
use serve::ServeArgs;

/// Work with SMTP from the command line.
#[derive(Debug, Parser)]
#[command(
    name = "smtp",
    version,
    arg_required_else_help = false,
    after_help = "Examples:\n  smtp serve --raw ./mail\n  \
                  smtp send --server 127.0.0.1:2525 --from alice@example.org \
                  --to bob@example.org --normalise message.eml\n  \
                  smtp bench --server 127.0.0.1:2525\n  \
                  smtp probe mx.example.org\n  \
                  echo 'RCPT TO:<bob@example.org>' | smtp parse command\n  \
                  smtp conform 127.0.0.1:2525 --to bob@example.org\n\n\
                  `smtp COMMAND --help` tells more about each."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    // Without lines of their own, so that the whole of each description is shown.
    Serve(ServeArgs),
    Send(SendArgs),
    Bench(BenchArgs),
    Probe(ProbeArgs),
    Parse(ParseArgs),
    Conform(ConformArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// Which adapter drives the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Runtime {
    Tokio,
    AsyncStd,
    Smol,
    Std,
}

/// The name that this machine gives itself; `[127.0.0.1]` if that is no domain name.
fn machine() -> HostBuf {
    let name = gethostname::gethostname();
    let nameless = Host::Literal(AddressLiteral::V4(Ipv4Addr::LOCALHOST));
    name.to_str().and_then(|name| name.parse().ok()).unwrap_or_else(|| nameless.into())
}

/// A whole number above 0.
fn count<N: FromStr + PartialOrd + Default>(text: &str) -> Result<N, &'static str> {
    let number = text.parse().ok().filter(|number| *number > N::default());
    number.ok_or("write a whole number above 0, without a unit")
}

/// A time to wait.
fn seconds(text: &str) -> Result<Duration, &'static str> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|wait| !wait.is_zero())
        .ok_or("write a number of seconds above 0, such as 30 or 0.5")
}
