//! Cells that are stopped, wherever they are: by the session's interrupter, as by JupyterLab's button, or by their limit.

use std::path::Path;
use std::time::Duration;

use threadbook::engine::{Engine, Limits, Outcome};

use crate::Test;
use crate::bench::{Bench, Cell, with_variable};
use crate::compiler::Toolchain;
use crate::left::{kill, pipe};

pub(crate) const TESTS: &[Test] = &[
    ("loops_of_a_cell_keep_what_they_did", loops_of_a_cell),
    ("code_that_does_not_look_is_rolled_back", code_that_does_not_look),
    ("waits_end_with_what_was_done_before", waits),
    ("awaits_end_with_what_was_done_before", awaits),
    ("what_was_waited_for_works_afterwards", what_was_waited_for),
    ("pools_of_an_interrupted_cell_are_not_waited_for", pools_of_the_cell),
    ("threads_that_go_on_are_told", threads_that_go_on),
    ("input_is_waited_for_no_longer", input),
    ("compilers_are_killed", compilers),
    ("a_build_of_crates_is_ended", builds),
    ("a_handler_of_the_users_own_does_not_save_a_cell", own_handler),
    ("cells_have_their_time", limit_of_time),
    ("an_interrupt_that_another_thread_gets_is_passed_on", other_thread),
    ("an_interrupt_between_cells_touches_none", between_cells),
];

const KEEP: &str = "let mut done: Vec<i32> = vec![];";

/// Runs a cell that pushes 1 before it prints `on` and 2 after it was to end, and interrupts it once it is on.
fn interrupted(bench: &mut Bench, source: &str) -> Cell {
    bench.prints("done.clear();");
    let interrupter = bench.session.interrupter();
    let cell = bench.cell_until(source, "on\n", move |_| assert!(interrupter.interrupt()));
    assert_eq!(cell.outcome, Outcome::Interrupted, "{source}: {cell:?}");
    cell
}

fn kept(bench: &mut Bench, source: &str) {
    let cell = interrupted(bench, source);
    cell.says(&["Interrupted: the cell was interrupted; variables keep what it did to them"]);
    assert_eq!(bench.prints("println!(\"{done:?}\");"), "[1]\n", "{source}");
}

fn loops_of_a_cell() {
    let mut bench = Bench::start();
    bench.prints(KEEP);
    for source in [
        "done.push(1); println!(\"on\"); loop { std::hint::spin_loop(); }",
        "done.push(1); println!(\"on\"); while done.len() < 100 { std::hint::black_box(&done); }",
        "done.push(1); println!(\"on\"); for i in 0..u64::MAX { std::hint::black_box(i); }",
        "done.push(1); println!(\"on\"); let _: () = 'a: loop { loop { continue 'a; } };",
        "done.push(1); println!(\"on\"); loop { let _ = std::panic::catch_unwind(|| print!(\"\")); }",
        "done.push(1); println!(\"on\"); loop { eprint!(\"\"); }",
        // Loops that run in strips, and whose results are used, so that they are not optimised away.
        "done.push(1); println!(\"on\"); let mut s = 1; for i in 1..u64::MAX { s = (s ^ i).wrapping_mul(i); } drop(s);",
        "done.push(1); println!(\"on\"); let mut s = 1; while s < u64::MAX { s = (s ^ 7).wrapping_mul(9) >> 1; }",
        "done.push(1); println!(\"on\"); let mut s = 1_u64; loop { s = s.rotate_left(3) ^ 5; }",
        "done.push(1); println!(\"on\"); let n = done.iter().map(|_| 1).sum::<u64>(); for i in (n..).step_by(3) { if i < n { break; } }",
    ] {
        kept(&mut bench, source);
    }
}

