//! The `smtp` command.

#[cfg_attr(not(test), expect(dead_code, reason = "used as soon as serve and send are there"))]
mod args;
#[expect(dead_code, reason = "used as soon as serve and send are there")]
mod exit;
mod parse;
#[cfg_attr(not(test), expect(dead_code, reason = "used as soon as serve is there"))]
#[expect(unused_imports, reason = "used as soon as serve is there")]
mod store;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command};

fn main() -> ExitCode {
    let exit = match Cli::try_parse() {
        Ok(Cli { command: Command::Parse(args) }) => parse::main(&args),
        Err(error) => args::refuse(&error),
    };
    exit.into()
}
