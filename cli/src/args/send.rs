//! `smtp send`

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use smtp_proto::address::{ForwardPathBuf, HostBuf, ReversePathBuf};
use smtp_proto::command::{Body, MailParametersBuf, Notify, Ret};
use smtp_proto::session::TlsPolicy;

use super::address::{forward_path, reverse_path};
use super::secure::SecureArgs;
use super::{Endpoint, Runtime, machine, seconds};

/// Send one message.
///
/// Prints a line for each recipient.
#[derive(Args, Debug)]
#[command(after_help = "Example: a file whose lines end as Unix has it\n  \
                        smtp send --server 127.0.0.1:2525 --from alice@example.org \
                        --to bob@example.org --to carol@example.org --normalise message.eml\n\n\
                        Exit codes:\n   \
                        0  every recipient was accepted\n  \
                        64  the command line is wrong\n  \
                        65  the message or an address cannot be sent as it is\n  \
                        69  refused for good\n  \
                        74  reading the message failed\n  \
                        75  not now, or not known: it may be tried again\n  \
                        76  the server broke the protocol\n  \
                        77  authentication failed, or there is no TLS where there must be\n\
                        With several recipients the worst one decides; 75 comes before 69.")]
pub(crate) struct SendArgs {
    /// The file that holds the message; standard input if it is absent or -
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    /// The server to send to; the port is 25 unless given
    #[arg(long, value_name = "HOST[:PORT]", value_parser = Endpoint::to_connect_to)]
    pub(crate) server: Endpoint,

    /// The reverse-path, with or without angle brackets; <> is the null reverse-path
    #[arg(long, value_name = "ADDRESS", value_parser = reverse_path)]
    pub(crate) from: ReversePathBuf,

    /// A recipient, with or without angle brackets; may be repeated
    #[arg(long, value_name = "ADDRESS", required = true, value_parser = forward_path)]
    pub(crate) to: Vec<ForwardPathBuf>,

    /// What drives the connection; all behave alike
    #[arg(long, value_enum, default_value = "tokio")]
    pub(crate) runtime: Runtime,

    /// Name to greet the server with [default: the machine's]
    #[arg(long, value_name = "NAME")]
    hello: Option<HostBuf>,

    /// Speak LMTP, on any port but 25: each recipient gets an answer of its own to the message
    #[arg(long)]
    pub(crate) lmtp: bool,

    /// Ask for an answer to the message for each recipient, where the server offers PRDR
    #[arg(long, conflicts_with = "lmtp")]
    pub(crate) prdr: bool,

    #[command(flatten)]
    pub(crate) secure: SecureArgs,

    /// Wait for each reply before the next command
    #[arg(long)]
    pub(crate) no_pipelining: bool,

    /// Send the content by DATA even where the server offers CHUNKING
    #[arg(long)]
    pub(crate) no_chunking: bool,

    /// When to report to the sender: never, or some of success,failure,delay
    #[arg(long, value_name = "WHEN", value_parser = notify)]
    pub(crate) notify: Option<Notify>,

    /// What a report returns: the whole message or its header section
    #[arg(long, value_parser = PossibleValuesParser::new(["full", "hdrs"]).map(ret))]
    pub(crate) ret: Option<Ret>,

    /// The envelope id that reports carry: up to 100 printable ASCII characters
    #[arg(long, value_name = "ID", value_parser = envid)]
    pub(crate) envid: Option<String>,

    /// Ask for SMTPUTF8, which UTF-8 in addresses and header fields needs
    #[arg(long)]
    pub(crate) smtputf8: bool,

    /// What the content is declared to be; binarymime goes octet for octet, and needs CHUNKING
    #[arg(long, value_parser = PossibleValuesParser::new(["7bit", "8bitmime", "binarymime"]).map(body))]
    pub(crate) body: Option<Body>,

    /// Turn bare CR and LF into CRLF, as ordinary Unix files need; otherwise they are an error
    #[arg(long)]
    pub(crate) normalise: bool,

    /// Longest wait for the server in any one state [default: those of RFC 5321 section 4.5.3.2]
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) timeout: Option<Duration>,

    /// Show the dialogue on standard error, without secrets
    #[arg(long)]
    pub(crate) trace: bool,

    /// Print the outcome as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

fn ret(text: String) -> Ret {
    if text == "full" { Ret::Full } else { Ret::Hdrs }
}

fn body(text: String) -> Body {
    match text.as_str() {
        "7bit" => Body::SevenBit,
        "8bitmime" => Body::EightBitMime,
        _ => Body::BinaryMime,
    }
}

