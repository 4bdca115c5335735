//! What is said about a command line that cannot be read.

use std::error::Error as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::exit::{Exit, complain, complain_of_output};

/// Prints help where it was asked for, and otherwise one sentence on standard error.
pub(crate) fn refuse(error: &clap::Error) -> Exit {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let is_lost = complain_of_output("smtp", error.print());
        return if is_lost { Exit::Io } else { Exit::Done };
    }
    complain(format_args!("smtp: {}", sentence(error)));
    exit(error)
}

/// An address that cannot be sent is wrong data; everything else is wrong usage.
fn exit(error: &clap::Error) -> Exit {
    match (error.kind(), option(error).as_str()) {
        (ErrorKind::ValueValidation, "--from" | "--to") => Exit::Data,
        _ => Exit::Usage,
    }
}

fn sentence(error: &clap::Error) -> String {
    let option = option(error);
    let value = text(error, ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let what = if option.starts_with('-') {
                format!("there is no option {option}")
            } else {
                format!("{option} is not understood here")
            };
            match text(error, ContextKind::SuggestedArg) {
                near if near.is_empty() => format!("{what}; see `{} --help`", command(error)),
                near => format!("{what}; did you mean {near}?"),
            }
        }
        ErrorKind::InvalidSubcommand => format!(
            "there is no command {}; see `smtp --help`",
            text(error, ContextKind::InvalidSubcommand)
        ),
        ErrorKind::MissingSubcommand => "give a command; `smtp --help` lists them".to_owned(),
        ErrorKind::InvalidValue => match list(error, ContextKind::ValidValue, "or") {
            valid if valid.is_empty() => format!("{option} needs a value"),
            valid if value.is_empty() => format!("{option} takes {valid}"),
            valid => format!("{option} takes {valid}, not {value}"),
        },
        ErrorKind::ValueValidation => match error.source() {
            Some(source) if value.is_empty() => format!("{option}: {source}"),
            Some(source) => format!("{option} {value}: {source}"),
            None => format!("{option} cannot be {value}"),
        },
        ErrorKind::ArgumentConflict => match first_word(&text(error, ContextKind::PriorArg)) {
            prior if prior == option => format!("{option} can be given only once"),
            prior => format!("{option} and {prior} cannot be used together"),
        },
        ErrorKind::MissingRequiredArgument => {
            let missing = list(error, ContextKind::InvalidArg, "and").replace(['<', '>'], "");
            let with = wanted_by(error).map(|other| format!(" with {other}")).unwrap_or_default();
            format!("{missing} must be given{with}; see `{} --help`", command(error))
        }
        _ => rendered(error),
    }
}

/// The option that the error is about, without the name of its value.
fn option(error: &clap::Error) -> String {
    first_word(&text(error, ContextKind::InvalidArg)).trim_matches(['<', '>', '[', ']']).to_owned()
}

/// The option that the missing one belongs to; none if it must be given in any case.
fn wanted_by(error: &clap::Error) -> Option<&'static str> {
    let [missing] = strings(error, ContextKind::InvalidArg) else { return None };
    match first_word(missing).as_str() {
        "--tls-cert" => Some("--tls-key"),
        "--tls-key" => Some("--tls-cert"),
        "--tls-self-signed" => Some("--tls-cert-out"),
        "--password-env" => Some("--user"),
        "--user" => Some("--password-env"),
        _ => None,
    }
}

fn first_word(text: &str) -> String {
    text.split(' ').next().unwrap_or_default().to_owned()
}

fn strings(error: &clap::Error, kind: ContextKind) -> &[String] {
    match error.get(kind) {
        Some(ContextValue::Strings(all)) => all,
        Some(ContextValue::String(one)) => std::slice::from_ref(one),
        _ => &[],
    }
}

fn text(error: &clap::Error, kind: ContextKind) -> String {
    strings(error, kind).join(", ")
}

fn list(error: &clap::Error, kind: ContextKind, conjunction: &str) -> String {
    match strings(error, kind) {
        [] => String::new(),
        [only] => only.clone(),
        [before @ .., last] => format!("{} {conjunction} {last}", before.join(", ")),
    }
}

/// `smtp serve`, taken from the usage that clap would show.
fn command(error: &clap::Error) -> String {
    let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) else {
        return "smtp".to_owned();
    };
    let usage = usage.to_string();
    let words = usage.split_whitespace().skip_while(|word| *word == "Usage:");
    words
        .take_while(|w| w.starts_with(|c: char| c.is_ascii_lowercase()))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The first paragraph of clap's own words, on one line.
fn rendered(error: &clap::Error) -> String {
    let text = error.to_string();
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let words: Vec<_> = paragraph.split_whitespace().collect();
    words.join(" ").trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
pub(in crate::args) mod tests {
    use clap::{Args, CommandFactory as _};

    use super::*;

    fn try_read<A: Args>(args: &str) -> Result<A, clap::Error> {
        let args = ["smtp test"].into_iter().chain(args.split_whitespace());
        let matches =
            A::augment_args(clap::Command::new("smtp test")).try_get_matches_from(args)?;
        A::from_arg_matches(&matches)
    }

    pub(in crate::args) fn read<A: Args>(args: &str) -> A {
        try_read(args).map_err(|error| sentence(&error)).unwrap()
    }

    pub(in crate::args) fn refused<A: Args>(args: &str) -> String {
        sentence(&try_read::<A>(args).err().unwrap())
    }

    pub(in crate::args) fn refused_with<A: Args>(args: &str) -> Exit {
        exit(&try_read::<A>(args).err().unwrap())
    }

    #[test]
    fn every_definition_is_consistent() {
        super::super::Cli::command().debug_assert();
        super::super::serve::ServeArgs::augment_args(clap::Command::new("serve")).debug_assert();
        super::super::send::SendArgs::augment_args(clap::Command::new("send")).debug_assert();
        super::super::bench::BenchArgs::augment_args(clap::Command::new("bench")).debug_assert();
        super::super::probe::ProbeArgs::augment_args(clap::Command::new("probe")).debug_assert();
        let conform = clap::Command::new("conform");
        super::super::conform::ConformArgs::augment_args(conform).debug_assert();
    }

    #[test]
    fn the_help_of_each_command_has_an_example() {
        let serve = super::super::serve::ServeArgs::augment_args(clap::Command::new("serve"));
        let send = super::super::send::SendArgs::augment_args(clap::Command::new("send"));
        let bench = super::super::bench::BenchArgs::augment_args(clap::Command::new("bench"));
        let conform =
            super::super::conform::ConformArgs::augment_args(clap::Command::new("conform"));
        let probe = super::super::probe::ProbeArgs::augment_args(clap::Command::new("probe"));
        for mut command in [serve, send, bench, conform, probe] {
            let help = command.render_long_help().to_string();
            let example = format!("smtp {} ", command.get_name());
            assert!(help.contains("Example") && help.contains(&example), "{help}");
        }
    }
}
