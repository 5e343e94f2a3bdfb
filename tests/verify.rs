//! `threadbook verify` on small notebooks: the recorded outputs as they should be, and tampered with.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

const LINES: &str = "for i in 0..3 { println!(\"line {i}\"); }";

const WORKERS: &str = r#"
use threadbook::threading::Thread;
let worker = |w: u32| Thread::new(move || for i in 0..3 { println!("worker {w} step {i}"); });
let workers = [worker(0), worker(1)];
for worker in &workers {
    worker.start().unwrap();
}
println!("started");
for worker in &workers {
    worker.join().unwrap();
}
println!("done");
"#;

/// A notebook in a directory of its own, with twins where asked for.
struct Book {
    directory: tempfile::TempDir,
    cells: Vec<Value>,
}

impl Book {
    fn new() -> Self {
        Book { directory: tempfile::tempdir().expect("a directory"), cells: Vec::new() }
    }

    fn cell(mut self, source: &str, outputs: Value, metadata: Value) -> Self {
        let id = format!("cell-{:02}", self.cells.len());
        self.cells.push(json!({
            "cell_type": "code", "id": id, "source": source, "outputs": outputs, "metadata": metadata,
            "execution_count": null,
        }));
        self
    }

    /// A cell that recorded this text.
    fn printed(self, source: &str, text: &str) -> Self {
        let stream = json!([{ "output_type": "stream", "name": "stdout", "text": text }]);
        self.cell(source, if text.is_empty() { json!([]) } else { stream }, json!({}))
    }

    /// The twin of the last cell.
    fn twin(self, source: &str) -> Self {
        let twins = self.directory.path().join("twins/book");
        std::fs::create_dir_all(&twins).expect("a directory");
        std::fs::write(twins.join(format!("cell-{:02}.py", self.cells.len() - 1)), source).expect("a file");
        self
    }

    fn verify(&self, args: &[&str]) -> Output {
        let path: PathBuf = self.directory.path().join("book.ipynb");
        let kernelspec = json!({ "name": "threadbook", "display_name": "Rust", "language": "rust" });
        let notebook = json!({
            "nbformat": 4, "nbformat_minor": 5, "metadata": { "kernelspec": kernelspec }, "cells": self.cells,
        });
        std::fs::write(&path, notebook.to_string()).expect("a file");
        verify(&path, args)
    }

