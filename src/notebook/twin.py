"""Runs Python twins of notebook cells for `threadbook verify --twin`: all in this one process, in one namespace.

Started as `python3 -u -c <this file>`. The form of a twin is described in notebooks/twins/README.md.

Commands come as lines of JSON on descriptor 0: {"file": path}. For each, one line of JSON goes to what was
descriptor 1 at the start: {"text": what the twin put out, "error": the last line of its traceback or null}.
Neither is visible to twins: they read from nothing, and write to a file that is emptied between twins. A file in
append mode, and not a pipe, since it needs no thread that drains it; a thread of ours would count among the twin's.
`-u` makes CPython write a print's text and its newline at once and apart, as notebooks see them.
"""

import json
import math
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
import types

PATIENCE = 10.0


def main():
    commands = os.fdopen(os.dup(0), "r", encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    handle, path = tempfile.mkstemp(prefix="threadbook-twin-")
    output = os.fdopen(handle, "r+b")
    capture = os.open(path, os.O_WRONLY | os.O_APPEND)
    os.unlink(path)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(capture, 1)
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    home = os.getpid()
    for line in commands:
        output.seek(0)
        output.truncate()
        error = run(json.loads(line)["file"], module.__dict__, home)
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
        replies.write(json.dumps({"text": text, "error": error}) + "\n")
        replies.flush()


def run(path, names, home):
    """Runs one twin to the end of all that it started, and answers its error, if any."""
    with open(path, encoding="utf-8") as file:
        source = file.read()
    before = set(threading.enumerate())
    error = None
    began = time.time()
    try:
        exec(compile(source, path, "exec"), names)
    except BaseException as failure:
        error = traceback.format_exception_only(failure)[-1].strip()
    if os.getpid() != home:
        # A child that the twin forked by hand has come to the end of its cell, and is no second driver.
        sys.stdout.flush()
        os._exit(0)
    if source.split("\n", 1)[0].strip() == "# %%time":
        print("Wall time: " + duration(time.time() - began))
    wait_for_threads(before)
    wait_for_children()
    sys.stdout.flush()
    return error


def wait_for_threads(before):
    """Threads that the twin started, but for daemons and the idle workers of a pool that was never shut down."""
    pools = sys.modules.get("concurrent.futures.thread")
    deadline = time.monotonic() + PATIENCE
    while True:
        workers = set(pools._threads_queues) if pools else set()
        started = [t for t in threading.enumerate() if t not in before and not t.daemon and t not in workers]
        if not started or time.monotonic() > deadline:
            return
        started[0].join(max(0.0, deadline - time.monotonic()))


def wait_for_children():
    multiprocessing = sys.modules.get("multiprocessing")
    deadline = time.monotonic() + PATIENCE
    for child in multiprocessing.active_children() if multiprocessing else []:
        child.join(max(0.0, deadline - time.monotonic()))
    if multiprocessing and multiprocessing.active_children():
        return
    # Children that the twin forked by hand; an alarm ends the wait for one that never ends.
    before = signal.signal(signal.SIGALRM, too_late)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        while True:
            os.wait()
    except (ChildProcessError, TimeoutError):
        pass
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def too_late(number, frame):
    raise TimeoutError


def duration(seconds):
    """As IPython writes it."""
    if seconds >= 60:
        parts = []
        for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
            count, seconds = divmod(seconds, length)
            if count >= 1:
                parts.append(f"{int(count)}{unit}")
            if seconds < 1:
                break
        return " ".join(parts)
    units = (("s", 1), ("ms", 1e3), ("µs", 1e6), ("ns", 1e9))
    order = min(-int(math.floor(math.log10(seconds)) // 3), 3) if seconds > 0 else 3
    unit, scale = units[max(order, 0)]
    return f"{seconds * scale:.3g} {unit}"


main()
