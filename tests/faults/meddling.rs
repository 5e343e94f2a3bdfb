//! Cells that change the process that they run in: its descriptors, directory, environment, limits, signal handlers,
//! processes. What they ask for they get, and the session goes on.

use std::fs;

use crate::Test;
use crate::bench::{Bench, KEEP};

pub(crate) const TESTS: &[Test] = &[
    ("closes_descriptors", closes_descriptors),
    ("points_its_streams_elsewhere", points_its_streams_elsewhere),
    ("changes_directory", changes_directory),
    ("stands_in_a_removed_directory", stands_in_a_removed_directory),
    ("unsets_path", unsets_path),
    ("handles_sigsegv", handles_sigsegv),
    ("ignores_signals", ignores_signals),
    ("has_few_descriptors", has_few_descriptors),
    ("has_no_descriptor_left", has_no_descriptor_left),
    ("may_write_no_file", may_write_no_file),
    ("may_use_no_more_cpu", may_use_no_more_cpu),
    ("forks_with_threads_alive", forks_with_threads_alive),
    ("waits_for_all_children", waits_for_all_children),
];

/// Functions of C that cells call.
const C: &str = "unsafe extern \"C\" { fn close(fd: i32) -> i32; fn dup2(from: i32, to: i32) -> i32; fn fork() -> i32; \
    fn _exit(code: i32) -> !; fn wait(status: *mut i32) -> i32; fn signal(number: i32, handler: usize) -> usize; \
    fn setrlimit(what: i32, limits: *const [u64; 2]) -> i32; }";

fn start() -> Bench {
    let mut bench = Bench::start();
    bench.prints(KEEP);
    bench.prints(C);
    bench
}

/// The session still runs cells, prints, and comes back from a crash.
fn goes_on(mut bench: Bench) {
    bench.has_kept();
    bench.cell("kept.push(4); std::process::abort();").lost(&["as it was before this cell"]);
    bench.has_kept();
}

fn closes_descriptors() {
    let mut bench = start();
    let closed = "println!(\"before\"); for fd in 0..=10 { unsafe { close(fd); } } println!(\"after\"); eprintln!(\"after\");";
    let cell = bench.cell(closed);
    assert_eq!((cell.stdout.as_str(), cell.stderr.as_str()), ("before\nafter\n", "after\n"), "{cell:?}");
    goes_on(bench);
}

/// What Rust prints is the cell's all the same; what writes to the descriptor itself goes where it points.
fn points_its_streams_elsewhere() {
    let mut bench = start();
    let file = std::env::temp_dir().join("elsewhere");
    let dup = format!(
        "use std::os::fd::AsRawFd; let file = std::fs::File::create({file:?})?; \
         println!(\"here\"); for fd in 0..3 {{ unsafe {{ dup2(file.as_raw_fd(), fd); }} }} println!(\"there\"); std::process::Command::new(\"echo\").arg(\"raw\").status()?;"
    );
    assert_eq!(bench.prints(&dup), "here\nthere\n");
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "raw\n");
    fs::remove_file(&file).expect("it is there");
    goes_on(bench);
}

fn changes_directory() {
    let mut bench = start();
    bench.prints("std::env::set_current_dir(\"/\")?;");
    assert_eq!(bench.prints("println!(\"{}\", std::env::current_dir()?.display());"), "/\n");
    goes_on(bench);
}

fn stands_in_a_removed_directory() {
    let mut bench = start();
    let directory = std::env::temp_dir().join("gone");
    bench.prints(&format!(
        "std::fs::create_dir({directory:?})?; std::env::set_current_dir({directory:?})?; std::fs::remove_dir({directory:?})?;"
    ));
    goes_on(bench);
}

fn unsets_path() {
    let mut bench = start();
    bench.prints("for (name, _) in std::env::vars_os() { unsafe { std::env::remove_var(name) } }");
    goes_on(bench);
}

/// Its handler is called, and what it does is what counts.
fn handles_sigsegv() {
    let mut bench = start();
    bench.prints("extern \"C\" fn handler(_: i32) { println!(\"handled\"); unsafe { _exit(9) } }");
    bench.prints("unsafe { signal(11, handler as *const () as usize) };");
    let cell = bench.cell("kept.push(4); unsafe { std::ptr::null_mut::<i32>().write_volatile(1) };");
    cell.lost(&["exit code 9", "as it was before this cell"]);
    assert_eq!(cell.stdout, "handled\n");
    goes_on(bench);
}

fn ignores_signals() {
    let mut bench = start();
    bench.prints("for number in 1..=31 { unsafe { signal(number, 1) }; }");
    goes_on(bench);
}

/// Enough to load a cell.
fn has_few_descriptors() {
    let mut bench = start();
    bench.prints("unsafe { setrlimit(7, &[12, 12]) };");
    goes_on(bench);
}

/// Without a descriptor nothing can be loaded any more: the session goes back to before the cell that did it.
fn has_no_descriptor_left() {
    let mut bench = start();
    bench.prints("unsafe { setrlimit(7, &[3, 3]) };");
    let cell = bench.cell("kept.push(4);");
    cell.lost(&[
        "Too many open files",
        "every variable is as it was after In[1]",
        "no later copy was held, since the copy failed: Too many open files",
    ]);
    goes_on(bench);
}

fn may_write_no_file() {
    let mut bench = start();
    bench.prints("unsafe { setrlimit(1, &[0, 0]) };");
    goes_on(bench);
}

fn may_use_no_more_cpu() {
    let mut bench = start();
    let cell = bench.cell("unsafe { setrlimit(0, &[0, 1]) }; kept.push(4); loop { std::hint::spin_loop(); }");
    cell.lost(&["as it was before this cell"]);
    assert!(cell.error.contains("signal 24 (SIGXCPU") || cell.error.contains("signal 9 (SIGKILL"), "{cell:?}");
    goes_on(bench);
}

/// The child prints under a lock that no thread of its own holds, and ends.
fn forks_with_threads_alive() {
    let mut bench = start();
    bench.prints("static ON: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(true);");
    let threads = "let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(|| while ON.load(std::sync::atomic::Ordering::Relaxed) { println!(\"t\"); })).collect();";
    bench.prints(threads);
    let forks = "for _ in 0..20 { let pid = unsafe { fork() }; if pid == 0 { eprintln!(\"child\"); unsafe { _exit(0) } } unsafe { wait(std::ptr::null_mut()) }; }";
    let cell = bench.cell(forks);
    assert_eq!((cell.error.as_str(), cell.stderr.matches("child\n").count()), ("", 20));
    bench.prints(
        "ON.store(false, std::sync::atomic::Ordering::Relaxed); for thread in threads { thread.join().unwrap(); }",
    );
    goes_on(bench);
}

/// The copy is no child of the worker, so such a wait does not take it.
fn waits_for_all_children() {
    let mut bench = start();
    assert_eq!(bench.prints("println!(\"{}\", unsafe { wait(std::ptr::null_mut()) });"), "-1\n");
    goes_on(bench);
}
