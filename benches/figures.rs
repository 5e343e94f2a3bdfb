//! The figures that Threadbook promises, measured through the real executable and the real worker. Prints one line a
//! figure: name, unit, then every sample. `cargo bench` runs it; `benches/runs/` keeps the output of past runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use threadbook::engine::{Engine, Options, Outcome, Session};
use threadbook::events::{CellId, Event, Sink};

const EXECUTABLE: &str = env!("CARGO_BIN_EXE_threadbook");

fn main() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let cache = scratch.path().join("cache");
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("THREADBOOK_CACHE", &cache) };
    first_build(&cache);
    session_start();
    statement_cells();
    growth();
    lines(scratch.path());
    memory();
    let notebook = Path::new(env!("CARGO_MANIFEST_DIR")).join("notebooks/threading.ipynb");
    tutorial(&notebook, scratch.path(), &cache);
}

fn show(name: &str, unit: &str, samples: &[f64]) {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let list: Vec<String> = samples.iter().map(|sample| format!("{sample:.4}")).collect();
    println!("{name},{unit},median {:.4},{}", sorted[sorted.len() / 2], list.join(","));
}

#[derive(Clone, Default)]
struct Count(Arc<Mutex<usize>>);

impl Sink for Count {
    fn event(&mut self, event: Event) {
        if let Event::Failed { failure, .. } = &event {
            panic!("a cell of the benchmark failed: {}", failure.traceback.join("\n"));
        }
        *self.0.lock().expect("no poison") += 1;
    }
}

fn start() -> Session {
    let options = Options { executable: Some(EXECUTABLE.into()), ..Options::default() };
    Session::start(options, Box::new(Count::default())).expect("a session")
}

fn timed(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64()
}

fn first_build(cache: &Path) {
    let samples: Vec<f64> = (0..3)
        .map(|_| {
            let _ = std::fs::remove_dir_all(cache);
            timed(|| drop(start()))
        })
        .collect();
    show("session start with the runtime's first build", "s", &samples);
}

fn session_start() {
    let samples: Vec<f64> = (0..20).map(|_| timed(|| drop(start()))).collect();
    show("session start, runtime built", "s", &samples);
}

/// Cells of the kinds that people write; each is new to the cache.
fn statement(n: usize) -> String {
    match n % 5 {
        0 => format!("let a{n} = {n};"),
        1 => format!("let text{n} = format!(\"{{}}\", {n}); println!(\"{{text{n}}}\");"),
        2 => format!("let v{n}: Vec<u64> = (0..{n}).map(|x| x * 2).collect(); v{n}.len()"),
        3 => format!("let h = std::thread::spawn(|| println!(\"{n}\")); h.join().unwrap();"),
        _ => format!(
            "let m{n}: std::collections::HashMap<_, _> = (0..{n}u32).map(|x| (x, x.to_string())).collect();"
        ),
    }
}

fn statement_cells() {
    let mut session = start();
    let mut run = |id: usize, source: &str| {
        timed(|| assert_eq!(session.execute(CellId(id as u32), source, &[]).expect("ran"), Outcome::Ok))
    };
    run(1, "let warm = 1;");
    let samples: Vec<f64> = (2..52).map(|n| run(n, &statement(n))).collect();
    show("statement cell, new", "s", &samples);
    let cached: Vec<f64> = (100..150).map(|id| run(id, "println!(\"cached\");")).skip(1).collect();
    show("statement cell, library in the cache", "s", &cached);
}

