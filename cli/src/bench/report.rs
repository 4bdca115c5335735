//! What is told at the end.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use console::style;
use serde::{Serialize, Serializer};

use super::load::Load;
use super::tally::{Latency, Reason, Tally, Wait};
use crate::args::bench::BenchArgs;
use crate::exit::{Exit, complain, complain_of_output};
use crate::outcome::TlsReport;
use crate::plain::plain;

#[derive(Serialize)]
struct Report<'a> {
    server: &'a str,
    size: usize,
    recipients: usize,
    requested: u64,
    messages: u64,
    accepted: u64,
    refused: u64,
    deferred: u64,
    unknown: u64,
    seconds: f64,
    messages_per_second: f64,
    bytes_per_second: f64,
    connections: u64,
    reconnects: u64,
    tls: Option<TlsReport>,
    latency_us: Latencies,
    failures: Vec<FailureReport<'a>>,
    error: Option<&'a str>,
}

/// By name, in the order in which things happen.
struct Latencies(Vec<(&'static str, Option<Quantiles>)>);

impl Serialize for Latencies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, quantiles)| (name, quantiles)))
    }
}

#[derive(Serialize)]
struct Quantiles {
    count: u64,
    p50: u64,
    p90: u64,
    p99: u64,
    max: u64,
}

#[derive(Serialize)]
struct FailureReport<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    count: u64,
}

impl From<&Latency> for Quantiles {
    fn from(latency: &Latency) -> Self {
        let [p50, p90, p99, max] = [0.5, 0.9, 0.99, 1.0].map(|part| latency.quantile(part));
        Quantiles { count: latency.count(), p50, p90, p99, max }
    }
}

/// Tells what has come of the load that began at `start`.
pub(super) fn tell(args: &BenchArgs, load: &Load, start: Instant) -> Exit {
    let mut tally = load.tally();
    let error = error(load, &tally);
    if error.is_some() {
        tally.worsen(Exit::TryLater);
    }
    let seconds = seconds(&tally, start);
    let rate = if seconds > 0.0 { tally.accepted as f64 / seconds } else { 0.0 };
    let mut failures: Vec<_> = tally.failures.iter().collect();
    failures.sort_by(|(one, fewer), (other, more)| {
        more.cmp(fewer).then_with(|| text(one).cmp(text(other)))
    });
    let report = Report {
        server: &load.plan.server,
        size: args.size,
        recipients: load.plan.envelope.recipients.len(),
        requested: load.plan.messages,
        messages: tally.messages(),
        accepted: tally.accepted,
        refused: tally.refused,
        deferred: tally.deferred,
        unknown: tally.unknown,
        seconds: round(seconds, 1e6),
        messages_per_second: round(rate, 1e1),
        bytes_per_second: round(rate * args.size as f64, 1e1),
        connections: tally.connections,
        reconnects: tally.reconnects,
        tls: tally.tls.as_ref().map(TlsReport::from),
        latency_us: Latencies(
            Wait::ALL.map(|(wait, name)| (name, tally.latency(wait).map(Quantiles::from))).into(),
        ),
        failures: failures
            .into_iter()
            .map(|(reason, &count)| match reason {
                Reason::Reply(text) => FailureReport { reply: Some(text), error: None, count },
                Reason::Other(text) => FailureReport { reply: None, error: Some(text), count },
            })
            .collect(),
        error: error.as_deref(),
    };
    let mut out = io::stdout().lock();
    let written = match args.json {
        true => crate::plain::json(&report).map_or(Ok(()), |json| writeln!(out, "{json}")),
        false if report.messages == 0 => Ok(()),
        false => write(&mut out, &report),
    };
    complain_of_output("smtp bench", written.and_then(|()| out.flush()));
    if let Some(error) = error {
        complain(format_args!("smtp bench: {}", plain(&error)));
    } else if let Some((why, count)) = &tally.given_up {
        let which = if *count == 1 {
            "1 connection was".to_owned()
        } else {
            format!("{count} connections were")
        };
        complain(format_args!("smtp bench: {which} given up: {}", plain(why)));
    }
    tally.exit()
}

