//! One check, run.

use std::thread;
use std::time::Duration;

use super::check::{At, Check, Ends, Level, Step, say};
use super::flood;
use super::link::{Got, Link};
use super::look::Look;
use super::survey::{Context, Stop, Survey};
use super::transcript::{Transcript, shown};
use super::want::{Token, Want, What};

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    Fail,
    Risky,
    NotOffered,
}

impl Verdict {
    pub(super) const ALL: [Self; 4] =
        [Verdict::Pass, Verdict::Fail, Verdict::Risky, Verdict::NotOffered];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Risky => "risky",
            Verdict::NotOffered => "not offered",
        }
    }
}

/// A verdict, what was found, and the dialogue.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// Whether the session came to where the check begins.
    pub(super) began: bool,
    pub(super) verdict: Verdict,
    pub(super) found: Option<String>,
    pub(super) transcript: Transcript,
}

/// How a part of a script went.
pub(super) enum Went {
    /// As wanted; the next part follows.
    On,
    /// As wanted, and the rest of the script is for another case.
    Last,
    /// As wanted, and the session is over.
    Over,
    /// Otherwise.
    Wrong(Wrong),
}

/// What is wrong, and whether that depends on how much the check matters.
pub(super) struct Wrong {
    pub(super) why: String,
    /// The session cannot be relied on: replies are missing, too many, or none.
    pub(super) broken: bool,
}

/// Runs a check on a connection of its own.
///
/// # Errors
///
/// [`Stop::Link`] if there is no connection.
pub(super) fn run(context: &Context<'_>, survey: &Survey, check: &Check) -> Result<Outcome, Stop> {
    if let Some(lack) = context.lacks(check, survey) {
        let (found, transcript) = (Some(lack), Transcript::default());
        return Ok(Outcome { began: true, verdict: Verdict::NotOffered, found, transcript });
    }
    let mut tries = 0;
    loop {
        tries += 1;
        let link = context.open()?;
        let mut session = Session { context, survey, link, risky: None };
        match session.script(&opening(check.at, survey)) {
            Went::On => return Ok(session.judge(check)),
            // Servers that count connections may think better of it.
            _ if tries < 3 => thread::sleep(Duration::from_millis(300)),
            Went::Wrong(wrong) => {
                let found = format!("the check cannot begin: {}", wrong.why);
                return Ok(session.not_begun(found));
            }
            Went::Last | Went::Over => {
                let found = "the check cannot begin: the session is over".to_owned();
                return Ok(session.not_begun(found));
            }
        }
    }
}

/// How a session is brought to where a check begins.
fn opening(at: At, survey: &Survey) -> Vec<Step> {
    let greeted = || say("", "220");
    let hello = || say("{ehlo} {hello}\r\n", "250");
    let mail = || say("MAIL FROM:{from}\r\n", "250");
    let rcpt = || say("RCPT TO:{to}\r\n", "25");
    let start = || say("STARTTLS\r\n", "220");
    let tls = || Step::Handshake { may_fail: false };
    match at {
        At::Connected => Vec::new(),
        At::Greeted => vec![greeted()],
        At::Auth if Context::auth_inside(survey) => opening(At::Tls, survey),
        At::Hello | At::Auth => vec![greeted(), hello()],
        At::Mail => vec![greeted(), hello(), mail()],
        At::Rcpt => vec![greeted(), hello(), mail(), rcpt()],
        At::Data => vec![greeted(), hello(), mail(), rcpt(), say("DATA\r\n", "354")],
        At::Tls => vec![greeted(), hello(), start(), tls(), hello()],
        At::TlsRcpt => vec![greeted(), hello(), start(), tls(), hello(), mail(), rcpt()],
    }
}

/// A check under way.
struct Session<'a> {
    context: &'a Context<'a>,
    survey: &'a Survey,
    link: Link,
    /// What was met that is risky.
    risky: Option<String>,
}

