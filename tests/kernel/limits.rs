//! Tests of a kernel's limits, which are set by environment variables.

use serde_json::json;

use crate::client::{Client, Kernel, ipc_connection};

fn with(name: &str, value: &str) -> Client {
    let directory = tempfile::tempdir().expect("a directory");
    let connection = ipc_connection(&directory);
    let process = Kernel::command(&directory, &connection).env(name, value).spawn().expect("it starts");
    Client::of(Kernel { process, directory, connection })
}

#[test]
fn a_cell_that_takes_too_long_is_interrupted() {
    let mut client = with("THREADBOOK_TIMEOUT", "0.3");
    client.run("let kept = 5;");
    let (reply, _) = client.run("loop { std::hint::spin_loop(); }");
    assert_eq!(reply.content["ename"], "TimedOut");
    assert!(reply.content["evalue"].as_str().expect("text").starts_with("the cell ran longer than 0.3 s"));
    let (reply, _) = client.run("kept");
    assert_eq!(reply.content["status"], "ok");
    client.finish();
}

/// An invalid limit is an error of each cell. If the kernel did not start, the notebook would not show why; if it
/// started without the limit, the user would learn of that too late.
#[test]
fn a_limit_that_is_none_is_said_by_every_cell() {
    let mut client = with("THREADBOOK_MEMORY", "much");
    let (reply, _) = client.ask("kernel_info_request", json!({}));
    assert_eq!(reply.content["status"], "ok");
    for _ in 0..2 {
        let (reply, _) = client.run("1");
        assert_eq!(reply.content["ename"], "EnvironmentError");
        let evalue = reply.content["evalue"].as_str().expect("text");
        assert!(evalue.starts_with("the variable THREADBOOK_MEMORY is \"much\""), "{evalue}");
    }
    client.finish();
}
