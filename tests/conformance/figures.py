"""Measures a kernel through jupyter_client: python figures.py [KERNEL_NAME]. Prints one figure a line.

Cells are given for threadbook; no test, and nothing here fails for being slow.
"""

import os
import statistics
import sys
import threading
import time

import zmq
from jupyter_client.manager import KernelManager

KERNEL = sys.argv[1] if len(sys.argv) > 1 else "threadbook"
TIMEOUT = 120
LINES = 200_000


def median_ms(times):
    return f"{statistics.median(times) * 1000:.2f} ms (90 %: {sorted(times)[int(len(times) * 0.9)] * 1000:.2f} ms)"


def round_trips(client, n, channel):
    times = []
    for _ in range(n):
        message = client.session.msg("kernel_info_request")
        started = time.perf_counter()
        client.session.send(channel, message)
        client.session.recv(channel, mode=0)
        times.append(time.perf_counter() - started)
    return times


def drain_until_idle(client, msg_id):
    text = []
    while True:
        message = client.get_iopub_msg(timeout=TIMEOUT)
        if message["parent_header"].get("msg_id") != msg_id:
            continue
        if message["msg_type"] == "stream":
            text.append(message["content"]["text"])
        if message["content"].get("execution_state") == "idle":
            return "".join(text), len(text)


def execute(client, code):
    started = time.perf_counter()
    msg_id = client.execute(code)
    client.get_shell_msg(timeout=TIMEOUT)
    text, messages = drain_until_idle(client, msg_id)
    return time.perf_counter() - started, text, messages


def launch():
    manager = KernelManager(kernel_name=KERNEL)
    started = time.perf_counter()
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.kernel_info()
    client.get_shell_msg(timeout=TIMEOUT)
    return manager, client, time.perf_counter() - started


def main():
    launches = []
    for _ in range(5):
        manager, client, took = launch()
        launches.append(took)
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    print("launch to kernel_info_reply      ", median_ms(launches))
    manager, client, _ = launch()
    client.wait_for_ready(timeout=TIMEOUT)
    print("kernel_info round trip, idle     ", median_ms(round_trips(client, 500, client.shell_channel.socket)))
    execute(client, "1 + 1")
    print("trivial cell, cached             ", median_ms([execute(client, "1 + 1")[0] for _ in range(50)]))
    fresh = [execute(client, f"let fresh_{n} = {os.getpid()} + {n};")[0] for n in range(10)]
    print("trivial cell, compiled           ", median_ms(fresh))
    msg_id = client.execute('println!("on"); loop { std::hint::spin_loop(); }')
    while client.get_iopub_msg(timeout=TIMEOUT)["msg_type"] != "stream":
        pass
    print("kernel_info round trip, in a cell", median_ms(round_trips(client, 500, client.control_channel.socket)))
    manager.interrupt_kernel()
    client.get_shell_msg(timeout=TIMEOUT)
    drain_until_idle(client, msg_id)
    lines(manager, client)
    client.stop_channels()
    manager.shutdown_kernel()


def lines(manager, client):
    """A second subscriber reads nothing for ten seconds."""
    code = f'for n in 0..{LINES} {{ println!("line {{n}}"); }}'
    execute(client, code)
    slow = manager.connect_iopub()
    received = []

    def read_late():
        time.sleep(10)
        while True:
            _, message = manager.session.recv(slow, mode=0)
            if message["msg_type"] == "stream":
                received.append(message["content"]["text"])
            if len(received) and message["content"].get("execution_state") == "idle":
                return

    slow.poll(5000)
    reader = threading.Thread(target=read_late)
    reader.start()
    took, text, messages = execute(client, code)
    expected = "".join(f"line {n}\n" for n in range(LINES))
    whole = "none lost" if text == expected else f"LOST: {len(text)} of {len(expected)} bytes"
    print(f"{LINES:,} lines                    {LINES / took:,.0f} lines/s, {messages} messages, {whole}")
    reader.join()
    whole = "none lost" if "".join(received).endswith(expected) else "LOST"
    print(f"… the subscriber paused for 10 s  {len(received)} messages, {whole}")


if __name__ == "__main__":
    zmq.Context.instance()
    main()
