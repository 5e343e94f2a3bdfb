//! Tests of what works while a cell compiles or runs, and of the ways in which a kernel ends.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::client::{Client, Kernel, ipc_connection, is_alive, kinds, text};

const FOREVER: &str = "println!(\"on\"); loop { std::hint::spin_loop(); }";

/// A cell that takes rustc longer to compile than any test waits.
const ENDLESS: &str = "\
#![allow(long_running_const_eval)]
const N: u64 = { let mut n = 0; while n < u64::MAX { n += 1; } n };";

#[test]
fn control_heartbeat_and_questions_are_answered_while_a_cell_runs() {
    let mut client = Client::start();
    client.run("let number = 5;");
    let running = client.execute(FOREVER);
    client.expect_status("busy", &running);
    client.expect("execute_input", &running);
    client.text_until(&running, "on\n");

    let heartbeat = client.context.socket(zmq::REQ).expect("a socket");
    heartbeat.connect(&client.kernel.address("hb")).expect("connected");
    heartbeat.send("ping", 0).expect("sent");
    assert_eq!(heartbeat.recv_bytes(0).expect("an echo"), b"ping");

    for msg_type in ["kernel_info_request", "usage_request"] {
        let header = client.send_control(msg_type, json!({}));
        client.control_reply_to(&header);
        assert!(client.published_for(&header).is_empty());
        client.expect_status("busy", &running);
    }
    let (reply, _) = client.ask("complete_request", json!({"code": "numb", "cursor_pos": 4}));
    assert_eq!(reply.content["matches"], json!(["number"]));
    client.expect_status("busy", &running);

    let header = client.send_control("interrupt_request", json!({}));
    assert_eq!(client.control_reply_to(&header).content["status"], "ok");
    assert!(client.published_for(&header).is_empty());
    client.expect_status("busy", &running);
    assert_eq!(client.reply_to(&running).content["ename"], "Interrupted");
    assert_eq!(client.expect("error", &running).content["ename"], "Interrupted");
    client.expect_status("idle", &running);
    let (reply, _) = client.run("1 + 1");
    assert_eq!(reply.content["status"], "ok", "the session goes on");
    client.finish();
}

/// The system may deliver a signal for the kernel to any of the kernel's threads.
#[test]
fn a_signal_to_its_thread_does_not_end_the_heartbeat() {
    let mut client = Client::start();
    client.run("1");
    let heartbeat = client.context.socket(zmq::REQ).expect("a socket");
    heartbeat.connect(&client.kernel.address("hb")).expect("connected");
    let pid = client.kernel.process.id() as libc::pid_t;
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("threads").flatten();
    let is_heartbeat = |path: &std::path::PathBuf| {
        fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim() == "heartbeat")
    };
    let task = tasks.map(|task| task.path()).find(is_heartbeat).expect("the thread");
    let tid: libc::pid_t = task.file_name().and_then(|name| name.to_str()?.parse().ok()).expect("a number");
    for round in 0..20 {
        // SAFETY: takes numbers only.
        let sent = unsafe { libc::syscall(libc::SYS_tgkill, pid, tid, libc::SIGINT) };
        assert_eq!(sent, 0);
        heartbeat.send(&format!("{round}"), 0).expect("sent");
        assert!(heartbeat.poll(zmq::POLLIN, 10_000).expect("polled") > 0, "no echo in round {round}");
        assert_eq!(heartbeat.recv_bytes(0).expect("an echo"), round.to_string().as_bytes());
    }
    client.run("2");
    client.finish();
}

#[test]
fn an_interrupt_stops_the_compiler_and_the_variables_stay() {
    let mut client = Client::start();
    client.run("let kept = 5;");
    let header = client.execute(ENDLESS);
    client.expect_status("busy", &header);
    client.expect("execute_input", &header);
    while !is_compiling(client.kernel.process.id()) {
        std::thread::yield_now();
    }
    let interrupt = client.send_control("interrupt_request", json!({}));
    client.control_reply_to(&interrupt);
    client.published_for(&interrupt);
    client.expect_status("busy", &header);
    let reply = client.reply_to(&header);
    assert_eq!(reply.content["ename"], "Interrupted");
    assert!(reply.content["evalue"].as_str().expect("text").contains("nothing of it has happened"));
    client.expect("error", &header);
    client.expect_status("idle", &header);
    let (reply, _) = client.run("assert_eq!(kept, 5)");
    assert_eq!(reply.content["status"], "ok");
    client.finish();
}

