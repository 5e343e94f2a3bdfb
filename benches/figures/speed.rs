//! How fast cells run: the programs of `programs.md` as sessions, against the same text compiled by rustc.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::Bench;
use crate::live::{Live, Said, Took, process};
use crate::record::Row;
use crate::texts::{self, Text};

const EACH_AT_MOST: f64 = 1.25;
const MEAN_AT_MOST: f64 = 1.05;

/// The level of a session, and the rustc that its code is compared with.
struct Side {
    setting: &'static str,
    rustc: &'static [&'static str],
}

/// Cells at the level that is chosen for them.
pub(crate) fn automatic(bench: &mut Bench) {
    measure(bench, &Side { setting: ":opt auto", rustc: &["-Copt-level=2", "-Coverflow-checks=on"] });
}

/// Cells at `:opt 3`, against what `cargo run --release` asks of rustc.
pub(crate) fn release(bench: &mut Bench) {
    measure(bench, &Side { setting: ":opt 3", rustc: &["-Copt-level=3"] });
}

fn measure(bench: &mut Bench, side: &Side) {
    let mut ratios = Vec::new();
    for program in texts::programs() {
        let executable = compile(&program, side, bench.scratch());
        let (mut cells, mut rustc) = (Vec::new(), Vec::new());
        for round in 0..bench.rounds(3) {
            let mut theirs = || process(&mut Command::new(&executable));
            // Whoever comes second finds memory that the other has just used, which a virtual machine hands out faster.
            let (before, (ours, ours_said)) = ((round % 2 == 1).then(&mut theirs), session(&program, side, round));
            let (theirs, theirs_said) = before.unwrap_or_else(theirs);
            assert_eq!(ours_said.out, theirs_said.out, "{} prints the same", program.name);
            cells.push(run_time(bench, ours, &ours_said));
            rustc.push(run_time(bench, theirs, &theirs_said));
        }
        let row = Row::ratio(&program.name, cells, rustc).at_most(EACH_AT_MOST);
        ratios.push(row.value());
        bench.add(row);
    }
    let mean = ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64;
    bench.add(Row::new("geometric mean", "", vec![mean.exp()]).at_most(MEAN_AT_MOST));
}

/// CPU seconds; wall time, which a program with threads measures itself, unless CPU is asked for.
fn run_time(bench: &Bench, took: Took, said: &Said) -> f64 {
    said.err.trim().parse().ok().filter(|_| !bench.cpu).unwrap_or(took.run)
}

fn compile(program: &Text, side: &Side, scratch: &Path) -> PathBuf {
    let (source, executable) = (scratch.join("program.rs"), scratch.join("program"));
    let body = program.cells.join("\n");
    std::fs::write(&source, format!("#![allow(warnings)]\nfn main() {{\n{body}\n}}\n")).expect("written");
    process(Command::new("rustc").arg("--edition=2024").args(side.rustc).arg("-o").arg(&executable).arg(&source));
    executable
}

/// Runs a program as a session in which each cell with statements is new to the cache.
fn session(program: &Text, side: &Side, round: usize) -> (Took, Said) {
    let mut live = Live::start();
    live.run(side.setting);
    let took = program.cells.iter().map(|cell| {
        let has_statements = syn::parse_file(cell).is_err();
        if has_statements { live.run(&texts::new_to_cache(cell, round)) } else { live.run(cell) }
    });
    let took = took.reduce(|sum, took| Took {
        wall: sum.wall + took.wall,
        cpu: sum.cpu + took.cpu,
        run: sum.run + took.run,
    });
    (took.expect("a program has cells"), live.said())
}
