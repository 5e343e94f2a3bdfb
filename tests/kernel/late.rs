//! Tests of replies that come late, and of requests that come before the session is ready. The kernel's compiler in
//! these tests does nothing until the test lets it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::{Value, json};

use crate::client::{Client, Kernel, ipc_connection};

/// A compiler behind a gate: it waits until the test calls `open`, and then starts the real compiler.
struct Compiler {
    directory: tempfile::TempDir,
    /// The open gate. It is kept open, because a compiler that still waits at it would read the end of a closed one.
    gate: Option<File>,
}

impl Compiler {
    fn new() -> Compiler {
        let directory = tempfile::tempdir().expect("a directory");
        let (script, gate, go) =
            (directory.path().join("rustc"), directory.path().join("gate"), directory.path().join("go"));
        let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
        let text = format!(
            "#!/bin/sh\n[ -e '{}' ] || read line < '{}'\nexec {rustc} \"$@\"\n",
            go.display(),
            gate.display()
        );
        assert!(Command::new("mkfifo").arg(&gate).status().expect("mkfifo runs").success());
        fs::write(&script, text).expect("written");
        fs::set_permissions(&script, Permissions::from_mode(0o755)).expect("set");
        Compiler { directory, gate: None }
    }

    fn open(&mut self) {
        fs::write(self.directory.path().join("go"), "").expect("written");
        // A pipe that is opened for reading and writing does not wait for its other end. One line is written for each
        // compiler that may be waiting.
        let gate = OpenOptions::new().read(true).write(true).open(self.directory.path().join("gate"));
        let mut gate = gate.expect("opened");
        gate.write_all(&[b'\n'; 64]).expect("written");
        self.gate = Some(gate);
    }

    /// Starts a kernel that uses this compiler.
    fn kernel(&self) -> Client {
        let directory = tempfile::tempdir().expect("a directory");
        let connection = ipc_connection(&directory);
        let mut command = Kernel::command(&directory, &connection);
        let process = command.env("RUSTC", self.directory.path().join("rustc")).spawn().expect("it starts");
        Client::of(Kernel { process, directory, connection })
    }
}

fn version(content: &Value) -> &str {
    content["language_info"]["version"].as_str().expect("text")
}

#[test]
fn a_reply_that_comes_later_holds_up_no_other_and_goes_to_its_own_request() {
    let mut compiler = Compiler::new();
    let mut client = compiler.kernel();
    let on_shell = client.send("kernel_info_request", json!({}));
    client.expect_status("busy", &on_shell);
    let on_control = client.send_control("kernel_info_request", json!({}));
    client.expect_status("busy", &on_control);
    let (reply, published) = client.ask("complete_request", json!({"code": "whil", "cursor_pos": 4}));
    assert_eq!((&reply.content["matches"], published.len()), (&json!(["while"]), 0));
    compiler.open();
    for reply in [client.reply_to(&on_shell), client.control_reply_to(&on_control)] {
        assert!(version(&reply.content).contains('.'), "{}", reply.content);
    }
    client.expect_status("idle", &on_shell);
    client.expect_status("idle", &on_control);
    client.run("1");
    client.finish();
}

#[test]
fn a_reply_that_does_not_come_is_sent_without_it() {
    let mut compiler = Compiler::new();
    let mut client = compiler.kernel();
    let (reply, published) = client.ask("kernel_info_request", json!({}));
    assert_eq!((&reply.content["status"], version(&reply.content), published.len()), (&json!("ok"), "", 0));
    compiler.open();
    client.run("1");
    let (reply, _) = client.ask("kernel_info_request", json!({}));
    assert!(version(&reply.content).contains('.'), "known by now: {}", reply.content);
    client.finish();
}

#[test]
fn an_interrupt_while_the_session_starts_stops_the_first_cell() {
    let mut compiler = Compiler::new();
    let mut client = compiler.kernel();
    let cell = client.execute("println!(\"on\"); loop { std::hint::spin_loop(); }");
    client.expect_status("busy", &cell);
    client.expect("execute_input", &cell);
    let interrupt = client.send_control("interrupt_request", json!({}));
    assert_eq!(client.control_reply_to(&interrupt).content["status"], "ok");
    assert!(client.published_for(&interrupt).is_empty());
    client.expect_status("busy", &cell);
    compiler.open();
    assert_eq!(client.expect("error", &cell).content["ename"], "Interrupted");
    assert_eq!(client.reply_to(&cell).content["ename"], "Interrupted");
    client.expect_status("idle", &cell);
    let (reply, _) = client.run("1 + 1");
    assert_eq!(reply.content["status"], "ok", "the next cell is not touched");
    client.finish();
}

#[test]
fn an_interrupt_of_nothing_stops_no_later_cell() {
    let mut compiler = Compiler::new();
    let mut client = compiler.kernel();
    let interrupt = client.send_control("interrupt_request", json!({}));
    client.control_reply_to(&interrupt);
    client.published_for(&interrupt);
    compiler.open();
    let (reply, _) = client.run("1 + 1");
    assert_eq!(reply.content["status"], "ok");
    client.finish();
}
