"""Measures two executables in turn and prints their figures as ratios; `compare.sh` calls it.

python compare.py OLD NEW ROUNDS CSV SCRATCH
"""

import csv
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

TIMEOUT = 300
LINES_IN_A_KERNEL = 200_000
LINES_IN_A_RUN = 1_000_000
ITEM_CELLS = 40


class Executable:
    """One of the two, with a cache and a kernelspec of its own."""

    def __init__(self, path, scratch):
        self.path = path
        self.home = scratch
        self.home.mkdir()
        (self.home / "cache").mkdir(mode=0o700)
        self.environment = os.environ | {"THREADBOOK_CACHE": str(self.home / "cache"), "THREADBOOK_DATA": str(self.home / "data")}
        subprocess.run([path, "install", "--prefix", self.home], env=self.environment, check=True, stdout=subprocess.DEVNULL)

    def run(self, source):
        """Seconds of `threadbook run` for a notebook of one cell."""
        cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
        notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        path = self.home / "one.ipynb"
        path.write_text(json.dumps(notebook))
        began = time.perf_counter()
        subprocess.run([self.path, "run", "--quiet", path, "-o", self.home / "out.ipynb"], env=self.environment, check=True)
        return time.perf_counter() - began


class Kernel:
    """A kernel of an executable, through Jupyter's own client. `seconds` is how long it took to answer."""

    def __init__(self, executable):
        specs = KernelSpecManager(kernel_dirs=[str(executable.home / "share/jupyter/kernels")])
        self.manager = KernelManager(kernel_name="threadbook", kernel_spec_manager=specs)
        began = time.perf_counter()
        self.manager.start_kernel(env=executable.environment)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=TIMEOUT)
        self.seconds = time.perf_counter() - began

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=False)

    def cell(self, source):
        """Seconds until a cell's reply and its `idle` are there."""
        began = time.perf_counter()
        asked = self.client.execute(source)
        reply = self.client.get_shell_msg(timeout=TIMEOUT)
        while True:
            message = self.client.get_iopub_msg(timeout=TIMEOUT)
            is_ours = message["parent_header"].get("msg_id") == asked
            if is_ours and message["content"].get("execution_state") == "idle":
                break
        seconds = time.perf_counter() - began
        if reply["content"]["status"] != "ok":
            raise SystemExit("\n".join([source, *reply["content"]["traceback"]]))
        return seconds

    def megabytes(self):
        """Of the kernel and everything below it; a page that several share counts once (proc(5), `Pss`)."""
        return family(self.manager.provisioner.process.pid)


def family(pid):
    process = pathlib.Path(f"/proc/{pid}")
    own = next(int(line.split()[1]) for line in (process / "smaps_rollup").read_text().splitlines() if line.startswith("Pss:"))
    children = [int(child) for task in (process / "task").iterdir() for child in (task / "children").read_text().split()]
    return own / 1024 + sum(map(family, children))


def statement(kind, n):
    """A cell as people write them; `n` makes it one that no cache has."""
    return [
        f"let a{n} = {n};",
        f'let text{n} = format!("{{}}", {n}); println!("{{text{n}}}");',
        f"let v{n}: Vec<u64> = (0..{n}).map(|x| x * 2).collect(); v{n}.len()",
        f'let h = std::thread::spawn(|| println!("{n}")); h.join().unwrap();',
        f"let m{n}: std::collections::HashMap<_, _> = (0..{n}u32).map(|x| (x, x.to_string())).collect();",
    ][kind]


def items(n):
    return f"#[derive(Debug)] struct S{n} {{ x: i32 }} impl S{n} {{ fn f(&self) -> i32 {{ self.x + {n} }} }}"


def measure(executable, round_number):
    """Figures by name: unit and value."""
    tag = 1000 * (round_number + 1)
    figures = {}
    with Kernel(executable) as kernel:
        figures["kernel, start to ready"] = "s", kernel.seconds
        kernel.cell("let warm = 1;")
        new = [kernel.cell(statement(n % 5, tag + n)) for n in range(25)]
        figures["statement cell, new"] = "s", statistics.median(new)
        cached = [kernel.cell('println!("cached");') for _ in range(101)][1:]
        figures["statement cell, in the cache"] = "s", statistics.median(cached)
        figures["memory, idle after 127 cells"] = "MB", kernel.megabytes()
        lines = kernel.cell(f'for i in 0..{LINES_IN_A_KERNEL} {{ println!("{{i}}") }}')
        figures["lines through the kernel"] = "1/s", LINES_IN_A_KERNEL / lines
    with Kernel(executable) as kernel:
        seconds = [kernel.cell(items(tag + n)) for n in range(ITEM_CELLS)]
        figures["items cell, 1st to 5th"] = "s", statistics.median(seconds[:5])
        figures[f"items cell, {ITEM_CELLS - 4}th to {ITEM_CELLS}th"] = "s", statistics.median(seconds[-5:])
        late = [kernel.cell(statement(n % 5, tag + 500 + n)) for n in range(10)]
        figures[f"statement cell, new, after {ITEM_CELLS} items cells"] = "s", statistics.median(late)
    executable.run("1;")
    figures["run of one cell, in the cache"] = "s", min(executable.run("1;") for _ in range(5))
    many = f'for i in 0..{LINES_IN_A_RUN} {{ println!("{{i}}") }}'
    figures["lines into a notebook"] = "1/s", LINES_IN_A_RUN / min(executable.run(many) for _ in range(2))
    return figures


def main():
    paths, rounds, table, scratch = sys.argv[1:3], int(sys.argv[3]), sys.argv[4], pathlib.Path(sys.argv[5])
    executables = [Executable(path, scratch / name) for path, name in zip(paths, ["old", "new"], strict=True)]
    first = [executable.run("1;") for executable in executables]
    rows = [("run of one cell, nothing in the cache", "s", 0, *first)]
    rows.append(("size of the executable", "MB", 0, *(os.path.getsize(path) / 1e6 for path in paths)))
    for round_number in range(rounds):
        # The second one finds warmer caches of the system, so each begins as often as the other.
        order = [0, 1] if round_number % 2 == 0 else [1, 0]
        came = {which: measure(executables[which], round_number) for which in order}
        for name, (unit, old) in came[0].items():
            rows.append((name, unit, round_number, old, came[1][name][1]))
        print(f"round {round_number + 1} of {rounds}", file=sys.stderr)
    with open(table, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["figure", "unit", "round", "old", "new", "new / old"])
        writer.writerows((*row, row[4] / row[3]) for row in rows)
    print(f"{'figure':48} {'unit':4} {'old':>12} {'new':>12}   new / old (least to most)")
    for name in dict.fromkeys(row[0] for row in rows):
        same = [row for row in rows if row[0] == name]
        old, new = (statistics.median(row[column] for row in same) for column in (3, 4))
        ratios = sorted(row[4] / row[3] for row in same)
        print(f"{name:48} {same[0][1]:4} {old:12.4f} {new:12.4f}   {statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})")
    print(f"load average at the end {os.getloadavg()[0]:.1f}; samples in {table}")


main()
