//! Instructions, which do not vary with what else the machine does. This program runs itself under
//! callgrind, which counts in one function only, once what is kept between inputs is there. That is
//! what gungraun does too; but its runner must be installed in just its version, and it compares with
//! what an earlier run left under `target`, where these figures are committed.
//!
//! - `cargo bench --bench instructions`: everybody's, into `RESULTS.md`.
//! - `cargo bench --bench instructions -- check`: fails where ours are more than they were accepted
//!   to be.
//! - `cargo bench --bench instructions -- accept`: accepts ours as they are now.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use smtp_benches::goals;
use smtp_benches::results::{Table, publish};
use smtp_benches::rows::{OURS, small};
use smtp_benches::{Contender, Row};

/// How much more than accepted is still no regression, in percent.
const TOLERANCE: f64 = 3.0;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["run", row, who, rounds] => {
            let parse = |number: &str| number.parse::<usize>().map_err(io::Error::other);
            let row = small::ROWS.get(parse(row)?).ok_or(io::ErrorKind::NotFound)?;
            run(row(), who, parse(rounds)?);
            Ok(())
        }
        ["check", ..] => check(),
        ["accept", ..] => accept(),
        _ if words.contains(&"--bench") => {
            compare()?;
            // This target runs last, and the ratios are what is to be seen at the end.
            goals::summarise()
        }
        _ => Ok(()),
    }
}

fn run(mut row: Row, who: &str, rounds: usize) {
    for contender in row.contenders.iter_mut().filter(|contender| contender.who == who) {
        measured(contender, &row.inputs, 1);
        measured_by_callgrind(contender, &row.inputs, rounds);
    }
}

/// Callgrind is told this name.
#[inline(never)]
fn measured_by_callgrind(contender: &mut Contender, inputs: &[Vec<u8>], rounds: usize) {
    measured(contender, inputs, rounds);
}

fn measured(contender: &mut Contender, inputs: &[Vec<u8>], rounds: usize) {
    for _ in 0..rounds {
        for input in inputs {
            black_box((contender.work)(black_box(input)));
        }
    }
}

fn compare() -> io::Result<()> {
    if version("valgrind").is_none() {
        println!("valgrind is not there, so that instructions are not counted");
        return Ok(());
    }
    let rows: Vec<Row> = small::ROWS.iter().map(|make| make()).collect();
    let mut names: Vec<&str> = Vec::new();
    for contender in rows.iter().flat_map(|row| &row.contenders) {
        if !names.contains(&contender.who) {
            names.push(contender.who);
        }
    }
    let mut table = Table::new(&[&[""][..], &names].concat());
    for (index, row) in rows.iter().enumerate() {
        let mut cells = vec![row.name.clone()];
        for name in &names {
            let there = row.contenders.iter().any(|contender| contender.who == *name);
            cells.push(if there {
                format!("{:.0}", each(index, row, name)?)
            } else {
                "–".into()
            });
        }
        table.row(cells);
    }
    let about = "Instructions for one input, counted by callgrind.";
    publish("instructions", about, &table, "cargo bench --bench instructions")
}

/// Instructions for one input.
fn each(index: usize, row: &Row, who: &str) -> io::Result<f64> {
    let octets: usize = row.inputs.iter().map(Vec::len).sum();
    let rounds = if octets > 10_000 { 3 } else { 50 };
    let inputs = u32::try_from(row.inputs.len()).map_err(io::Error::other)?;
    Ok(counted(index, who, rounds)? / f64::from(rounds) / f64::from(inputs))
}

fn counted(row: usize, who: &str, rounds: u32) -> io::Result<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=*measured_by_callgrind*")
        .arg(std::env::current_exe()?)
        .args(["run", &row.to_string(), who, &rounds.to_string()])
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines()
        .find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
        .ok_or_else(|| io::Error::other(format!("callgrind did not say what it counted:\n{text}")))
}

/// What was accepted: instructions for each row, and the tools that made and counted them.
#[derive(PartialEq)]
struct Accepted {
    tools: String,
    rows: BTreeMap<String, f64>,
}

impl Accepted {
    fn path() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.toml")
    }

    /// Lines of a name in quotation marks, an equals sign and a value, which is TOML.
    fn read() -> io::Result<Self> {
        let text = fs::read_to_string(Self::path())?;
        let mut accepted = Accepted { tools: String::new(), rows: BTreeMap::new() };
        for (name, value) in text.lines().filter_map(|line| line.split_once(" = ")) {
            match (name.trim_matches('"'), value.parse()) {
                ("tools", _) => value.trim_matches('"').clone_into(&mut accepted.tools),
                (name, Ok(count)) => drop(accepted.rows.insert(name.to_owned(), count)),
                (name, Err(error)) => return Err(io::Error::other(format!("{name}: {error}"))),
            }
        }
        Ok(accepted)
    }

    fn write(&self) -> io::Result<()> {
        let mut text = format!(
            "# Instructions for one input. `cargo bench --bench instructions -- check` compares with \
            them,\n# `-- accept` writes them.\n\ntools = \"{}\"\n",
            self.tools
        );
        for (name, count) in &self.rows {
            let _ = writeln!(text, "\"{name}\" = {count:.1}");
        }
        fs::write(Self::path(), text)
    }

    /// Ours, counted now.
    fn count() -> io::Result<Self> {
        let (rustc, valgrind) = (version("rustc"), version("valgrind"));
        let valgrind = valgrind.ok_or_else(|| io::Error::other("valgrind is not installed"))?;
        let tools = format!("{}, {valgrind}", rustc.unwrap_or_default());
        let mut rows = BTreeMap::new();
        for (index, make) in small::ROWS.iter().enumerate() {
            let row = make();
            rows.insert(row.name.clone(), each(index, &row, OURS)?);
        }
        Ok(Accepted { tools, rows })
    }
}

fn version(tool: &str) -> Option<String> {
    let output = Command::new(tool).arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn accept() -> io::Result<()> {
    let accepted = Accepted::count()?;
    accepted.write()?;
    println!("accepted {} rows, {}", accepted.rows.len(), accepted.tools);
    Ok(())
}

fn check() -> io::Result<()> {
    let (accepted, now) = (Accepted::read()?, Accepted::count()?);
    let mut worse = Vec::new();
    for (name, count) in &now.rows {
        let Some(before) = accepted.rows.get(name) else {
            worse.push(format!("{name}: {count:.1}, and nothing was accepted yet"));
            continue;
        };
        let change = 100.0 * (count / before - 1.0);
        println!("{name}: {count:.1}, accepted {before:.1} ({change:+.1} %)");
        if change > TOLERANCE {
            worse.push(format!("{name}: {before:.1} instructions before, {count:.1} now"));
        }
    }
    if accepted.tools != now.tools {
        println!(
            "\nno verdict: the figures were accepted with {}, and this is {}",
            accepted.tools, now.tools
        );
        return Ok(());
    }
    if worse.is_empty() {
        return Ok(());
    }
    eprintln!("\nmore instructions than were accepted, by more than {TOLERANCE} %:");
    worse.iter().for_each(|line| eprintln!("  {line}"));
    eprintln!("find out why; if it must be: cargo bench --bench instructions -- accept");
    std::process::exit(1)
}
