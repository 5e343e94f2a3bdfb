//! Tests of Ctrl-C during `threadbook run`.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::{Bench, text};

/// Runs the cells and sends SIGINT once one of them prints `on`. Returns the exit code and the text on stderr.
fn interrupted(bench: &Bench, args: &[&str]) -> (Option<i32>, String) {
    let mut command = bench.command(&[&["run", "nb.ipynb"], args].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let mut lines = BufReader::new(child.stdout.take().expect("is piped")).lines();
    assert!(lines.any(|line| line.expect("is text").ends_with("\u{2502} on")), "the cell is on");
    // SAFETY: the child has not been waited for.
    unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGINT) };
    lines.for_each(drop);
    let mut said = String::new();
    child.stderr.take().expect("is piped").read_to_string(&mut said).expect("is text");
    (child.wait().expect("ends").code(), said)
}

const FOREVER: &str = "println!(\"on\"); loop { std::hint::spin_loop(); }";

#[test]
fn ctrl_c_interrupts_the_cell_and_saves_the_notebook() {
    let bench = Bench::with_cells(&[("println!(\"a\");", &[]), (FOREVER, &[]), ("println!(\"b\");", &[])]);
    let (code, said) = interrupted(&bench, &[]);
    assert_eq!(code, Some(130), "{said}");
    assert!(
        said.contains("In[2] was interrupted; 1 cell after it not run; what ran is in nb.executed.ipynb"),
        "{said}"
    );
    let executed = bench.executed();
    assert_eq!((text(&executed, 0).as_str(), text(&executed, 1).as_str()), ("a\n", "on\n"));
    let outputs = &executed["cells"][1]["outputs"];
    assert_eq!(outputs[1]["ename"], "Interrupted", "{outputs}");
    assert_eq!(executed["cells"][2]["outputs"], serde_json::json!([]));
}

#[test]
fn ctrl_c_ends_the_run_though_errors_are_allowed() {
    let bench = Bench::with_cells(&[(FOREVER, &["raises-exception"]), ("println!(\"b\");", &[])]);
    let (code, said) = interrupted(&bench, &["--allow-errors"]);
    assert_eq!(code, Some(130), "{said}");
    assert_eq!(bench.executed()["cells"][1]["outputs"], serde_json::json!([]));
}
