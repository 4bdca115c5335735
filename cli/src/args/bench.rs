//! `smtp bench`

use std::time::Duration;

use clap::Args;
use smtp_proto::address::{ForwardPathBuf, HostBuf, ReversePathBuf};
use smtp_proto::session::TlsPolicy;

use super::address::{forward_path, reverse_path};
use super::secure::SecureArgs;
use super::{Endpoint, Runtime, count, machine, seconds};

const EXAMPLE: &str = "\
Example: 50 connections, each carrying messages of 16 KiB one after another
  smtp bench --server 127.0.0.1:2525 --connections 50 --size 16384

`smtp bench --help` tells what is counted, what is timed, and the keys of --json.";

const MANUAL: &str = "\
Example: 50 connections, each carrying messages of 16 KiB one after another
  smtp bench --server 127.0.0.1:2525 --connections 50 --size 16384

Messages:
  Each counts once: as accepted if every recipient was, else by its worst recipient, unknown before
  deferred before refused. One that was under way when its connection was lost counts too, and is
  not sent again. The connection is opened anew; it is given up when that comes to nothing five
  times in a row, or when the server does not answer in time.

Latency, from handing a command over until its reply is seen. With PIPELINING commands leave
together, so that it holds the wait for the replies before its own.
  connect   until the connection is made; names are looked up once, before
  greeting  from there until the greeting
  ehlo      EHLO, or LHLO
  starttls  STARTTLS, without the handshake
  tls       the handshake and the reply behind it: to EHLO, or the greeting where TLS is implicit
  auth      the whole exchange
  mail, rcpt, data
            these commands; there is no data where content goes by BDAT
  message   from the end of the content until the final reply; in LMTP until each of them

--json prints one object with these keys:
  server, size, recipients
            what was asked for; size in octets of content, recipients of each message
  requested messages that were asked for
  messages  messages that were tried: the sum of accepted, refused, deferred, unknown
  seconds   from the start until the last message was done
  messages_per_second, bytes_per_second
            of accepted messages, and of their content
  connections
            made in all; reconnects: of these, in the place of one that failed
  tls       null, or version, cipher and verified of the first connection with TLS
  latency_us
            by the names above: null, or count, p50, p90, p99 and max in microseconds
  failures  each with a count, and a reply or, if there was none, an error; the counts add up to the
            messages that were not accepted
  error     null, or why not all messages were tried

Exit codes, of which the worst decides:
   0  every message was accepted
  64  the command line is wrong
  65  the messages cannot be sent as they are
  69  some were refused for good
  74  this machine cannot do it
  75  some were not taken now, or that is not known, or not all were tried
  76  the server broke the protocol
  77  authentication failed, or there is no TLS where there must be";

/// Load a server, and tell how fast it is.
///
/// Sends many messages over several connections at a time, then prints what became of them, how
/// long each command took, and every way in which it failed.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLE, after_long_help = MANUAL)]
pub(crate) struct BenchArgs {
    /// The server to load; the port is 25 unless given
    #[arg(long, value_name = "HOST[:PORT]", value_parser = Endpoint::to_connect_to)]
    pub(crate) server: Endpoint,

    /// Connections at a time
    #[arg(long, value_name = "N", default_value = "20", value_parser = count::<u32>)]
    pub(crate) connections: u32,

    /// Messages in all
    #[arg(long, value_name = "N", default_value = "20000", value_parser = count::<u64>)]
    pub(crate) messages: u64,

    /// Recipients of each message: bench1@example.org, bench2@example.org and so on
    #[arg(long, value_name = "N", default_value = "1", value_parser = count::<u32>, conflicts_with = "to")]
    recipients: u32,

    /// Octets of content of each message
    #[arg(long, value_name = "BYTES", default_value = "4096", value_parser = size)]
    pub(crate) size: usize,

    /// Open a connection for each message, and say QUIT behind it; otherwise they are reused
    #[arg(long)]
    pub(crate) one_per_connection: bool,

    /// The reverse-path, with or without angle brackets; <> is the null reverse-path
    #[arg(long, value_name = "ADDRESS", default_value = "bench@example.org", value_parser = reverse_path)]
    pub(crate) from: ReversePathBuf,

    /// A recipient of each message, with or without angle brackets; may be repeated [default:
    /// bench@example.org]
    #[arg(long, value_name = "ADDRESS", value_parser = forward_path)]
    to: Vec<ForwardPathBuf>,

    /// What drives the connections: std has a thread for each, async-std one for each processor,
    /// the others one for all
    #[arg(long, value_enum, default_value = "tokio")]
    pub(crate) runtime: Runtime,

    /// Name to greet the server with [default: the machine's]
    #[arg(long, value_name = "NAME")]
    hello: Option<HostBuf>,

    /// Speak LMTP, on any port but 25
    #[arg(long)]
    pub(crate) lmtp: bool,

