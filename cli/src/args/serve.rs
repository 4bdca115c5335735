//! `smtp serve`

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use ipnet::IpNet;
use smtp_proto::address::HostBuf;

use super::offer::Offer;
use super::{Endpoint, Runtime, count, machine};

/// Receive mail.
///
/// A message is acknowledged with 250 only when it is synced and in place.
#[derive(Args, Debug)]
#[command(after_help = "Example: receive one message, store it as it came, and stop\n  \
                        smtp serve --listen 127.0.0.1:2525 --raw ./mail --exit-after 1\n\n\
                        Exit codes:\n   \
                        0  it was stopped, or has taken as many messages as it was to take\n  \
                        64  the command line is wrong, or what a file of users says\n  \
                        74  it cannot listen, or cannot read or write a file that it needs")]
pub(crate) struct ServeArgs {
    /// Address to listen on; may be repeated, and port 0 picks a free one [default: 127.0.0.1:2525,
    /// unless --listen-tls is given]
    #[arg(long, value_name = "ADDR", value_parser = Endpoint::to_listen_on)]
    listen: Vec<Endpoint>,

    /// The same with TLS from the first octet, as on port 465
    #[arg(long, value_name = "ADDR", value_parser = Endpoint::to_listen_on)]
    pub(crate) listen_tls: Vec<Endpoint>,

    /// Hold one session on standard input and output instead, and exit when it ends
    #[arg(long, conflicts_with_all = ["listen", "listen_tls"])]
    pub(crate) stdio: bool,

    /// What drives the connections; all behave alike
    #[arg(long, value_enum, default_value = "tokio")]
    pub(crate) runtime: Runtime,

    /// So many threads run the sessions, with tokio and smol; one alone needs the least CPU time for
    /// each message [default: one for each core]
    #[arg(
        long,
        value_name = "N",
        value_parser = count::<u16>,
        allow_negative_numbers = true,
        conflicts_with = "stdio"
    )]
    pub(crate) threads: Option<u16>,

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

    /// Offer PRDR: each recipient gets an answer of its own where the client asks for it
    #[arg(long, conflicts_with = "lmtp")]
    pub(crate) prdr: bool,

    /// Largest message, advertised and enforced
    #[arg(
        long,
        value_name = "BYTES",
        default_value_t = 50 << 20,
        value_parser = count::<u64>,
        allow_negative_numbers = true
    )]
    pub(crate) max_size: u64,

    /// Most recipients of a message, advertised (up to 999999) and enforced
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1000,
        value_parser = count::<u32>,
        allow_negative_numbers = true
    )]
    pub(crate) max_recipients: u32,

    /// Offer STARTTLS, with the certificate chain in this PEM file
    #[arg(long, value_name = "FILE", requires = "tls_key", conflicts_with = "tls_self_signed")]
    tls_cert: Option<PathBuf>,

    /// The private key that belongs to it, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Offer STARTTLS, with a certificate made on the spot, which no client has a reason to trust
    #[arg(long)]
    tls_self_signed: bool,

    /// Write that certificate into this file, in PEM, for clients to trust: as their --tls-ca
    #[arg(long, value_name = "FILE", requires = "tls_self_signed")]
    pub(crate) tls_cert_out: Option<PathBuf>,

    /// Offer AUTH to the users in this file, a line each: name:password
    #[arg(long, value_name = "FILE")]
    pub(crate) users: Option<PathBuf>,

    /// Offer OAUTHBEARER and XOAUTH2 to the users in this file, a line each: name:token
    #[arg(long, value_name = "FILE")]
    pub(crate) tokens: Option<PathBuf>,

    /// Take no mail without TLS
    #[arg(long)]
    pub(crate) require_tls: bool,

    /// Take no mail from who has not authenticated
    #[arg(long)]
    pub(crate) require_auth: bool,

    /// Offer PLAIN and LOGIN without TLS too
    #[arg(long)]
    pub(crate) allow_plaintext_auth: bool,

    /// Expect a PROXY header (version 1 or 2) before anything else, and take the client's address
    /// from it
    #[arg(long, conflicts_with = "stdio")]
    pub(crate) proxy_protocol: bool,

    /// Take XCLIENT and XFORWARD from this network, such as 127.0.0.0/8; may be repeated
    #[arg(long, value_name = "CIDR", value_parser = network)]
    pub(crate) xclient_from: Vec<IpNet>,

    /// What to do with a bare CR or LF in mail data
    #[arg(long, value_enum, default_value = "reject")]
    pub(crate) bare_newline: BareNewline,

    /// Take the command syntax of forgiving servers too
    #[arg(long)]
    pub(crate) lenient: bool,

    /// Name a further extension in the reply to EHLO, and take its parameters; may be repeated:
    /// FUTURERELEASE=SECONDS[,UNTIL], DELIVERBY[=SECONDS], MT-PRIORITY[=PROFILE], RRVS, MTRK, SUBMITTER,
    /// REQUIRETLS. They are stored with the message, and nothing else comes of them
    #[arg(long, value_name = "KEYWORD[=VALUE]", value_parser = Offer::parse)]
    pub(crate) offer: Vec<Offer>,

    /// Wait so long before the greeting, and refuse a client that speaks meanwhile
    #[arg(
        long,
        value_name = "SECONDS",
        value_parser = count::<u64>,
        allow_negative_numbers = true
    )]
    greet_pause: Option<u64>,

    /// Refuse a client that sends the message together with DATA, instead of waiting for the answer
    #[arg(long)]
    pub(crate) no_early_content: bool,

    /// Stop after this many messages [default: never]
    #[arg(
        long,
        value_name = "N",
        value_parser = count::<u64>,
        allow_negative_numbers = true
    )]
    pub(crate) exit_after: Option<u64>,

    /// One line a session or message on standard error [default: text, and on a terminal a view of
    /// what goes on below it]
    #[arg(long, value_enum)]
    log: Option<Log>,

    /// No hints and no view
    #[arg(long)]
    quiet: bool,
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

