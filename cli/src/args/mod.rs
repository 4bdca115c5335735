//! The command line, as the user writes it and as the program reads it.

mod endpoint;
mod parse;
mod send;
mod serve;
mod usage;

use std::net::Ipv4Addr;

use clap::{Parser, Subcommand, ValueEnum};
use smtp_proto::address::{AddressLiteral, Host, HostBuf};

pub(crate) use endpoint::Endpoint;
pub(crate) use parse::{Kind, ParseArgs};
pub(crate) use send::{Body, Ret, SendArgs};
pub(crate) use serve::{BareNewline, Log, ServeArgs, Storage};
pub(crate) use usage::refuse;

/// Work with SMTP from the command line.
#[derive(Debug, Parser)]
#[command(
    name = "smtp",
    version,
    subcommand_required = true,
    after_help = "Example:\n  echo 'RCPT TO:<bob@example.org>' | smtp parse command\n\n\
                  `smtp COMMAND --help` tells more about each."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Look into the parser: SMTP text in, JSON out.
    Parse(ParseArgs),
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
