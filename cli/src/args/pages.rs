//! `smtp completions` and `smtp man`

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use clap_complete::Shell;

/// The commands that have a page of their own.
pub(crate) const COMMANDS: [&str; 8] =
    ["serve", "send", "bench", "probe", "parse", "conform", "completions", "man"];

/// Print a script that completes commands, options and their values in a shell.
#[derive(Args, Debug)]
#[command(after_help = "Examples: for this session, and for good\n  \
                        source <(smtp completions bash)\n  \
                        smtp completions bash > ~/.local/share/bash-completion/completions/smtp\n  \
                        smtp completions zsh > ~/.zfunc/_smtp        # a directory in $fpath\n  \
                        smtp completions fish > ~/.config/fish/completions/smtp.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub(crate) shell: Shell,
}

/// Print a page of the manual, in roff as man reads it.
#[derive(Args, Debug)]
#[command(after_help = "Examples: read a page, and install all\n  \
                        smtp man send | man -l -\n  \
                        smtp man --dir ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// The command to tell about; all of them in short if there is none
    #[arg(value_name = "COMMAND", value_parser = PossibleValuesParser::new(COMMANDS), conflicts_with = "dir")]
    pub(crate) command: Option<String>,

    /// Write all pages into this directory instead: smtp.1, smtp-send.1 and so on
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn every_command_has_a_page() {
        let all = super::super::Cli::command();
        let mut names: Vec<_> = all.get_subcommands().map(|it| it.get_name().to_owned()).collect();
        let mut known = super::COMMANDS.map(str::to_owned);
        names.sort_unstable();
        known.sort_unstable();
        assert_eq!(names, known);
    }
}
