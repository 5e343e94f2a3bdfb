//! Tests of `threadbook run` from end to end: the real binary on notebooks that each test makes.

mod cache;
mod crates;
#[cfg(feature = "kernel")]
mod install;
mod interrupt;
mod limits;
mod log;
mod oracle;

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

const THREADBOOK: &str = env!("CARGO_BIN_EXE_threadbook");

/// A directory with a notebook `nb.ipynb`.
struct Bench {
    dir: TempDir,
}

impl Bench {
    fn with_text(text: &str) -> Bench {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("nb.ipynb"), text).expect("is written");
        Bench { dir }
    }

    /// Makes a notebook of code cells, each with its source and its tags.
    fn with_cells(cells: &[(&str, &[&str])]) -> Bench {
        let cells: Vec<Value> = cells.iter().map(|(source, tags)| code(source, tags)).collect();
        Bench::with_text(&notebook(cells))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(THREADBOOK);
        command.current_dir(self.dir.path()).args(args).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(&[&["run", "nb.ipynb"], args].concat()).output().expect("the binary starts")
    }

    fn executed(&self) -> Value {
        read(&self.path("nb.executed.ipynb"))
    }

    /// The names of the files in the directory, in order.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).expect("is read");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("is text")).collect();
        names.sort();
        names
    }
}

fn code(source: &str, tags: &[&str]) -> Value {
    json!({"cell_type": "code", "execution_count": 99, "metadata": {"tags": tags}, "source": source,
        "outputs": [{"name": "stdout", "output_type": "stream", "text": ["old"]}]})
}

fn notebook(cells: Vec<Value>) -> String {
    let kernelspec = json!({"display_name": "Rust", "language": "rust", "name": "threadbook"});
    json!({"cells": cells, "metadata": {"kernelspec": kernelspec}, "nbformat": 4, "nbformat_minor": 4}).to_string()
}

/// Reads an executed notebook and checks that it obeys [nbformat
/// 4.5](https://nbformat.readthedocs.io/en/latest/format_description.html), with checks of this project and with
/// those of another crate.
fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).expect("the executed notebook is there");
    let value: Value = serde_json::from_str(&text).expect("is JSON");
    check_valid(&value);
    oracle::check(&text);
    value
}

fn check_valid(notebook: &Value) {
    assert_eq!((&notebook["nbformat"], &notebook["nbformat_minor"]), (&json!(4), &json!(5)));
    assert!(notebook["metadata"]["language_info"]["name"].is_string());
    let mut ids = HashSet::new();
    for cell in notebook["cells"].as_array().expect("cells") {
        let id = cell["id"].as_str().expect("an id");
        assert!((1..=64).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)));
        assert!(ids.insert(id.to_owned()), "{id} twice");
        assert!(cell["metadata"].is_object() && (cell["source"].is_string() || cell["source"].is_array()));
        if cell["cell_type"] == "code" {
            assert!(cell["execution_count"].is_null() || cell["execution_count"].is_u64());
            cell["outputs"].as_array().expect("outputs").iter().for_each(check_output);
        }
    }
}

fn check_output(output: &Value) {
    let keys: Vec<&str> = output.as_object().expect("an object").keys().map(String::as_str).collect();
    let expected: &[&str] = match output["output_type"].as_str().expect("a type") {
        "stream" => &["name", "output_type", "text"],
        "execute_result" => &["data", "execution_count", "metadata", "output_type"],
        "display_data" => &["data", "metadata", "output_type"],
        "error" => &["ename", "evalue", "output_type", "traceback"],
        other => panic!("nbformat has no output_type {other}"),
    };
    assert_eq!(keys, expected);
}

/// All stream text of a cell.
fn text(notebook: &Value, cell: usize) -> String {
    let outputs = notebook["cells"][cell]["outputs"].as_array().expect("outputs");
    let lines = outputs.iter().filter_map(|output| output["text"].as_array()).flatten();
    lines.map(|line| line.as_str().expect("a line")).collect()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn assert_code(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "stdout: {}\nstderr: {}", out(output), err(output));
}

