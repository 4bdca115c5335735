//! What is taken and refused, and how often memory is asked for.

use std::alloc::System;
use std::io;

use smtp_benches::results::{Table, publish};
use smtp_benches::{Contender, OURS, REGISTRY, corpus};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

// It would slow down those who allocate, so nothing is timed here.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> io::Result<()> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let (valid, invalid, session) = (corpus::valid(), corpus::invalid(), corpus::session());
    let replies = corpus::REPLIES.map(<[u8]>::to_vec).to_vec();
    let ehlo = vec![corpus::EHLO.to_vec()];
    let columns: Vec<[String; 6]> = [OURS, REGISTRY]
        .iter()
        .map(|contender| {
            let refused: Vec<_> = valid.iter().filter(|line| !(contender.command)(line)).collect();
            let taken: Vec<_> =
                invalid.iter().filter(|(line, _)| (contender.command)(line)).collect();
            list(contender, &refused, &taken);
            [
                format!("{} of {}", refused.len(), valid.len()),
                format!("{} of {}", taken.len(), invalid.len()),
                allocations(&session, contender.command),
                allocations(&valid, contender.command),
                allocations(&replies, contender.reply),
                allocations(&ehlo, contender.ehlo),
            ]
        })
        .collect();
    let names = [
        "valid lines refused",
        "invalid lines accepted",
        "allocations a command, session mix",
        "allocations a command, valid lines",
        "allocations a reply",
        "allocations an EHLO reply",
    ];
    let mut table = Table::new(&["", OURS.name, REGISTRY.name]);
    for (row, name) in names.iter().enumerate() {
        table.row([(*name).to_owned()].into_iter().chain(columns.iter().map(|c| c[row].clone())));
    }
    publish(
        "counts",
        "What is taken and refused of the corpus, and how often memory is asked for.",
        &table,
    )
}

fn list(contender: &Contender, refused: &[&Vec<u8>], taken: &[&(Vec<u8>, &str)]) {
    for line in refused {
        println!("{} refuses {}", contender.name, line.escape_ascii());
    }
    for (line, reason) in taken {
        println!("{} accepts {} ({reason})", contender.name, line.escape_ascii());
    }
}

fn allocations(inputs: &[Vec<u8>], parse: fn(&[u8]) -> bool) -> String {
    let region = Region::new(ALLOCATOR);
    for input in inputs {
        parse(input);
    }
    let change = region.change();
    let count = u32::try_from(change.allocations + change.reallocations).unwrap_or(u32::MAX);
    let inputs = u32::try_from(inputs.len()).unwrap_or(u32::MAX);
    format!("{:.2}", f64::from(count) / f64::from(inputs))
}
