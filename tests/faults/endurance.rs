//! The same thing many times: neither descriptors nor processes nor files grow.

use threadbook::engine::{Engine, Outcome};
use threadbook::events::CellId;

use crate::Test;
use crate::bench::Bench;
use crate::left::{Left, processes, wait_for_end};

pub(crate) const TESTS: &[Test] =
    &[("many_cells", many_cells), ("many_restarts", many_restarts), ("many_crashes", many_crashes)];

/// One text under one number is compiled once; everything else is done for each.
fn many_cells() {
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
    grows_not(before, count(900));
    let printed = bench.printed(2);
    assert!(printed.lines().map(str::to_owned).eq((1..=1_000).map(|n| n.to_string())), "a line is missing");
}

/// Sessions one after the other.
fn many_restarts() {
    for _ in 0..25 {
        let mut bench = Bench::start();
        bench.prints("let mut count = 0;");
        drop(bench);
        // A copy that was being made when the session ended may still be ending.
        processes().into_iter().for_each(wait_for_end);
        assert!(processes().is_empty(), "{:?}", processes());
    }
}

/// One session that loses its worker again and again.
fn many_crashes() {
    let mut bench = Bench::start();
    bench.prints("let mut count = 0;");
    let mut crash = |times: usize| {
        for _ in 0..times {
            let outcome = bench.session.execute(CellId(9), "count += 1; std::process::abort();", &[]).expect("run");
            assert_eq!(outcome, Outcome::WorkerLost);
        }
        Left::counts(bench.worker_that_is_copied())
    };
    let before = crash(10);
    grows_not(before, crash(60));
    assert_eq!(bench.prints("println!(\"{count}\");"), "0\n");
}

/// A copy more or less may be there at the moment of counting; a leak shows once for each cell.
fn grows_not(before: [usize; 4], after: [usize; 4]) {
    let grown = before.iter().zip(&after).any(|(before, after)| *after > before + 8);
    assert!(!grown, "{before:?} {after:?}");
}