#[test]
fn what_was_compiled_ahead_of_an_interrupted_cell_holds_nobody_up() {
    let mut client = Client::start();
    let headers = ["let first = 1;", FOREVER, ENDLESS].map(|code| client.execute(code));
    client.reply_to(&headers[0]);
    client.published_for(&headers[0]);
    client.expect_status("busy", &headers[1]);
    client.expect("execute_input", &headers[1]);
    client.text_until(&headers[1], "on\n");
    while !is_compiling(client.kernel.process.id()) {
        std::thread::yield_now();
    }
    signal(client.kernel.process.id(), "INT");
    assert_eq!(client.reply_to(&headers[1]).content["ename"], "Interrupted");
    client.expect("error", &headers[1]);
    client.expect_status("idle", &headers[1]);
    assert_eq!(client.reply_to(&headers[2]).content["ename"], "Aborted");
    client.published_for(&headers[2]);
    assert_eq!(client.run("1 + 1").0.content["status"], "ok");
    client.finish();
}

#[test]
fn a_worker_that_dies_between_cells_is_told_with_the_next() {
    let mut client = Client::start();
    let (_, published) =
        client.run("fn seven() -> i32 { 7 }\nlet kept = 1;\nprintln!(\"{}\", std::process::id());");
    let worker = text(&published, "stdout").trim().parse().expect("a number");
    signal(worker, "KILL");
    // The signal may take effect some time after it was sent.
    while is_alive(worker) {
        std::thread::yield_now();
    }
    let (reply, published) = client.run("seven() + kept");
    assert_eq!(reply.content["status"], "ok");
    assert_eq!(kinds(&published), ["execute_input", "execute_result", "stream"]);
    let told = text(&published, "stderr");
    assert!(told.contains("between cells") && told.contains("no variable is lost"), "{told}");
    client.finish();
}

#[test]
fn sigint_interrupts_the_cell() {
    let mut client = Client::start();
    let header = client.execute(FOREVER);
    client.expect_status("busy", &header);
    client.expect("execute_input", &header);
    client.text_until(&header, "on\n");
    signal(client.kernel.process.id(), "INT");
    assert_eq!(client.reply_to(&header).content["ename"], "Interrupted");
    client.expect("error", &header);
    client.expect_status("idle", &header);
    client.finish();
}

#[test]
fn shutdown_takes_the_worker_and_the_files_with_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let connection = ipc_connection(&directory);
    let scratch = tempfile::tempdir().expect("a directory");
    let process =
        Kernel::command(&directory, &connection).env("TMPDIR", scratch.path()).spawn().expect("it starts");
    let mut client = Client::of(Kernel { process, directory, connection });
    let (_, published) = client.run("println!(\"{}\", std::process::id());");
    let worker: u32 = published[1].content["text"].as_str().expect("text").trim().parse().expect("a number");
    assert!(is_alive(worker));
    // The kernel ends in the middle of a cell, while the cell after it, which would take for ever, is compiled.
    let headers = ["let first = 1;", FOREVER, ENDLESS].map(|code| client.execute(code));
    client.reply_to(&headers[0]);
    client.published_for(&headers[0]);
    client.expect_status("busy", &headers[1]);
    client.expect("execute_input", &headers[1]);
    client.text_until(&headers[1], "on\n");
    while !is_compiling(client.kernel.process.id()) {
        std::thread::yield_now();
    }
    let shutdown = client.send_control("shutdown_request", json!({"restart": true}));
    assert_eq!(client.control_reply_to(&shutdown).content["restart"], true);
    assert!(client.kernel.process.wait().expect("it ends").success());
    assert!(!is_alive(worker));
    let left: Vec<_> = fs::read_dir(scratch.path()).expect("read").flatten().map(|e| e.file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_kernel_ends_with_its_launcher() {
    let directory = tempfile::tempdir().expect("a directory");
    let connection = ipc_connection(&directory);
    let kernel = Kernel::command(&directory, &connection);
    let file = directory.path().join("connection.json");
    let script = "JPY_PARENT_PID=$$ \"$0\" kernel \"$1\" & echo $!; wait";
    let mut launcher = Command::new("sh")
        .args(["-c", script])
        .arg(kernel.get_program())
        .arg(&file)
        .env("THREADBOOK_DATA", directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut line = String::new();
    let mut output = BufReader::new(launcher.stdout.take().expect("its output"));
    output.read_line(&mut line).expect("a line");
    let pid: u32 = line.trim().parse().expect("a number");
    // The shell owns the kernel here. The client has to own a process all the same, so it gets one that has ended.
    let mut done = Command::new("true").spawn().expect("it starts");
    done.wait().expect("it ends");
    let mut client = Client::of(Kernel { process: done, directory, connection });
    let (_, published) = client.run("println!(\"{}\", std::process::id());");
    let worker: u32 = published[1].content["text"].as_str().expect("text").trim().parse().expect("a number");
    assert!(is_alive(pid) && is_alive(worker));
    launcher.kill().expect("killed");
    launcher.wait().expect("reaped");
    // The kernel holds the other end of the shell's output until it ends, so this loop ends with the kernel.
    let mut rest = String::new();
    while output.read_line(&mut rest).expect("read") > 0 {}
    assert!(!is_alive(worker));
}

#[test]
fn a_kernel_that_cannot_start_says_why() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut connection = ipc_connection(&directory);
    connection["shell_port"] = json!(0);
    let output = Kernel::command(&directory, &connection).output().expect("it runs");
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("shell_port is 0"));
}

