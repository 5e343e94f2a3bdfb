//! The run of a notebook with an engine whose cells are scripts: `print TEXT`, `panic`, `thread TEXT` (which writes
//! after the cell), `interrupted`, `broken` (the engine itself fails).

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::engine::scripted::{Asked, Calls, Play, Scripted};
use crate::events::fixture::{lane, main_lane, text};
use crate::events::{Failure, Stream};
use crate::notebook::fixture::Page;

fn play(asked: Asked) -> Play {
    let cell = asked.cell;
    let (word, rest) = asked.source.split_once(' ').unwrap_or((asked.source, ""));
    let line = format!("{rest}\n");
    let played = Play::of(Vec::new());
    match word {
        "print" => Play { events: vec![text(cell.0, 1, Stream::Stdout, &line)], ..played },
        "thread" => {
            let id = cell.0 + 1;
            let late = vec![text(cell.0, id, Stream::Stdout, &line)];
            Play {
                events: vec![lane(id, &format!("Thread-{id}"), cell.0)],
                late,
                running: vec![LaneId(id)],
                ..played
            }
        }
        "interrupted" => Play { outcome: Ok(Outcome::Interrupted), ..played },
        "broken" => Play { outcome: Err(Error::new(ExitCode::Environment, "no rustc; install one")), ..played },
        _ => {
            let failure = Failure { ename: "Panic".into(), evalue: "boom".into(), traceback: vec!["boom!".into()] };
            Play { events: vec![Event::Failed { cell, failure }], outcome: Ok(Outcome::Panicked), ..played }
        }
    }
}

struct Ran {
    dir: TempDir,
    result: Result<(), Error>,
    report: String,
    problem: String,
    log: Vec<String>,
}

impl Ran {
    fn notebook(&self) -> Value {
        let text = fs::read_to_string(self.dir.path().join("nb.executed.ipynb")).expect("was written");
        serde_json::from_str(&text).expect("is JSON")
    }

    fn message(&self) -> String {
        let message = self.result.as_ref().expect_err("failed").to_string();
        message.replace(&self.dir.path().display().to_string(), "DIR")
    }
}

/// Runs code cells, each a source with its tags, that have outputs of an earlier run.
fn ran(cells: &[(&str, &[&str])], allow_errors: bool) -> Ran {
    let dir = tempfile::tempdir().expect("a directory");
    let cells: Vec<Value> = cells
        .iter()
        .map(|(source, tags)| {
            json!({"cell_type": "code", "source": source, "execution_count": 99,
                "metadata": {"tags": tags, "execution": {}, "threadbook": {"pieces": []}},
                "outputs": [{"output_type": "stream", "name": "stdout", "text": "old"}]})
        })
        .collect();
    let text = json!({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells}).to_string();
    fs::write(dir.path().join("nb.ipynb"), text).expect("is written");
    let options = RunOptions {
        notebook: dir.path().join("nb.ipynb"),
        output: None,
        allow_errors,
        quiet: false,
        patience: Duration::from_secs(10),
        limits: Limits::default(),
    };
    let (report, problem) = (Page::default(), Page::default());
    let printer = Printer::start(Box::new(report.clone()), Box::new(problem.clone()));
    let view = View::new(printer, Look { colour: false, problem_colour: false, quiet: false });
    let calls = Calls::default();
    let result = run_with(&options, view, |mut sink| {
        sink.event(main_lane());
        let engine = Box::new(Scripted::new(sink, calls.clone(), play));
        Ok(Started { engine, is_interrupted: Box::new(|| false) })
    });
    let cells = |call: &String| call.starts_with("In[");
    let log = calls.lines().into_iter().filter(cells).collect();
    Ran { dir, result, report: report.text(), problem: problem.text(), log }
}

/// The outputs of each cell in short: the execution count, then text or `ename` of each output.
fn short(notebook: &Value) -> Vec<String> {
    let cells = notebook["cells"].as_array().expect("cells");
    let output = |output: &Value| match &output["text"] {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect::<String>(),
        Value::String(text) => text.clone(),
        _ => output["ename"].as_str().expect("an error").to_owned(),
    };
    cells
        .iter()
        .map(|cell| {
            let outputs: String = cell["outputs"].as_array().expect("outputs").iter().map(output).collect();
            format!("{} {outputs}", cell["execution_count"])
        })
        .collect()
}

