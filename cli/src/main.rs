//! The `smtp` command.

// The documentation of an option is what --help prints, where brackets are no links.
#![allow(rustdoc::broken_intra_doc_links)]

mod args;
mod bench;
mod conform;
mod exit;
mod live;
mod outcome;
mod pages;
mod parse;
mod plain;
mod probe;
mod send;
mod serve;
mod store;
mod trace;
mod trouble;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command};

fn main() -> ExitCode {
    let exit = match Cli::try_parse() {
        Ok(Cli { command: Command::Bench(args) }) => bench::main(&args),
        Ok(Cli { command: Command::Parse(args) }) => parse::main(&args),
        Ok(Cli { command: Command::Completions(args) }) => pages::completions(&args),
        Ok(Cli { command: Command::Man(args) }) => pages::man(&args),
        Ok(Cli { command: Command::Conform(args) }) => conform::main(&args),
        Ok(Cli { command: Command::Probe(args) }) => probe::main(&args),
        Ok(Cli { command: Command::Send(args) }) => send::main(&args),
        Ok(Cli { command: Command::Serve(args) }) => serve::main(&args),
        Err(error) => args::refuse(&error),
    };
    exit.into()
}
