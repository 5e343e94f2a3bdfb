//! The same thing many times: neither descriptors nor processes nor files grow. `benches/figures.rs` measures memory.

use threadbook::engine::Outcome;
use threadbook::output::CellId;

use crate::Test;
use crate::bench::Bench;
use crate::left::{Left, processes};

pub const TESTS: &[Test] =
    &[("ten_thousand_cells", ten_thousand_cells), ("many_restarts", many_restarts), ("many_crashes", many_crashes)];

/// One text under one number is compiled once; everything else is done for each.
fn ten_thousand_cells() {
    let mut bench = Bench::start();
    bench.prints("let mut count = 0;");
    let mut count = |times: usize| {
        for _ in 0..times {
            let outcome = bench.session.execute(CellId(2), "count += 1; println!(\"{count}\");", &[]).expect("run");
            assert_eq!(outcome, Outcome::Ok);
        }
        Left::counts(bench.worker_that_is_copied())
    };
    let before = count(100);
    assert_eq!(count(9_900), before);
    let printed = bench.printed(2);
    assert!(printed.lines().map(str::to_owned).eq((1..=10_000).map(|n| n.to_string())), "a line is missing");
}

/// Sessions one after the other.
fn many_restarts() {
    for _ in 0..25 {
        let mut bench = Bench::start();
        bench.prints("let mut count = 0;");
        drop(bench);
        assert!(processes().is_empty(), "{:?}", processes());
    }
}

/// One session that loses its worker again and again.
fn many_crashes() {
    let mut bench = Bench::start();
    bench.prints("let mut count = 0;");
    let mut crash = |times: usize| {
        for _ in 0..times {
            let outcome = bench.session.execute(CellId(2), "count += 1; std::process::abort();", &[]).expect("run");
            assert_eq!(outcome, Outcome::WorkerLost);
        }
        Left::counts(bench.worker_that_is_copied())
    };
    let before = crash(10);
    assert_eq!(crash(490), before);
    assert_eq!(bench.prints("println!(\"{count}\");"), "0\n");
}
