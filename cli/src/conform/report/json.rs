//! For programs: one object, its keys stable.

use std::io::{self, Write};

use serde::Serialize;

use super::super::check::Check;
use super::super::run::Verdict;
use super::super::survey::{Offer, Survey};
use super::super::transcript::{Piece, Who};
use super::{Done, Tally, groups, total};
use crate::args::conform::ConformArgs;

#[derive(Serialize)]
struct Object<'a> {
    server: String,
    lmtp: bool,
    greeting: &'a str,
    extensions: Vec<String>,
    tls: Option<Tls>,
    /// Why the checks behind the last one were not run.
    error: Option<&'a str>,
    checks: Vec<One<'a>>,
    summary: Summary,
}

#[derive(Serialize)]
struct Tls {
    version: Option<&'static str>,
    extensions: Vec<String>,
    error: Option<String>,
}

#[derive(Serialize)]
struct Listed<'a> {
    id: &'a str,
    group: &'a str,
    source: String,
    level: String,
    demand: &'a str,
    delivers: bool,
}

#[derive(Serialize)]
struct One<'a> {
    #[serde(flatten)]
    check: Listed<'a>,
    verdict: &'static str,
    found: Option<&'a str>,
    dialogue: Vec<Said<'a>>,
}

#[derive(Serialize)]
struct Said<'a> {
    who: &'static str,
    text: &'a str,
    octets: usize,
}

#[derive(Serialize)]
struct Summary {
    #[serde(flatten)]
    all: Counts,
    groups: Vec<GroupCounts>,
}

#[derive(Serialize)]
struct GroupCounts {
    group: &'static str,
    title: &'static str,
    #[serde(flatten)]
    counts: Counts,
}

#[derive(Serialize)]
struct Counts {
    checks: usize,
    pass: usize,
    fail: usize,
    risky: usize,
    not_offered: usize,
}

impl From<Tally> for Counts {
    fn from(tally: Tally) -> Self {
        let [pass, fail, risky, not_offered] = tally.0;
        Counts { checks: tally.all(), pass, fail, risky, not_offered }
    }
}

impl<'a> Listed<'a> {
    fn new(check: &'a Check) -> Self {
        Listed {
            id: &check.id,
            group: check.group.name,
            source: check.citation(),
            level: check.level.name().to_ascii_lowercase(),
            demand: &check.demand,
            delivers: check.delivers(),
        }
    }
}

fn said(piece: &Piece) -> Said<'_> {
    let who = match piece.who {
        Who::Client => "client",
        Who::Server => "server",
        Who::Note => "note",
    };
    Said { who, text: &piece.text, octets: piece.octets }
}

fn lines(offer: &Offer) -> Vec<String> {
    let line = |(keyword, arguments): &(String, Vec<String>)| {
        let words: Vec<_> =
            std::iter::once(keyword.as_str()).chain(arguments.iter().map(String::as_str)).collect();
        words.join(" ")
    };
    offer.0.iter().map(line).collect()
}

pub(super) fn write(
    out: &mut impl Write,
    args: &ConformArgs,
    survey: &Survey,
    done: &[Done<'_>],
    lost: Option<&str>,
) -> io::Result<()> {
    let tls = survey.secure.as_ref().map(|secure| match secure {
        Ok(offer) => Tls { version: survey.version, extensions: lines(offer), error: None },
        Err(why) => Tls { version: None, extensions: Vec::new(), error: Some(why.clone()) },
    });
    let checks = done.iter().map(|one| One {
        check: Listed::new(one.check),
        verdict: match one.outcome.verdict {
            Verdict::NotOffered => "not_offered",
            verdict => verdict.name(),
        },
        found: one.outcome.found.as_deref(),
        dialogue: one.outcome.transcript.pieces.iter().map(said).collect(),
    });
    let groups = groups(done).into_iter();
    let object = Object {
        server: args.target(),
        lmtp: args.lmtp,
        greeting: survey.greeting.trim_end_matches("\\r\\n"),
        extensions: lines(&survey.clear),
        tls,
        error: lost,
        checks: checks.collect(),
        summary: Summary {
            all: total(done).into(),
            groups: groups
                .map(|(group, title, tally)| GroupCounts { group, title, counts: tally.into() })
                .collect(),
        },
    };
    put(out, &object)
}

pub(super) fn list(out: &mut impl Write, checks: &[Check]) -> io::Result<()> {
    let all: Vec<_> = checks.iter().map(Listed::new).collect();
    put(out, &all)
}

fn put(out: &mut impl Write, what: &impl Serialize) -> io::Result<()> {
    writeln!(out, "{}", crate::plain::json(what)?)
}
