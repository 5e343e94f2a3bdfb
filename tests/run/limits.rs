//! Tests of the limits of a run (time, memory and output), set by flags or by environment variables.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use crate::{Bench, assert_code, err, out, text};

const SPIN: &str = "loop { std::hint::spin_loop(); }";

#[test]
fn a_cell_that_takes_too_long_stops_the_run() {
    let bench = Bench::with_cells(&[("let kept = 5;", &[]), (SPIN, &[]), ("println!(\"{kept}\");", &[])]);
    let output = bench.run(&["--timeout", "1"]);
    assert_code(&output, 1);
    assert!(err(&output).contains("the cell ran longer than 1 s"), "{}", err(&output));
    assert!(err(&output).contains("In[2] took too long; 1 cell after it not run"), "{}", err(&output));
    let executed = bench.executed();
    assert_eq!(executed["cells"][1]["outputs"][0]["ename"], "TimedOut");
    assert!(executed["cells"][2]["execution_count"].is_null());

    let mut command = bench.command(&["run", "nb.ipynb", "--allow-errors"]);
    let output = command.env("THREADBOOK_TIMEOUT", "1").output().expect("the binary starts");
    assert_code(&output, 0);
    assert_eq!(text(&bench.executed(), 2), "5\n", "what was there before the cell is there after it");
}

#[test]
fn a_flag_goes_before_the_variable() {
    let wait = "std::thread::sleep(std::time::Duration::from_millis(300)); println!(\"done\");";
    let bench = Bench::with_cells(&[(wait, &[])]);
    let mut command = bench.command(&["run", "nb.ipynb", "--timeout", "off"]);
    let output = command.env("THREADBOOK_TIMEOUT", "0.05").output().expect("the binary starts");
    assert_code(&output, 0);
    assert_eq!(text(&bench.executed(), 0), "done\n");
}

#[test]
fn a_cell_that_asks_for_too_much_memory_fails_and_the_session_goes_on() {
    let cells: [(&str, &[&str]); 3] =
        [("let kept = vec![7u8; 1 << 20];", &[]), ("let large = vec![1u8; 1 << 30];", &[]), ("kept[9]", &[])];
    let bench = Bench::with_cells(&cells);
    let output = bench.run(&["--memory", "300M", "--allow-errors"]);
    assert_code(&output, 0);
    let executed = bench.executed();
    let said = text(&executed, 1);
    assert!(said.contains("memory allocation of 1073741824 bytes failed"), "{said}");
    let error = &executed["cells"][1]["outputs"].as_array().expect("outputs").last().expect("an error")["evalue"];
    assert!(error.as_str().expect("text").contains("every variable is as it was before this cell"), "{error}");
    assert_eq!(executed["cells"][2]["outputs"][0]["data"]["text/plain"][0], "7");
}

#[test]
fn output_beyond_the_limit_is_cut_in_the_middle_and_whole_in_a_file() {
    let bench = Bench::with_cells(&[
        ("for n in 0..100_000 { println!(\"line {n}\"); } \"result\"", &[]),
        ("println!(\"as ever\");", &[]),
    ]);
    let mut command = bench.command(&["run", "nb.ipynb", "--output-limit", "1K"]);
    let output = command.env("TMPDIR", bench.dir.path()).output().expect("the binary starts");
    assert_code(&output, 0);
    let executed = bench.executed();
    let all: String = (0..100_000).map(|n| format!("line {n}\n")).collect();
    let outputs = executed["cells"][0]["outputs"].as_array().expect("outputs");
    let names: Vec<&str> =
        outputs.iter().map(|o| o["name"].as_str().or(o["output_type"].as_str()).unwrap()).collect();
    assert_eq!(names, ["stdout", "stderr", "stdout", "execute_result"]);
    let said = text(&executed, 0);
    let file = said.split('`').nth(1).expect("a path");
    assert!(fs::read_to_string(file).expect("the file") == all);
    assert!(said.starts_with(&all[..1024]) && said.ends_with("line 99998\nline 99999\n"), "{said}");
    assert!(said.contains("this cell has shown 1 KiB; its full text is in ") && said.len() < 3000, "{said}");
    assert!(out(&output).contains(file) && out(&output).contains("│ line 99999\n"), "{}", out(&output));
    assert_eq!(text(&executed, 1), "as ever\n");
}

/// The most memory that a process has used so far, in megabytes.
fn most_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") >> 10
}

#[test]
fn output_without_end_takes_a_bounded_amount_of_memory() {
    let bench = Bench::with_cells(&[("loop { println!(\"{:01000}\", 0); }", &[])]);
    let mut command = bench.command(&["run", "nb.ipynb", "--output-limit", "1M"]);
    let mut child = command.env("TMPDIR", bench.dir.path()).stdout(Stdio::piped()).spawn().expect("starts");
    let lines = BufReader::new(child.stdout.take().expect("is piped")).lines().map(|line| line.expect("a line"));
    let notice = lines.into_iter().find(|line| line.contains("this cell has shown 1 MiB")).expect("it says so");
    let file = Path::new(notice.split('`').nth(1).expect("a path"));
    while fs::metadata(file).expect("the file").len() < 512 << 20 {
        std::thread::yield_now();
    }
    let most = most_memory(child.id());
    child.kill().expect("killed");
    child.wait().expect("ends");
    assert!(most < 160, "{most} MB");
}

#[test]
fn output_without_end_is_saved_in_part_when_the_time_is_over() {
    let bench = Bench::with_cells(&[("loop { println!(\"{:01000}\", 0); }", &[])]);
    let mut command = bench.command(&["run", "nb.ipynb", "-q", "--output-limit", "1M", "--timeout", "0.5"]);
    let output = command.env("TMPDIR", bench.dir.path()).output().expect("the binary starts");
    assert_code(&output, 1);
    let executed = bench.executed();
    let said = text(&executed, 0);
    assert!(said.contains(" bytes are left out here") && said.len() < 1_200_000, "{} bytes", said.len());
    let last = executed["cells"][0]["outputs"].as_array().expect("outputs").last().expect("an error").clone();
    assert_eq!(last["ename"], "TimedOut");
}

#[test]
fn a_limit_that_is_none_is_named() {
    let bench = Bench::with_cells(&[("1", &[])]);
    for (command, flag) in
        [("run", "--timeout"), ("run", "--memory"), ("run", "--output-limit"), ("verify", "--snapshot")]
    {
        let output = bench.command(&[command, "nb.ipynb", flag, "soon"]).output().expect("the binary starts");
        assert_code(&output, 2);
        assert!(err(&output).contains(flag) && err(&output).contains("or `off`"), "{}", err(&output));
    }
    for name in ["TIMEOUT", "MEMORY", "SNAPSHOT", "OUTPUT_LIMIT"] {
        let name = format!("THREADBOOK_{name}");
        let output = bench.command(&["run", "nb.ipynb"]).env(&name, "soon").output().expect("the binary starts");
        assert_code(&output, 2);
        assert!(err(&output).starts_with(&format!("error: the variable {name} is \"soon\"")), "{}", err(&output));
    }
}
