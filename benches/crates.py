#!/usr/bin/env python3
"""What crates in scope cost a cell: the same cells in sessions without crates, with nine crates, and with polars.

Usage: benches/crates.py THREADBOOK [ROUNDS]. Builds the crates first, which needs the network and minutes. Writes CSV to
standard output: what was measured, the unit, and each round's number. All sessions of a round run one after the other;
every cell is new to the cache.
"""

import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile

SETS = {
    "no crates": "",
    "nine crates": """:dep serde = { version = "1", features = ["derive"] }
:dep serde_json = "1"
:dep regex = "1"
:dep rayon = "1"
:dep ndarray = "0.16"
:dep tokio = { version = "1", features = ["full"] }
:dep rand = "0.9"
:dep chrono = "0.4"
:dep itertools = "0.14"
use serde::{Deserialize, Serialize};
use regex::Regex;
use rayon::prelude::*;
use ndarray::prelude::*;
use chrono::prelude::*;
use itertools::Itertools;
""",
    "polars": """:dep polars = { version = "0.46", features = ["lazy"] }
use polars::prelude::*;
""",
}

# For each set, cells that mention a crate of it.
MENTIONING = {
    "nine crates": {
        "regex": 'println!("{}", Regex::new("a+|N").unwrap().is_match("aa"));',
        "serde_json": 'let v: serde_json::Value = serde_json::from_str("[N]").unwrap(); println!("{v}");',
        "serde derive": "#[derive(Serialize, Deserialize, Debug)] struct P { x: i32 }\n"
        'println!("{}", serde_json::to_string(&P { x: N }).unwrap());',
        "rayon": 'println!("{}", (0..9).into_par_iter().map(|x| x % N).sum::<i32>());',
        "itertools": 'println!("{}", (0..9).chain([N]).join(","));',
        "ndarray": 'let a = array![[1., 2.], [3., N as f64]]; println!("{}", a.dot(&a));',
        "chrono": 'println!("{} N", Utc::now().year());',
        "rand": 'use rand::Rng; println!("{} N", rand::rng().random_range(0..9));',
        "tokio": "let r = tokio::runtime::Runtime::new().unwrap();\n"
        'println!("{}", r.block_on(async { N }));',
    },
    "polars": {
        "data frame": 'let d = df!("a" => [1i32, 2, N], "b" => ["x", "y", "z"]).unwrap(); println!("{d}");',
        "lazy query": 'let d = df!("a" => [1i32, 2, N]).unwrap();\n'
        'println!("{}", d.lazy().filter(col("a").gt(lit(1))).collect().unwrap());',
    },
}

PLAIN = {
    "plain statements": 'let x = 1 + N; println!("{x}");',
    "plain iterator": 'println!("{}", vec![1, 2, N].iter().map(|n| n * 2).collect::<Vec<i32>>().len());',
    "plain item": "struct Point_N { x: i32 }\nimpl Point_N { fn sum(&self) -> i32 { self.x + N } }",
}

# Cells of one kind in a session whose processor time is measured.
COPIES = 8


def seconds(threadbook, directory, first, cells):
    """What compiling and running each cell took by the clock, without the first cell."""
    sources = [first or "0", *cells]
    notebook = {
        "cells": [
            {"cell_type": "code", "id": f"c{i}", "metadata": {}, "outputs": [], "execution_count": None, "source": s}
            for i, s in enumerate(sources)
        ],
        "metadata": {"kernelspec": {"name": "threadbook", "language": "rust", "display_name": "Rust"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path = os.path.join(directory, "nb.ipynb")
    with open(path, "w") as file:
        json.dump(notebook, file)
    environment = dict(os.environ, THREADBOOK_LOG="info", THREADBOOK_CACHE_SIZE="off")
    command = [threadbook, "run", "-q", path, "-o", os.path.join(directory, "out.ipynb")]
    said = subprocess.run(command, env=environment, capture_output=True, text=True)
    if said.returncode != 0:
        sys.exit(said.stderr)
    # Cells are compiled ahead of their turn, so the time of each step counts, not the time between them.
    took = {}
    for step, cell, time, unit in re.findall(r"(compile|run) cell=In\[(\d+)\]: took ([\d.]+) (ms|s)\b", said.stderr):
        took.setdefault(int(cell), []).append(float(time) / (1000 if unit == "ms" else 1))
    return [sum(took[number]) for number in range(2, len(sources) + 1)]


def new_to_the_cache(source):
    """The cell with a number for N that no other cell has."""
    number = str(int.from_bytes(os.urandom(3), "big") + 10)
    return re.sub(r"(?<![A-Za-z])N\b", number, source)


def processor_seconds(threadbook, directory, first, cells):
    """What all processes of a session took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds(threadbook, directory, first, cells)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(threadbook, directory, note):
    """One round. Processor time is steadier than the clock where others use the machine too."""
    for name, first in SETS.items():
        cells = {**PLAIN, **MENTIONING.get(name, {})}
        sources = [new_to_the_cache(source) for source in cells.values()]
        for label, took in zip(cells, seconds(threadbook, directory, first, sources)):
            note(f"{name} in scope: {label}", took)
        empty = processor_seconds(threadbook, directory, first, [])
        for label, source in PLAIN.items():
            sources = [new_to_the_cache(source) for _ in range(COPIES)]
            took = processor_seconds(threadbook, directory, first, sources) - empty
            note(f"{name} in scope: {label} CPU", took / COPIES)


def main():
    threadbook, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    figures = {}
    with tempfile.TemporaryDirectory() as directory:
        for first in SETS.values():
            seconds(threadbook, directory, first, [])
        for _ in range(rounds):
            measure(threadbook, directory, lambda figure, took: figures.setdefault(figure, []).append(took))
    for figure, samples in figures.items():
        rest = ",".join(f"{sample:.4f}" for sample in samples)
        print(f"{figure},s,median {statistics.median(samples):.4f},{rest}")


if __name__ == "__main__":
    main()