/// What a statement cell costs after 10 and after 200 cells, a fifth of them with items.
fn growth() {
    let mut session = start();
    let mut id = 0;
    let mut run = |source: &str| {
        id += 1;
        timed(|| assert_eq!(session.execute(CellId(id), source, &[]).expect("ran"), Outcome::Ok))
    };
    let cell = |n: usize| match n % 5 {
        0 => format!(
            "#[derive(Debug)] struct S{n} {{ x: i32 }} impl S{n} {{ fn f(&self) -> i32 {{ self.x + {n} }} }}"
        ),
        1 => format!("let s{n} = S{} {{ x: {n} }};", n - 1),
        _ => statement(n),
    };
    let probe = |run: &mut dyn FnMut(&str) -> f64, tag: usize| -> Vec<f64> {
        (0..15)
            .map(|k| run(&format!("let probe{tag}x{k} = vec![{k}, {tag}]; println!(\"{{probe{tag}x{k}:?}}\");")))
            .collect()
    };
    (0..10).for_each(|n| assert!(run(&cell(n)) > 0.0));
    let early = probe(&mut run, 10);
    (10..200).for_each(|n| assert!(run(&cell(n)) > 0.0));
    let late = probe(&mut run, 200);
    show("statement cell after 10 cells", "s", &early);
    show("statement cell after 200 cells", "s", &late);
    let items: Vec<f64> = (0..5).map(|k| run(&format!("fn item{k}() -> i32 {{ {k} }}"))).collect();
    show("items cell after 200 cells", "s", &items);
}

fn write_notebook(path: &Path, source: &str) {
    let notebook = serde_json::json!({
        "cells": [{"cell_type": "code", "id": "a", "metadata": {}, "source": source, "outputs": [], "execution_count": null}],
        "metadata": {}, "nbformat": 4, "nbformat_minor": 5,
    });
    std::fs::write(path, notebook.to_string()).expect("written");
}

fn run_notebook(notebook: &Path, output: &Path, cache: &Path) -> f64 {
    timed(|| {
        let status = Command::new(EXECUTABLE)
            .args(["run", "--quiet"])
            .arg(notebook)
            .arg("-o")
            .arg(output)
            .env("THREADBOOK_CACHE", cache)
            .stdout(Stdio::null())
            .status()
            .expect("threadbook runs");
        assert!(status.success());
    })
}

fn lines(scratch: &Path) {
    let notebook = scratch.join("lines.ipynb");
    write_notebook(&notebook, "for i in 0..1_000_000 { println!(\"{i}\") }");
    let output = scratch.join("lines.out.ipynb");
    let cache = scratch.join("cache");
    run_notebook(&notebook, &output, &cache);
    let samples: Vec<f64> = (0..5).map(|_| 1e6 / run_notebook(&notebook, &output, &cache)).collect();
    let text = std::fs::read_to_string(&output).expect("the executed notebook");
    assert!(text.contains("\"999999\\n\"") && text.contains("\"500000\\n\""), "every line is there");
    show("println into the executed notebook, whole process", "lines/s", &samples);
}

/// Resident memory of this process is not the executor's, so that one is asked while it waits for a thread.
fn memory() {
    let scratch = tempfile::tempdir().expect("a directory");
    let notebook = scratch.path().join("idle.ipynb");
    write_notebook(&notebook, "std::thread::sleep(std::time::Duration::from_secs(2));");
    let mut child = Command::new(EXECUTABLE).args(["run", "-q"]).arg(&notebook).spawn().expect("threadbook runs");
    std::thread::sleep(Duration::from_millis(1500));
    show("memory of executor, keeper, worker and copies", "MB", &[family_megabytes(child.id())]);
    child.wait().expect("it ends");
}

/// Of a process and everything below it; a page that several share counts once (proc(5), `Pss`).
fn family_megabytes(pid: u32) -> f64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find(|line| line.starts_with("Pss:")).unwrap_or_default();
    let own = line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0;
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let children: Vec<u32> = lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect();
    own + children.into_iter().map(family_megabytes).sum::<f64>()
}

fn tutorial(notebook: &Path, scratch: &Path, cache: &Path) {
    if !notebook.exists() {
        return;
    }
    let output: PathBuf = scratch.join("threading.out.ipynb");
    let cold: Vec<f64> = (0..3)
        .map(|n| {
            let fresh = scratch.join(format!("cold{n}"));
            run_notebook(notebook, &output, &fresh)
        })
        .collect();
    show("threading.ipynb, cold (it sleeps 6 s)", "s", &cold);
    run_notebook(notebook, &output, cache);
    let warm: Vec<f64> = (0..3).map(|_| run_notebook(notebook, &output, cache)).collect();
    show("threading.ipynb, cached (it sleeps 6 s)", "s", &warm);
}
