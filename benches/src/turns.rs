//! Time: the contenders of a row take turns, so that what else the machine does falls on all of
//! them. Criterion measures each turn.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;

use criterion::{Criterion, SamplingMode};

use crate::rows::MEMCPY;
use crate::{Contender, Row};

/// How often each contender has its turn.
pub const ROUNDS: usize = 9;

/// The turns of one contender.
#[derive(Clone, Debug)]
pub struct Times {
    pub who: &'static str,
    /// One for each round, in nanoseconds for one input.
    pub rounds: Vec<f64>,
    /// It did not make of the inputs what the others do.
    pub differs: bool,
}

impl Times {
    pub fn median(&self) -> f64 {
        median(&sorted(self.rounds.iter().copied()))
    }

    /// How much longer than `other` it took, round by round, in ascending order.
    pub fn over(&self, other: &Times) -> Vec<f64> {
        sorted(self.rounds.iter().zip(&other.rounds).map(|(this, other)| this / other))
    }

    fn best(&self) -> f64 {
        self.rounds.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The same of the best rounds, which are the least disturbed.
    pub fn over_at_best(&self, other: &Times) -> f64 {
        self.best() / other.best()
    }
}

/// Measures rows, those whose name holds a word of the command line if there is one.
pub struct Turns {
    criterion: Criterion,
    home: PathBuf,
    filter: Option<String>,
}

impl Turns {
    pub fn new(target: &str) -> Self {
        let home = scratch().join(target);
        // What an earlier run left must not be taken for this one's.
        let _ = std::fs::remove_dir_all(&home);
        let criterion = Criterion::default()
            .without_plots()
            .output_directory(&home)
            .sample_size(10)
            .nresamples(1001)
            .warm_up_time(Duration::from_millis(4))
            .measurement_time(Duration::from_millis(24));
        let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
        Turns { criterion, home, filter }
    }

    /// Whether the row is wanted.
    pub fn wants(&self, row: &Row) -> bool {
        self.filter.as_ref().is_none_or(|filter| row.name.contains(filter))
    }

    /// Whether every row is.
    pub fn wants_all(&self) -> bool {
        self.filter.is_none()
    }

    /// The times of each contender, in their order.
    pub fn measure(&mut self, row: &mut Row) -> Vec<Times> {
        let differs: Vec<bool> = row
            .contenders
            .iter_mut()
            .map(|contender| {
                let expected = row.expected.filter(|_| contender.who != MEMCPY);
                let mut made = row.inputs.iter().map(|input| (contender.work)(input));
                expected.is_some_and(|expected| made.any(|made| made != expected))
            })
            .collect();
        eprintln!("{}", row.name);
        let count = row.contenders.len();
        let mut times: Vec<Times> = row
            .contenders
            .iter()
            .zip(differs)
            .map(|(contender, differs)| Times { who: contender.who, rounds: Vec::new(), differs })
            .collect();
        for round in 0..ROUNDS {
            for turn in 0..count {
                let at = (turn + round) % count;
                let contender = &mut row.contenders[at];
                times[at].rounds.extend(self.turn(&row.name, &row.inputs, contender, round));
            }
        }
        times
    }

    /// Criterion's median for one input, in nanoseconds.
    fn turn(
        &mut self,
        name: &str,
        inputs: &[Vec<u8>],
        contender: &mut Contender,
        round: usize,
    ) -> Option<f64> {
        let id = format!("{} {round}", contender.who);
        let mut group = self.criterion.benchmark_group(name);
        group.sampling_mode(SamplingMode::Flat);
        group.bench_function(&id, |bencher| {
            bencher.iter(|| {
                for input in inputs {
                    black_box((contender.work)(black_box(input)));
                }
            });
        });
        group.finish();
        let path = self.home.join(name).join(&id).join("new/estimates.json");
        let json: serde_json::Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        let inputs = u32::try_from(inputs.len()).ok()?;
        Some(json.get("median")?.get("point_estimate")?.as_f64()? / f64::from(inputs))
    }
}

/// Where what is measured lies between two targets.
pub fn scratch() -> PathBuf {
    Path::new(option_env!("CARGO_TARGET_TMPDIR").unwrap_or("target")).join("benches")
}

pub fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

pub fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
