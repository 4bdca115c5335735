//! What is taken and refused, and how often memory is asked for.

use std::alloc::System;
use std::io;

use smtp_benches::results::{Table, publish};
use smtp_benches::rows::{MEMCPY, commands, small};
use smtp_benches::{Contender, corpus};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

// It would slow down those who allocate, so nothing is timed here.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const COMMAND: &str = "cargo bench --bench counts";

fn main() -> io::Result<()> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    judgements()?;
    allocations()
}

fn judgements() -> io::Result<()> {
    let (valid, invalid) = (corpus::valid(), corpus::invalid());
    let mut table = Table::new(&["", "valid lines refused", "invalid lines accepted"]);
    for Contender { who, mut work } in commands::whole() {
        let refused: Vec<_> = valid.iter().filter(|line| work(line) == 0).collect();
        let taken: Vec<_> = invalid.iter().filter(|(line, _)| work(line) > 0).collect();
        refused.iter().for_each(|line| println!("{who} refuses {}", line.escape_ascii()));
        for (line, reason) in &taken {
            println!("{who} accepts {} ({reason})", line.escape_ascii());
        }
        table.row([
            who.to_owned(),
            format!("{} of {}", refused.len(), valid.len()),
            format!("{} of {}", taken.len(), invalid.len()),
        ]);
    }
    let about = "What each makes of the lines of the corpus. Some refuse on purpose what they do not \
        offer, such as BDAT.";
    publish("judgements", about, &table, COMMAND)
}

fn allocations() -> io::Result<()> {
    let mut rows: Vec<_> = small::ROWS.iter().map(|make| make()).collect();
    let mut names: Vec<&str> = Vec::new();
    for contender in rows.iter().flat_map(|row| &row.contenders) {
        if !names.contains(&contender.who) && contender.who != MEMCPY {
            names.push(contender.who);
        }
    }
    let mut table = Table::new(&[&[""][..], &names].concat());
    for row in &mut rows {
        let inputs = &row.inputs;
        let contenders = &mut row.contenders;
        let mut cell = |name: &&str| match contenders.iter_mut().find(|one| one.who == *name) {
            Some(contender) => counted(contender, inputs),
            None => "–".to_owned(),
        };
        let cells: Vec<String> = names.iter().map(&mut cell).collect();
        table.row([row.name.clone()].into_iter().chain(cells));
    }
    let about = "How often memory is asked for, for one input, once what is kept between inputs is \
        there. A whole session includes its buffers; a further message has them.";
    publish("allocations", about, &table, COMMAND)
}

fn counted(contender: &mut Contender, inputs: &[Vec<u8>]) -> String {
    let mut work = || inputs.iter().map(|input| (contender.work)(input)).sum::<usize>();
    work();
    let region = Region::new(ALLOCATOR);
    work();
    let change = region.change();
    let count = u32::try_from(change.allocations + change.reallocations).unwrap_or(u32::MAX);
    let inputs = u32::try_from(inputs.len()).unwrap_or(u32::MAX);
    format!("{:.2}", f64::from(count) / f64::from(inputs))
}