/// Where the server's certificate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certificate<'a> {
    Files(&'a Path, &'a Path),
    SelfSigned,
}

fn network(text: &str) -> Result<IpNet, &'static str> {
    text.parse()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "write an address, or a network such as 192.0.2.0/24")
}

impl ServeArgs {
    /// What to listen on in the clear.
    pub(crate) fn listen(&self) -> Vec<Endpoint> {
        if self.listen.is_empty() && self.listen_tls.is_empty() {
            return vec![Endpoint { host: "127.0.0.1".into(), port: 2525 }];
        }
        self.listen.clone()
    }

    /// Where the server's certificate comes from, if TLS is offered.
    pub(crate) fn certificate(&self) -> Option<Certificate<'_>> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(chain), Some(key)) => Some(Certificate::Files(chain, key)),
            _ => self.tls_self_signed.then_some(Certificate::SelfSigned),
        }
    }

    /// How the log is written.
    pub(crate) fn log(&self) -> Log {
        self.log.unwrap_or(Log::Text)
    }

    /// Whether hints are for somebody who reads them.
    pub(crate) fn has_hints(&self) -> bool {
        self.log() == Log::Text && !self.quiet
    }

    /// Whether a view is wanted, where there is a terminal.
    pub(crate) fn has_view(&self) -> bool {
        self.log.is_none() && !self.quiet && !self.stdio
    }

    /// What is wrong with options that are right one by one.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        let has_tls = self.certificate().is_some();
        match () {
            () if self.require_tls && !has_tls => {
                Some("--require-tls needs --tls-cert and --tls-key, or --tls-self-signed")
            }
            () if !self.listen_tls.is_empty() && !has_tls => {
                Some("--listen-tls needs --tls-cert and --tls-key, or --tls-self-signed")
            }
            () if self.require_auth && !self.has_users() => {
                Some("--require-auth needs --users FILE or --tokens FILE")
            }
            () if self.allow_plaintext_auth && !self.has_users() => {
                Some("--allow-plaintext-auth needs --users FILE or --tokens FILE")
            }
            () if self.threads.is_some()
                && matches!(self.runtime, Runtime::Std | Runtime::AsyncStd) =>
            {
                Some("--threads needs --runtime tokio or smol")
            }
            () => None,
        }
    }

    /// Whether anybody could authenticate.
    pub(crate) fn has_users(&self) -> bool {
        self.users.is_some() || self.tokens.is_some()
    }

    /// Where messages go.
    pub(crate) fn storage(&self) -> Storage {
        match (&self.raw, &self.maildir) {
            _ if self.discard => Storage::Discard,
            (Some(dir), _) => Storage::Raw(dir.clone()),
            (None, Some(dir)) => Storage::Maildir(dir.clone()),
            (None, None) => Storage::Maildir("./maildir".into()),
        }
    }

    /// How long to wait before the greeting.
    pub(crate) fn greet_pause(&self) -> Duration {
        Duration::from_secs(self.greet_pause.unwrap_or(0))
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
        assert_eq!(args.listen(), [Endpoint { host: "127.0.0.1".into(), port: 2525 }]);
        assert_eq!(args.runtime, Runtime::Tokio);
        assert_eq!(args.storage(), Storage::Maildir("./maildir".into()));
        assert_eq!((args.max_size, args.max_recipients), (52_428_800, 1000));
        assert_eq!((args.bare_newline, args.log()), (BareNewline::Reject, Log::Text));
        assert!(!args.stdio && !args.lmtp && !args.prdr && !args.lenient);
        assert!(args.has_hints() && args.has_view());
        assert!(args.exit_after.is_none() && args.threads.is_none());
        assert!(!args.hostname().as_host().to_string().is_empty());
    }

    #[test]
    fn everything_given() {
        let args = serve(
            "--listen [::1]:0 --listen localhost:25 --runtime async-std --raw x --hostname mx.a \
             --max-size 1 --max-recipients 2 --bare-newline normalise --lenient --exit-after 3 \
             --log json --lmtp",
        );
        assert_eq!(args.listen().len(), 2);
        assert_eq!(args.runtime, Runtime::AsyncStd);
        assert_eq!(args.storage(), Storage::Raw("x".into()));
        assert_eq!(args.hostname().as_host().to_string(), "mx.a");
        assert_eq!((args.max_size, args.max_recipients, args.exit_after), (1, 2, Some(3)));
        assert_eq!((args.bare_newline, args.log()), (BareNewline::Normalise, Log::Json));
        assert!(args.lenient && args.lmtp);
        assert_eq!(serve("--discard").storage(), Storage::Discard);
        assert_eq!(serve("--maildir m").storage(), Storage::Maildir("m".into()));
        assert!(serve("--stdio").stdio && serve("--prdr").prdr);
    }

    #[test]
    fn a_view_is_for_who_asked_for_nothing_else() {
        for (args, hints, view) in [
            ("--quiet", false, false),
            ("--log text", true, false),
            ("--log json", false, false),
            ("--log off", false, false),
            ("--stdio", true, false),
        ] {
            let args = serve(args);
            assert_eq!((args.has_hints(), args.has_view()), (hints, view), "{args:?}");
        }
    }

    #[test]
    fn contradictions_and_nonsense() {
        for (args, sentence) in [
            ("--raw a --discard", "--raw and --discard cannot be used together"),
            ("--maildir a --raw b", "--maildir and --raw cannot be used together"),
            ("--stdio --listen [::]:0", "--stdio and --listen cannot be used together"),
            ("--prdr --lmtp", "--prdr and --lmtp cannot be used together"),
            ("--discard --discard", "--discard can be given only once"),
            ("--listen 2525", "--listen 2525: write HOST:PORT, such as 127.0.0.1:2525 or [::1]:0"),
            ("--hostname a..b", "--hostname a..b: the domain is malformed"),
            ("--runtime mio", "--runtime takes tokio, async-std, smol or std, not mio"),
            ("--exit-after 0", "--exit-after 0: write a whole number above 0, without a unit"),
            ("--exit-after -1", "--exit-after -1: write a whole number above 0, without a unit"),
            ("--max-size -1", "--max-size -1: write a whole number above 0, without a unit"),
            ("--threads 0", "--threads 0: write a whole number above 0, without a unit"),
            ("--stdio --threads 1", "--stdio and --threads cannot be used together"),
            ("--max-size 5M", "--max-size 5M: write a whole number above 0, without a unit"),
            ("--raw", "--raw needs a value"),
            ("mail", "mail is not understood here; see `smtp test --help`"),
        ] {
            assert_eq!(refused::<ServeArgs>(args), sentence);
        }
    }

    #[test]
    fn policy() {
        let args = serve("--greet-pause 5 --no-early-content --offer rrvs --offer DELIVERBY=60");
        assert_eq!(args.greet_pause(), Duration::from_secs(5));
        assert!(args.no_early_content);
        assert_eq!(args.offer.len(), 2);
        assert!(serve("").greet_pause().is_zero());
        assert_eq!(
            refused::<ServeArgs>("--greet-pause 0"),
            "--greet-pause 0: write a whole number above 0, without a unit"
        );
    }

    #[test]
    fn tls_and_auth() {
        let args = serve("--listen-tls [::]:0 --tls-cert a --tls-key b --users u --require-tls");
        assert!(args.listen().is_empty() && args.contradiction().is_none());
        let (chain, key) = (Path::new("a"), Path::new("b"));
        assert_eq!(args.certificate(), Some(Certificate::Files(chain, key)));
        assert_eq!(serve("--tls-self-signed").certificate(), Some(Certificate::SelfSigned));
        let out = serve("--tls-self-signed --tls-cert-out own.pem").tls_cert_out;
        assert_eq!(out.as_deref(), Some(Path::new("own.pem")));
        assert_eq!(
            refused::<ServeArgs>("--tls-cert-out own.pem"),
            "--tls-self-signed must be given with --tls-cert-out; see `smtp test --help`"
        );
        assert_eq!(serve("").certificate(), None);
        let nets = serve("--xclient-from 10.0.0.0/8 --xclient-from ::1").xclient_from;
        assert_eq!(nets, ["10.0.0.0/8".parse::<IpNet>().unwrap(), "::1/128".parse().unwrap()]);
        for (args, sentence) in [
            (
                "--tls-cert a",
                "--tls-key FILE must be given with --tls-cert; see `smtp test --help`",
            ),
            ("--tls-key a", "--tls-cert FILE must be given with --tls-key; see `smtp test --help`"),
            (
                "--tls-cert a --tls-key b --tls-self-signed",
                "--tls-cert and --tls-self-signed cannot be used together",
            ),
            ("--stdio --listen-tls [::]:0", "--stdio and --listen-tls cannot be used together"),
            (
                "--xclient-from 10/8",
                "--xclient-from 10/8: write an address, or a network such as 192.0.2.0/24",
            ),
        ] {
            assert_eq!(refused::<ServeArgs>(args), sentence);
        }
        for args in
            ["--require-tls", "--listen-tls [::]:0", "--require-auth", "--allow-plaintext-auth"]
        {
            assert!(serve(args).contradiction().unwrap().contains(" needs "), "{args}");
        }
        for (runtime, fits) in
            [("tokio", true), ("smol", true), ("std", false), ("async-std", false)]
        {
            let args = serve(&format!("--threads 2 --runtime {runtime}"));
            assert_eq!(args.contradiction().is_none(), fits, "{runtime}");
        }
    }
}
