//! Cells that end the process that runs them. The session goes on from its copy, with every variable as before the cell.

use threadbook::engine::Limits;

use crate::Test;
use crate::bench::{Bench, Cell, KEEP};

pub(crate) const TESTS: &[Test] = &[
    ("segfault", segfault),
    ("abort", abort),
    ("exit", exit),
    ("stack_overflow", stack_overflow),
    ("double_panic", double_panic),
    ("panic_that_cannot_unwind", panic_that_cannot_unwind),
    ("panic_caught_and_then_abort", panic_caught_and_then_abort),
    ("abort_while_unwinding", abort_while_unwinding),
    ("allocation_without_end", allocation_without_end),
    ("memory_limit", memory_limit),
    ("crash_after_crash", crash_after_crash),
    ("thread_crashes_its_cell", thread_crashes_its_cell),
    ("child_goes_with_its_cell", child_goes_with_its_cell),
];

const ROLLED_BACK: &str = "rolled back: every variable is as it was before this cell";

/// Runs a cell that changes a variable, prints, and then does `what`.
fn crash(limits: Limits, what: &str) -> Cell {
    let mut bench = Bench::with(limits);
    bench.prints(KEEP);
    let cell = bench.cell(&format!("kept.push(4); println!(\"before\"); {what}"));
    cell.lost(&["the worker ended while it ran this cell", ROLLED_BACK]);
    assert_eq!(cell.stdout, "before\n");
    bench.has_kept();
    cell
}

fn segfault() {
    crash(Limits::default(), "unsafe { std::ptr::null_mut::<i32>().write_volatile(1) };")
        .says(&["signal 11 (SIGSEGV"]);
}

fn abort() {
    crash(Limits::default(), "std::process::abort();").says(&["signal 6 (SIGABRT"]);
}

fn exit() {
    crash(Limits::default(), "std::process::exit(3);").says(&["exit code 3"]);
}

fn stack_overflow() {
    let cell = crash(
        Limits::default(),
        "fn deep(n: u64) -> u64 { if n == 0 { 0 } else { 1 + deep(std::hint::black_box(n + 1)) } } deep(1);",
    );
    cell.says(&["signal 6 (SIGABRT"]);
    assert!(cell.stderr.contains("has overflowed its stack"), "{cell:?}");
}

/// What each panic says stands in the output, since no error of the cell has it.
fn double_panic() {
    let cell = crash(
        Limits::default(),
        "struct Bad; impl Drop for Bad { fn drop(&mut self) { panic!(\"the second\") } } let _bad = Bad; panic!(\"the first\");",
    );
    cell.says(&["signal 6 (SIGABRT"]);
    panicked(&cell, &["the first", "the second", "panic in a destructor during cleanup"]);
}

fn panic_that_cannot_unwind() {
    let cell = crash(Limits::default(), "extern \"C\" fn callback() { panic!(\"from a callback\") } callback();");
    cell.says(&["signal 6 (SIGABRT"]);
    panicked(&cell, &["from a callback", "panic in a function that cannot unwind"]);
}

fn panic_caught_and_then_abort() {
    let cell =
        crash(Limits::default(), "let _ = std::panic::catch_unwind(|| panic!(\"caught\")); std::process::abort();");
    panicked(&cell, &["caught"]);
}

fn abort_while_unwinding() {
    let cell = crash(
        Limits::default(),
        "struct Bad; impl Drop for Bad { fn drop(&mut self) { std::process::abort() } } let _bad = Bad; panic!(\"why\");",
    );
    panicked(&cell, &["why"]);
}

/// Each of these is told once, in this order, with its place in the cell.
fn panicked(cell: &Cell, messages: &[&str]) {
    let mut rest = cell.stderr.as_str();
    for message in messages {
        assert_eq!(cell.stderr.matches(message).count(), 1, "{message:?} in {cell:?}");
        rest = rest.split_once(message).unwrap_or_else(|| panic!("{message:?} out of order in {cell:?}")).1;
    }
    assert!(cell.stderr.contains("thread 'MainThread' panicked at In[2]:1:"), "{cell:?}");
}

fn allocation_without_end() {
    let cell =
        crash(Limits::default(), "let all = Vec::<u8>::with_capacity(1 << 46); println!(\"{}\", all.len());");
    cell.says(&["signal 6 (SIGABRT"]);
    assert!(cell.stderr.contains("memory allocation of 70368744177664 bytes failed"), "{cell:?}");
}

fn memory_limit() {
    let limits = Limits { memory: Some(1 << 30), ..Limits::default() };
    let cell = crash(limits, "let mut held = Vec::new(); loop { held.push(vec![1u8; 64 << 20]); }");
    cell.says(&["signal 6 (SIGABRT"]);
    assert!(cell.stderr.contains("memory allocation of 67108864 bytes failed"), "{cell:?}");
}

/// The copy that took over is copied in its turn.
fn crash_after_crash() {
    let mut bench = Bench::start();
    bench.prints(KEEP);
    for _ in 0..20 {
        bench.cell("kept.push(4); std::process::abort();").lost(&["signal 6 (SIGABRT", ROLLED_BACK]);
        bench.worker_that_is_copied();
        assert_eq!(bench.copies().len(), 1);
    }
    bench.has_kept();
}

fn thread_crashes_its_cell() {
    let what = "std::thread::spawn(|| std::process::abort()).join();";
    crash(Limits::default(), what).says(&["signal 6 (SIGABRT"]);
}

/// What the harness counts at the end is counted here as soon as the cell has ended.
fn child_goes_with_its_cell() {
    let mut bench = Bench::start();
    bench.prints(KEEP);
    let cell = bench.cell(
        "let child = std::process::Command::new(\"sleep\").arg(\"600\").spawn()?; println!(\"{}\", child.id()); std::process::abort();",
    );
    cell.lost(&[ROLLED_BACK]);
    crate::left::wait_for_end(cell.stdout.trim().parse().expect("a pid"));
    bench.has_kept();
}
