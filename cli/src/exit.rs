//! Exit codes, those of `sysexits.h`: scripts rely on them. And what is said beside them.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was done.
    Done = 0,
    /// The command line was wrong.
    Usage = 64,
    /// The message or an address cannot be sent as it is.
    Data = 65,
    /// Refused for good.
    Unavailable = 69,
    /// Reading or writing on this machine failed.
    Io = 74,
    /// Not now: transient refusal, no connection, outcome unknown.
    TryLater = 75,
    /// The peer broke the protocol.
    Protocol = 76,
    /// Authentication failed, or there is no TLS where there must be.
    Forbidden = 77,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Says that a report could not be written, other than because nobody reads on. Whether it was so.
pub(crate) fn complain_of_output(command: &str, written: io::Result<()>) -> bool {
    let Err(error) = written else { return false };
    if error.kind() == io::ErrorKind::BrokenPipe {
        return false;
    }
    complain(format_args!("{command}: cannot write to standard output: {error}"));
    true
}

/// Says what a command waits for that reads a terminal.
pub(crate) fn announce_terminal(what: &str) {
    if io::stdin().is_terminal() {
        complain(format_args!("{what} from the terminal, until the end of input (Ctrl-D)"));
    }
}

/// Writes a line to standard error, if it can be written; `eprintln!` would panic if it cannot.
pub(crate) fn complain(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}
