//! One line a session or message on standard error.

use std::io::{self, IsTerminal};

use crate::args::serve::Log;

pub(super) fn start(log: Log) {
    let lines = tracing_subscriber::fmt().with_writer(io::stderr).with_target(false);
    match log {
        Log::Text => lines.with_ansi(io::stderr().is_terminal()).compact().init(),
        Log::Json => lines.with_ansi(false).json().flatten_event(true).init(),
        Log::Off => {}
    }
}