#[test]
fn cells_run_in_order_and_the_next_is_compiled_ahead() {
    let ran = ran(&[("print a", &[]), (" ", &[]), ("print old", &["skip-execution"]), ("print b", &[])], false);
    assert!(ran.result.is_ok(), "{:?}", ran.result);
    assert_eq!(ran.log, ["In[1] print a then [\"print b\"]", "In[2] print b then []"]);
    assert_eq!(short(&ran.notebook()), ["1 a\n", "null ", "99 old", "2 b\n"]);
    let cell = &ran.notebook()["cells"][0]["metadata"];
    assert!(cell["execution"]["shell.execute_reply"].is_string() && cell["threadbook"].is_null(), "{cell}");
    assert_eq!(ran.problem, "");
    for part in
        ["[1/3] In[1]  print a\n  MainThread │ a\n  ✓ ", "[2/3] skipped  print old\n\n", "[3/3] In[2]  print b\n"]
    {
        assert!(ran.report.contains(part), "{part:?} in {}", ran.report);
    }
    let last = ran.report.lines().last().expect("a summary");
    assert!(last.starts_with("2 cells in ") && last.ends_with("nb.executed.ipynb"), "{last}");
}

#[test]
fn the_first_error_stops_the_run_and_what_ran_is_saved() {
    let ran = ran(&[("print a", &[]), ("panic", &[]), ("print b", &[]), ("print c", &["skip-execution"])], false);
    assert_eq!(ran.result.as_ref().expect_err("failed").code(), ExitCode::Failed);
    assert_eq!(
        ran.message(),
        "In[2] panicked; 1 cell after it not run; what ran is in DIR/nb.executed.ipynb; \
         --allow-errors goes on past errors"
    );
    assert_eq!(short(&ran.notebook()), ["1 a\n", "2 Panic", "null ", "99 old"], "nothing of an earlier run");
    assert_eq!(ran.problem, "boom!\n");
}

#[test]
fn errors_that_are_allowed_stop_nothing() {
    for (tags, allow) in [(&["raises-exception"][..], false), (&[], true)] {
        let ran = ran(&[("panic", tags), ("print b", &[])], allow);
        assert!(ran.result.is_ok(), "{:?}", ran.result);
        assert_eq!(short(&ran.notebook()), ["1 Panic", "2 b\n"]);
        assert!(ran.report.contains("  boom!\n  ✗ panicked after "), "{}", ran.report);
        assert!(ran.report.lines().last().expect("a summary").contains(", 1 with an error: "), "{}", ran.report);
    }
}

#[test]
fn an_interrupt_stops_even_where_errors_are_allowed() {
    let ran = ran(&[("interrupted", &["raises-exception"]), ("print b", &[])], true);
    assert!(ran.message().starts_with("In[1] was interrupted; 1 cell after it not run"), "{}", ran.message());
}

#[test]
fn a_fault_of_the_engine_is_the_answer_and_what_ran_is_saved() {
    let ran = ran(&[("print a", &[]), ("broken", &[]), ("print b", &[])], true);
    assert_eq!(ran.message(), "no rustc; install one");
    assert_eq!(ran.result.as_ref().expect_err("failed").code(), ExitCode::Environment);
    assert_eq!(short(&ran.notebook())[0], "1 a\n");
}

#[test]
fn late_text_is_in_its_own_cell_and_threads_that_still_run_are_named() {
    let ran = ran(&[("thread late", &[]), ("print b", &[])], false);
    assert!(ran.result.is_ok(), "{:?}", ran.result);
    assert_eq!(short(&ran.notebook()), ["1 late\n", "2 b\n"]);
    assert_eq!(ran.notebook()["cells"][0]["metadata"]["threadbook"]["pieces"], json!([[2, "stdout", 5]]));
    assert!(ran.report.contains("  In[1] Thread-2 │ late\n"), "{}", ran.report);
    assert_eq!(
        ran.problem,
        "warning: still running after 10.00 s: Thread-2 of In[1]; what they print from now on is not in the \
         notebook (--patience waits longer)\n"
    );
}

#[test]
fn a_notebook_without_code_needs_no_engine() {
    let ran = ran(&[("", &[]), ("x", &["skip-execution"])], false);
    assert!(ran.result.is_ok(), "{:?}", ran.result);
    assert!(ran.log.is_empty());
    assert_eq!(ran.notebook()["nbformat_minor"], 5);
}

#[test]
fn saves_take_no_more_time_than_the_cells() {
    let long_ago = Instant::now().checked_sub(Duration::from_secs(2)).expect("the machine has been up for long");
    for (seconds, due) in [(1, true), (3, false)] {
        let saves = Saves { last_took: Duration::from_secs(seconds), last_ended: long_ago };
        assert_eq!(saves.is_due(), due, "a save of {seconds} s, two seconds ago");
    }
}