#[test]
fn a_notebook_is_run_shown_and_saved() {
    let bench = Bench::with_cells(&[
        ("let x = 40;\nprintln!(\"x is {x}\");", &[]),
        ("eprintln!(\"careful\"); x + 2", &[]),
        (
            "std::thread::Builder::new().name(\"helper\".into())\n    .spawn(|| println!(\"hi\")).unwrap().join().unwrap();",
            &[],
        ),
    ]);
    let output = bench.run(&[]);
    assert_code(&output, 0);
    let shown = out(&output);
    for part in [
        "[1/3] In[1]  let x = 40;\n",
        "MainThread │ x is 40\n",
        "MainThread ! careful\n",
        "Out[2]: 42\n",
        "helper     │ hi\n",
    ] {
        assert!(shown.contains(part), "{part:?} in {shown}");
    }
    assert!(!shown.contains('\x1b'), "no colour in a pipe: {shown:?}");
    let executed = bench.executed();
    assert_eq!(text(&executed, 0), "x is 40\n");
    assert_eq!(executed["cells"][1]["outputs"][1]["data"]["text/plain"], json!(["42"]));
    assert_eq!(executed["cells"][1]["execution_count"], 2);
    let record = &executed["cells"][2]["metadata"]["threadbook"];
    assert_eq!(record["lanes"][0]["name"], "helper");
    assert_eq!(record["pieces"], json!([[record["lanes"][0]["id"], "stdout", 3]]));
    let stamps = executed["cells"][0]["metadata"]["execution"].as_object().expect("stamps");
    assert_eq!(stamps.len(), 5);
    for stamp in stamps.values() {
        humantime::parse_rfc3339(stamp.as_str().expect("a string")).expect("a time");
    }
    assert_eq!(bench.names(), ["nb.executed.ipynb", "nb.ipynb"]);
}

#[test]
fn the_first_error_stops_the_run_and_what_ran_is_saved() {
    for (bad, ename, message) in [
        ("panic!(\"boom\");", "Panic", "error: In[2] panicked; 1 cell after it not run; "),
        ("let n: i32 = \"text\";", "CompileError", "error: In[2] was rejected; 1 cell after it not run; "),
    ] {
        let bench = Bench::with_cells(&[("println!(\"a\");", &[]), (bad, &[]), ("println!(\"b\");", &[])]);
        let output = bench.run(&[]);
        assert_code(&output, 1);
        let problem = err(&output);
        assert_eq!(problem.matches("error: In[").count(), 1, "said once: {problem}");
        assert!(problem.lines().last().expect("a message").starts_with(message), "{problem}");
        let executed = bench.executed();
        assert_eq!((text(&executed, 0), text(&executed, 2)), ("a\n".into(), String::new()));
        assert_eq!(executed["cells"][1]["outputs"][0]["ename"], ename);
        assert!(executed["cells"][2]["execution_count"].is_null());
    }
}

#[test]
fn errors_that_are_allowed_stop_nothing() {
    for (tags, args) in [(&["raises-exception"][..], &[][..]), (&[], &["--allow-errors"])] {
        let bench = Bench::with_cells(&[("panic!(\"boom\");", tags), ("println!(\"b\");", &[])]);
        let output = bench.run(args);
        assert_code(&output, 0);
        assert!(out(&output).contains("✗ panicked after "), "{}", out(&output));
        assert_eq!(text(&bench.executed(), 1), "b\n");
    }
}

/// A cell that was compiled ahead of a failed one is not used. Its compilation must not get in the way of the one
/// that takes its place.
#[test]
fn a_cell_after_a_failed_one_is_compiled_anew() {
    let sources: Vec<String> =
        (0..8).flat_map(|n| [format!("panic!(\"{n}\");"), format!("println!(\"{n}\");")]).collect();
    let cells: Vec<(&str, &[&str])> = sources.iter().map(|source| (source.as_str(), &[][..])).collect();
    let bench = Bench::with_cells(&cells);
    let mut command = bench.command(&["run", "nb.ipynb", "--allow-errors", "--quiet"]);
    let output = command.env("THREADBOOK_CACHE", bench.path("cache")).output().expect("the binary starts");
    assert_code(&output, 0);
    assert_eq!(text(&bench.executed(), 15), "7\n");
}

