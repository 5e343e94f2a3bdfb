"""This kernel under Jupyter's own clients: a manager that interrupts and restarts it, nbclient, the console."""

import os
import subprocess
import sys
import time

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

KERNEL = "threadbook"
TIMEOUT = 60


@pytest.fixture
def kernel():
    manager, client = start_new_kernel(kernel_name=KERNEL)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel()


def run(client, code, **options):
    """The reply, and what was published as (type, content)."""
    published = []
    reply = client.execute_interactive(
        code,
        timeout=TIMEOUT,
        allow_stdin=False,
        output_hook=lambda m: published.append((m["msg_type"], m["content"])),
        **options,
    )
    return reply["content"], published


def stdout(published):
    return "".join(c["text"] for kind, c in published if kind == "stream" and c["name"] == "stdout")


def notebook(*sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    return nbformat.v4.new_notebook(cells=cells)


def test_an_interrupt_by_the_manager_stops_a_cell(kernel):
    manager, client = kernel
    msg_id = client.execute('println!("on"); loop { std::hint::spin_loop(); }')
    while client.get_iopub_msg(timeout=TIMEOUT)["msg_type"] != "stream":
        pass
    manager.interrupt_kernel()
    reply = client.get_shell_msg(timeout=TIMEOUT)
    assert reply["parent_header"]["msg_id"] == msg_id
    assert reply["content"]["ename"] == "Interrupted"
    assert run(client, "1 + 1")[0]["status"] == "ok"


def test_a_restart_gives_a_new_session(kernel):
    manager, client = kernel
    assert run(client, "let x = 1;")[0]["execution_count"] == 1
    manager.restart_kernel()
    client.wait_for_ready(timeout=TIMEOUT)
    content, _ = run(client, "x")
    assert (content["execution_count"], content["ename"]) == (1, "CompileError")


def test_every_line_of_threads_and_children_arrives(kernel):
    _, client = kernel
    content, published = run(
        client,
        "let threads: Vec<_> = (0..8).map(|n| std::thread::spawn(move || {\n"
        '    for i in 0..1000 { println!("{n} {i}"); }\n'
        "})).collect();\n"
        "for thread in threads { thread.join().unwrap(); }\n"
        'std::process::Command::new("seq").arg("30000").status().unwrap();',
    )
    assert content["status"] == "ok"
    lines = stdout(published).splitlines()
    for n in range(8):
        assert [line for line in lines if line.startswith(f"{n} ")] == [f"{n} {i}" for i in range(1000)]
    assert [line for line in lines if " " not in line] == [str(i) for i in range(1, 30001)]


def test_nbclient_executes_a_notebook():
    nb = notebook(
        "use std::thread;\nlet n = 20;",
        'println!("a"); eprintln!("b"); n + 1',
        'thread::spawn(|| println!("from a thread")).join().unwrap();',
    )
    NotebookClient(nb, kernel_name=KERNEL, timeout=TIMEOUT).execute()
    nbformat.validate(nb)
    assert [cell.execution_count for cell in nb.cells] == [1, 2, 3]
    outputs = nb.cells[1].outputs
    assert [o.output_type for o in outputs] == ["stream", "stream", "execute_result"]
    assert outputs[2].data["text/plain"] == "21"
    assert nb.cells[2].outputs[0].text == "from a thread\n"


def test_nbclient_stops_at_an_error_and_names_it():
    nb = notebook("1 + 1", "let x: Vec<i32> = vec![]; x[0]", "2")
    with pytest.raises(CellExecutionError, match="index out of bounds"):
        NotebookClient(nb, kernel_name=KERNEL, timeout=TIMEOUT).execute()
    assert nb.cells[1].outputs[0].ename == "Panic"
    assert nb.cells[2].execution_count is None


def test_nbclient_interrupts_a_cell_that_takes_too_long():
    nb = notebook("loop { std::hint::spin_loop(); }", "1")
    client = NotebookClient(nb, kernel_name=KERNEL, timeout=2, interrupt_on_timeout=True, allow_errors=True)
    client.execute()
    assert nb.cells[0].outputs[0].ename == "Interrupted"
    assert nb.cells[1].outputs[0].data["text/plain"] == "1"


def test_the_console_runs_cells_from_a_pipe():
    code = 'let x = 20;\nprintln!("sum {}", x + 1);\n'
    command = [sys.executable, "-m", "jupyter_console", "--kernel", KERNEL, "--simple-prompt"]
    done = subprocess.run(command, input=code, capture_output=True, text=True, timeout=TIMEOUT)
    assert "sum 21" in done.stdout, done.stdout + done.stderr


def test_jupyter_run_prints_what_a_file_prints(tmp_path):
    file = tmp_path / "hello.rs"
    file.write_text('let x = 20;\nprintln!("sum {}", x + 1);\n')
    command = [sys.executable, "-m", "jupyter_client.runapp", "--kernel", KERNEL, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.stdout == "sum 21\n", done.stdout + done.stderr


def test_nbconvert_executes_and_exports_a_notebook(tmp_path):
    file = tmp_path / "note.ipynb"
    nbformat.write(notebook("let x = 20;", "%%threads\nprintln!(\"sum {}\", x + 1);"), file)
    command = [sys.executable, "-m", "nbconvert", "--execute", "--to", "html", str(file)]
    command.append(f"--ExecutePreprocessor.kernel_name={KERNEL}")
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "note.html").read_text()
    assert "sum 21" in page and 'src="data:image/svg+xml;base64,' in page


def papermill(*arguments, **environment):
    command = [sys.executable, "-m", "papermill", *arguments]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=TIMEOUT)


