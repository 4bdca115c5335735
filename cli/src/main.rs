//! The `smtp` command.

mod args;
mod bench;
mod exit;
mod outcome;
mod parse;
mod send;
mod serve;
mod store;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command};

fn main() -> ExitCode {
    let exit = match Cli::try_parse() {
        Ok(Cli { command: Command::Bench(args) }) => bench::main(&args),
        Ok(Cli { command: Command::Parse(args) }) => parse::main(&args),
        Ok(Cli { command: Command::Send(args) }) => send::main(&args),
        Ok(Cli { command: Command::Serve(args) }) => serve::main(&args),
        Err(error) => args::refuse(&error),
    };
    exit.into()
}