    /// `statuses`: of the cells, in order. The exit code has to agree with them.
    #[track_caller]
    fn check(&self, args: &[&str], statuses: &[&str]) -> Value {
        let output = self.verify(&[args, &["--json"]].concat());
        let report: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        for run in report["runs"].as_array().expect("runs") {
            let cells = run["cells"].as_array().expect("cells");
            let got: Vec<_> = cells.iter().filter_map(|cell| cell["status"].as_str()).collect();
            assert_eq!(got, statuses, "{report:#}");
        }
        assert_eq!(output.status.code() == Some(0), report["ok"] == true, "{output:?}");
        assert_eq!(report["ok"] == true, !report.to_string().contains(r#""status":"differs""#), "{report:#}");
        report
    }
}

fn verify(path: &Path, args: &[&str]) -> Output {
    let command = Command::new(env!("CARGO_BIN_EXE_threadbook")).arg("verify").arg(path).args(args).output();
    command.expect("the executable")
}

#[test]
fn one_lane() {
    Book::new()
        .printed(LINES, "line 0\nline 1\nline 2\n")
        .printed("let x = 1;", "")
        .check(&[], &["matched", "matched"]);
    let wrong = Book::new().printed(LINES, "line 0\nline 1\nline 3\n").check(&[], &["differs"]);
    let cell = &wrong["runs"][0]["cells"][0];
    assert_eq!((&cell["tries"], &cell["difference"]["line"]), (&json!(1), &json!(3)));
    assert_eq!(cell["difference"]["lanes"][0]["offers"], "line 2");
    Book::new().printed(LINES, "line 0\nline 2\nline 1\n").check(&[], &["differs"]);
    Book::new().printed(LINES, "line 0\nline 1\n").check(&[], &["differs"]);
    Book::new().printed(LINES, "").check(&[], &["differs"]);
}

#[test]
fn an_interleaving_that_another_run_had() {
    let torn = "worker 1 step 0\nstarted\nworker 0 step 0worker 1 step 1\n\nworker 1 step 2\n\
                worker 0 step 1\nworker 0 step 2\ndone\n";
    Book::new().printed(WORKERS, torn).check(&["--runs", "2"], &["matched"]);
}

#[test]
fn what_no_run_can_have_put_out() {
    let lines = ["started", "worker 0 step 0", "worker 1 step 0", "worker 0 step 1", "worker 1 step 1"];
    let ends = [
        // As it should be.
        (["worker 0 step 2", "worker 1 step 2", "done"], "matched"),
        // After its join.
        (["worker 0 step 2", "done", "worker 1 step 2"], "differs"),
        // A wrong number.
        (["worker 0 step 2", "worker 1 step 3", "done"], "differs"),
        // Of another lane.
        (["worker 0 step 2", "worker 0 step 2", "done"], "differs"),
    ];
    for (end, status) in ends {
        let text: String = lines.iter().chain(&end).map(|line| format!("{line}\n")).collect();
        Book::new().printed(WORKERS, &text).check(&["--tries", "3"], &[status]);
    }
}

#[test]
fn late_output_belongs_to_its_cell() {
    let late = "std::thread::spawn(|| { for i in 0..3 { println!(\"late {i}\"); } });";
    let book = Book::new().printed(late, "late 0\nlate 1\nlate 2\n").printed("println!(\"next\");", "next\n");
    book.check(&[], &["matched", "matched"]);
}

#[test]
fn an_outcome_of_the_scheduler_is_repeated_until_it_appears() {
    // Which of two threads comes first; both happen sooner or later.
    let race = r#"
        let first = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let racers: Vec<_> = (0..2).map(|n| { let first = first.clone(); std::thread::spawn(move || {
            let turns = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos() % 97;
            for _ in 0..turns { std::thread::yield_now(); }
            first.lock().unwrap().push(n);
        }) }).collect();
        for racer in racers { racer.join().unwrap(); }
        println!("first: {}", first.lock().unwrap()[0]);
    "#;
    for winner in ["first: 0\n", "first: 1\n"] {
        Book::new().printed(race, winner).check(&[], &["matched"]);
    }
    Book::new().printed(race, "first: 2\n").check(&["--tries", "4"], &["differs"]);
}

/// Changes a variable, and prints what is recorded in its third try only: tries are counted in a file, which no restored
/// state takes back.
const THIRD_TRY: &str = r#"
n += 1;
let tries = std::fs::read_to_string("tries").unwrap_or_default() + "x";
std::fs::write("tries", &tries).unwrap();
let third = tries.len() == 3;
std::thread::spawn(move || println!("{third} {n}")).join().unwrap();
"#;

#[test]
fn each_try_begins_with_the_state_from_before_the_cell() {
    let book = Book::new()
        .printed("let mut n = 36;", "")
        .printed(THIRD_TRY, "true 37\n")
        .printed("n += 1; println!(\"{n}\");", "38\n");
    let report = book.check(&[], &["matched", "matched", "matched"]);
    let cell = &report["runs"][0]["cells"][1];
    assert_eq!((&cell["tries"], &cell["no_checkpoint"]), (&json!(3), &json!(null)), "{cell:#}");
}

#[test]
fn where_no_state_can_be_kept_the_report_says_so() {
    let book = || Book::new().printed("let mut n = 36; let pipe = std::io::pipe().unwrap();", "");
    // Each try begins with what the one before has left.
    let report = book().printed(THIRD_TRY, "true 39\n").check(&[], &["matched", "matched"]);
    assert_eq!(report["runs"][0]["cells"][1]["no_checkpoint"], "a pipe or a socket was open");
    let output = book().printed(THIRD_TRY, "true 37\n").verify(&["--tries", "2"]);
    let text = String::from_utf8_lossy(&output.stdout);
    let said = "no state to go back to could be kept, since a pipe or a socket was open: each try began with what the \
                one before had left";
    assert!(text.contains(said), "{text}");
}

/// 400 prints of one thread. Of each two, one is delayed by 0.1 ms on average where the schedule is perturbed; no delay of
/// the schedule is ever shorter than decided.
const PRINTS: &str = r#"
let took = std::thread::spawn(|| {
    let begun = std::time::Instant::now();
    (0..400).for_each(|_| println!("x"));
    begun.elapsed()
}).join().unwrap();
println!("delayed: {}", took.as_millis() >= 15);
"#;

#[test]
fn a_seed_disturbs_every_try_and_the_report_says_which() {
    let lines = "x\n".repeat(400);
    let book = Book::new().printed(PRINTS, &format!("{lines}delayed: true\n"));
    let report = book.check(&["--seed", "7", "--runs", "2", "--tries", "1"], &["matched"]);
    for run in report["runs"].as_array().expect("runs") {
        assert_eq!((&run["cells"][0]["tries"], &run["cells"][0]["seed"]), (&json!(1), &json!(7)));
    }
    // Without a seed the first try is free and the second has delays.
    let report = book.check(&["--tries", "2"], &["matched"]);
    let cell = &report["runs"][0]["cells"][0];
    assert_eq!(cell["seed"].is_u64(), cell["tries"] == 2, "{cell:#}");
    let differs = Book::new().printed(WORKERS, "x\n").verify(&["--seed", "7", "--tries", "3"]);
    let text = String::from_utf8_lossy(&differs.stdout).into_owned();
    assert!(text.contains("differs, in all of 3 tries, the last with --seed 9"), "{text}");
}

#[test]
fn results_failures_and_tags() {
    let two = json!([{ "output_type": "execute_result", "data": { "text/plain": "2" }, "metadata": {} }]);
    let book = Book::new()
        .cell("1 + 1", two, json!({}))
        .cell("panic!(\"no\")", json!([]), json!({ "tags": ["skip-execution"] }))
        .cell("println!(\"seen by nobody\");", json!([]), json!({ "threadbook": { "recorded": false } }));
    book.check(&[], &["matched", "skipped", "not recorded"]);
    Book::new().printed("panic!(\"no\")", "").check(&[], &["differs"]);
    Book::new().printed("let x: u8 = \"not a number\";", "").check(&[], &["differs"]);
}

#[test]
fn a_live_python() {
    let book = Book::new().printed(LINES, "line 0\nline 1\nline 2\n");
    let same = book.twin("for i in range(3):\n    print('line', i)\n");
    assert_eq!(
        same.check(&["--twin", "python3"], &["matched"])["runs"][0]["cells"][0]["twin"]["status"],
        "matched"
    );
    let other = same.twin("for i in range(3):\n    print('line', i + 1)\n");
    let report = other.check(&["--twin", "python3"], &["matched"]);
    assert_eq!(report["runs"][0]["cells"][0]["twin"]["difference"]["line"], 1);
}

#[test]
fn for_people() {
    let output = Book::new().printed(LINES, "line 0\nline 1\nline 3\n").verify(&[]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text.contains("stdout, line 3, column 1: recorded \"line 3\", which no lane supplies there"), "{text}");
    assert!(text.contains("offers \"line 2\""), "{text}");
    assert!(!text.contains('\u{1b}'), "no colours into a pipe: {text:?}");
}

#[test]
fn what_is_no_notebook() {
    let output = verify(Path::new("no/such.ipynb"), &[]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}
