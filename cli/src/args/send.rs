//! `smtp send`

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use smtp_proto::address::{ForwardPathBuf, HostBuf, ReversePathBuf};

use super::{Endpoint, Runtime, machine};

/// Send one message.
///
/// Prints a line for each recipient and exits with 0 if all were accepted; otherwise with 65 if
/// the message cannot be sent as it is, 69 if it was refused for good, 75 if it may be tried
/// again, 76 if the server broke the protocol.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  \
                        smtp send --server 127.0.0.1:2525 --from alice@example.org \
                        --to bob@example.org --to carol@example.org message.eml")]
pub(crate) struct SendArgs {
    /// The file that holds the message; standard input if it is absent or -
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    /// The server to send to; the port is 25 unless given
    #[arg(long, value_name = "HOST[:PORT]", value_parser = Endpoint::to_connect_to)]
    pub(crate) server: Endpoint,

    /// The reverse-path, with or without angle brackets; <> is the null reverse-path
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) from: ReversePathBuf,

    /// A recipient, with or without angle brackets; may be repeated
    #[arg(long, value_name = "ADDRESS", required = true)]
    pub(crate) to: Vec<ForwardPathBuf>,

    /// What drives the connection; all behave alike
    #[arg(long, value_enum, default_value = "tokio")]
    pub(crate) runtime: Runtime,

    /// Name to greet the server with [default: the machine's]
    #[arg(long, value_name = "NAME")]
    hello: Option<HostBuf>,

    /// Wait for each reply before the next command
    #[arg(long)]
    pub(crate) no_pipelining: bool,

    /// When to report to the sender: never, or some of success,failure,delay
    #[arg(long, value_name = "WHEN", value_parser = notify)]
    pub(crate) notify: Option<Notify>,

    /// What a report returns
    #[arg(long, value_enum)]
    pub(crate) ret: Option<Ret>,

    /// The envelope id that reports carry: up to 100 printable ASCII characters
    #[arg(long, value_name = "ID")]
    pub(crate) envid: Option<String>,

    /// Ask for SMTPUTF8, which UTF-8 in addresses and header fields needs
    #[arg(long)]
    pub(crate) smtputf8: bool,

    /// What the content is declared to be
    #[arg(long, value_enum)]
    pub(crate) body: Option<Body>,

    /// Turn bare CR and LF into CRLF; otherwise they are an error
    #[arg(long)]
    pub(crate) normalise: bool,

    /// Longest wait for the server in any one state [default: those of RFC 5321 section 4.5.3.2]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,

    /// Show the dialogue on standard error
    #[arg(long)]
    pub(crate) trace: bool,

    /// Print the outcome as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// What a report returns (RFC 3461 section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ret {
    Full,
    Hdrs,
}

/// What the content is declared to be (RFC 6152).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Body {
    #[value(name = "7bit")]
    SevenBit,
    #[value(name = "8bitmime")]
    EightBitMime,
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|wait| !wait.is_zero())
        .ok_or("write a number of seconds above 0, such as 30 or 0.5")
}

impl SendArgs {
    /// The file that holds the message; none for standard input.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref().filter(|file| *file != Path::new("-"))
    }

    /// The name to greet the server with.
    pub(crate) fn hello(&self) -> HostBuf {
        self.hello.clone().unwrap_or_else(machine)
    }
}