#[test]
fn a_cell_tagged_skip_execution_is_left_as_it_is() {
    let bench = Bench::with_cells(&[("println!(\"a\");", &[]), ("no rust", &["skip-execution"]), ("1", &[])]);
    assert_code(&bench.run(&[]), 0);
    let executed = bench.executed();
    assert_eq!((text(&executed, 1), &executed["cells"][1]["execution_count"]), ("old".into(), &json!(99)));
    assert_eq!(executed["cells"][2]["execution_count"], 2);
}

#[test]
fn late_output_goes_to_its_own_cell() {
    let late = "let (go, gate) = std::sync::mpsc::channel::<()>();\n\
                std::thread::spawn(move || {\n    gate.recv().unwrap();\n    println!(\"late\");\n});";
    let bench = Bench::with_cells(&[(late, &[]), ("println!(\"b\");\ngo.send(())?;", &[])]);
    assert_code(&bench.run(&[]), 0);
    let executed = bench.executed();
    assert_eq!((text(&executed, 0), text(&executed, 1)), ("late\n".into(), "b\n".into()));
}

#[test]
fn a_thread_that_never_ends_is_named() {
    let endless =
        "std::thread::Builder::new().name(\"endless\".into()).spawn(|| loop { std::thread::park() }).unwrap();";
    let bench = Bench::with_cells(&[(endless, &[])]);
    let output = bench.run(&["--patience", "0.2"]);
    assert_code(&output, 0);
    assert!(
        err(&output).starts_with("warning: still running after 200 ms: endless of In[1]; "),
        "{}",
        err(&output)
    );
}

#[test]
fn a_process_killed_at_once_is_not_waited_for() {
    let bench = Bench::with_cells(&[(
        "use threadbook::multiprocessing::Process;
         for _ in 0..20 {
             let child = Process::new(|| threadbook::time::sleep(60));
             child.start()?;
             child.kill()?;
             child.join()?;
         }",
        &[],
    )]);
    let output = bench.run(&["--patience", "2"]);
    assert_code(&output, 0);
    assert!(!err(&output).contains("still running"), "{}", err(&output));
}

#[test]
fn a_panic_in_a_forked_child_is_printed_once() {
    let bench = Bench::with_cells(&[(
        r#"let child = threadbook::multiprocessing::Process::new(|| panic!("in the process"));
           child.start()?;
           child.join()?;
           if threadbook::os::fork()? == 0 {
               panic!("in the fork");
           }"#,
        &[],
    )]);
    let output = bench.run(&[]);
    assert_code(&output, 0);
    let text = out(&output);
    for message in ["in the process\n", "in the fork\n"] {
        assert_eq!(text.matches(message).count(), 1, "{text}");
    }
}

#[test]
fn the_worker_of_a_pool_is_shown_by_its_full_name() {
    let bench = Bench::with_cells(&[(
        r#"let pool = threadbook::concurrent::futures::ThreadPoolExecutor::new(1);
           pool.submit(|| println!("hello"))?.result()?;
           pool.shutdown(true);"#,
        &[],
    )]);
    let output = bench.run(&[]);
    assert_code(&output, 0);
    assert!(out(&output).contains("ThreadPoolExecutor-0_0"), "{}", out(&output));
}

#[test]
fn a_cell_starts_in_the_directory_of_its_notebook() {
    let bench = Bench::with_cells(&[("println!(\"{}\", std::path::Path::new(\"nb.ipynb\").exists());", &[])]);
    let path = bench.path("nb.ipynb");
    let output = Command::new(THREADBOOK).arg("run").arg(path).output().expect("the binary starts");
    assert_code(&output, 0);
    assert_eq!(text(&bench.executed(), 0), "true\n");
}