    #[command(flatten)]
    pub(crate) secure: SecureArgs,

    /// Wait for each reply before the next command
    #[arg(long)]
    pub(crate) no_pipelining: bool,

    /// Send the content by DATA even where the server offers CHUNKING
    #[arg(long)]
    pub(crate) no_chunking: bool,

    /// Longest wait for the server in any one state
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) timeout: Duration,

    /// Show no progress, on a terminal either
    #[arg(long)]
    pub(crate) quiet: bool,

    /// Print the results as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

fn size(text: &str) -> Result<usize, &'static str> {
    text.parse().map_err(|_| "write a number of octets, without a unit")
}

impl BenchArgs {
    /// What is wrong with options that are right one by one.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        // RFC 2033 section 1.
        (self.lmtp && self.server.port == 25)
            .then_some("LMTP is never spoken on port 25; give another with --server HOST:PORT")
    }

    /// When TLS is used.
    pub(crate) fn tls(&self) -> TlsPolicy {
        self.secure.tls(self.server.port)
    }

    /// The name to greet the server with.
    pub(crate) fn hello(&self) -> HostBuf {
        self.hello.clone().unwrap_or_else(machine)
    }

    /// The recipients of each message.
    pub(crate) fn recipients(&self) -> Vec<ForwardPathBuf> {
        let numbered = |number: u32| match self.recipients {
            1 => "bench@example.org".parse(),
            _ => format!("bench{number}@example.org").parse(),
        };
        match &self.to[..] {
            [] => (1..=self.recipients).filter_map(|number| numbered(number).ok()).collect(),
            given => given.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::usage::tests::{read, refused, refused_with};
    use super::*;
    use crate::exit::Exit;

    fn bench(args: &str) -> BenchArgs {
        read(&format!("--server 127.0.0.1:2525 {args}"))
    }

    fn named(args: &BenchArgs) -> Vec<String> {
        args.recipients().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn defaults() {
        let args = bench("");
        assert_eq!((args.connections, args.messages, args.size), (20, 20_000, 4096));
        assert_eq!(args.from.to_string(), "<bench@example.org>");
        assert_eq!(named(&args), ["<bench@example.org>"]);
        assert_eq!(args.runtime, Runtime::Tokio);
        assert_eq!(args.timeout, Duration::from_secs(60));
        assert_eq!(args.tls(), TlsPolicy::Opportunistic);
        assert!(!args.one_per_connection && !args.lmtp && !args.json && !args.quiet);
        assert!(bench("--quiet").quiet);
        assert!(!args.no_pipelining && !args.no_chunking && args.contradiction().is_none());
        assert!(!args.hello().as_host().to_string().is_empty());
        assert_eq!(read::<BenchArgs>("--server mx.example.org:465").tls(), TlsPolicy::Implicit);
    }

    #[test]
    fn everything_given() {
        let args = bench(
            "--connections 3 --messages 7 --recipients 2 --size 0 --one-per-connection --from <> \
             --runtime std --hello [192.0.2.1] --lmtp --tls required --insecure --no-pipelining \
             --no-chunking --timeout 0.5 --json",
        );
        assert_eq!((args.connections, args.messages, args.size), (3, 7, 0));
        assert_eq!(named(&args), ["<bench1@example.org>", "<bench2@example.org>"]);
        assert_eq!((&args.from, args.runtime), (&ReversePathBuf::Null, Runtime::Std));
        assert_eq!((args.tls(), args.timeout), (TlsPolicy::Required, Duration::from_millis(500)));
        assert!(args.one_per_connection && args.lmtp && args.json && args.secure.insecure);
        assert!(args.no_pipelining && args.no_chunking && args.contradiction().is_none());
        assert_eq!(args.hello().as_host().to_string(), "[192.0.2.1]");
    }

    #[test]
    fn recipients_are_numbered_or_named() {
        assert_eq!(named(&bench("--to a@example.net --to <b@example.net>")).len(), 2);
        assert_eq!(
            refused::<BenchArgs>("--server x:26 --to a@example.net --recipients 2"),
            "--to and --recipients cannot be used together"
        );
        assert_eq!(refused_with::<BenchArgs>("--server x:26 --to a..b@example.net"), Exit::Data);
    }

    #[test]
    fn numbers_are_above_0_where_0_makes_no_sense() {
        for option in ["connections", "messages", "recipients"] {
            let sentence = refused::<BenchArgs>(&format!("--server x:26 --{option} 0"));
            assert!(sentence.ends_with("write a whole number above 0, without a unit"));
        }
        let sentence = refused::<BenchArgs>("--server x:26 --size 4k");
        assert_eq!(sentence, "--size 4k: write a number of octets, without a unit");
    }

    #[test]
    fn lmtp_has_no_port_of_its_own() {
        let args: BenchArgs = read("--server mx.example.org --lmtp");
        assert!(args.contradiction().unwrap().contains("port 25"));
    }
}
