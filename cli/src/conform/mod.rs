//! `smtp conform`: check a server against the standards and against known attacks.
//!
//! `checks` is tables, `run` plays one of their rows, `report` tells.

mod check;
mod checks;
mod flood;
mod link;
mod look;
mod report;
mod run;
mod stdio;
mod survey;
mod transcript;
mod want;

use std::io::{self, IsTerminal as _};
use std::thread;
use std::time::Duration;

use smtp_tls::{ClientTls, Roots, Trust};

use crate::args::conform::ConformArgs;
use crate::exit::{Exit, complain};
use check::Check;
use link::Target;
use report::{Done, Report};
use run::Verdict;
use survey::{Context, Stop, Survey};

/// Connections that are tried for a check, and checks in a row that cannot begin, before the server
/// is given up.
const TRIES: u32 = 3;

/// Surveys the server, runs the checks, and tells.
pub(crate) fn main(args: &ConformArgs) -> Exit {
    let checks = wanted(args);
    if checks.is_empty() {
        complain(format_args!("smtp conform: no check is called so; --list names them"));
        return Exit::Usage;
    }
    if args.list {
        return told(report::list(args.json, &checks), Exit::Done);
    }
    let context = match context(args) {
        Ok(context) => context,
        Err(sentence) => {
            complain(format_args!("smtp conform: {sentence}"));
            return Exit::Usage;
        }
    };
    let survey = match survey::survey(&context) {
        Ok(survey) => survey,
        Err(stop) => return stopped(args, &stop),
    };
    let out = io::stdout();
    let report = Report::new(args, &survey, out.is_terminal());
    match play(args, &context, &survey, &checks, report) {
        Ok(exit) => exit,
        Err(error) => told(Err(error), Exit::Io),
    }
}

fn wanted(args: &ConformArgs) -> Vec<Check> {
    let octets = usize::from(args.floods) << 20;
    let only: Vec<_> = args.only.iter().map(|text| text.to_ascii_lowercase()).collect();
    let named = |check: &Check| {
        only.is_empty()
            || only.iter().any(|text| check.id.contains(text) || check.group.name.contains(text))
    };
    let mut checks = checks::all(octets);
    let other = if args.lmtp { "smtp" } else { "lmtp" };
    checks.retain(|check| {
        let left_out = check.needs.contains(&other)
            || octets == 0 && check.group.name == "floods"
            || args.no_delivery && check.delivers();
        named(check) && !left_out
    });
    checks
}

fn context(args: &ConformArgs) -> Result<Context<'_>, String> {
    let target = match (&args.server, &args.stdio) {
        (Some(server), _) => Target::Tcp(&server.host, server.port),
        (None, Some(command)) => Target::Command(command),
        (None, None) => return Err("give a server, or --stdio".to_owned()),
    };
    let name = args.server.as_ref().map_or("localhost", |server| server.host.as_str());
    let tls = match &args.tls_ca {
        Some(file) => Roots::from_pem_file(file)
            .and_then(|roots| ClientTls::new(name, Trust::Verified, &roots))
            .map_err(|error| format!("--tls-ca {}: {error}", file.display()))?,
        None => ClientTls::new(name, Trust::Insecure, &Roots::none())
            // A name that no certificate can be for is none to mind.
            .or_else(|_| ClientTls::new("localhost", Trust::Insecure, &Roots::none()))
            .map_err(|error| error.to_string())?,
    };
    let login = match (&args.user, &args.password_env) {
        (Some(user), Some(variable)) => {
            let password = std::env::var(variable)
                .map_err(|_| format!("--password-env {variable}: there is no such variable"))?;
            Some((user.clone(), password))
        }
        _ => None,
    };
    Ok(Context {
        target,
        wait: args.timeout,
        tls,
        implicit_tls: args.implicit_tls,
        lmtp: args.lmtp,
        hello: args.hello(),
        from: &args.from,
        to: &args.to,
        login,
        flood: usize::from(args.floods) << 20,
    })
}

/// Runs all checks and tells of each as it is done.
fn play<'a>(
    args: &ConformArgs,
    context: &Context<'_>,
    survey: &Survey,
    checks: &'a [Check],
    mut report: Report<'a>,
) -> io::Result<Exit> {
    report.begin(checks.len())?;
    let mut last = "the survey";
    let mut failed = false;
    let mut lost = None;
    let mut not_begun = 0;
    for check in checks {
        match patiently(context, survey, check) {
            Ok(outcome) => {
                failed |= outcome.verdict == Verdict::Fail;
                not_begun = if outcome.began { 0 } else { not_begun + 1 };
                let found = outcome.found.clone().unwrap_or_default();
                report.tell(Done { check, outcome })?;
                if not_begun == TRIES {
                    lost = Some(format!(
                        "{} takes up no session after {last}: {found}",
                        args.target()
                    ));
                    break;
                }
                if not_begun == 0 {
                    last = &check.id;
                }
            }
            Err(stop) => {
                lost = Some(format!("{} after {last}", why(args, &stop)));
                break;
            }
        }
    }
    report.end(lost.as_deref())?;
    Ok(match lost {
        Some(sentence) => {
            complain(format_args!("smtp conform: {sentence}; the checks behind it were not run"));
            Exit::TryLater
        }
        None if failed => Exit::Unavailable,
        None => Exit::Done,
    })
}

/// A server may be busy with what the last check did to it.
fn patiently(context: &Context<'_>, survey: &Survey, check: &Check) -> Result<run::Outcome, Stop> {
    let mut tries = 1;
    loop {
        match run::run(context, survey, check) {
            Err(_) if tries < TRIES => thread::sleep(Duration::from_millis(500) * tries),
            other => return other,
        }
        tries += 1;
    }
}

fn why(args: &ConformArgs, stop: &Stop) -> String {
    match stop {
        Stop::Link(error) => format!("cannot connect to {}: {error}", args.target()),
        Stop::Foreign(why) if args.stdio.is_some() => format!(
            "{} does not speak SMTP: {why}; run it by hand to see what it says of that",
            args.target()
        ),
        Stop::Foreign(why) => format!("{} does not speak SMTP: {why}", args.target()),
        Stop::Refused(why) => format!("{}: {why}", args.target()),
    }
}

fn stopped(args: &ConformArgs, stop: &Stop) -> Exit {
    let sentence = why(args, stop);
    match stop {
        Stop::Link(_) => {
            complain(format_args!("smtp conform: {sentence}"));
            Exit::TryLater
        }
        Stop::Foreign(_) => {
            complain(format_args!("smtp conform: {sentence}"));
            Exit::Protocol
        }
        Stop::Refused(_) if sentence.contains(" 530 ") => {
            complain(format_args!(
                "smtp conform: {sentence}; it takes no mail without TLS or a login, and what is \
                 checked here is mail: allow it for this address"
            ));
            Exit::Data
        }
        Stop::Refused(_) => {
            complain(format_args!(
                "smtp conform: {sentence}; name a sender and a recipient that it accepts with \
                 --from and --to"
            ));
            Exit::Data
        }
    }
}

/// Nobody has to read to the end.
fn told(result: io::Result<()>, exit: Exit) -> Exit {
    match result {
        Ok(()) => exit,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            complain(format_args!("smtp conform: {error}"));
            Exit::Io
        }
    }
}
