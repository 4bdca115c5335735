//! Instructions, which do not vary with what else the machine does. This program runs itself under
//! callgrind with two numbers of rounds; the difference is free of what starting costs.

use std::hint::black_box;
use std::io;
use std::process::Command;

use smtp_benches::results::{Table, publish};
use smtp_benches::{Contender, OURS, REGISTRY, corpus};

const FEW: u32 = 20;
const MANY: u32 = 220;

const CASES: [(&str, &str); 4] = [
    ("session", "a command of the session mix"),
    ("valid", "a command of the valid lines"),
    ("replies", "a reply"),
    ("ehlo", "an EHLO reply to extensions"),
];

fn inputs(case: &str) -> Vec<Vec<u8>> {
    match case {
        "session" => corpus::session(),
        "valid" => corpus::valid(),
        "replies" => corpus::REPLIES.map(<[u8]>::to_vec).to_vec(),
        _ => vec![corpus::EHLO.to_vec()],
    }
}

fn parser(contender: &Contender, case: &str) -> fn(&[u8]) -> bool {
    match case {
        "session" | "valid" => contender.command,
        "replies" => contender.reply,
        _ => contender.ehlo,
    }
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["run", case, who, rounds] => {
            let contender = if *who == "ours" { OURS } else { REGISTRY };
            run(&contender, case, rounds.parse().map_err(io::Error::other)?);
            Ok(())
        }
        words if words.contains(&"--bench") => compare(),
        _ => Ok(()),
    }
}

fn run(contender: &Contender, case: &str, rounds: u32) {
    let (parse, inputs) = (parser(contender, case), inputs(case));
    for _ in 0..rounds {
        for input in &inputs {
            black_box(parse(black_box(input)));
        }
    }
}

fn compare() -> io::Result<()> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("valgrind is not there, so that instructions are not counted");
        return Ok(());
    }
    let mut table = Table::new(&["", "ours", "registry", "share"]);
    for (case, name) in CASES {
        let (ours, theirs) = (each(case, "ours")?, each(case, "registry")?);
        table.row([
            name.to_owned(),
            format!("{ours:.0}"),
            format!("{theirs:.0}"),
            format!("{:.0} %", 100.0 * ours / theirs),
        ]);
    }
    publish("instructions", "Instructions to frame and parse, counted by callgrind.", &table)
}

/// Instructions for one input.
fn each(case: &str, who: &str) -> io::Result<f64> {
    let rounds = f64::from(MANY - FEW);
    let inputs = u32::try_from(inputs(case).len()).map_err(io::Error::other)?;
    Ok((counted(case, who, MANY)? - counted(case, who, FEW)?) / rounds / f64::from(inputs))
}

fn counted(case: &str, who: &str, rounds: u32) -> io::Result<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["run", case, who, &rounds.to_string()])
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines()
        .find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
        .ok_or_else(|| io::Error::other(format!("callgrind did not say what it counted:\n{text}")))
}
