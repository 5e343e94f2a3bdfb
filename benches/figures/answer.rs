//! How soon cells are answered: the cells of `cells.md` at the level that is chosen for them, against the best of the fixed
//! levels and, where they are straight-line code, against rustc alone.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::Bench;
use crate::live::{Live, Took, process};
use crate::record::{Row, median};
use crate::texts;

/// The levels that are compared with. Not 3, which has no overflow checks: it computes something else, and in some loops
/// much faster.
const FIXED: [&str; 3] = ["0", "1", "2"];

const AUTOMATIC_AT_MOST: f64 = 1.2;
const STRAIGHT_LINE_AT_MOST: f64 = 1.3;

pub(crate) fn measure(bench: &mut Bench) {
    let session = |level: &str| {
        let mut live = Live::start();
        live.run(&format!(":opt {level}"));
        live
    };
    let compiler = compiler();
    let mut automatic = session("auto");
    let mut fixed = FIXED.map(session);
    // What is the first of its kind pays for what later ones find ready.
    fixed.iter_mut().chain([&mut automatic]).for_each(|live| _ = live.run("println!(\"{}\", 1);"));
    for text in texts::cells() {
        let is_straight_line = text.name.starts_with("straight line");
        let (mut chosen, mut alone) = (Vec::new(), Vec::new());
        let mut levels = FIXED.map(|_| Vec::new());
        for round in 0..bench.rounds(3) {
            // All sessions share a cache, and each is to compile the cell.
            let cell = |session| texts::new_to_cache(&text.cells[0], (FIXED.len() + 1) * round + session);
            chosen.push(bench.answer(automatic.run(&cell(FIXED.len()))));
            for (level, (live, seconds)) in fixed.iter_mut().zip(&mut levels).enumerate() {
                seconds.push(bench.answer(live.run(&cell(level))));
            }
            if is_straight_line {
                alone.push(bench.answer(rustc(&compiler, &cell(FIXED.len()), bench.scratch())));
            }
        }
        let best =
            levels.into_iter().min_by(|a, b| median(a).total_cmp(&median(b))).expect("there are fixed levels");
        bench.add(Row::ratio(&text.name, chosen.clone(), best).at_most(AUTOMATIC_AT_MOST));
        if is_straight_line {
            let row = Row::ratio(format!("{} / rustc alone", text.name), chosen, alone);
            bench.add(row.at_most(STRAIGHT_LINE_AT_MOST));
        }
    }
}

/// The compiler itself, as sessions call it: rustup's proxy would add some milliseconds to each run.
fn compiler() -> PathBuf {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output().expect("rustc runs");
    Path::new(String::from_utf8(output.stdout).expect("text").trim()).join("bin/rustc")
}

/// Compiles a cell's text as the body of a function, to what cells are compiled to.
fn rustc(compiler: &Path, cell: &str, scratch: &Path) -> Took {
    let source = scratch.join("alone.rs");
    let head =
        "#![allow(warnings)]\n#[unsafe(no_mangle)]\npub fn cell() -> Result<(), Box<dyn std::error::Error>> {";
    std::fs::write(&source, format!("{head}\n{cell}\nOk(()) }}\n")).expect("written");
    let mut command = Command::new(compiler);
    command.args(["--edition=2024", "--crate-type=cdylib", "-Copt-level=0", "-Cprefer-dynamic"]);
    process(command.arg("-o").arg(scratch.join("alone.so")).arg(&source)).0
}
