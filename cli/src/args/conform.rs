//! `smtp conform`

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use smtp_proto::address::{ForwardPathBuf, HostBuf, ReversePathBuf};

use super::address::{forward_path, reverse_path};
use super::{Endpoint, machine, seconds};

/// Check a server against the standards and against known attacks.
///
/// Each check is a short dialogue on a connection of its own. Most end with RSET and QUIT: whatever
/// was sent before, each of the two must get its own reply, or the server is out of step. A check
/// passes, fails, or is risky: something that no rule forbids outright, or that a rule only advises
/// against. It is not offered if it needs what the server does not announce. What is demanded is
/// told with RFC and section.
///
/// Some checks deliver test messages to --to, each with the subject "smtp conform"; a server that
/// can be tricked delivers a few more. --no-delivery leaves all of them out.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
                        smtp conform 127.0.0.1:2525 --to bob@example.org\n  \
                        smtp conform 127.0.0.1:2525 --only end-of-data --only starttls -v\n  \
                        smtp conform --stdio 'exim4 -bs' --json\n  \
                        smtp conform --list\n\n\
                        Exit codes:\n   \
                        0  no check failed\n  \
                        64  the command line is wrong\n  \
                        65  the server takes no mail from --from to --to, so nothing can be checked\n  \
                        69  at least one check failed\n  \
                        74  writing the report failed\n  \
                        75  no connection, or the server went away before the last check\n  \
                        76  what listens there does not speak SMTP")]
pub(crate) struct ConformArgs {
    /// The server to check; the port is 25 unless given
    #[arg(
        value_name = "HOST[:PORT]",
        value_parser = Endpoint::to_connect_to,
        required_unless_present_any = ["stdio", "list"]
    )]
    pub(crate) server: Option<Endpoint>,

    /// Check a program instead that holds a session on standard input and output, run by sh anew
    /// for each check
    #[arg(long, value_name = "COMMAND", conflicts_with = "server")]
    pub(crate) stdio: Option<String>,

    /// The reverse-path of test messages
    #[arg(
        long, value_name = "ADDRESS", default_value = "sender@example.org",
        value_parser = reverse_path
    )]
    pub(crate) from: ReversePathBuf,

    /// A recipient that the server accepts
    #[arg(
        long, value_name = "ADDRESS", default_value = "postmaster", value_parser = forward_path
    )]
    pub(crate) to: ForwardPathBuf,

    /// Name to greet the server with [default: the machine's]
    #[arg(long, value_name = "NAME")]
    hello: Option<HostBuf>,

    /// The server speaks LMTP
    #[arg(long)]
    pub(crate) lmtp: bool,

    /// Begin with TLS, as on port 465
    #[arg(long)]
    pub(crate) implicit_tls: bool,

    /// Trust the authorities in this PEM file alone; otherwise certificates are not minded
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_ca: Option<PathBuf>,

    /// A user that the server knows, for the checks that need a login; they use PLAIN
    #[arg(long, value_name = "NAME", requires = "password_env")]
    pub(crate) user: Option<String>,

    /// The environment variable that holds the password
    #[arg(long, value_name = "VAR", requires = "user")]
    pub(crate) password_env: Option<String>,

    /// Run only checks whose name or group contains this; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Vec<String>,

    /// Leave out every check that may deliver a message
    #[arg(long)]
    pub(crate) no_delivery: bool,

    /// Octets of each flood, in MiB; 0 leaves the floods out
    #[arg(
        long, value_name = "MIB", default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(0..=1024)
    )]
    pub(crate) floods: u16,

    /// Longest wait for a reply
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) timeout: Duration,

    /// List the checks and what they demand, and connect to nothing
    #[arg(long)]
    pub(crate) list: bool,

    /// Show the dialogue of every check, not only of those that did not pass
    #[arg(short, long)]
    pub(crate) verbose: bool,

    /// Print one JSON object, with every dialogue
    #[arg(long)]
    pub(crate) json: bool,
}

impl ConformArgs {
    /// The name to greet the server with.
    pub(crate) fn hello(&self) -> HostBuf {
        self.hello.clone().unwrap_or_else(machine)
    }

    /// What is checked, for people.
    pub(crate) fn target(&self) -> String {
        match (&self.server, &self.stdio) {
            (Some(server), _) => server.to_string(),
            (None, Some(command)) => command.clone(),
            (None, None) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::usage::tests::{read, refused, refused_with};
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn defaults() {
        let args: ConformArgs = read("mx.example.org");
        assert_eq!(args.target(), "mx.example.org:25");
        assert_eq!(args.from.to_string(), "<sender@example.org>");
        assert_eq!(args.to, ForwardPathBuf::Postmaster);
        assert_eq!((args.floods, args.timeout), (1, Duration::from_secs(5)));
        assert!(args.only.is_empty() && !args.list && !args.json && !args.verbose);
    }

    #[test]
    fn a_server_a_program_or_a_list() {
        assert_eq!(read::<ConformArgs>("--stdio cat").target(), "cat");
        assert!(read::<ConformArgs>("--list").list);
        assert!(refused::<ConformArgs>("").starts_with("HOST[:PORT]"));
        assert!(refused::<ConformArgs>("a:25 --stdio cat").contains("cannot be used together"));
        assert_eq!(refused_with::<ConformArgs>("a --floods 1025"), Exit::Usage);
        assert_eq!(refused_with::<ConformArgs>("a --to a..b@x"), Exit::Data);
        assert_eq!(refused_with::<ConformArgs>("a --user alice"), Exit::Usage);
    }
}
