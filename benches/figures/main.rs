//! The figures that Threadbook promises, measured through the real executable and the real worker.
//!
//! ```text
//! cargo bench                           measures all
//! cargo bench -- [--quick] [--cpu] GROUP...  measures some groups; in one round; by CPU seconds, where something else runs
//! cargo bench -- --draw FILE            draws a record
//! ```
//!
//! The numbers go to `figures.csv` in the target directory and are drawn beside it, as `figures.html`. `benches/runs/`
//! keeps the records of past runs.

mod answer;
mod bench;
mod growth;
mod live;
mod record;
mod speed;
mod texts;

use std::path::Path;

use crate::bench::Bench;
use crate::record::Record;

const GROUPS: [(&str, fn(&mut Bench)); 4] = [
    ("speed", speed::automatic),
    ("release", speed::release),
    ("answer", answer::measure),
    ("growth", growth::measure),
];

fn main() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory");
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let (options, names): (Vec<_>, Vec<_>) = arguments.iter().partition(|argument| argument.starts_with("--"));
    let given = |option: &str| options.iter().any(|given| *given == option);
    let scratch = tempfile::tempdir().expect("a scratch directory");
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("THREADBOOK_CACHE", scratch.path().join("cache")) };
    let cpu = given("--cpu");
    let record = Record::create(target.join("figures.csv"), if cpu { "CPU seconds" } else { "wall time" });
    let mut bench = Bench { quick: given("--quick"), cpu, group: "", record, scratch };
    for (name, measure) in GROUPS {
        if names.is_empty() || names.iter().any(|given| *given == name) {
            bench.group = name;
            measure(&mut bench);
        }
    }
}