fn code_that_does_not_look() {
    let mut bench = Bench::start();
    bench.prints(KEEP);
    // Says that it is on by code that looks no more than what follows: an interrupt may come at once.
    bench.prints(
        "use std::io::Write;\n\
         fn on<R>(then: impl FnOnce() -> R) -> R { std::io::stdout().write_all(b\"on\\n\").unwrap(); then() }\n\
         fn forever() { loop { std::hint::spin_loop() } }",
    );
    for source in [
        "done.push(1); on(forever);",
        "done.push(1); on(|| (0..u64::MAX).for_each(|i| { std::hint::black_box(i); }));",
        "done.push(1); on(std::thread::park);",
        "done.push(1); let lock = std::sync::Mutex::new(0); let _one = lock.lock().unwrap(); on(|| drop(lock.lock()));",
    ] {
        let cell = interrupted(&mut bench, source);
        cell.says(&["did not end by itself", "rolled back: every variable is as it was before this cell"]);
        assert_eq!(bench.prints("println!(\"{done:?}\");"), "[]\n", "{source}");
    }
}

fn awaits() {
    let mut bench = Bench::start();
    bench.prints(KEEP);
    bench.prints(
        "struct Guard;\n\
         impl Drop for Guard { fn drop(&mut self) { println!(\"dropped\"); } }\n\
         async fn yields() { loop { std::future::poll_fn(|context| { context.waker().wake_by_ref(); \
         if done() { std::task::Poll::Ready(()) } else { set(); std::task::Poll::Pending } }).await } }\n\
         static DONE: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);\n\
         fn done() -> bool { DONE.swap(false, std::sync::atomic::Ordering::Relaxed) }\n\
         fn set() { DONE.store(true, std::sync::atomic::Ordering::Relaxed) }",
    );
    for source in [
        "done.push(1); println!(\"on\"); std::future::pending::<()>().await; done.push(2);",
        "done.push(1); println!(\"on\"); yields().await; done.push(2);",
        "done.push(1); println!(\"on\"); loop { std::future::ready(()).await; }",
        "let kept = async { done.push(1); println!(\"on\"); std::future::pending::<()>().await; done.push(2); }; kept.await",
    ] {
        kept(&mut bench, source);
    }
    let cell = interrupted(&mut bench, "let _guard = Guard; println!(\"on\"); std::future::pending::<()>().await");
    assert_eq!(cell.stdout, "on\ndropped\n", "{cell:?}");
    bench.prints("std::future::ready(()).await");
}

fn waits() {
    let mut bench = Bench::start();
    bench.prints(KEEP);
    bench.prints("use threadbook::threading::{Event, Lock};");
    for wait in [
        "threadbook::time::sleep(600);",
        "std::thread::sleep(std::time::Duration::from_secs(600));",
        "let lock = Lock::new(); lock.acquire(); lock.acquire();",
        "Event::new().wait();",
        "std::process::Command::new(\"sleep\").arg(\"600\").status()?;",
        "let status = std::process::Command::new(\"sleep\").arg(\"600\").status()?; done.push(2); drop(status);",
        "std::process::Command::new(\"sleep\").arg(\"600\").output()?;",
    ] {
        kept(&mut bench, &format!("done.push(1); println!(\"on\"); {wait}"));
        kept(&mut bench, &format!("done.push(1); println!(\"on\"); {wait}\ndone.push(2);"));
    }
    bench.prints("done.clear(); done.push(1);");
    let interrupter = bench.session.interrupter();
    let cell =
        bench.cell_until("%%bash\necho on\nsleep 600\necho no", "on\n", move |_| assert!(interrupter.interrupt()));
    assert_eq!((cell.outcome, cell.stdout.as_str()), (Outcome::Interrupted, "on\n"));
    assert_eq!(bench.prints("println!(\"{done:?}\");"), "[1]\n");
}