impl Session<'_> {
    fn judge(mut self, check: &Check) -> Outcome {
        self.link.transcript.open();
        let went = match self.script(&check.script) {
            Went::On | Went::Last if check.ends == Ends::InStep => self.in_step(check),
            went => went,
        };
        match went {
            Went::Wrong(Wrong { why, broken }) => {
                let verdict = match check.level {
                    Level::Should if !broken => Verdict::Risky,
                    Level::Must | Level::Should | Level::Threat => Verdict::Fail,
                };
                self.outcome(verdict, Some(why))
            }
            _ => match self.risky.take() {
                Some(why) => self.outcome(Verdict::Risky, Some(why)),
                None => self.outcome(Verdict::Pass, None),
            },
        }
    }

    fn outcome(self, verdict: Verdict, found: Option<String>) -> Outcome {
        Outcome { began: true, verdict, found, transcript: self.link.transcript.clone() }
    }

    fn not_begun(self, found: String) -> Outcome {
        Outcome { began: false, ..self.outcome(Verdict::Fail, Some(found)) }
    }

    fn script(&mut self, steps: &[Step]) -> Went {
        for step in steps {
            match self.step(step) {
                Went::On => {}
                went => return went,
            }
        }
        Went::On
    }

    fn step(&mut self, step: &Step) -> Went {
        match step {
            Step::Say { octets, trickle, wants } => {
                let octets = self.context.fill(octets, self.survey);
                // A connection that cannot be written to shows in what is read.
                let _ = if *trickle { self.link.trickle(&octets) } else { self.link.send(&octets) };
                self.wants(wants)
            }
            Step::Handshake { may_fail } => match self.link.handshake(&self.context.tls) {
                Ok(()) => Went::On,
                Err(_) if *may_fail => Went::Over,
                Err(why) => Went::Wrong(Wrong { why: format!("no TLS: {why}"), broken: true }),
            },
            Step::Clear => {
                self.link.clear();
                Went::On
            }
            Step::Flood(it) => {
                let line = self.context.fill(&it.line, self.survey);
                let limit = self.context.flood;
                flood::run(
                    &mut self.link,
                    &line,
                    it.tires,
                    limit,
                    self.context.wait,
                    &mut self.risky,
                )
            }
        }
    }

    /// Reads what is wanted. A session that the server has ended in order is over, and what is
    /// wanted then is only how.
    fn wants(&mut self, wants: &[Want]) -> Went {
        let mut over = false;
        for want in wants {
            let closes = |token: &Token| token.what == What::Close;
            if over && !want.pass.iter().chain(&want.risky).any(closes) {
                return Went::Over;
            }
            let got = self.link.reply();
            let (token, risky) = match matching(want, &got) {
                Ok(matched) => matched,
                Err(wrong) => return Went::Wrong(wrong),
            };
            if risky {
                self.risky = Some(format!("{} is risky here", told(&got)));
            }
            let last = match (&got, token.look) {
                (Got::Reply(code, _), Some(Look::Dot)) if code.get() == 354 => {
                    let _ = self.link.send(b".\r\n");
                    match self.wants(&super::want::wants("5")) {
                        Went::On => true,
                        went => return went,
                    }
                }
                _ => token.last,
            };
            over |= match &got {
                Got::Reply(code, _) => matches!(code.get(), 221 | 421 | 521),
                Got::Closed | Got::Broken(_) => true,
                Got::Silence => false,
            };
            if last {
                return if over { Went::Over } else { Went::Last };
            }
        }
        if over { Went::Over } else { Went::On }
    }

    /// RSET and QUIT get a reply each, and nothing else comes.
    fn in_step(&mut self, check: &Check) -> Went {
        let may_end = check.may_end();
        for (line, due) in [("RSET\r\n", "250"), ("QUIT\r\n", "221")] {
            let _ = self.link.send(line.as_bytes());
            match self.link.reply() {
                Got::Reply(code, _) if code.to_string() == due => {}
                // Not everybody takes RSET before EHLO. What counts is that there is one reply.
                Got::Reply(code, _) if due == "250" && matches!(code.get(), 500..=599) => {}
                Got::Reply(code, _) if code.get() == 421 => {
                    self.risky = Some("the server ends the session with 421".to_owned());
                    return Went::Over;
                }
                Got::Closed if may_end => return Went::Over,
                Got::Closed if check.level == Level::Threat => {
                    self.risky = Some("the server ends the session without a word".to_owned());
                    return Went::Over;
                }
                got => return self.out_of_step(line.trim_end(), &got),
            }
        }
        Went::Over
    }

    fn out_of_step(&mut self, line: &str, got: &Got) -> Went {
        let mut more = 0_usize;
        if matches!(got, Got::Reply(..)) {
            if line == "RSET" {
                let _ = self.link.send(b"QUIT\r\n");
            }
            while more < 50 && matches!(self.link.reply(), Got::Reply(..)) {
                more += 1;
            }
        }
        // Of those that came, one each belongs to what was said since.
        let surplus = if line == "RSET" { more.saturating_sub(1) } else { more };
        let count = match surplus {
            0 => String::new(),
            1 => "; one more reply than commands".to_owned(),
            more => format!("; {more} more replies than commands"),
        };
        let why = format!("out of step: {line} is answered with {}{count}", told(got));
        Went::Wrong(Wrong { why, broken: true })
    }
}

/// The token that fits, and whether it is among the risky ones.
fn matching<'w>(want: &'w Want, got: &Got) -> Result<(&'w Token, bool), Wrong> {
    let fits = |token: &&Token| match (&token.what, got) {
        (What::Code(digits), Got::Reply(code, _)) => code.to_string().starts_with(digits),
        (What::Close, Got::Closed)
        | (What::Silence, Got::Silence)
        | (What::Noise, Got::Broken(_)) => true,
        _ => false,
    };
    let token = want.pass.iter().find(fits).map(|token| (token, false));
    let token = token.or_else(|| want.risky.iter().find(fits).map(|token| (token, true)));
    let Some((token, risky)) = token else {
        let broken = !matches!(got, Got::Reply(..));
        let why = format!("{} comes where {} is due", told(got), want.describe());
        return Err(Wrong { why, broken });
    };
    if let (Got::Reply(_, raw), Some(look)) = (got, token.look)
        && let Ok(reply) = smtp_proto::reply::Reply::parse(raw)
        && let Some(why) = look.wrong(reply, raw)
    {
        return Err(Wrong { why: format!("{why}: {}", told(got)), broken: false });
    }
    Ok((token, risky))
}

/// What came, in words.
pub(super) fn told(got: &Got) -> String {
    match got {
        Got::Reply(_, raw) => {
            let first = raw.split(|b| *b == b'\n').next().unwrap_or_default();
            format!("\"{}\"", shown(first.trim_ascii_end(), 70))
        }
        Got::Closed => "the end of the connection".to_owned(),
        Got::Silence => "nothing".to_owned(),
        Got::Broken(why) => format!("no reply ({why})"),
    }
}
