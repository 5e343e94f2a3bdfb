//! Random programs, cut into cells and run in a session, print what rustc's program of all their cells prints; and after an
//! edit of every other one, all cells again in the same session print what the edited program prints. `GENERATED_SESSIONS` programs from
//! `GENERATED_SEED` on (`tests/generated/run N SEED`).

mod item;
mod oracle;
mod program;
mod random;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use program::Program;
use random::Random;
use threadbook::engine::{Engine, Options, Outcome, Session};
use threadbook::events::{CellId, Event, Sink};

/// Programs in a usual run of the tests.
const USUAL: usize = 200;
/// Programs in one crate of the oracle.
const BATCH: usize = 100;
/// Differences that are shown, at most.
const SHOWN: usize = 10;

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The program of a seed, and the edited one.
fn programs(seed: u64) -> (Program, Program) {
    let mut random = Random(seed);
    let program = Program::new(&mut random);
    let edited = program.edited(&mut random);
    (program, edited)
}

#[test]
fn generated_sessions_print_what_rustc_prints() {
    let (count, seed) = (number("GENERATED_SESSIONS", USUAL), number("GENERATED_SEED", 1));
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("generated-cache");
    // SAFETY: no other thread reads the environment yet: this is the binary's only test.
    unsafe { std::env::set_var("THREADBOOK_CACHE", cache) };
    let mut wrong: Vec<String> = Vec::new();
    for first in (0..count).step_by(BATCH) {
        let seeds = first..count.min(first + BATCH);
        wrong.extend(differences(seeds.map(|n| (seed + n) as u64).collect()));
        if wrong.len() >= SHOWN {
            break;
        }
    }
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
}

fn differences(seeds: Vec<u64>) -> Vec<String> {
    let all: Vec<(Program, Program)> = seeds.iter().map(|seed| programs(*seed)).collect();
    let flat: Vec<&Program> = all.iter().flat_map(|(program, edited)| [program, edited]).collect();
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let expected = oracle::outputs(&flat, directory.path()).expect("every program compiles");
    assert_eq!(expected.len(), flat.len());
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
            let at = (seed - seeds[0]) as usize;
            let (program, edited) = &all[at];
            // Every other one is edited: half of the time goes to what has run before.
            let runs = 1 + at % 2;
            if let Err(difference) = check(&[program, edited][..runs], &expected[at * 2..at * 2 + runs]) {
                wrong.lock().expect("no thread panics here").push(format!("== seed {seed}\n{difference}"));
            }
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(2, usize::from).min(seeds.len());
        (0..threads).for_each(|_| drop(scope.spawn(work)));
    });
    wrong.into_inner().expect("no thread panics here")
}

#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<Event>>>);

impl Sink for Events {
    fn event(&mut self, event: Event) {
        self.0.lock().expect("no test panics while it holds this").push(event);
    }
}

/// Runs the programs one after the other in one session.
fn check(programs: &[&Program], expected: &[String]) -> Result<(), String> {
    let events = Events::default();
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let options = Options {
        directory: Some(directory.path().to_path_buf()),
        executable: Some(env!("CARGO_BIN_EXE_threadbook").into()),
        ..Options::default()
    };
    let mut session = Session::start(options, Box::new(events.clone())).map_err(|error| error.to_string())?;
    let (mut id, mut source) = (0, String::new());
    for (program, expected) in programs.iter().zip(expected) {
        let mut came = String::new();
        for cell in &program.cells {
            id += 1;
            let text = program.text(cell);
            source += &format!("// In[{id}]\n{text}\n");
            let outcome = session.execute(CellId(id), &text, &[]).map_err(|error| error.to_string())?;
            came += &printed(&mut events.0.lock().expect("no test panics while it holds this"));
            came += match outcome {
                Outcome::Ok => "",
                Outcome::Panicked => "!\n",
                _ => return Err(format!("{source}\n-- {outcome:?}\n{came}")),
            };
        }
        if came != *expected {
            return Err(format!("{source}\n-- expected\n{expected}\n-- came\n{came}"));
        }
        source += "// again\n";
    }
    Ok(())
}

/// What the events since the last call say.
fn printed(events: &mut Vec<Event>) -> String {
    let mut printed = String::new();
    for event in events.drain(..) {
        match event {
            Event::Text { text, stream, .. } if stream.name() == "stdout" => printed += &text,
            Event::Result { data, .. } => {
                printed += &format!("={}\n", data["text/plain"].as_str().unwrap_or_default());
            }
            Event::Failed { failure, .. } if failure.ename != "Panic" => printed += &failure.traceback.join("\n"),
            _ => {}
        }
    }
    printed
}
