//! Time: parsing commands and replies, the contenders taking turns.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use criterion::Criterion;
use smtp_benches::results::{Table, publish};
use smtp_benches::{Contender, OURS, REGISTRY, corpus};

/// How often the contenders take turns. What else the machine does falls on all of them.
const ROUNDS: usize = 21;

type Parse = fn(&Contender, &[u8]) -> bool;

struct Case {
    name: &'static str,
    inputs: Vec<Vec<u8>>,
    parse: Parse,
    /// What one time stands for.
    unit: &'static str,
}

fn cases() -> Vec<Case> {
    let command: Parse = |contender, line| (contender.command)(line);
    let reply: Parse = |contender, bytes| (contender.reply)(bytes);
    let ehlo: Parse = |contender, bytes| (contender.ehlo)(bytes);
    let valid = corpus::valid();
    let both = valid.iter().filter(|line| (REGISTRY.command)(line)).cloned().collect();
    let replies = corpus::REPLIES.map(<[u8]>::to_vec).to_vec();
    let case = |name, inputs, parse, unit| Case { name, inputs, parse, unit };
    vec![
        case("session mix", corpus::session(), command, "command"),
        case("valid lines", valid, command, "command"),
        case("valid lines that both take", both, command, "command"),
        case("replies", replies, reply, "reply"),
        case("EHLO reply to extensions", vec![corpus::EHLO.to_vec()], ehlo, "reply"),
    ]
}

fn main() -> io::Result<()> {
    let home = Path::new(option_env!("CARGO_TARGET_TMPDIR").unwrap_or("target")).join("parse");
    // What an earlier run left must not be taken for this one's.
    let _ = std::fs::remove_dir_all(&home);
    let mut criterion = Criterion::default()
        .without_plots()
        .output_directory(&home)
        .sample_size(10)
        .nresamples(2000)
        .warm_up_time(Duration::from_millis(40))
        .measurement_time(Duration::from_millis(160))
        .configure_from_args();
    let mut table = Table::new(&[
        "",
        "ours, ns",
        "registry, ns",
        "times as fast",
        "rounds",
        "best rounds",
        "of",
    ]);
    for case in cases() {
        for round in 0..ROUNDS {
            let turns = if round % 2 == 0 { [&OURS, &REGISTRY] } else { [&REGISTRY, &OURS] };
            for contender in turns {
                measure(&mut criterion, &case, contender, round);
            }
        }
        let pairs: Vec<(f64, f64)> = (0..ROUNDS)
            .filter_map(|round| {
                let ours = median_of(&home, &case, &OURS, round)?;
                Some((ours, median_of(&home, &case, &REGISTRY, round)?))
            })
            .collect();
        if pairs.is_empty() {
            continue;
        }
        let ratios = sorted(pairs.iter().map(|(ours, theirs)| theirs / ours));
        let ours = sorted(pairs.iter().map(|pair| pair.0));
        let theirs = sorted(pairs.iter().map(|pair| pair.1));
        table.row([
            case.name.to_owned(),
            format!("{:.1}", median(&ours)),
            format!("{:.1}", median(&theirs)),
            format!("{:.2}", median(&ratios)),
            format!("{:.2} to {:.2}", ratios[0], ratios[ratios.len() - 1]),
            format!("{:.2}", theirs[0] / ours[0]),
            format!("one {}", case.unit),
        ]);
    }
    criterion.final_summary();
    if table.is_empty() {
        return Ok(());
    }
    let about = format!(
        "Time to frame and parse, beside the registry's `smtp-proto` 0.2.5: medians of {ROUNDS} \
        rounds in turns. The ratio is the median of the rounds' ratios, above 1 where ours is \
        faster; that of the best rounds is the least disturbed by what else the machine did."
    );
    publish("parse", &about, &table)
}

fn measure(criterion: &mut Criterion, case: &Case, contender: &Contender, round: usize) {
    let mut group = criterion.benchmark_group(case.name);
    group.bench_function(id(contender, round), |bencher| {
        bencher.iter(|| {
            for input in &case.inputs {
                (case.parse)(contender, std::hint::black_box(input));
            }
        });
    });
    group.finish();
}

fn id(contender: &Contender, round: usize) -> String {
    format!("{} {round}", contender.name)
}

/// Criterion's median of one input, in nanoseconds.
fn median_of(home: &Path, case: &Case, contender: &Contender, round: usize) -> Option<f64> {
    let path: PathBuf = home.join(case.name).join(id(contender, round)).join("new/estimates.json");
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    let inputs = u32::try_from(case.inputs.len()).ok()?;
    Some(json.get("median")?.get("point_estimate")?.as_f64()? / f64::from(inputs))
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    sorted[sorted.len() / 2]
}
