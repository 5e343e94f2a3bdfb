//! Tests of the kernel from end to end: the real binary with a connection file, and a client that checks every
//! message.

mod client;
mod comm;
mod display;
mod input;
mod late;
mod life;
mod limits;
mod load;
mod malformed;
mod payload;
mod stalled;
mod subshell;

use client::{Client, Kernel, kinds, tcp_connection, text};
use serde_json::{Value, json};

#[test]
fn a_cell_is_told_in_the_order_of_the_protocol() {
    let mut client = Client::start();
    let header = client.execute("println!(\"hello\");\n6 * 7");
    client.expect_status("busy", &header);
    assert_eq!(client.expect("execute_input", &header).content["execution_count"], 1);
    let stream = client.expect("stream", &header);
    assert_eq!(stream.content, json!({"name": "stdout", "text": "hello\n"}));
    assert_eq!(stream.metadata["threadbook"]["thread"], "MainThread");
    let result = client.expect("execute_result", &header);
    assert_eq!(result.content, json!({"data": {"text/plain": "42"}, "metadata": {}, "execution_count": 1}));
    let reply = client.reply_to(&header);
    assert_eq!(reply.content, json!({"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {}}));
    client.expect_status("idle", &header);
    client.finish();
}

#[test]
fn a_failed_cell_has_one_error_and_the_queue_behind_it_is_aborted() {
    let mut client = Client::start();
    let headers = ["let a: i32 = \"\"; let b: u8 = 'c';", "1 + 1", "2 + 2"].map(|code| client.execute(code));
    let reply = client.reply_to(&headers[0]);
    assert_eq!((&reply.content["status"], &reply.content["ename"]), (&json!("error"), &json!("CompileError")));
    assert_eq!(kinds(&client.published_for(&headers[0])), ["execute_input", "error"]);
    for header in &headers[1..] {
        let reply = client.reply_to(header);
        assert_eq!((&reply.content["status"], &reply.content["ename"]), (&json!("error"), &json!("Aborted")));
        assert!(client.published_for(header).is_empty());
    }
    let (reply, _) = client.run("3");
    assert_eq!(reply.content["execution_count"], 2, "aborted cells have no number");
    client.finish();
}

#[test]
fn without_stop_on_error_the_queue_goes_on() {
    let mut client = Client::start();
    let first = client.send("execute_request", json!({"code": "panic!(\"oh\")", "stop_on_error": false}));
    let second = client.execute("1");
    assert_eq!(client.reply_to(&first).content["evalue"], "oh");
    client.published_for(&first);
    assert_eq!(client.reply_to(&second).content["status"], "ok");
    client.published_for(&second);
    client.finish();
}

#[test]
fn silent_cells_show_nothing_and_unstored_cells_have_no_number() {
    let mut client = Client::start();
    let (reply, published) =
        client.ask("execute_request", json!({"code": "println!(\"x\"); let a = 5; a", "silent": true}));
    assert_eq!((&reply.content["execution_count"], published.len()), (&json!(0), 0));
    let (reply, published) = client.ask("execute_request", json!({"code": "a", "store_history": false}));
    assert_eq!(reply.content["execution_count"], 0);
    assert_eq!(kinds(&published), ["execute_input", "execute_result"]);
    let (reply, _) = client.run("a + 1");
    assert_eq!(reply.content["execution_count"], 1);
    let (reply, published) = client.run("  \n");
    assert_eq!((&reply.content["execution_count"], kinds(&published)), (&json!(1), vec!["execute_input"]));
    client.finish();
}

#[test]
fn user_expressions_are_answered_each_by_itself() {
    let mut client = Client::start();
    let expressions = json!({"twice": "x * 2", "bad": "nothing", "says": "println!(\"hush\"); x"});
    let code = "let x = 21;";
    let (reply, published) = client.ask("execute_request", json!({"code": code, "user_expressions": expressions}));
    let answers = &reply.content["user_expressions"];
    assert_eq!(answers["twice"], json!({"status": "ok", "data": {"text/plain": "42"}, "metadata": {}}));
    assert_eq!((&answers["bad"]["status"], &answers["bad"]["ename"]), (&json!("error"), &json!("CompileError")));
    assert_eq!(answers["says"]["data"]["text/plain"], "21");
    assert_eq!((&reply.content["status"], kinds(&published)), (&json!("ok"), vec!["execute_input"]));
    client.finish();
}

#[test]
fn warnings_and_stderr_are_told_as_such() {
    let mut client = Client::start();
    let (_, published) = client.run("#[deprecated] fn old() {} old(); eprint!(\"careful\");");
    let stderr = text(&published, "stderr");
    assert!(stderr.contains("use of deprecated function") && stderr.ends_with("careful"), "{stderr}");
    client.finish();
}

#[test]
fn late_output_of_a_thread_goes_to_the_cell_that_spawned_it() {
    let mut client = Client::start();
    let first = client.execute(
        "let (tx, rx) = std::sync::mpsc::channel::<i32>();\n\
         std::thread::spawn(move || { for n in rx { println!(\"late {n}\"); } });",
    );
    client.reply_to(&first);
    client.published_for(&first);
    let second = client.execute("tx.send(7).unwrap();");
    assert_eq!(client.reply_to(&second).content["status"], "ok");
    // The thread writes at any time: in the middle of the second cell, or after it.
    let (mut late, mut of_second) = (Vec::new(), Vec::new());
    while late.is_empty() || of_second.len() < 3 {
        let message = client.published();
        if message.parent == first { late.push(message) } else { of_second.push(message) }
    }
    assert_eq!(text(&late, "stdout"), "late 7\n");
    assert_eq!(late[0].metadata["threadbook"]["thread"], "Thread-1");
    assert_eq!(kinds(&of_second), ["status", "execute_input", "status"]);
    client.finish();
}

/// The client sends nothing while the thread prints. The thread's events alone have to wake the kernel, also those
/// that come while the kernel is still busy with the failure.
#[test]
fn output_of_a_thread_that_outlives_a_failed_cell_needs_no_request_to_be_seen() {
    const ROUNDS: usize = 40;
    const LINES: usize = 2_000;
    let code = format!(
        "std::thread::spawn(|| for n in 0..{LINES} {{\n\
         println!(\"{{n}}\"); std::thread::sleep(std::time::Duration::from_micros(50)); }});\n\
         panic!(\"oh\")"
    );
    let expected: String = (0..LINES).map(|n| format!("{n}\n")).collect();
    let mut client = Client::start();
    for _ in 0..ROUNDS {
        let header = client.execute(&code);
        let (mut printed, mut is_idle) = (String::new(), false);
        while printed.len() < expected.len() || !is_idle {
            let message = client.published();
            assert_eq!(message.parent, header, "{message:?}");
            is_idle |= message.content["execution_state"] == "idle";
            if message.msg_type == "stream" && message.content["name"] == "stdout" {
                printed += message.content["text"].as_str().expect("text");
            }
        }
        assert!(printed == expected);
        assert_eq!(client.reply_to(&header).content["ename"], "Panic");
    }
    client.finish();
}

#[test]
fn questions_about_names_are_answered() {
    let mut client = Client::start();
    client.run("/// Doubles.\nfn double(x: i32) -> i32 { x * 2 }\nlet dozen = 12;");
    let code = "\u{1f980}; do";
    let (reply, _) = client.ask("complete_request", json!({"code": code, "cursor_pos": 5}));
    assert_eq!(reply.content["matches"], json!(["double", "dozen"]));
    assert_eq!((&reply.content["cursor_start"], &reply.content["cursor_end"]), (&json!(3), &json!(5)));
    let types = &reply.content["metadata"]["_jupyter_types_experimental"];
    assert_eq!((&types[0]["text"], &types[0]["type"]), (&json!("double"), &json!("function")));
    assert_eq!((&types[1]["signature"], &types[1]["start"]), (&json!("i32"), &json!(3)));
    let (reply, _) =
        client.ask("inspect_request", json!({"code": "double(1)", "cursor_pos": 2, "detail_level": 0}));
    assert!(reply.content["data"]["text/plain"].as_str().expect("text").contains("Doubles."));
    let (reply, _) = client.run("double?");
    assert_eq!(reply.content["payload"][0]["source"], "page");
    for (code, status) in [("fn f() {", "incomplete"), ("1", "complete"), ("}", "invalid")] {
        let (reply, _) = client.ask("is_complete_request", json!({"code": code}));
        assert_eq!(reply.content["status"], status, "{code}");
    }
    client.finish();
}

#[test]
fn history_is_kept_over_restarts() {
    let mut client = Client::start();
    client.run("1 + 1");
    let directory = client.finish();
    let connection = client::ipc_connection(&directory);
    let mut client = Client::of(Kernel::start(directory, connection));
    client.run("2 + 2");
    let content = json!({"hist_access_type": "tail", "n": 10, "output": true, "raw": true});
    let (reply, _) = client.ask("history_request", content);
    assert_eq!(reply.content["history"], json!([[1, 1, ["1 + 1", "2"]], [2, 1, ["2 + 2", "4"]]]));
    client.finish();
}

#[test]
fn only_messages_with_our_signature_are_acted_on() {
    let mut client = Client::start();
    let (good, header) = client.frames("kernel_info_request", json!({}));
    let change = |index: usize, bytes: &[u8]| {
        let mut frames = good.clone();
        frames[index] = bytes.to_vec();
        frames
    };
    let bad = [change(1, b""), change(1, &[b'0'; 64]), change(5, b"{\"x\": 1}"), good[2..].to_vec(), vec![vec![]]];
    for frames in bad {
        client.shell.send_multipart(frames, 0).expect("sent");
    }
    client.shell.send_multipart(&good, 0).expect("sent");
    client.shell.send_multipart(&good, 0).expect("sent again");
    client.reply_to(&header);
    client.published_for(&header);
    client.run("1");
    client.finish();
}

#[test]
fn tcp_and_an_empty_key_work_too() {
    let mut connection = tcp_connection();
    let directory = tempfile::tempdir().expect("a directory");
    let mut client = Client::of(Kernel::start(directory, connection.clone()));
    let (reply, _) = client.ask("kernel_info_request", json!({}));
    let content = &reply.content;
    assert_eq!((&content["protocol_version"], &content["implementation"]), (&json!("5.5"), &json!("threadbook")));
    assert!(content["language_info"]["version"].as_str().is_some_and(|version| version.contains('.')));
    client.finish();

    connection["key"] = json!("");
    let directory = tempfile::tempdir().expect("a directory");
    let kernel = Kernel::start(directory, connection);
    let context = zmq::Context::new();
    let shell = context.socket(zmq::DEALER).expect("a socket");
    shell.connect(&kernel.address("shell")).expect("connected");
    let header = json!({"msg_id": "1", "msg_type": "comm_info_request"}).to_string();
    shell.send_multipart(["<IDS|MSG>", "", &header, "{}", "{}", "{}"], 0).expect("sent");
    let frames = shell.recv_multipart(0).expect("a reply");
    assert!(frames[1].is_empty(), "without a key nothing is signed");
    assert_eq!(serde_json::from_slice::<Value>(&frames[3]).expect("JSON")["msg_id"], "1");
}

#[test]
fn requests_that_are_not_known_are_refused_or_passed_over() {
    let mut client = Client::start();
    let header = client.send("no_such_request", json!({}));
    assert!(client.published_for(&header).is_empty());
    let (reply, _) = client.ask("connect_request", json!({}));
    assert_eq!(reply.content["hb_port"], 5);
    client.finish();
}