fn notify(text: &str) -> Result<Notify, &'static str> {
    if text.eq_ignore_ascii_case("never") {
        return Ok(Notify::NEVER);
    }
    let events = text.split(',').map(|event| match event.to_ascii_lowercase().as_str() {
        "success" => Some(Notify::SUCCESS),
        "failure" => Some(Notify::FAILURE),
        "delay" => Some(Notify::DELAY),
        _ => None,
    });
    let set = events.reduce(|all, event| Some(all? | event?)).flatten();
    set.ok_or("write never, or some of success, failure and delay with commas between")
}

/// RFC 3461 section 5.4 limits the encoded id to 100 octets.
fn envid(text: &str) -> Result<String, &'static str> {
    let parameters = MailParametersBuf::new().envid(text).ok();
    parameters
        .filter(|it| it.as_parameters().envid().is_some_and(|id| id.as_str().len() <= 100))
        .map(|_| text.to_owned())
        .ok_or("write up to 100 printable ASCII characters, of which + and = count as three")
}

impl SendArgs {
    /// Whether the content has no lines, and newlines in it mean nothing.
    pub(crate) fn is_binary(&self) -> bool {
        self.body == Some(Body::BinaryMime)
    }

    /// What is wrong with options that are right one by one.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        match self.is_binary() {
            true if self.normalise => {
                Some("--body binarymime and --normalise cannot be used together")
            }
            true if self.no_chunking => {
                Some("--body binarymime and --no-chunking cannot be used together")
            }
            // RFC 2033 section 1.
            _ if self.lmtp && self.server.port == 25 => {
                Some("LMTP is never spoken on port 25; give another with --server HOST:PORT")
            }
            _ => None,
        }
    }

    /// When TLS is used.
    pub(crate) fn tls(&self) -> TlsPolicy {
        self.secure.tls(self.server.port)
    }

    /// The file that holds the message; none for standard input.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref().filter(|file| *file != Path::new("-"))
    }

    /// The name to greet the server with.
    pub(crate) fn hello(&self) -> HostBuf {
        self.hello.clone().unwrap_or_else(machine)
    }
}

#[cfg(test)]
mod tests {
    use super::super::usage::tests::{read, refused, refused_with};
    use super::*;
    use crate::exit::Exit;

    const LEAST: &str = "--server mx.example.org --from alice@example.org --to bob@example.org";

    fn send(args: &str) -> SendArgs {
        read(&format!("{LEAST} {args}"))
    }

    #[test]
    fn defaults() {
        let args = send("");
        assert_eq!(args.server, Endpoint { host: "mx.example.org".into(), port: 25 });
        assert_eq!(args.from.to_string(), "<alice@example.org>");
        assert_eq!(args.to, ["<bob@example.org>".parse().unwrap()]);
        assert_eq!(args.file(), None);
        assert_eq!(args.runtime, Runtime::Tokio);
        assert!(args.notify.is_none() && args.ret.is_none());
        assert!(args.envid.is_none() && args.body.is_none());
        assert!(!args.no_pipelining && !args.smtputf8 && !args.normalise);
        assert!(!args.lmtp && !args.prdr && !args.no_chunking && args.contradiction().is_none());
        assert!(!args.trace && !args.json && args.timeout.is_none());
        assert!(!args.hello().as_host().to_string().is_empty());
    }

    #[test]
    fn everything_given() {
        let args = send(
            "--to <Postmaster> a.eml --runtime std --hello [192.0.2.1] --no-pipelining --notify \
             success,DELAY --ret hdrs \
             --envid x+y --smtputf8 --body 8bitmime --normalise --timeout 0.5 --trace --json \
             --lmtp --no-chunking",
        );
        assert_eq!(args.to.len(), 2);
        assert_eq!(args.to[1], ForwardPathBuf::Postmaster);
        assert_eq!(args.file(), Some(Path::new("a.eml")));
        assert_eq!(args.runtime, Runtime::Std);
        assert_eq!(args.hello().as_host().to_string(), "[192.0.2.1]");
        assert_eq!(args.notify, Some(Notify::SUCCESS | Notify::DELAY));
        assert_eq!(args.ret, Some(Ret::Hdrs));
        assert_eq!(args.envid.as_deref(), Some("x+y"));
        assert_eq!(args.body, Some(Body::EightBitMime));
        assert_eq!(args.timeout, Some(Duration::from_millis(500)));
        assert!(args.no_pipelining && args.smtputf8 && args.normalise && args.trace && args.json);
        assert!(args.lmtp && args.no_chunking);
        assert_eq!(send("-").file(), None);
        assert!(send("--prdr").prdr);
    }

    #[test]
    fn the_null_reverse_path() {
        let args: SendArgs = read("--server a --from <> --to <b@example.org>");
        assert_eq!(args.from, ReversePathBuf::Null);
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(
            refused::<SendArgs>("message.eml"),
            "--server HOST[:PORT], --from ADDRESS and --to ADDRESS must be given; \
             see `smtp test --help`"
        );
    }