#[test]
fn a_missing_compiler_is_the_answer_of_each_cell() {
    let directory = tempfile::tempdir().expect("a directory");
    let connection = ipc_connection(&directory);
    let process =
        Kernel::command(&directory, &connection).env("RUSTC", "/nonexistent/rustc").spawn().expect("it starts");
    let mut client = Client::of(Kernel { process, directory, connection });
    let (reply, published) = client.run("1");
    assert_eq!(reply.content["ename"], "EnvironmentError");
    assert!(reply.content["evalue"].as_str().expect("text").contains("install Rust"));
    assert_eq!(kinds(&published), ["execute_input", "error"]);
    client.finish();
}

/// Whether a compiler runs as a child of the kernel.
fn is_compiling(kernel: u32) -> bool {
    let children = fs::read_dir(format!("/proc/{kernel}/task")).expect("threads").flatten();
    let children = children.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let named =
        |pid: &str| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "rustc");
    children.into_iter().any(|pids| pids.split_whitespace().any(named))
}

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &pid.to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

#[test]
fn sockets_in_the_file_system_are_for_their_user_only() {
    use std::os::unix::fs::PermissionsExt;
    let mut client = Client::start();
    client.run("1");
    let directory = client.kernel.directory.path();
    let modes = [1, 2, 3, 4, 5].map(|port| {
        let socket = std::fs::metadata(directory.join(format!("k-{port}"))).expect("a socket");
        socket.permissions().mode() & 0o777
    });
    assert_eq!(modes, [0o600; 5]);
    // The kernel must have restored the umask, so that the files that cells make have the permissions that the user's
    // programs give.
    let made = directory.join("made");
    client.run(&format!("std::fs::write({made:?}, \"\").unwrap();"));
    let ordinary = client.kernel.directory.path().join("ordinary");
    std::fs::write(&ordinary, "").expect("written");
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("there").permissions().mode();
    assert_eq!(mode(&made), mode(&ordinary));
    client.finish();
}

#[test]
fn who_announces_a_frame_beyond_all_measure_is_hung_up_on() {
    use std::io::{Read, Write};
    let mut client = Client::start();
    client.run("1");
    let shell = client.kernel.directory.path().join("k-1");
    let mut peer = std::os::unix::net::UnixStream::connect(shell).expect("connected");
    peer.set_read_timeout(Some(std::time::Duration::from_secs(60))).expect("set");
    // [ZMTP 3.0](https://rfc.zeromq.org/spec/23/): a greeting of 64 bytes, then a `READY` command with the socket's
    // type. The kernel sends the same about itself.
    let ready = b"\x05READY\x0bSocket-Type\0\0\0\x06DEALER";
    let greeting = [&[0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0][..], b"NULL", &[0; 48]].concat();
    peer.write_all(&[&greeting[..], &[4, ready.len() as u8], ready].concat()).expect("sent");
    let mut answered = [0; 64 + 2 + 6];
    peer.read_exact(&mut answered).expect("an answer");
    assert!(answered.ends_with(b"\x05READY"), "{answered:?}");
    // The header of a frame of 1 GiB.
    peer.write_all(&[&[2][..], &(1u64 << 30).to_be_bytes()].concat()).expect("sent");
    // If the kernel did not hang up, this read would time out, which is an error of another kind.
    let end = peer.read_to_end(&mut Vec::new()).map_err(|error| error.kind());
    assert!(matches!(end, Ok(_) | Err(std::io::ErrorKind::ConnectionReset)), "{end:?}");
    assert_eq!(client.run("2").0.content["status"], "ok");
    client.finish();
}
