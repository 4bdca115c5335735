//! For people.

use std::io::{self, Write};

use super::super::check::{Check, Group};
use super::super::run::Verdict;
use super::super::survey::Survey;
use super::super::transcript::{Piece, Who, shown};
use super::{Done, groups, total};
use crate::args::conform::ConformArgs;

/// Pieces of a dialogue that are shown, from its end.
const PIECES: usize = 14;
/// Characters of a piece that are shown.
const WIDTH: usize = 110;

/// Colours, on a terminal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    on: bool,
}

impl Paint {
    pub(super) const fn new(on: bool) -> Self {
        Paint { on }
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.on && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    fn verdict(self, verdict: Verdict) -> String {
        match verdict {
            Verdict::Pass => self.with("32", "pass "),
            Verdict::Fail => self.with("1;31", "FAIL "),
            Verdict::Risky => self.with("33", "risky"),
            Verdict::NotOffered => self.dim("  -  "),
        }
    }
}

pub(super) fn head(
    out: &mut impl Write,
    paint: Paint,
    args: &ConformArgs,
    survey: &Survey,
    checks: usize,
) -> io::Result<()> {
    writeln!(out, "{}", paint.bold(&format!("{}: {checks} checks", args.target())))?;
    writeln!(out, "  greets   {}", survey.greeting.trim_end_matches("\\r\\n"))?;
    writeln!(out, "  offers   {}", survey.clear.keywords().join(" "))?;
    match &survey.secure {
        Some(Ok(offer)) => {
            let version = survey.version.unwrap_or("TLS");
            writeln!(out, "  inside   {version}: {}", offer.keywords().join(" "))
        }
        Some(Err(why)) => writeln!(out, "  inside   no TLS: {why}"),
        None => Ok(()),
    }
}

pub(super) fn group(out: &mut impl Write, paint: Paint, group: &Group) -> io::Result<()> {
    writeln!(out, "\n{}", paint.bold(group.title))
}

pub(super) fn line(
    out: &mut impl Write,
    paint: Paint,
    done: &Done<'_>,
    verbose: bool,
) -> io::Result<()> {
    let (check, outcome) = (done.check, &done.outcome);
    let verdict = paint.verdict(outcome.verdict);
    let reason = match (&outcome.found, outcome.verdict) {
        (Some(why), Verdict::NotOffered) => paint.dim(&format!("  ({why})")),
        _ => String::new(),
    };
    writeln!(out, "  {verdict}  {:<44} {}{reason}", check.id, check.demand)?;
    let told = match outcome.verdict {
        Verdict::Fail | Verdict::Risky => true,
        Verdict::Pass => verbose,
        Verdict::NotOffered => false,
    };
    if !told {
        return Ok(());
    }
    let pieces = &outcome.transcript.pieces;
    let script = pieces.get(outcome.transcript.opening..).unwrap_or_default();
    let skipped = script.len().saturating_sub(PIECES);
    if skipped > 0 {
        writeln!(out, "           {}", paint.dim(&format!("... {skipped} lines before")))?;
    }
    for piece in script.iter().skip(skipped) {
        writeln!(out, "           {}", speech(paint, piece))?;
    }
    writeln!(
        out,
        "           demanded  {}, {}: {}",
        check.citation(),
        check.level.name(),
        check.demand
    )?;
    match &outcome.found {
        Some(found) => writeln!(out, "           found     {}\n", paint.bold(found)),
        None => writeln!(out),
    }
}

/// How many checks of a group were left out, for each reason.
pub(super) fn left_out(
    out: &mut impl Write,
    paint: Paint,
    reasons: &[(String, usize)],
) -> io::Result<()> {
    reasons.iter().try_for_each(|(why, count)| {
        let checks = if *count == 1 { "check" } else { "checks" };
        writeln!(out, "{}", paint.dim(&format!("    -    {count} {checks} left out: {why}")))
    })
}

fn speech(paint: Paint, piece: &Piece) -> String {
    let text = shown(piece.text.as_bytes(), WIDTH)
        .replace("\\\\", "\\")
        .replace("\\\"", "\"")
        .replace("\\'", "'");
    let size = if piece.text.contains("[...]") || text.contains("[...]") {
        format!("  ({} octets)", piece.octets)
    } else {
        String::new()
    };
    match piece.who {
        Who::Client => format!("sent      {text}{}", paint.dim(&size)),
        Who::Server => format!("came      {}{}", paint.with("36", &text), paint.dim(&size)),
        Who::Note => paint.dim(&format!("--        {}", piece.text)),
    }
}

pub(super) fn summary(
    out: &mut impl Write,
    paint: Paint,
    args: &ConformArgs,
    done: &[Done<'_>],
) -> io::Result<()> {
    let head = format!(
        "{:<82} {:>6} {:>6} {:>6} {:>12}",
        "Summary", "pass", "fail", "risky", "not offered"
    );
    writeln!(out, "\n{}", paint.bold(&head))?;
    for (_, title, tally) in groups(done) {
        let [pass, fail, risky, not_offered] = tally.0;
        let fail = format!("{fail:>6}");
        let fail = if fail.trim() == "0" { fail } else { paint.with("1;31", &fail) };
        let risky = format!("{risky:>6}");
        let risky = if risky.trim() == "0" { risky } else { paint.with("33", &risky) };
        writeln!(out, "  {title:<80} {pass:>6} {fail} {risky} {not_offered:>12}")?;
    }
    let all = total(done);
    let [pass, fail, risky, not_offered] = all.0;
    writeln!(
        out,
        "\n{}: {} checks: {pass} pass, {fail} fail, {risky} risky, {not_offered} not offered",
        args.target(),
        all.all()
    )
}

pub(super) fn list(out: &mut impl Write, checks: &[Check]) -> io::Result<()> {
    let mut last = "";
    for check in checks {
        if check.group.name != last {
            last = check.group.name;
            writeln!(out, "{last}: {}", check.group.title)?;
        }
        writeln!(out, "  {:<44} {:<7} {}", check.id, check.level.name(), check.demand)?;
    }
    writeln!(out, "{} checks", checks.len())
}
