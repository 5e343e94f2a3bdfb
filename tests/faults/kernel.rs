//! Faults of the whole kernel, and of kernels that share a cache.

use std::process::{Child, Stdio};

use serde_json::json;

use crate::Test;
use crate::bench::{Bench, KEEP, SHOW};
use crate::client::{Client, Gate, text};
use crate::compiler::ENDLESS;
use crate::left::{kill, named, processes, wait_for_end};
use crate::notebook::Notebook;

pub(crate) const TESTS: &[Test] =
    &[("killed", killed), ("worker_lost", worker_lost), ("two_share_a_cold_cache", two_share_a_cold_cache)];

/// Its worker, the copy, the keeper and the compiler of the next cell go with it.
fn killed() {
    let mut client = Client::start();
    client.run(KEEP);
    let gate = Gate::new();
    let forever = "println!(\"on\"); loop { std::hint::spin_loop(); }";
    let [first, running, _compiling] = [gate.code().as_str(), forever, ENDLESS].map(|code| client.execute(code));
    client.expect_status("busy", &first);
    client.expect("execute_input", &first);
    let visitor = gate.visitor();
    // Once this is answered all three have come, so the third is compiled while the second runs.
    client.ask("complete_request", json!({"code": "", "cursor_pos": 0}));
    client.expect_status("busy", &first);
    drop(visitor);
    client.reply_to(&first);
    client.expect_status("idle", &first);
    client.expect_status("busy", &running);
    client.expect("execute_input", &running);
    client.text_until(&running, "on\n");
    while named("rustc").is_empty() {
        std::thread::yield_now();
    }
    let all = processes();
    // Kernel, keeper, worker, copy, compiler.
    assert!(all.len() >= 5, "{all:?}");
    kill(client.kernel.process.id(), libc::SIGKILL);
    client.kernel.process.wait().expect("it ends");
    all.into_iter().for_each(wait_for_end);
    // What it left on the disk goes when the next session starts.
    let mut bench = Bench::start();
    bench.prints(KEEP);
}

fn worker_lost() {
    let mut client = Client::start();
    client.run(KEEP);
    let (reply, published) = client.run("kept.push(4); println!(\"before\"); std::process::abort();");
    assert_eq!(
        (reply.content["ename"].as_str(), text(&published, "stdout").as_str()),
        (Some("WorkerLost"), "before\n")
    );
    let (_, published) = client.run(SHOW);
    assert_eq!(text(&published, "stdout"), "[1, 2, 3]\n");
    client.finish();
}

fn two_share_a_cold_cache() {
    let cache = tempfile::tempdir().expect("a directory");
    let cells = [
        "fn item(n: u32) -> u32 { n * 2 }",
        "let list: Vec<u32> = (0..3).map(item).collect();",
        "println!(\"{list:?}\");",
    ];
    let notebooks = [(); 2].map(|()| Notebook::new(&cells));
    let start = |notebook: &Notebook| -> Child {
        let mut command = notebook.run();
        command.env("THREADBOOK_CACHE", cache.path()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().expect("it starts")
    };
    let runs = notebooks.each_ref().map(start);
    for (run, notebook) in runs.into_iter().zip(&notebooks) {
        let output = run.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(notebook.printed(2), "[0, 2, 4]\n");
    }
    // Each entry once, and nothing of the writing.
    let directories = ["cells", "runtimes", "values"].map(|kind| std::fs::read_dir(cache.path().join(kind)));
    let files = directories.into_iter().flat_map(|listed| listed.expect("listed"));
    let entries = files.flatten().map(|entry| entry.file_name());
    let names: Vec<String> = entries.map(|name| name.into_string().expect("text")).collect();
    let is_entry = |name: &String| name.ends_with(".json") || name.ends_with(".so");
    assert!(names.iter().all(is_entry), "{names:?}");
    let sessions = std::fs::read_dir(cache.path().join("sessions")).expect("listed");
    assert_eq!(sessions.count(), 0, "both have ended");
}