    #[test]
    fn addresses_that_cannot_be_sent_are_wrong_data() {
        for args in ["--from a..b@x --to c@x", "--from a@x --to <>", "--from a@x --to a@b\u{7f}"] {
            let args = format!("--server x {args}");
            assert_eq!(refused_with::<SendArgs>(&args), Exit::Data, "{args}");
        }
        assert_eq!(
            refused::<SendArgs>("--server x --from a..b@x --to c@x"),
            "--from a..b@x: the local part is malformed"
        );
        assert_eq!(refused_with::<SendArgs>(&format!("{LEAST} --timeout 0")), Exit::Usage);
        assert_eq!(refused_with::<SendArgs>("--from a@x"), Exit::Usage);
    }

    #[test]
    fn reports_are_asked_for_as_the_grammar_has_it() {
        assert_eq!(send("--notify never").notify, Some(Notify::NEVER));
        for when in ["never,delay", "", "success,", "always"] {
            let sentence = refused::<SendArgs>(&format!("{LEAST} --notify={when}"));
            assert!(sentence.contains(": write never, or some of"), "{sentence}");
        }
        for id in ["\u{1}".to_owned(), "né".to_owned(), "x".repeat(101)] {
            let args = format!("{LEAST} --envid={id}");
            assert_eq!(refused_with::<SendArgs>(&args), Exit::Usage, "{id}");
        }
    }

    #[test]
    fn timeouts_are_positive_numbers() {
        for timeout in ["0", "-1", "nan", "inf", "1e30", "5m", ""] {
            let sentence = refused::<SendArgs>(&format!("{LEAST} --timeout={timeout}"));
            assert!(sentence.ends_with("such as 30 or 0.5"), "{sentence}");
        }
    }

    #[test]
    fn tls_by_port() {
        let told = |args: &str| {
            read::<SendArgs>(&format!("--from <> --to b@example.org --server {args}")).tls()
        };
        assert_eq!(told("a"), TlsPolicy::Opportunistic);
        assert_eq!(told("a:2525"), TlsPolicy::Opportunistic);
        assert_eq!(told("a:465"), TlsPolicy::Implicit);
        assert_eq!(told("a:587"), TlsPolicy::Required);
        assert_eq!(told("a:465 --tls never"), TlsPolicy::Never);
        assert_eq!(told("a --tls required"), TlsPolicy::Required);
        assert_eq!(told("a --tls implicit"), TlsPolicy::Implicit);
        assert_eq!(told("a:587 --tls opportunistic"), TlsPolicy::Opportunistic);
    }

    #[test]
    fn who_is_sending() {
        let args = send("--user alice --password-env SECRET");
        assert_eq!(
            (args.secure.user.as_deref(), args.secure.password_env.as_deref()),
            (Some("alice"), Some("SECRET"))
        );
        assert_eq!(args.secure.mechanism(), None);
        assert_eq!(
            send("--user a --password-env b --mechanism scram-sha-1").secure.mechanism(),
            Some("SCRAM-SHA-1")
        );
        let sentence = refused::<SendArgs>(&format!("{LEAST} --mechanism NTLM"));
        let start = "--mechanism NTLM: write auto, or one of SCRAM-SHA-256-PLUS, ";
        assert!(sentence.starts_with(start) && sentence.ends_with(", EXTERNAL"), "{sentence}");
        let sentence = refused::<SendArgs>(&format!("{LEAST} --mechanism PLAIN"));
        assert!(sentence.contains("--user NAME must be given"), "{sentence}");
        let sentence = refused::<SendArgs>(&format!("{LEAST} --user alice"));
        assert!(sentence.starts_with("--password-env VAR must be given"), "{sentence}");
    }

    #[test]
    fn lmtp_has_no_port_of_its_own() {
        let told = |server: &str| {
            let args = format!("--server {server} --from <> --to b@example.org --lmtp");
            read::<SendArgs>(&args).contradiction()
        };
        assert!(told("mx.example.org").unwrap().contains("port 25"));
        assert_eq!(told("mx.example.org:24"), None);
    }

    #[test]
    fn binary_content_goes_by_bdat_and_as_it_is() {
        assert_eq!(send("--body binarymime").body, Some(Body::BinaryMime));
        for other in ["--normalise", "--no-chunking"] {
            let args = send(&format!("--body binarymime {other}"));
            let sentence = format!("--body binarymime and {other} cannot be used together");
            assert_eq!(args.contradiction(), Some(sentence.as_str()));
            assert!(send(&format!("--body 8bitmime {other}")).contradiction().is_none());
        }
    }
}
