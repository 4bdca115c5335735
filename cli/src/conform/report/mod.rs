//! What is told of the checks, for people and for programs.

mod json;
mod text;

use std::io::{self, Write as _};

use super::check::Check;
use super::run::{Outcome, Verdict};
use super::survey::Survey;
use crate::args::conform::ConformArgs;

/// A check that was run.
pub(super) struct Done<'a> {
    pub(super) check: &'a Check,
    pub(super) outcome: Outcome,
}

/// How many checks came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally([usize; 4]);

impl Tally {
    fn count(&mut self, verdict: Verdict) {
        for (kind, count) in Verdict::ALL.iter().zip(&mut self.0) {
            *count += usize::from(*kind == verdict);
        }
    }

    fn all(&self) -> usize {
        self.0.iter().sum()
    }
}

/// The tally of each group, in order.
fn groups(done: &[Done<'_>]) -> Vec<(&'static str, &'static str, Tally)> {
    let mut groups: Vec<(&str, &str, Tally)> = Vec::new();
    for one in done {
        let group = one.check.group;
        if groups.last().is_none_or(|(name, ..)| *name != group.name) {
            groups.push((group.name, group.title, Tally::default()));
        }
        if let Some((_, _, tally)) = groups.last_mut() {
            tally.count(one.outcome.verdict);
        }
    }
    groups
}

fn total(done: &[Done<'_>]) -> Tally {
    let mut tally = Tally::default();
    done.iter().for_each(|one| tally.count(one.outcome.verdict));
    tally
}

/// Tells of a run.
pub(super) struct Report<'a> {
    args: &'a ConformArgs,
    survey: &'a Survey,
    paint: text::Paint,
    done: Vec<Done<'a>>,
    /// Why checks of the present group were left out, and how many for each reason.
    left_out: Vec<(String, usize)>,
}

impl<'a> Report<'a> {
    pub(super) fn new(args: &'a ConformArgs, survey: &'a Survey, terminal: bool) -> Self {
        let paint = text::Paint::new(terminal && std::env::var_os("NO_COLOR").is_none());
        Report { args, survey, paint, done: Vec::new(), left_out: Vec::new() }
    }

    pub(super) fn begin(&mut self, checks: usize) -> io::Result<()> {
        if self.args.json {
            return Ok(());
        }
        text::head(&mut io::stdout().lock(), self.paint, self.args, self.survey, checks)
    }

    pub(super) fn tell(&mut self, done: Done<'a>) -> io::Result<()> {
        if !self.args.json {
            let new = self.done.last().is_none_or(|last| last.check.group != done.check.group);
            let mut out = io::stdout().lock();
            if new {
                text::left_out(&mut out, self.paint, &std::mem::take(&mut self.left_out))?;
                text::group(&mut out, self.paint, done.check.group)?;
            }
            match &done.outcome.found {
                Some(why) if done.outcome.verdict == Verdict::NotOffered && !self.args.verbose => {
                    match self.left_out.iter_mut().find(|(reason, _)| reason == why) {
                        Some((_, count)) => *count += 1,
                        None => self.left_out.push((why.clone(), 1)),
                    }
                }
                _ => text::line(&mut out, self.paint, &done, self.args.verbose)?,
            }
            out.flush()?;
        }
        self.done.push(done);
        Ok(())
    }

    pub(super) fn end(&self, lost: Option<&str>) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.args.json {
            json::write(&mut out, self.args, self.survey, &self.done, lost)?;
        } else {
            text::left_out(&mut out, self.paint, &self.left_out)?;
            text::summary(&mut out, self.paint, self.args, &self.done)?;
        }
        out.flush()
    }
}

/// Tells which checks there are.
pub(super) fn list(as_json: bool, checks: &[Check]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if as_json {
        json::list(&mut out, checks)?
    } else {
        text::list(&mut out, checks)?
    }
    out.flush()
}
