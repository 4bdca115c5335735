//! `smtp parse`

use clap::{Args, ValueEnum};

/// Look into the parser: SMTP text in, JSON out.
///
/// Reads one input a line from standard input and prints one JSON object a line, in order, each at
/// once. The exit code is 0 whether the inputs are well-formed or not.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
                        echo 'MAIL FROM:<alice@example.org> SIZE=1024' | smtp parse command\n  \
                        echo '\"a b\"@example.org' | smtp parse address\n  \
                        printf '250-mx.example.org\\r\\n250 DSN\\r\\n' | smtp parse ehlo --multiline")]
pub(crate) struct ParseArgs {
    /// What each line is
    #[arg(value_enum, value_name = "KIND")]
    pub(crate) kind: Kind,

    /// Each line is the base64 of the exact bytes: of a command, path or address without its CRLF,
    /// or of one whole reply with its CRLFs
    #[arg(long)]
    pub(crate) base64: bool,

    /// A reply goes over as many lines as it has, as servers send it; only for reply and ehlo
    #[arg(long, conflicts_with = "base64")]
    pub(crate) multiline: bool,

    /// Take the command syntax of forgiving servers too
    #[arg(long)]
    pub(crate) lenient: bool,
}

impl ParseArgs {
    /// What is wrong with options that are right one by one.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        let is_reply = matches!(self.kind, Kind::Reply | Kind::Ehlo);
        (self.multiline && !is_reply).then_some("--multiline is for reply and ehlo")
    }
}

/// What is parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A command line
    Command,
    /// A reverse-path or forward-path, in angle brackets
    Path,
    /// A mailbox
    Address,
    /// A reply
    Reply,
    /// The reply to EHLO
    Ehlo,
}
