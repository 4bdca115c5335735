//! What is to be reached, and the table that says what was.

use std::path::PathBuf;
use std::{fs, io};

use serde_json::{Value, json};

use crate::results::{Table, publish};
use crate::rows::{MEMCPY, OURS, Per};
use crate::turns::{Times, median, scratch};
use crate::{Row, turns};

/// How many times as fast as the fastest of the others, and which share of the speed of memcpy.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Goal {
    fastest: Option<f64>,
    memcpy: Option<f64>,
}

fn goal(row: &str) -> Goal {
    let times = |fastest| Goal { fastest: Some(fastest), memcpy: None };
    let content = |memcpy| Goal { fastest: Some(2.0), memcpy };
    match row {
        _ if row.starts_with("session mix") || row.starts_with("valid lines") => times(2.0),
        "replies" => times(2.5),
        "EHLO reply to extensions" | "encode MAIL" => times(2.0),
        "encode the EHLO reply" => times(1.5),
        _ if row.starts_with("decode DATA, every line") => content(None),
        _ if row.starts_with("decode DATA") || row.ends_with(", lent") => content(Some(0.75)),
        "server session" | "client session" => times(5.0),
        _ => Goal::default(),
    }
}

/// Puts what came of a row where [`summarise`] finds it.
pub fn record(row: &Row, times: &[Times]) -> io::Result<()> {
    let find = |who| times.iter().find(|times| times.who == who);
    let Some(ours) = find(OURS) else { return Ok(()) };
    let peers = times.iter().filter(|times| ![OURS, MEMCPY].contains(&times.who));
    let fastest = peers.min_by(|one, other| one.median().total_cmp(&other.median()));
    let compared = |other: &Times| {
        let ratios = other.over(ours);
        json!({
            "who": other.who,
            "ratio": median(&ratios),
            "least": ratios.first(),
            "most": ratios.last(),
            "best": other.over_at_best(ours),
        })
    };
    let value = json!({
        "row": row.name,
        "ours": pace(row.per, ours.median()),
        "fastest": fastest.map(compared),
        "memcpy": find(MEMCPY).map(compared),
    });
    let mut all = recorded();
    match all.iter_mut().find(|other| other["row"] == value["row"]) {
        Some(place) => *place = value,
        None => all.push(value),
    }
    fs::create_dir_all(scratch())?;
    fs::write(file(), Value::Array(all).to_string())
}

/// What a time means: itself, or the rate of octets.
pub fn pace(per: Per, nanoseconds: f64) -> String {
    match per {
        Per::Each(_) if nanoseconds >= 10_000.0 => format!("{:.1} µs", nanoseconds / 1000.0),
        Per::Each(_) if nanoseconds >= 1000.0 => format!("{:.2} µs", nanoseconds / 1000.0),
        Per::Each(_) => format!("{nanoseconds:.0} ns"),
        Per::Octets(octets) => {
            let octets = u32::try_from(octets).map_or(f64::MAX, f64::from);
            format!("{:.2} GB/s", octets / nanoseconds)
        }
    }
}

fn file() -> PathBuf {
    scratch().join("ratios.json")
}

fn recorded() -> Vec<Value> {
    let text = fs::read_to_string(file()).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Forgets what earlier runs recorded.
pub fn forget() {
    let _ = fs::remove_file(file());
}

/// The table of ratios.
pub fn summarise() -> io::Result<()> {
    let head = ["", "ours", "fastest other", "times", "rounds", "best rounds", "reach", ""];
    let mut table = Table::new(&head);
    for value in recorded() {
        let name = value["row"].as_str().unwrap_or_default();
        let goal = goal(name);
        let mut line = |label: String, against: &Value, reach: Option<f64>| {
            let number = |key: &str| against[key].as_f64().unwrap_or(f64::NAN);
            let ratio = number("ratio");
            let verdict = match reach {
                Some(reach) if ratio >= reach => "reached",
                Some(_) => "**not reached**",
                None => "",
            };
            table.row([
                label,
                value["ours"].as_str().unwrap_or_default().to_owned(),
                against["who"].as_str().unwrap_or_default().to_owned(),
                format!("{ratio:.2}"),
                format!("{:.2} to {:.2}", number("least"), number("most")),
                format!("{:.2}", number("best")),
                reach.map_or_else(String::new, |reach| format!("{reach:.2}")),
                verdict.to_owned(),
            ]);
        };
        if !value["fastest"].is_null() {
            line(name.to_owned(), &value["fastest"], goal.fastest);
        }
        if !value["memcpy"].is_null() {
            line(name.to_owned(), &value["memcpy"], goal.memcpy);
        }
    }
    let about = format!(
        "How many times as fast as the fastest of the others, and as memcpy: the medians of the \
        ratios of {} rounds in turns. The ratio of the best rounds is the least disturbed by what \
        else the machine did.",
        turns::ROUNDS
    );
    publish("ratios", &about, &table, "cargo bench --bench compare")
}
