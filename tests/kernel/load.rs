//! Tests that under load no output is lost and none changes its order.

use serde_json::json;

use crate::client::{Client, Gate, Kernel, ipc_connection, receive, text};

#[test]
fn two_hundred_thousand_lines_reach_a_quick_and_a_slow_subscriber() {
    const LINES: usize = 200_000;
    let mut client = Client::start();
    let slow = client.context.socket(zmq::SUB).expect("a socket");
    slow.set_rcvhwm(2).expect("set");
    slow.connect(&client.kernel.address("iopub")).expect("connected");
    slow.set_subscribe(b"").expect("subscribed");
    assert_eq!(receive(&slow).msg_type, "iopub_welcome");
    // The welcome for the second subscriber reaches the first one too.
    assert_eq!(client.published().msg_type, "iopub_welcome");
    let header = client.execute(&format!("for n in 0..{LINES} {{ println!(\"line {{n}}\"); }}"));
    assert_eq!(client.reply_to(&header).content["status"], "ok");
    let quick = text(&client.published_for(&header), "stdout");
    let expected: String = (0..LINES).map(|n| format!("line {n}\n")).collect();
    assert!(quick == expected, "{} of {} bytes", quick.len(), expected.len());
    let mut late = Vec::new();
    while late.last().is_none_or(|message: &crate::client::Message| message.content["execution_state"] != "idle") {
        late.push(receive(&slow));
    }
    assert!(text(&late, "stdout") == expected);
    assert!(late.len() < 200, "{} messages", late.len());
    client.finish();
}

#[test]
fn a_cell_that_prints_too_much_is_shown_in_part_and_all_is_in_a_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let connection = ipc_connection(&directory);
    let mut command = Kernel::command(&directory, &connection);
    let process =
        command.env("THREADBOOK_OUTPUT_LIMIT", "1M").env("TMPDIR", directory.path()).spawn().expect("it starts");
    let mut client = Client::of(Kernel { process, directory, connection });
    let header = client.execute("for n in 0..400_000 { println!(\"line {n}\"); }");
    assert_eq!(client.reply_to(&header).content["status"], "ok");
    let published = client.published_for(&header);
    let said = text(&published, "stderr");
    let path = said.split('`').nth(1).expect("a path");
    let all: String = (0..400_000).map(|n| format!("line {n}\n")).collect();
    assert!(std::fs::read_to_string(path).expect("the file") == all);
    let shown = text(&published, "stdout");
    let (head, tail) = shown.split_at(1 << 20);
    assert!(all.starts_with(head) && all.ends_with(tail) && tail.len() > 60_000, "{} bytes of the end", tail.len());
    let left_out = all.len() - head.len() - tail.len();
    assert!(said.contains("has shown 1 MiB") && said.contains(&format!("{left_out} bytes are left out")), "{said}");
    client.finish();
}

#[test]
fn a_thousand_queued_cells_are_answered_in_order() {
    let mut client = Client::start();
    client.run("1 + 1");
    let headers: Vec<_> = (0..1000).map(|_| client.execute("1 + 1")).collect();
    for (n, header) in headers.iter().enumerate() {
        assert_eq!(client.reply_to(header).content["execution_count"], n + 2);
        assert_eq!(client.published_for(header).len(), 2);
    }
    client.finish();
}

#[test]
fn a_thousand_questions_during_a_cell_are_answered_in_order() {
    let mut client = Client::start();
    let gate = Gate::new();
    let running = client.execute(&gate.code());
    client.expect_status("busy", &running);
    client.expect("execute_input", &running);
    let visitor = gate.visitor();
    let questions: Vec<_> = (0..1000).map(|_| client.send("comm_info_request", json!({}))).collect();
    let cells: Vec<_> = (0..10).map(|n| client.execute(&format!("{n}"))).collect();
    for header in &questions {
        assert_eq!(client.reply_to(header).content["status"], "ok");
        assert!(client.published_for(header).is_empty());
        client.expect_status("busy", &running);
    }
    drop(visitor);
    assert_eq!(client.reply_to(&running).content["status"], "ok");
    client.expect_status("idle", &running);
    for (n, header) in cells.iter().enumerate() {
        assert_eq!(client.reply_to(header).content["execution_count"], n + 2);
        assert_eq!(client.published_for(header)[1].content["data"]["text/plain"], n.to_string());
    }
    client.finish();
}

#[test]
fn prints_of_many_threads_say_who_printed() {
    let mut client = Client::start();
    let (_, published) = client.run(
        "let threads: Vec<_> = (0..4).map(|n| std::thread::spawn(move || for i in 0..100 { println!(\"{n} {i}\"); })).collect();\n\
         for thread in threads { thread.join().unwrap(); }",
    );
    let mut lines = 0;
    for message in published.iter().filter(|message| message.msg_type == "stream") {
        let about = &message.metadata["threadbook"];
        let text = message.content["text"].as_str().expect("text");
        let whole = json!([{"thread": about["thread"], "bytes": text.len()}]);
        let pieces = about["pieces"].as_array().or(whole.as_array()).expect("pieces").clone();
        let mut at = 0;
        for piece in pieces {
            let end = at + piece["bytes"].as_u64().expect("bytes") as usize;
            let number: u32 =
                piece["thread"].as_str().expect("a name")["Thread-".len()..].parse().expect("a number");
            for line in text[at..end].lines() {
                // The threads were started in order, and the first of them is Thread-1.
                assert!(line.starts_with(&format!("{} ", number - 1)), "{line} by {number}");
                lines += 1;
            }
            at = end;
        }
        assert_eq!(at, text.len());
    }
    assert_eq!(lines, 400);
    client.finish();
}
