//! The figures that Threadbook promises, measured through the real executable and the real worker.
//!
//! ```text
//! cargo bench                                measures all, in about an hour
//! cargo bench -- [--quick] [--cpu] GROUP...  measures some groups; in one round; by CPU seconds, for a busy machine
//! cargo bench -- --draw FILE                 draws the record FILE
//! ```
//!
//! The numbers go to `figures.csv` in the target directory and are drawn beside it, as `figures.html`. `benches/runs/`
//! keeps the records of past runs.

mod ahead;
mod answer;
mod bench;
mod growth;
mod live;
mod page;
mod record;
mod speed;
mod start;
mod state;
mod texts;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::bench::Bench;
use crate::record::Record;

type Measure = fn(&mut Bench);

const GROUPS: [(&str, Measure); 7] = [
    ("speed", speed::automatic),
    ("release", speed::release),
    ("answer", answer::measure),
    ("growth", growth::measure),
    ("ahead", ahead::measure),
    ("start", start::measure),
    ("state", state::measure),
];

fn main() -> ExitCode {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory");
    let page = target.join("figures.html");
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let record = match arguments.as_slice() {
        // Cargo starts benchmarks in the package's directory.
        [draw, file] if draw == "--draw" => PathBuf::from(file),
        _ => match Choice::of(&arguments) {
            Ok(choice) => measure(target.join("figures.csv"), choice),
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::from(2);
            }
        },
    };
    let broken = page::draw(&record, &page);
    println!("{broken} figures are above what is promised; {} shows {}", page.display(), record.display());
    ExitCode::SUCCESS
}

/// What the arguments ask to measure.
struct Choice {
    quick: bool,
    cpu: bool,
    groups: Vec<(&'static str, Measure)>,
}

impl Choice {
    fn of(arguments: &[String]) -> Result<Choice, String> {
        let mut choice = Choice { quick: false, cpu: false, groups: Vec::new() };
        for argument in arguments {
            match argument.as_str() {
                "--quick" => choice.quick = true,
                "--cpu" => choice.cpu = true,
                name => choice.groups.push(*GROUPS.iter().find(|group| group.0 == name).ok_or_else(|| {
                    let groups = GROUPS.map(|(name, _)| name).join(", ");
                    format!("there is no group `{name}`, only {groups}; options are --quick, --cpu and --draw FILE")
                })?),
            }
        }
        if choice.groups.is_empty() {
            choice.groups.extend(GROUPS);
        }
        Ok(choice)
    }
}

/// Returns the record of what was measured.
fn measure(path: PathBuf, choice: Choice) -> PathBuf {
    let Choice { quick, cpu, groups } = choice;
    let scratch = tempfile::tempdir().expect("a scratch directory");
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("THREADBOOK_CACHE", scratch.path().join("cache")) };
    let record = Record::create(&path, if cpu { "CPU seconds" } else { "wall time" });
    let mut bench = Bench { quick, cpu, group: "", record, scratch };
    for (name, measure) in groups {
        bench.group = name;
        measure(&mut bench);
    }
    path
}