/// Why not all messages were tried, if they were not.
fn error(load: &Load, tally: &Tally) -> Option<String> {
    let untried = load.plan.messages.saturating_sub(tally.messages());
    if untried == 0 {
        return None;
    }
    let why = match &tally.given_up {
        _ if load.is_interrupted() => "interrupted",
        Some((why, _)) => why,
        None => "the connections ended early",
    };
    Some(match tally.messages() {
        0 => why.to_owned(),
        tried => format!("{why}; {tried} of {} messages were tried", load.plan.messages),
    })
}

fn seconds(tally: &Tally, start: Instant) -> f64 {
    tally.end.map_or(Duration::ZERO, |end| end.saturating_duration_since(start)).as_secs_f64()
}

fn round(number: f64, parts: f64) -> f64 {
    (number * parts).round() / parts
}

fn text(reason: &Reason) -> &str {
    match reason {
        Reason::Reply(text) | Reason::Other(text) => text,
    }
}

fn write(out: &mut impl Write, report: &Report<'_>) -> io::Result<()> {
    let tls = match &report.tls {
        Some(tls) => format!(", {}", tls.version),
        None => String::new(),
    };
    writeln!(
        out,
        "{} to {} in {:.2} s, over {}{tls}\n",
        counted(report.messages, "message"),
        report.server,
        report.seconds,
        counted(report.connections, "connection"),
    )?;
    let digits = if report.messages_per_second < 10.0 { 1 } else { 0 };
    let speed = format!("{:.digits$} messages/s", report.messages_per_second);
    let volume = format!("{:.1} MB/s", report.bytes_per_second / 1e6);
    writeln!(out, "  {}   {}\n", style(speed).bold(), style(volume).bold())?;
    for (name, count) in [
        ("accepted", report.accepted),
        ("refused", report.refused),
        ("deferred", report.deferred),
        ("unknown", report.unknown),
    ] {
        if count > 0 || name == "accepted" {
            writeln!(out, "  {name:<9}{count:>10}")?;
        }
    }
    writeln!(out, "\n  {:<9}{:>10}{:>10}{:>10}{:>10}", "latency", "p50", "p90", "p99", "max")?;
    for (name, quantiles) in &report.latency_us.0 {
        if let Some(it) = quantiles {
            let [p50, p90, p99, max] = [it.p50, it.p90, it.p99, it.max].map(time);
            writeln!(out, "  {name:<9}{p50:>10}{p90:>10}{p99:>10}{max:>10}")?;
        }
    }
    if !report.failures.is_empty() {
        writeln!(out, "\n  {}", style("not accepted").red())?;
    }
    for failure in &report.failures {
        let why = failure.reply.or(failure.error).unwrap_or_default();
        writeln!(out, "  {:>9}  {}", failure.count, plain(why))?;
    }
    if report.reconnects > 0 {
        writeln!(out, "\n  {}", counted(report.reconnects, "connection") + " opened anew")?;
    }
    Ok(())
}

fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Microseconds, with a unit that suits them.
fn time(us: u64) -> String {
    let us_f = us as f64;
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..10_000 => format!("{:.2} ms", us_f / 1e3),
        10_000..100_000 => format!("{:.1} ms", us_f / 1e3),
        100_000..1_000_000 => format!("{:.0} ms", us_f / 1e3),
        _ => format!("{:.2} s", us_f / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_and_a_unit() {
        for (us, shown) in [
            (0, "0 µs"),
            (999, "999 µs"),
            (1_234, "1.23 ms"),
            (12_345, "12.3 ms"),
            (123_456, "123 ms"),
            (1_234_567, "1.23 s"),
        ] {
            assert_eq!(time(us), shown);
        }
    }

    #[test]
    fn counts_are_grammatical() {
        assert_eq!(counted(1, "message"), "1 message");
        assert_eq!(counted(0, "message"), "0 messages");
    }
}