/// What each wait waits for, the wait, and what proves that its object works. The object is made by an earlier cell, so it
/// outlives the interrupt. The proof prints `fine`; its own waits have a limit, so that a broken object fails the test.
const WAITS: &[(&str, &str, &str)] = &[
    (
        "let condition = Condition::new();",
        "let _held = condition.lock(); println!(\"on\"); condition.wait()?;",
        "let (waits, other) = (Event::new(), condition.clone());
         let thread = Thread::new({ let waits = waits.clone(); move || {
             let _held = other.lock();
             waits.set();
             if other.wait_timeout(limit).unwrap() { println!(\"fine\") }
         }});
         thread.start()?;
         waits.wait();
         condition.acquire();
         condition.notify(1)?;
         condition.release()?;
         thread.join()?;",
    ),
    (
        "let barrier = Barrier::new(2);",
        "println!(\"on\"); barrier.wait()?;",
        "let other = barrier.clone();
         let thread = Thread::new(move || (0..2).for_each(|_| drop(other.wait_timeout(limit))));
         thread.start()?;
         if barrier.wait_timeout(limit).is_ok() && barrier.wait_timeout(limit).is_ok() { println!(\"fine\") }
         thread.join()?;",
    ),
    (
        "let queue = Queue::<i32>::new()?;",
        "println!(\"on\"); queue.get()?;",
        "queue.put(7)?; if queue.get_timeout(limit)? == Some(7) && queue.empty()? { println!(\"fine\") }",
    ),
    (
        "let (ours, theirs) = pipe::<String>()?;",
        "println!(\"on\"); ours.recv()?;",
        "theirs.send(\"fine\".into())?; println!(\"{}\", ours.recv()?);",
    ),
    (
        "let (ours, theirs) = pipe::<Vec<u8>>()?;",
        // No line holds this much: a part of it is on its way when the cell is interrupted.
        "println!(\"on\"); ours.send(vec![7; 10_000_000])?;",
        "let thread = Thread::new(move || {
             let (whole, next) = (theirs.recv().unwrap(), theirs.recv().unwrap());
             if whole == [7; 10_000_000] && next == [8] { println!(\"fine\") }
         });
         thread.start()?;
         ours.send(vec![8])?;
         thread.join()?;",
    ),
    (
        "let semaphore = Semaphore::new(0);",
        "println!(\"on\"); semaphore.acquire();",
        "semaphore.release(); if semaphore.acquire_timeout(limit) && !semaphore.try_acquire() { println!(\"fine\") }",
    ),
    (
        "let process = Process::new(|| threadbook::time::sleep(600));
         process.start()?;",
        "println!(\"on\"); process.join()?;",
        // The interrupt is the child's, too.
        "if process.join_timeout(limit)? && process.exitcode() == Some(-2) { println!(\"fine\") }",
    ),
    (
        "let (pool, go) = (ThreadPoolExecutor::new(2), Event::new());
         let waits = go.clone();
         let future = pool.submit(move || waits.wait())?;",
        "println!(\"on\"); future.result()?;",
        "go.set(); future.result_timeout(limit)?; pool.submit(|| println!(\"fine\"))?.result_timeout(limit)?;",
    ),
    (
        "let (pool, go) = (ThreadPoolExecutor::new(2), Event::new());
         let waits = go.clone();
         let futures = [pool.submit(|| ())?, pool.submit(move || waits.wait())?];",
        "println!(\"on\"); for future in as_completed(&futures) { future.result()?; }",
        "go.set(); if as_completed(&futures).count() == 2 { println!(\"fine\") }",
    ),
    (
        "let (thread, go) = { let go = Event::new(); let waits = go.clone(); (Thread::new(move || waits.wait()), go) };
         thread.start()?;",
        "println!(\"on\"); thread.join()?;",
        "go.set(); if thread.join_timeout(limit)? { println!(\"fine\") }",
    ),
];

fn what_was_waited_for() {
    let mut bench = Bench::start();
    bench.prints(KEEP);
    bench.prints("use threadbook::{threading::*, multiprocessing::{Process, Queue, pipe}};");
    bench.prints("use threadbook::concurrent::futures::{ThreadPoolExecutor, as_completed};");
    bench.prints("let limit = 20;");
    for (made, wait, used) in WAITS {
        bench.prints(made);
        kept(&mut bench, &format!("done.push(1); {wait}\ndone.push(2);"));
        assert_eq!(bench.prints(used), "fine\n", "{wait}");
    }
}

/// At its end a pool waits for its tasks. Of an interrupted cell it does not, or the cell would not end.
fn pools_of_the_cell() {
    let mut bench = Bench::start();
    bench.prints(KEEP);
    bench.prints("use threadbook::{threading::Event, concurrent::futures::*};");
    for pool in ["ThreadPoolExecutor::new(1)", "ProcessPoolExecutor::new(1)"] {
        bench.prints("let go = Event::new();");
        for wait in ["pool.submit(task)?.result()?;", "pool.submit(task)?; drop(pool);"] {
            let task = "{ let go = go.clone(); move || { go.wait_timeout(600); } }";
            kept(
                &mut bench,
                &format!(
                    "done.push(1); let pool = {pool}; let task = {task}; println!(\"on\"); {wait}\ndone.push(2);"
                ),
            );
        }
        bench.prints("go.set();");
    }
    bench.prints("let go = Event::new();");
    let waiting = "done.push(1); let pool = ThreadPoolExecutor::new(1); let waits = go.clone();
        let first = pool.submit(move || { waits.wait(); })?;
        pool.submit(|| println!(\"must not run\"))?;
        println!(\"on\"); first.result()?;";
    assert_eq!(interrupted(&mut bench, waiting).stdout, "on\n");
    assert_eq!(bench.prints("go.set();"), "");
    assert!(bench.session.settle(Duration::from_secs(60)).expect("settled").is_empty());
}

fn threads_that_go_on() {
    let mut bench = Bench::start();
    bench.prints(KEEP);
    bench.prints("let goes_on = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));");
    let source = "done.push(1); let flag = goes_on.clone();
        let thread = std::thread::spawn(move || while flag.load(std::sync::atomic::Ordering::Relaxed) {
            std::thread::yield_now()
        });
        println!(\"on\"); thread.join().unwrap(); done.push(2);";
    let cell = interrupted(&mut bench, source);
    cell.says(&["variables keep what it did to them; a thread or process goes on"]);
    let show = "println!(\"{done:?}\"); goes_on.store(false, std::sync::atomic::Ordering::Relaxed);";
    assert_eq!(bench.prints(show), "[1]\n");
    assert!(bench.session.settle(Duration::from_secs(60)).expect("settled").is_empty());
}

fn input() {
    let mut bench = Bench::start();
    bench.session.set_input(threadbook::engine::Input::Asked);
    bench.prints(KEEP);
    kept(
        &mut bench,
        "done.push(1); println!(\"on\"); std::io::stdin().read_line(&mut String::new())?; done.push(2);",
    );
    kept(&mut bench, "done.push(1); println!(\"on\"); threadbook::input(\"? \")?; done.push(2);");
}

/// A build script says that it is on by a file in a directory of the test's, and never ends.
fn builds() {
    let directory = tempfile::tempdir().expect("a directory");
    let package = directory.path().join("endless");
    std::fs::create_dir_all(package.join("src")).expect("a directory");
    std::fs::write(
        package.join("Cargo.toml"),
        "[package]\nname = \"endless\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
    )
    .expect("written");
    std::fs::write(package.join("src/lib.rs"), "").expect("written");
    let on = directory.path().join("on");
    let script =
        format!("fn main() {{ std::fs::write({on:?}, \"on\").unwrap(); loop {{ std::thread::park(); }} }}");
    std::fs::write(package.join("build.rs"), script).expect("written");
    // What a build leaves unfinished is kept for the next one.
    let mut bench = with_variable("THREADBOOK_CACHE", &directory.path().join("cache"), Bench::start);
    bench.prints(KEEP);
    interrupted_when_on(&mut bench, &on, &format!(":dep endless = {{ path = {package:?} }}"));
    bench.prints("done.push(1);");
}

/// A compiler that says that it is on, through a pipe, and then waits for ever.
fn compilers() {
    let directory = tempfile::tempdir().expect("a directory");
    let on = directory.path().join("on");
    let toolchain = Toolchain::new();
    let mut bench = with_variable("RUSTC", &toolchain.rustc(), Bench::start);
    bench.prints(KEEP);
    toolchain.write(&format!("echo on > {}; exec sleep 600", on.display()));
    let cell = interrupted_when_on(&mut bench, &on, "done.push(1); let compiled = \"never\";");
    cell.says(&["stopped before it ran; nothing of it has happened"]);
    toolchain.write("");
    assert_eq!(bench.prints("println!(\"{done:?}\");"), "[]\n");
}

/// Runs a cell, and interrupts it once something writes to this pipe.
fn interrupted_when_on(bench: &mut Bench, on: &Path, source: &str) -> Cell {
    pipe(on);
    let interrupter = bench.session.interrupter();
    let cell = std::thread::scope(|scope| {
        // Opening a pipe waits until somebody writes.
        let heard = scope.spawn(|| {
            let said = std::fs::read_to_string(on).expect("read");
            (said, interrupter.interrupt())
        });
        let cell = bench.cell(source);
        if !heard.is_finished() {
            // The cell has ended by itself: nobody is to wait for ever.
            drop(std::fs::OpenOptions::new().write(true).open(on));
        }
        let (said, stopped) = heard.join().expect("no panic");
        assert_eq!((said.trim(), stopped), ("on", true), "{cell:?}");
        cell
    });
    assert_eq!(cell.outcome, Outcome::Interrupted, "{cell:?}");
    cell
}

fn own_handler() {
    let mut bench = Bench::start();
    bench.prints(KEEP);
    bench.prints("unsafe extern \"C\" { fn signal(number: i32, handler: usize) -> usize; }");
    let source = "unsafe { signal(2, 1) }; done.push(1); println!(\"on\"); loop { std::hint::spin_loop(); }";
    interrupted(&mut bench, source).says(&["did not end by itself", "rolled back"]);
    assert_eq!(bench.prints("println!(\"{done:?}\");"), "[]\n");
    kept(&mut bench, "done.push(1); println!(\"on\"); loop { std::hint::spin_loop(); }");
}

/// While the thread that runs the cell has the signal blocked, the system gives it to another thread.
fn other_thread() {
    let mut bench = Bench::start();
    bench.prints(KEEP);
    bench.prints(
        "unsafe extern \"C\" {
            fn pthread_sigmask(how: i32, set: *const [u64; 16], before: *mut [u64; 16]) -> i32;
            fn sigpending(set: *mut [u64; 16]) -> i32;
        }
        fn until_it_is_pending() {
            let (mut pending, sigint) = ([0; 16], [2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            unsafe { pthread_sigmask(0, &sigint, std::ptr::null_mut()) };
            println!(\"on\");
            while pending[0] & 2 == 0 { unsafe { sigpending(&mut pending) }; }
            unsafe { pthread_sigmask(1, &sigint, std::ptr::null_mut()) };
        }",
    );
    kept(
        &mut bench,
        "done.push(1); std::thread::spawn(|| loop { std::thread::park() }); until_it_is_pending();\ndone.push(2);",
    );
}

fn limit_of_time() {
    let limits = Limits { time: Some(Duration::from_secs(1)), ..Limits::default() };
    let mut bench = Bench::with(limits);
    bench.prints(KEEP);
    bench.prints("fn forever() { loop { std::hint::spin_loop() } }");
    let cell = bench.cell("done.push(1); loop { std::hint::spin_loop(); }");
    assert_eq!(cell.outcome, Outcome::TimedOut);
    cell.says(&["TimedOut: the cell ran longer than 1 s; variables keep what it did to them"]);
    let cell = bench.cell("done.push(2); forever();");
    assert_eq!(cell.outcome, Outcome::TimedOut);
    cell.says(&["ran longer than 1 s and did not end by itself; rolled back"]);
    assert_eq!(bench.prints("println!(\"{done:?}\");"), "[1]\n");
}

fn between_cells() {
    let mut bench = Bench::start();
    bench.prints(KEEP);
    assert!(!bench.session.interrupter().interrupt());
    bench.prints("done.push(1);");
    // Nor does a signal from elsewhere that comes when nothing runs.
    kill(bench.worker_that_is_copied(), libc::SIGINT);
    assert_eq!(bench.prints("println!(\"{done:?}\");"), "[1]\n");
}
