//! `smtp serve`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use smtp_proto::address::HostBuf;

use super::{Endpoint, Runtime, count, machine};

/// Receive mail.
///
/// A message is acknowledged with 250 only when it is synced and in place.
#[derive(Args, Debug)]
#[command(after_help = "Example: receive one message, store it as it came, and stop\n  \
                        smtp serve --listen 127.0.0.1:2525 --raw ./mail --exit-after 1")]
pub(crate) struct ServeArgs {
    /// Address to listen on; may be repeated, and port 0 picks a free one
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:2525",
        value_parser = Endpoint::to_listen_on
    )]
    pub(crate) listen: Vec<Endpoint>,

    /// Hold one session on standard input and output instead, and exit when it ends
    #[arg(long, conflicts_with = "listen")]
    pub(crate) stdio: bool,

    /// What drives the connections; all behave alike
    #[arg(long, value_enum, default_value = "tokio")]
    pub(crate) runtime: Runtime,

    /// Deliver into this Maildir, with Return-Path and Received added [default: ./maildir]
    #[arg(long, value_name = "DIR", group = "storage")]
    maildir: Option<PathBuf>,

    /// Store into this directory instead: ID.eml, the content byte for byte, and ID.json, the
    /// envelope
    #[arg(long, value_name = "DIR", group = "storage")]
    raw: Option<PathBuf>,

    /// Accept and drop instead
    #[arg(long, group = "storage")]
    discard: bool,

    /// Name in the greeting [default: the machine's]
    #[arg(long, value_name = "NAME")]
    hostname: Option<HostBuf>,

    /// Speak LMTP: each recipient gets an answer of its own; the message is stored once all the same
    #[arg(long)]
    pub(crate) lmtp: bool,

    /// Largest message, advertised and enforced
    #[arg(
        long,
        value_name = "BYTES",
        default_value_t = 50 << 20,
        value_parser = count::<u64>,
        allow_negative_numbers = true
    )]
    pub(crate) max_size: u64,

    /// Most recipients of a message
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1000,
        value_parser = count::<u32>,
        allow_negative_numbers = true
    )]
    pub(crate) max_recipients: u32,

    /// What to do with a bare CR or LF in mail data
    #[arg(long, value_enum, default_value = "reject")]
    pub(crate) bare_newline: BareNewline,

    /// Take the command syntax of forgiving servers too
    #[arg(long)]
    pub(crate) lenient: bool,

    /// Stop after this many messages [default: never]
    #[arg(
        long,
        value_name = "N",
        value_parser = count::<u64>,
        allow_negative_numbers = true
    )]
    pub(crate) exit_after: Option<u64>,

    /// One line a session or message on standard error
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) log: Log,
}

/// What becomes of a bare CR or LF in mail data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BareNewline {
    Reject,
    Normalise,
    Pass,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Log {
    Text,
    Json,
    Off,
}

/// Where messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    Maildir(PathBuf),
    Raw(PathBuf),
    Discard,
}

impl ServeArgs {
    /// Where messages go.
    pub(crate) fn storage(&self) -> Storage {
        match (&self.raw, &self.maildir) {
            _ if self.discard => Storage::Discard,
            (Some(dir), _) => Storage::Raw(dir.clone()),
            (None, Some(dir)) => Storage::Maildir(dir.clone()),
            (None, None) => Storage::Maildir("./maildir".into()),
        }
    }

    /// The name in the greeting.
    pub(crate) fn hostname(&self) -> HostBuf {
        self.hostname.clone().unwrap_or_else(machine)
    }
}

#[cfg(test)]
mod tests {
    use super::super::usage::tests::{read, refused};
    use super::*;

    fn serve(args: &str) -> ServeArgs {
        read(args)
    }

    #[test]
    fn defaults() {
        let args = serve("");
        assert_eq!(args.listen, [Endpoint { host: "127.0.0.1".into(), port: 2525 }]);
        assert_eq!(args.runtime, Runtime::Tokio);
        assert_eq!(args.storage(), Storage::Maildir("./maildir".into()));
        assert_eq!((args.max_size, args.max_recipients), (52_428_800, 1000));
        assert_eq!((args.bare_newline, args.log), (BareNewline::Reject, Log::Text));
        assert!(!args.stdio && !args.lmtp && !args.lenient && args.exit_after.is_none());
        assert!(!args.hostname().as_host().to_string().is_empty());
    }

    #[test]
    fn everything_given() {
        let args = serve(
            "--listen [::1]:0 --listen localhost:25 --runtime async-std --raw x --hostname mx.a \
             --max-size 1 --max-recipients 2 --bare-newline normalise --lenient --exit-after 3 \
             --log json --lmtp",
        );
        assert_eq!(args.listen.len(), 2);
        assert_eq!(args.runtime, Runtime::AsyncStd);
        assert_eq!(args.storage(), Storage::Raw("x".into()));
        assert_eq!(args.hostname().as_host().to_string(), "mx.a");
        assert_eq!((args.max_size, args.max_recipients, args.exit_after), (1, 2, Some(3)));
        assert_eq!((args.bare_newline, args.log), (BareNewline::Normalise, Log::Json));
        assert!(args.lenient && args.lmtp);
        assert_eq!(serve("--discard").storage(), Storage::Discard);
        assert_eq!(serve("--maildir m").storage(), Storage::Maildir("m".into()));
        assert!(serve("--stdio").stdio);
    }

    #[test]
    fn contradictions_and_nonsense() {
        for (args, sentence) in [
            ("--raw a --discard", "--raw and --discard cannot be used together"),
            ("--maildir a --raw b", "--maildir and --raw cannot be used together"),
            ("--stdio --listen [::]:0", "--stdio and --listen cannot be used together"),
            ("--discard --discard", "--discard can be given only once"),
            ("--listen 2525", "--listen 2525: write HOST:PORT, such as 127.0.0.1:2525 or [::1]:0"),
            ("--hostname a..b", "--hostname a..b: the domain is malformed"),
            ("--runtime mio", "--runtime takes tokio, async-std, smol or std, not mio"),
            ("--exit-after 0", "--exit-after 0: write a whole number above 0, without a unit"),
            ("--exit-after -1", "--exit-after -1: write a whole number above 0, without a unit"),
            ("--max-size -1", "--max-size -1: write a whole number above 0, without a unit"),
            ("--max-size 5M", "--max-size 5M: write a whole number above 0, without a unit"),
            ("--raw", "--raw needs a value"),
            ("mail", "mail is not understood here; see `smtp test --help`"),
        ] {
            assert_eq!(refused::<ServeArgs>(args), sentence);
        }
    }

    #[test]
    fn options_that_do_not_work_yet_are_refused() {
        for args in [
            "--listen-tls [::]:0",
            "--tls-cert a",
            "--tls-key a",
            "--tls-self-signed",
            "--users a",
            "--require-tls",
            "--require-auth",
            "--allow-plaintext-auth",
            "--proxy-protocol",
            "--xclient-from 10/8",
        ] {
            let sentence = refused::<ServeArgs>(args);
            assert!(sentence.starts_with("there is no option --"), "{sentence}");
        }
    }
}
