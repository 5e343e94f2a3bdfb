//! What a user waits for: the first answer on a new machine, later starts, small cells, prints, a whole notebook; and the
//! memory that it takes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::bench::Bench;
use crate::live::{EXECUTABLE, Live, Took, process};
use crate::record::Row;

const PRINTS: u32 = 1_000_000;

pub(crate) fn measure(bench: &mut Bench) {
    new_machine(bench);
    warm(bench);
    small_cells(bench);
    prints(bench);
    tutorial(bench);
    memory(bench);
}

fn since(began: Instant) -> f64 {
    began.elapsed().as_secs_f64()
}

fn write_notebook(path: &Path, source: &str) {
    let notebook = serde_json::json!({
        "cells": [{"cell_type": "code", "id": "a", "metadata": {}, "source": source, "outputs": [], "execution_count": null}],
        "metadata": {}, "nbformat": 4, "nbformat_minor": 5,
    });
    std::fs::write(path, notebook.to_string()).expect("written");
}

/// `threadbook run` of a notebook to the file beside it, with this cache.
fn run(notebook: &Path, output: &Path, cache: &Path) -> Command {
    let mut command = Command::new(EXECUTABLE);
    command.args(["run", "--quiet"]).arg(notebook).arg("-o").arg(output).env("THREADBOOK_CACHE", cache);
    command
}

fn time_run(bench: &Bench, notebook: &Path, cache: &Path) -> Took {
    process(&mut run(notebook, &bench.scratch().join("out.ipynb"), cache)).0
}

fn seconds_of_run(bench: &Bench, notebook: &Path, cache: &Path) -> f64 {
    bench.answer(time_run(bench, notebook, cache))
}

/// A cache that holds nothing, not even what Threadbook builds for itself.
fn empty_cache(bench: &Bench) -> PathBuf {
    tempfile::tempdir_in(bench.scratch()).expect("a directory").keep()
}

fn new_machine(bench: &mut Bench) {
    let notebook = bench.scratch().join("first.ipynb");
    write_notebook(&notebook, "println!(\"{}\", 6 * 7);");
    let rounds = bench.rounds(5);
    let first: Vec<f64> = (0..rounds).map(|_| seconds_of_run(bench, &notebook, &empty_cache(bench))).collect();
    bench.add(Row::new("run of one cell on a new machine", "s", first).at_most(1.2));
    let cache = std::env::var_os("THREADBOOK_CACHE").expect("set by `main`");
    let first = (0..rounds).map(|_| {
        let began = Instant::now();
        // SAFETY: no other thread of this process runs between two sessions.
        unsafe { std::env::set_var("THREADBOOK_CACHE", empty_cache(bench)) };
        Live::start().run("println!(\"{}\", 6 * 7);");
        since(began)
    });
    let first = first.collect();
    // SAFETY: as above.
    unsafe { std::env::set_var("THREADBOOK_CACHE", cache) };
    bench.add(Row::new("first answer of a session on a new machine", "s", first).at_most(1.2));
}

fn warm(bench: &mut Bench) {
    drop(Live::start());
    let start = |_| {
        let began = Instant::now();
        let live = Live::start();
        let took = since(began);
        drop(live);
        took
    };
    let samples = (0..bench.rounds(20)).map(start).collect();
    bench.add(Row::new("start of a session", "s", samples).at_most(0.04));
}

/// Cells of the kinds that people write; each is new to the cache.
fn small(n: usize) -> String {
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

fn small_cells(bench: &mut Bench) {
    let mut live = Live::start();
    live.run("let warm = 1;");
    let new = (0..bench.rounds(50)).map(|n| bench.answer(live.run(&small(n)))).collect();
    bench.add(Row::new("small cell, new", "s", new).at_most(0.1));
    let cached = (0..50).map(|_| bench.answer(live.run("println!(\"cached\");"))).skip(1).collect();
    bench.add(Row::new("small cell, in the cache", "s", cached).at_most(0.001));
}

/// CPU of the thread that prints, and the lines that reach a notebook in a second of wall time.
fn prints(bench: &mut Bench) {
    let source = format!("for i in 0..{PRINTS} {{ println!(\"{{i}}\") }}");
    let mut live = Live::start();
    live.run(&source);
    let rounds = bench.rounds(5);
    let cost = (0..rounds).map(|_| live.run(&source).run / f64::from(PRINTS) * 1e9).collect();
    bench.add(Row::new("a print, CPU", "ns", cost).at_most(60.0));
    let notebook = bench.scratch().join("lines.ipynb");
    write_notebook(&notebook, &source);
    let cache = bench.scratch().join("cache");
    let lines = (0..rounds).map(|_| seconds_of_run(bench, &notebook, &cache)).collect();
    let text = std::fs::read_to_string(bench.scratch().join("out.ipynb")).expect("the executed notebook");
    assert!(text.contains("\"999999\\n\"") && text.contains("\"500000\\n\""), "every line is there");
    bench.add(Row::new("run of a cell that prints 1,000,000 lines", "s", lines));
}

/// Wall time always, since the notebook sleeps.
fn tutorial(bench: &mut Bench) {
    let notebook = Path::new(env!("CARGO_MANIFEST_DIR")).join("notebooks/threading.ipynb");
    let cold = (0..bench.rounds(3)).map(|_| time_run(bench, &notebook, &empty_cache(bench)).wall).collect();
    bench.add(Row::new("threading.ipynb on a new machine (it sleeps 6 s)", "s", cold));
    let cache = bench.scratch().join("cache");
    time_run(bench, &notebook, &cache);
    let warm = (0..bench.rounds(3)).map(|_| time_run(bench, &notebook, &cache).wall).collect();
    bench.add(Row::new("threading.ipynb, in the cache (it sleeps 6 s)", "s", warm).at_most(6.1));
}

/// Memory of an executor whose cell sleeps, while it sleeps.
fn memory(bench: &mut Bench) {
    let notebook = bench.scratch().join("idle.ipynb");
    write_notebook(&notebook, "std::thread::sleep(std::time::Duration::from_secs(2));");
    let mut command = run(&notebook, &bench.scratch().join("out.ipynb"), &bench.scratch().join("cache"));
    let mut child = command.stdout(Stdio::null()).spawn().expect("threadbook runs");
    std::thread::sleep(Duration::from_millis(1500));
    let megabytes = vec![family_megabytes(child.id())];
    assert!(child.wait().expect("it ends").success());
    bench.add(Row::new("memory of executor, keeper, worker and copies", "MB", megabytes));
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
