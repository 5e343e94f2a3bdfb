//! Cells that leave something behind of which no copy can be made. What is lost after a crash is said, and why.

use crate::Test;
use crate::bench::{Bench, KEEP};
use crate::left;

pub(crate) const TESTS: &[Test] = &[
    ("thread_that_outlives_its_cell", thread_that_outlives_its_cell),
    ("thread_that_outlives_its_cell_crashes", thread_that_outlives_its_cell_crashes),
    ("thread_that_has_ended", thread_that_has_ended),
    ("open_pipe", open_pipe),
    ("open_socket", open_socket),
    ("locked_file", locked_file),
    ("first_cell", first_cell),
];

/// `hold` leaves something in variables; then a cell changes `kept`, and the next one crashes.
fn crash_while(hold: &str, why: &str) {
    let mut bench = Bench::start();
    bench.prints(KEEP);
    bench.prints(hold);
    bench.prints("kept.push(4);");
    let cell = bench.cell("println!(\"before\"); std::process::abort();");
    cell.lost(&["every variable is as it was after In[1]", "no later copy was held, since", why]);
    assert_eq!(cell.stdout, "before\n");
    bench.has_kept();
}

fn thread_that_outlives_its_cell() {
    let hold = "let (tx, rx) = std::sync::mpsc::channel::<()>(); std::thread::spawn(move || rx.recv());";
    crash_while(hold, "a thread was running");
}

fn thread_that_outlives_its_cell_crashes() {
    let mut bench = Bench::start();
    bench.prints(KEEP);
    bench.prints(
        "let (tx, rx) = std::sync::mpsc::channel::<()>(); std::thread::spawn(move || { let _ = rx.recv(); println!(\"last words\"); std::process::abort(); });",
    );
    let cell = bench.cell("println!(\"before\"); tx.send(())?; loop { std::hint::spin_loop(); }");
    cell.lost(&[
        "the worker ended while it ran this cell: signal 6 (SIGABRT",
        "after In[1]",
        "a thread was running",
    ]);
    assert_eq!(cell.stdout, "before\n");
    assert_eq!(bench.printed(2), "last words\n");
    bench.has_kept();
    // And between cells: the thread goes on when the test closes its connection.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    bench.prints(&format!("let mut stream = std::net::TcpStream::connect(\"{address}\")?;"));
    bench.prints("std::thread::spawn(move || { let _ = std::io::Read::read(&mut stream, &mut [0]); std::process::abort(); });");
    let worker = bench.session.worker_pid();
    drop(listener.accept().expect("the cell has connected"));
    left::wait_for_end(worker);
    let cell = bench.cell("println!(\"{kept:?}\");");
    // Whether the thread was quicker than the copy is not ours to say.
    cell.says(&["the worker ended between cells: signal 6 (SIGABRT", "no later copy was held, since"]);
    assert_eq!(cell.stdout, "[1, 2, 3]\n");
}

/// A thread that was running when its cell ended, but not when the next one began, keeps nothing from being copied.
fn thread_that_has_ended() {
    let mut bench = Bench::start();
    bench.prints(KEEP);
    bench.prints("let (tx, rx) = std::sync::mpsc::channel::<()>(); let thread = std::thread::spawn(move || { let _ = rx.recv(); });");
    bench.prints("drop(tx); let _ = thread.join(); kept.push(4);");
    bench.cell("kept.clear(); std::process::abort();").lost(&["as it was before this cell"]);
    assert_eq!(bench.prints("println!(\"{kept:?}\");"), "[1, 2, 3, 4]\n");
}

fn open_pipe() {
    crash_while("let (reader, writer) = std::io::pipe()?;", "a pipe or a socket was open");
}

fn open_socket() {
    let hold = "let listener = std::net::TcpListener::bind(\"127.0.0.1:0\")?; let stream = std::net::TcpStream::connect(listener.local_addr()?)?;";
    crash_while(hold, "a pipe or a socket was open");
}

fn locked_file() {
    let hold = "let file = std::fs::File::create(\"locked\")?; file.lock()?;";
    crash_while(hold, "a locked file was open");
    std::fs::remove_file(std::env::temp_dir().join("locked")).expect("it is there");
}

/// There is nothing to lose yet, and nothing is said of it.
fn first_cell() {
    let mut bench = Bench::start();
    let cell = bench.cell("println!(\"before\"); std::process::abort();");
    cell.lost(&["signal 6 (SIGABRT"]);
    assert_eq!(cell.stdout, "before\n");
    bench.prints(KEEP);
    bench.has_kept();
}