def test_papermill_runs_a_notebook_whose_parameters_are_in_the_environment(tmp_path):
    source, out = str(tmp_path / "in.ipynb"), str(tmp_path / "out.ipynb")
    nb = notebook('let n: i32 = std::env::var("N").as_deref().unwrap_or("1").parse()?;', "n + 1")
    nb.cells[0].metadata.tags = ["parameters"]
    nb.metadata.kernelspec = {"name": KERNEL, "display_name": "Rust (Threadbook)", "language": "rust"}
    nbformat.write(nb, source)
    done = papermill(source, out, N="20")
    assert done.returncode == 0, done.stderr
    assert nbformat.read(out, 4).cells[1].outputs[0].data["text/plain"] == "21"
    # Its own way asks for a translator, which papermill has not for Rust, and before anything is run.
    done = papermill(source, out, "-p", "n", "20")
    assert done.returncode != 0
    assert "No parameter translator functions specified for kernel 'threadbook' or language 'rust'" in done.stderr


def test_a_queue_is_answered_in_order_with_its_own_outputs(kernel):
    _, client = kernel
    ids = [client.execute(f'println!("{n}"); {n}') for n in range(20)]
    replies = [client.get_shell_msg(timeout=TIMEOUT) for _ in ids]
    assert [r["parent_header"]["msg_id"] for r in replies] == ids
    texts = {}
    deadline = time.monotonic() + TIMEOUT
    while len(texts) < len(ids) and time.monotonic() < deadline:
        message = client.get_iopub_msg(timeout=TIMEOUT)
        if message["msg_type"] == "stream":
            texts[message["parent_header"]["msg_id"]] = message["content"]["text"]
    assert [texts[i] for i in ids] == [f"{n}\n" for n in range(20)]


def test_a_cell_asks_the_client(kernel):
    _, client = kernel
    asked, published = [], []

    def answer(message):
        asked.append(message["content"])
        client.input("Ann")

    reply = client.execute_interactive(
        'let name = threadbook::input("name? ").unwrap();\n'
        'let word = threadbook::getpass("word? ").unwrap();\n'
        "let mut line = String::new(); std::io::stdin().read_line(&mut line).unwrap();\n"
        'println!("{name} {word} {line:?}");',
        timeout=TIMEOUT,
        allow_stdin=True,
        stdin_hook=answer,
        output_hook=lambda m: published.append((m["msg_type"], m["content"])),
    )
    assert reply["content"]["status"] == "ok"
    assert asked == [
        {"prompt": "name? ", "password": False},
        {"prompt": "word? ", "password": True},
        {"prompt": "", "password": False},
    ]
    assert stdout(published) == 'Ann Ann "Ann\\n"\n'


def test_the_console_answers_a_cell():
    code = 'let name = threadbook::input("name? ").unwrap();\nAnn\nprintln!("hello {}", name);\n'
    command = [sys.executable, "-m", "jupyter_console", "--kernel", KERNEL, "--simple-prompt"]
    done = subprocess.run(command, input=code, capture_output=True, text=True, timeout=TIMEOUT)
    assert "name? " in done.stdout and "hello Ann" in done.stdout, done.stdout + done.stderr
