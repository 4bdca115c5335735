//! `smtp completions` and `smtp man`: what the definition of the command line gives for nothing.

use std::io::{self, Write as _};
use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use roff::{Roff, roman};

use crate::args::Cli;
use crate::args::pages::{CompletionsArgs, ManArgs};
use crate::exit::{Exit, complain};

/// Prints the script.
pub(crate) fn completions(args: &CompletionsArgs) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "smtp", &mut script);
    finish("completions", print(&script))
}

/// Prints a page, or writes all of them.
pub(crate) fn man(args: &ManArgs) -> Exit {
    let mut all = Cli::command().disable_help_subcommand(true);
    all.build();
    let done = match (&args.dir, &args.command) {
        (Some(dir), _) => write_all(&all, dir),
        (None, None) => page(&all).and_then(|page| print(&page)),
        (None, Some(name)) => match all.find_subcommand(name) {
            Some(command) => page(command).and_then(|page| print(&page)),
            None => Ok(()),
        },
    };
    finish("man", done)
}

fn finish(command: &str, done: io::Result<()>) -> Exit {
    match done {
        Ok(()) => Exit::Done,
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            complain(format_args!("smtp {command}: {error}"));
            Exit::Io
        }
    }
}

fn print(text: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    out.flush()
}

fn write_all(all: &Command, dir: &Path) -> io::Result<()> {
    let explain = |path: &Path, error: io::Error| {
        io::Error::new(error.kind(), format!("{}: {error}", path.display()))
    };
    std::fs::create_dir_all(dir).map_err(|error| explain(dir, error))?;
    for command in [all].into_iter().chain(all.get_subcommands()) {
        let path = dir.join(Man::new(command.clone()).get_filename());
        std::fs::write(&path, page(command)?).map_err(|error| explain(&path, error))?;
    }
    Ok(())
}

/// The sections that the generator makes; but examples and tables keep their lines.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let version = concat!("smtp ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).title(name.to_uppercase()).source(version).manual("SMTP");
    let mut out = Vec::new();
    man.render_title(&mut out)?;
    man.render_name_section(&mut out)?;
    man.render_synopsis_section(&mut out)?;
    man.render_description_section(&mut out)?;
    man.render_options_section(&mut out)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut out)?;
    }
    let mut rest = Roff::new();
    if let Some(notes) = command.get_after_long_help().or_else(|| command.get_after_help()) {
        rest.control("SH", ["NOTES"]).control("nf", []);
        rest.text([roman(notes.to_string())]).control("fi", []);
    }
    if name != "smtp" {
        rest.control("SH", ["SEE ALSO"]).text([roman("smtp(1)")]);
    }
    rest.to_writer(&mut out)?;
    Ok(out)
}
