//! Processes of a session that are killed from outside: the worker, its copies, the keeper.

use crate::Test;
use crate::bench::{Bench, KEEP};
use crate::left::{kill, wait_for_end};

pub(crate) const TESTS: &[Test] = &[
    ("worker_in_a_cell", worker_in_a_cell),
    ("worker_in_the_middle_of_a_print", worker_in_the_middle_of_a_print),
    ("worker_between_cells", worker_between_cells),
    ("copy_then_worker", copy_then_worker),
    ("copy_while_a_cell_runs", copy_while_a_cell_runs),
    ("keeper_in_a_cell", keeper_in_a_cell),
    ("keeper_between_cells", keeper_between_cells),
    ("keeper_and_worker_at_once", keeper_and_worker_at_once),
];

const FOREVER: &str = "kept.push(4); println!(\"on\"); loop { std::hint::spin_loop(); }";

fn worker_in_a_cell() {
    let mut bench = Bench::start();
    bench.prints(KEEP);
    let cell = bench.cell_until(FOREVER, "on\n", |worker| kill(worker, libc::SIGKILL));
    cell.lost(&["signal 9 (SIGKILL, killed from outside or out of memory)", "as it was before this cell"]);
    assert_eq!(cell.stdout, "on\n");
    bench.has_kept();
    // By a signal that a program may handle.
    let cell = bench.cell_until(FOREVER, "on\n", |worker| kill(worker, libc::SIGTERM));
    cell.lost(&["signal 15 (SIGTERM, terminated)", "as it was before this cell"]);
    bench.has_kept();
}

/// Every line that was printed is there, whole, and none after it.
fn worker_in_the_middle_of_a_print() {
    let mut bench = Bench::start();
    bench.prints(KEEP);
    let source = "for n in 0u64.. { println!(\"{n}\"); }";
    let cell = bench.cell_until(source, "\n5000\n", |worker| kill(worker, libc::SIGKILL));
    cell.lost(&["signal 9 (SIGKILL", "as it was before this cell"]);
    assert!(cell.stdout.ends_with('\n'));
    for (number, line) in cell.stdout.lines().enumerate() {
        assert_eq!(line, number.to_string());
    }
    bench.has_kept();
}

fn worker_between_cells() {
    let mut bench = Bench::start();
    bench.prints(KEEP);
    for _ in 0..3 {
        let worker = bench.worker_that_is_copied();
        kill(worker, libc::SIGKILL);
        wait_for_end(worker);
        let cell = bench.cell("println!(\"{kept:?}\");");
        cell.says(&["the worker ended between cells: signal 9 (SIGKILL", "no variable is lost"]);
        assert_eq!(cell.stdout, "[1, 2, 3]\n");
    }
}

const ANEW: &[&str] = &[
    "signal 9 (SIGKILL",
    "the session goes on in a new one, with its items but without its variables (`kept`): run the cells that define them again",
];

/// A session that has lost everything goes on.
fn goes_on(mut bench: Bench) {
    assert_eq!(bench.prints("println!(\"{}\", item());"), "an item\n");
    bench.prints(KEEP);
    bench.has_kept();
    bench.cell("kept.clear(); std::process::abort();").lost(&["as it was before this cell"]);
    bench.has_kept();
}

fn with_an_item() -> Bench {
    let mut bench = Bench::start();
    bench.prints("fn item() -> &'static str { \"an item\" }");
    bench.prints(KEEP);
    bench
}

fn copy_then_worker() {
    let mut bench = with_an_item();
    // The first print makes sure that the copy is there, since its cell is run after it.
    bench.has_kept();
    let cell = bench.cell_until(FOREVER, "on\n", |worker| {
        let keeper = crate::left::status(worker, "PPid");
        for copy in crate::left::processes().into_iter().filter(|pid| *pid != worker && *pid != keeper) {
            kill(copy, libc::SIGKILL);
            wait_for_end(copy);
        }
        kill(worker, libc::SIGKILL);
    });
    cell.lost(ANEW);
    assert_eq!(cell.stdout, "on\n");
    goes_on(bench);
}

/// The cell does not notice, and the next copy is made as ever.
fn copy_while_a_cell_runs() {
    let mut bench = Bench::start();
    bench.prints(KEEP);
    bench.has_kept();
    for _ in 0..3 {
        for copy in bench.copies() {
            kill(copy, libc::SIGKILL);
            wait_for_end(copy);
        }
        bench.has_kept();
    }
    bench.cell("kept.push(4); std::process::abort();").lost(&["as it was before this cell"]);
    bench.has_kept();
}

fn keeper_in_a_cell() {
    for _ in 0..5 {
        let mut bench = with_an_item();
        let keeper = bench.keeper();
        let cell = bench.cell_until(FOREVER, "on\n", |_| kill(keeper, libc::SIGKILL));
        cell.lost(ANEW);
        assert_eq!(cell.stdout, "on\n");
        goes_on(bench);
    }
}

fn keeper_between_cells() {
    for _ in 0..5 {
        let mut bench = with_an_item();
        let (keeper, worker) = (bench.keeper(), bench.session.worker_pid());
        kill(keeper, libc::SIGKILL);
        wait_for_end(worker);
        bench.cell("item()").says(ANEW);
        goes_on(bench);
    }
}

fn keeper_and_worker_at_once() {
    let mut bench = with_an_item();
    let keeper = bench.keeper();
    let cell = bench.cell_until(FOREVER, "on\n", |worker| {
        kill(worker, libc::SIGKILL);
        kill(keeper, libc::SIGKILL);
    });
    cell.lost(&["signal 9 (SIGKILL"]);
    goes_on_with_or_without(bench);
}

/// Which of the two is noticed first is not ours to say.
fn goes_on_with_or_without(mut bench: Bench) {
    bench.cell("item()");
    goes_on(bench);
}
