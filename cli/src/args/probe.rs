//! `smtp probe`

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use smtp_proto::address::HostBuf;
use smtp_proto::session::TlsPolicy;

use super::secure::Tls;
use super::{Endpoint, Runtime, machine, seconds};

const EXAMPLE: &str = "\
Examples:
  smtp probe mx.example.org
  smtp probe mail.example.org:465 --json

`smtp probe --help` tells the keys of --json and the exit codes.";

const MANUAL: &str = "\
Examples:
  smtp probe mx.example.org
  smtp probe mail.example.org:465 --json
  smtp probe 127.0.0.1:2525 --tls required --tls-ca ca.pem

--json prints one object with these keys:
  server, address
            what was asked for, and the address that answered: null if none did
  unreachable
            addresses that were tried before, each with an error
  protocol  ESMTP, LMTP, or SMTP where only HELO is known; null if it did not come so far
  greeting  null, or code, enhanced and text
  name      null, or how the server introduces itself in its reply to EHLO
  refusal   null, or the reply by which it does not serve this client
  capabilities
            clear and tls: null, or what is offered without TLS and inside it, each with a keyword
            and arguments; lost, gained and changed: keywords that differ inside TLS
  extensions
            the keywords offered in the end
  starttls  null, or the reply to STARTTLS
  tls       null, or how (starttls or implicit), version, cipher, verified, fault (null, or what is
            wrong with the certificate) and certificate: null, or subject, names, issuer, not_before,
            not_after, days_left, is_for_name, self_signed, key, signature, sent (certificates sent)
  auth      clear and tls: mechanisms offered; plaintext_in_the_clear: those that show a password
  limits    octets of a message (size), of a command line with its CRLF (command_line) and of a line
            of text (text_line); mail_max, rcpt_max and rcpt_domain_max of LIMITS
  timings_ms
            milliseconds of lookup, connect, greeting, ehlo, starttls, tls, ehlo_tls and quit; null
            where there was none; where TLS is implicit, tls holds the wait for the greeting
  advice    each with a key, a severity (error, warning or note), a text and a source
  error     null, or why the server could not be looked at to the end

Exit codes:
   0  looked at, whatever the advice
  64  the command line is wrong
  69  the server does not serve this client
  74  this machine cannot do it
  75  no connection, no answer in time, no TLS for now, or the server went away
  76  what listens there does not speak the protocol
  77  there is no TLS where there must be";

/// Look at a server without sending mail, and tell what to improve.
///
/// Connects, says EHLO, goes on to TLS where it is offered, says EHLO again, and QUIT. No mail
/// transaction is begun and nobody is authenticated. Any certificate will do; what is wrong with it
/// is told.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLE, after_long_help = MANUAL)]
pub(crate) struct ProbeArgs {
    /// The server to look at; the port is 25 unless given
    #[arg(value_name = "HOST[:PORT]", value_parser = Endpoint::to_connect_to)]
    pub(crate) server: Endpoint,

    /// What drives the connection; all behave alike
    #[arg(long, value_enum, default_value = "tokio")]
    pub(crate) runtime: Runtime,

    /// Name to greet the server with [default: the machine's]
    #[arg(long, value_name = "NAME")]
    hello: Option<HostBuf>,

    /// Speak LMTP, on any port but 25
    #[arg(long)]
    pub(crate) lmtp: bool,

    /// When to use TLS; required is an error where there is none [default by port: 465 implicit,
    /// else opportunistic]
    #[arg(long, value_enum)]
    tls: Option<Tls>,

    /// Trust the authorities in this PEM file instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_ca: Option<PathBuf>,

    /// Longest wait for the server in any one state
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) timeout: Duration,

    /// Show the dialogue on standard error
    #[arg(long)]
    pub(crate) trace: bool,

    /// Print what was found as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

impl ProbeArgs {
    /// What is wrong with options that are right one by one.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        // RFC 2033 section 1.
        (self.lmtp && self.server.port == 25)
            .then_some("LMTP is never spoken on port 25; give another with HOST:PORT")
    }

    /// When TLS is used.
    pub(crate) fn tls(&self) -> TlsPolicy {
        match (self.tls, self.server.port) {
            (Some(tls), _) => tls.into(),
            (None, 465) => TlsPolicy::Implicit,
            (None, _) => TlsPolicy::Opportunistic,
        }
    }

    /// Whether the port is one where users hand mail in.
    pub(crate) fn is_submission(&self) -> bool {
        !self.lmtp && matches!(self.server.port, 465 | 587)
    }

    /// The name to greet the server with.
    pub(crate) fn hello(&self) -> HostBuf {
        self.hello.clone().unwrap_or_else(machine)
    }
}

#[cfg(test)]
mod tests {
    use super::super::usage::tests::{read, refused};
    use super::*;

    #[test]
    fn defaults() {
        let args: ProbeArgs = read("mx.example.org");
        assert_eq!(args.server, Endpoint { host: "mx.example.org".into(), port: 25 });
        assert_eq!(args.runtime, Runtime::Tokio);
        assert_eq!(args.timeout, Duration::from_secs(30));
        assert!(!args.lmtp && !args.json && !args.trace && args.contradiction().is_none());
        assert!(!args.hello().as_host().to_string().is_empty());
    }

    #[test]
    fn tls_is_only_demanded_where_it_is_asked_for() {
        for (args, policy, submission) in [
            ("a", TlsPolicy::Opportunistic, false),
            ("a:587", TlsPolicy::Opportunistic, true),
            ("a:465", TlsPolicy::Implicit, true),
            ("a:465 --tls never", TlsPolicy::Never, true),
            ("a:587 --tls required", TlsPolicy::Required, true),
            ("a:24 --tls implicit --lmtp", TlsPolicy::Implicit, false),
        ] {
            let args: ProbeArgs = read(args);
            assert_eq!((args.tls(), args.is_submission()), (policy, submission));
        }
    }

    #[test]
    fn what_cannot_be() {
        let args: ProbeArgs = read("mx.example.org --lmtp");
        assert!(args.contradiction().unwrap().contains("port 25"));
        assert_eq!(refused::<ProbeArgs>(""), "HOST[:PORT] must be given; see `smtp test --help`");
        let sentence = refused::<ProbeArgs>("mx.example.org --timeout 0");
        assert!(sentence.ends_with("such as 30 or 0.5"), "{sentence}");
    }
}