#[test]
fn a_million_lines_are_all_there() {
    let bench = Bench::with_cells(&[("for n in 0..1_000_000 { println!(\"{n}\"); }", &[])]);
    let output = bench.run(&[]);
    assert_code(&output, 0);
    let executed = bench.executed();
    let lines = executed["cells"][0]["outputs"][0]["text"].as_array().expect("lines");
    assert_eq!((lines.len(), &lines[999_999]), (1_000_000, &json!("999999\n")));
    assert_eq!(out(&output).matches("MainThread │ ").count(), 1_000_000);
}

#[test]
fn a_closed_pipe_ends_the_run_quietly() {
    let bench = Bench::with_cells(&[
        ("for n in 0..200_000 { println!(\"{n}\"); }", &[]),
        ("std::fs::write(\"second\", \"\").unwrap();", &[]),
    ]);
    let mut command = bench.command(&["run", "nb.ipynb"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let mut first = String::new();
    BufReader::new(child.stdout.take().expect("is piped")).read_line(&mut first).expect("a line");
    let output = child.wait_with_output().expect("ends");
    assert!(first.starts_with("[1/2] In[1]"), "{first}");
    assert_code(&output, 0);
    assert_eq!(err(&output), "");
    assert!(!bench.path("second").exists());
}

#[test]
fn a_kill_loses_nothing_that_was_saved() {
    let bench = Bench::with_cells(&[("println!(\"a\");", &[]), ("std::thread::park();", &[])]);
    let mut command = bench.command(&["run", "nb.ipynb"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary starts");
    let mut lines = BufReader::new(child.stdout.take().expect("is piped")).lines();
    assert!(lines.any(|line| line.expect("is text").contains("In[2]")), "the second cell begins");
    child.kill().expect("is killed");
    child.wait().expect("ends");
    assert_eq!(text(&bench.executed(), 0), "a\n");
    assert_eq!(bench.names(), ["nb.executed.ipynb", "nb.ipynb"]);
}

#[test]
fn the_notebook_can_go_to_standard_output() {
    let bench = Bench::with_cells(&[("println!(\"a\");", &[]), ("panic!(\"boom\");", &[])]);
    let output = bench.run(&["-o", "-"]);
    assert_code(&output, 1);
    let notebook: Value = serde_json::from_slice(&output.stdout).expect("nothing but the notebook");
    check_valid(&notebook);
    assert_eq!(text(&notebook, 0), "a\n");
    assert!(err(&output).contains("MainThread │ a\n"), "{}", err(&output));
    assert_eq!(bench.names(), ["nb.ipynb"]);
}

#[test]
fn a_notebook_without_code_is_only_upgraded() {
    let bench =
        Bench::with_text(&notebook(vec![json!({"cell_type": "markdown", "metadata": {}, "source": "# A"})]));
    let output = bench.run(&["--output", "-", "--quiet"]);
    assert_code(&output, 0);
    assert_eq!(err(&output), "");
    check_valid(&serde_json::from_slice(&output.stdout).expect("is JSON"));
    let output = bench.run(&[]);
    assert_code(&output, 0);
    assert!(out(&output).starts_with("0 cells in "), "{}", out(&output));
    assert_eq!(bench.executed()["cells"][0]["source"], "# A");
}

#[test]
fn a_pipe_takes_the_notebook_once() {
    let bench = Bench::with_text(&notebook(vec![code("\"a\"", &["skip-execution"])]));
    let output = bench.run(&["-q", "-o", "/dev/stdout"]);
    assert_code(&output, 0);
    check_valid(&serde_json::from_slice(&output.stdout).expect("is JSON"));
}

#[test]
fn bad_input_is_one_clear_line() {
    for (text, part) in [
        ("", "nb.ipynb is not JSON: EOF while parsing a value at line 1 column 0; "),
        ("[1]", "nb.ipynb is JSON but not a notebook: it is not an object; "),
        (r#"{"nbformat": 3, "worksheets": []}"#, "nb.ipynb is in nbformat 3, which is too old; "),
        (r#"{"nbformat": 5}"#, "nb.ipynb is in nbformat 5, which is too new; "),
        (
            r#"{"nbformat": 4, "cells": [], "metadata": {"kernelspec": {"language": "python"}}}"#,
            "nb.ipynb is a notebook in python, not in Rust; ",
        ),
    ] {
        let bench = Bench::with_text(text);
        let output = bench.run(&[]);
        assert_code(&output, 3);
        assert_eq!(err(&output).lines().count(), 1, "{}", err(&output));
        assert!(err(&output).starts_with(&format!("error: {part}")), "{}", err(&output));
        assert_eq!((out(&output), bench.names()), (String::new(), vec!["nb.ipynb".into()]));
    }
    let bench = Bench::with_text("");
    let output = bench.command(&["run", "none.ipynb"]).output().expect("the binary starts");
    assert_code(&output, 3);
    assert!(err(&output).starts_with("error: cannot read none.ipynb: "), "{}", err(&output));
}

#[test]
fn an_output_that_cannot_be_written_is_found_before_anything_runs() {
    let bench = Bench::with_cells(&[("std::fs::write(\"ran\", \"\").unwrap();", &[])]);
    fs::create_dir(bench.path("closed")).expect("is made");
    fs::set_permissions(bench.path("closed"), fs::Permissions::from_mode(0o555)).expect("is set");
    let mut cases = vec![
        ("none/out.ipynb", "make its directory first"),
        ("closed", "name a file, not a directory"),
        ("nb.ipynb/out.ipynb", "choose another place with --output"),
    ];
    // Root may write even to this directory.
    if fs::write(bench.path("closed/probe"), "").is_err() {
        cases.push(("closed/out.ipynb", "choose another place with --output"));
    }
    for (path, what_to_do) in cases {
        let output = bench.run(&["-o", path]);
        assert_code(&output, 4);
        assert!(err(&output).starts_with(&format!("error: cannot write {path}: ")), "{}", err(&output));
        assert!(err(&output).ends_with(&format!("; {what_to_do}\n")), "{}", err(&output));
        assert!(!bench.path("ran").exists());
    }
}

/// A limit on the size of files takes the part of a full disk: the write fails half-way, as it does there.
#[test]
fn a_full_disk_leaves_the_old_file_whole() {
    let long = "word ".repeat(200_000);
    let bench = Bench::with_text(&notebook(vec![json!({"cell_type": "markdown", "metadata": {}, "source": long})]));
    fs::write(bench.path("out.ipynb"), "old").expect("is written");
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$0\" run nb.ipynb -o out.ipynb";
    let mut shell = Command::new("sh");
    let output =
        shell.args(["-c", script, THREADBOOK]).current_dir(bench.dir.path()).output().expect("the shell starts");
    assert_code(&output, 4);
    assert!(
        err(&output).starts_with("error: cannot write out.ipynb: file too large; make room"),
        "{}",
        err(&output)
    );
    assert_eq!(fs::read_to_string(bench.path("out.ipynb")).expect("is read"), "old");
    assert_eq!(bench.names(), ["nb.ipynb", "out.ipynb"]);
}

#[test]
fn arguments_that_make_no_sense_have_code_2() {
    let bench = Bench::with_text("");
    for args in [&[][..], &["run"], &["run", "nb.ipynb", "--patience", "soon"], &["fly"]] {
        let output = bench.command(args).output().expect("the binary starts");
        assert_code(&output, 2);
    }
    for (args, part) in [
        (&["--version"][..], env!("CARGO_PKG_VERSION")),
        (&["--help"], "Exit codes:"),
        (&["run", "--help"], "Examples:"),
        (&["verify", "--help"], "Examples:"),
    ] {
        let output = bench.command(args).output().expect("the binary starts");
        assert_code(&output, 0);
        assert!(out(&output).contains(part), "{}", out(&output));
    }
}

/// The reader never reads, so the program writes to a closed standard output.
#[test]
fn help_into_a_closed_pipe_is_no_panic() {
    let bench = Bench::with_text("");
    let mut command = bench.command(&["run", "--help"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    drop(child.stdout.take());
    let mut problem = String::new();
    child.stderr.take().expect("is piped").read_to_string(&mut problem).expect("is read");
    assert_eq!((child.wait().expect("ends").code(), problem), (Some(0), String::new()));
}
