//! Tests of cells that read input: `input_request` and `input_reply`, which are [messages on the stdin channel][s].
//!
//! [s]: https://jupyter-client.readthedocs.io/en/stable/messaging.html#messages-on-the-stdin-router-dealer-channel

use serde_json::{Value, json};

use crate::client::{Client, Kernel, Message, ipc_connection, kinds, receive, text};

/// Executes code that may ask for input. Returns the request's header.
fn execute(client: &mut Client, code: &str) -> Value {
    client.send("execute_request", json!({"code": code, "allow_stdin": true}))
}

/// Takes the next input request, which must belong to this execute request.
fn question(client: &Client, header: &Value) -> Message {
    let message = receive(&client.stdin);
    assert_eq!((message.msg_type.as_str(), &message.parent), ("input_request", header));
    message
}

fn answer(client: &mut Client, line: &str) {
    let (frames, _) = client.frames("input_reply", json!({"value": line}));
    client.stdin.send_multipart(frames, 0).expect("sent");
}

/// Executes code and answers its input requests with these lines. Returns what the code wrote to stdout.
fn converse(client: &mut Client, code: &str, lines: &[&str]) -> String {
    let header = execute(client, code);
    for line in lines {
        question(client, &header);
        answer(client, line);
    }
    let reply = client.reply_to(&header);
    let published = client.published_for(&header);
    assert_eq!(reply.content["status"], "ok", "{} {published:?}", reply.content);
    text(&published, "stdout")
}

#[test]
fn a_cell_that_reads_asks_when_all_that_it_wrote_is_shown() {
    let mut client = Client::start();
    let header = execute(
        &mut client,
        "print!(\"name? \"); let mut name = String::new();\n\
         let n = std::io::stdin().read_line(&mut name).unwrap(); println!(\"{n} {name:?}\");",
    );
    client.expect_status("busy", &header);
    client.expect("execute_input", &header);
    assert_eq!(client.expect("stream", &header).content["text"], "name? ");
    assert_eq!(question(&client, &header).content, json!({"prompt": "", "password": false}));
    answer(&mut client, "Zo\u{eb} \u{1f980}");
    assert_eq!(client.expect("stream", &header).content["text"], "10 \"Zo\u{eb} \u{1f980}\\n\"\n");
    client.expect_status("idle", &header);
    assert_eq!(client.reply_to(&header).content["status"], "ok");
    client.finish();
}

#[test]
fn a_prompt_and_a_password_are_told_as_such() {
    let mut client = Client::start();
    let code = "(threadbook::input(\"name? \").unwrap(), threadbook::getpass(\"word? \").unwrap())";
    let header = execute(&mut client, code);
    assert_eq!(question(&client, &header).content, json!({"prompt": "name? ", "password": false}));
    answer(&mut client, "Ann");
    assert_eq!(question(&client, &header).content, json!({"prompt": "word? ", "password": true}));
    answer(&mut client, "hush");
    client.reply_to(&header);
    let published = client.published_for(&header);
    assert_eq!(published[1].content["data"]["text/plain"], "(\"Ann\", \"hush\")");
    client.finish();
}

/// The crate `evcxr_input` prints its prompt as a line of its own form, and then reads.
#[test]
fn the_prompts_of_evcxr_input_are_asked_with_and_never_printed() {
    let mut client = Client::start();
    let code = "fn ask(kind: &str) -> String { println!(\"EVCXR_INPUT_REQUEST{kind}:{}\", \"Who?\");\n\
        let mut line = String::new(); std::io::stdin().read_line(&mut line).unwrap(); line.trim().to_owned() }\n\
        println!(\"{} {}\", ask(\"\"), ask(\"_PASSWORD\"));";
    let header = execute(&mut client, code);
    assert_eq!(question(&client, &header).content, json!({"prompt": "Who?", "password": false}));
    answer(&mut client, "Ann");
    assert_eq!(question(&client, &header).content, json!({"prompt": "Who?", "password": true}));
    answer(&mut client, "hush");
    client.reply_to(&header);
    assert_eq!(text(&client.published_for(&header), "stdout"), "Ann hush\n");
    client.finish();
}

#[test]
fn an_empty_line_is_a_line_and_the_end_is_the_end() {
    let mut client = Client::start();
    let code =
        "let lines: Vec<String> = std::io::stdin().lines().map(Result::unwrap).collect(); println!(\"{lines:?}\");";
    assert_eq!(converse(&mut client, code, &["", "a", "\u{4}"]), "[\"\", \"a\"]\n");
    let code = "println!(\"{:?}\", threadbook::input(\"\").unwrap_err().kind());";
    assert_eq!(converse(&mut client, code, &["\u{4}"]), "UnexpectedEof\n");
    assert_eq!(converse(&mut client, "println!(\"{:?}\", threadbook::input(\"\").unwrap());", &[""]), "\"\"\n");
    client.finish();
}

#[test]
fn long_lines_come_whole_and_what_is_not_read_is_kept() {
    let mut client = Client::start();
    let long = "\u{e9}ab".repeat(100_000);
    let code = "let mut line = String::new(); std::io::stdin().read_line(&mut line).unwrap();\n\
        assert!(line.trim_end().chars().eq(\"\u{e9}ab\".chars().cycle().take(300_000))); println!(\"{}\", line.len());";
    assert_eq!(converse(&mut client, code, &[&long]), "400001\n");
    // The cell reads straight from the descriptor, three bytes at a time, and a later cell reads the rest.
    let setup = "use std::{fs::File, io::Read, mem::ManuallyDrop, os::fd::FromRawFd};\n\
        fn three() -> String { let mut fd = ManuallyDrop::new(unsafe { File::from_raw_fd(0) }); let mut some = [0; 3];\n\
        let n = fd.read(&mut some).unwrap(); String::from_utf8_lossy(&some[..n]).into_owned() }";
    client.run(setup);
    assert_eq!(converse(&mut client, "println!(\"{:?}\", three());", &["abcde"]), "\"abc\"\n");
    assert_eq!(converse(&mut client, "println!(\"{:?}\", three());", &[]), "\"de\\n\"\n");
    client.finish();
}

#[test]
fn c_code_reads_too() {
    let mut client = Client::start();
    client.run(
        "use std::ffi::{CStr, c_char, c_int, c_void};\n\
         unsafe extern \"C\" { static stdin: *mut c_void; fn printf(format: *const c_char, ...) -> c_int;\n\
         fn fgets(into: *mut c_char, size: c_int, file: *mut c_void) -> *mut c_char; }\n\
         fn ask() -> Option<String> { let mut line = [0; 64]; unsafe { printf(c\"who? \".as_ptr());\n\
         (!fgets(line.as_mut_ptr(), 64, stdin).is_null()).then(|| CStr::from_ptr(line.as_ptr()).to_str().unwrap().into()) } }",
    );
    let header = execute(&mut client, "println!(\"{:?}\", ask());");
    client.expect_status("busy", &header);
    client.expect("execute_input", &header);
    assert_eq!(client.expect("stream", &header).content["text"], "who? ");
    question(&client, &header);
    answer(&mut client, "C");
    assert_eq!(client.expect("stream", &header).content["text"], "Some(\"C\\n\")\n");
    client.expect_status("idle", &header);
    client.reply_to(&header);
    assert_eq!(converse(&mut client, "println!(\"{:?}\", ask());", &["\u{4}"]), "who? None\n");
    assert_eq!(converse(&mut client, "println!(\"{:?}\", ask());", &["again"]), "who? Some(\"again\\n\")\n");
    client.finish();
}

#[test]
fn threads_are_served_one_after_the_other() {
    let mut client = Client::start();
    let code = "let ask = |n: i32| std::thread::spawn(move || threadbook::input(n.to_string()).unwrap());\n\
        let (a, b) = (ask(1), ask(2)); println!(\"{} {}\", a.join().unwrap(), b.join().unwrap());";
    let header = execute(&mut client, code);
    for _ in 0..2 {
        let prompt = question(&client, &header).content["prompt"].as_str().expect("text").to_owned();
        assert!(client.stdin.recv_multipart(zmq::DONTWAIT).is_err(), "one question at a time");
        answer(&mut client, &format!("to {prompt}"));
    }
    client.reply_to(&header);
    assert_eq!(text(&client.published_for(&header), "stdout"), "to 1 to 2\n");
    client.finish();
}

#[test]
fn children_read_nothing() {
    let mut client = Client::start();
    let code = "use std::process::Command;\nprintln!(\"{:?}\", Command::new(\"cat\").status().unwrap().code());\n\
        let (out, into) = threadbook::multiprocessing::pipe().unwrap();\n\
        let child = threadbook::multiprocessing::Process::new(move || {\n\
            into.send(std::io::stdin().lines().count()).unwrap(); });\n\
        child.start().unwrap(); println!(\"{}\", out.recv().unwrap()); child.join().unwrap();";
    assert_eq!(converse(&mut client, code, &[]), "Some(0)\n0\n");
    client.finish();
}

#[test]
fn a_front_end_that_takes_no_input_is_not_asked() {
    let mut client = Client::start();
    let code = "let e = threadbook::input(\"\").unwrap_err(); println!(\"{:?}\", e.kind());\n\
        std::io::stdin().read_line(&mut String::new())?;";
    for content in [json!({"code": code, "allow_stdin": false}), json!({"code": code})] {
        let (reply, published) = client.ask("execute_request", content);
        assert_eq!(reply.content["ename"], "Error");
        assert_eq!(text(&published, "stdout"), "Unsupported\n");
        let told = text(&published, "stderr");
        assert!(told.contains("takes no input (it sent `allow_stdin: false`)"), "{told}");
    }
    client.finish();
}

#[test]
fn silent_cells_and_user_expressions_may_ask() {
    let mut client = Client::start();
    let content = json!({"code": "let word = threadbook::input(\"\").unwrap();", "silent": true, "allow_stdin": true,
        "user_expressions": {"also": "threadbook::input(\"more\").unwrap() + &word"}});
    let header = client.send("execute_request", content);
    question(&client, &header);
    answer(&mut client, "one");
    assert_eq!(question(&client, &header).content["prompt"], "more");
    answer(&mut client, "two");
    let reply = client.reply_to(&header);
    assert_eq!(reply.content["user_expressions"]["also"]["data"]["text/plain"], "\"twoone\"");
    assert!(client.published_for(&header).is_empty());
    client.finish();
}

#[test]
fn an_interrupt_ends_the_wait_and_a_late_answer_is_nobodys() {
    let mut client = Client::start();
    let header = execute(&mut client, "let line = threadbook::input(\"\")?;");
    let asked = question(&client, &header);
    let interrupt = client.send_control("interrupt_request", json!({}));
    client.control_reply_to(&interrupt);
    assert_eq!(client.reply_to(&header).content["ename"], "Interrupted");
    let mut idle = 0;
    while idle < 2 {
        idle += usize::from(client.published().content["execution_state"] == "idle");
    }
    answer(&mut client, "late");
    // A reply that names an earlier question must not answer the open one.
    let header = execute(&mut client, "println!(\"{}\", threadbook::input(\"\").unwrap());");
    question(&client, &header);
    let (mut frames, _) = client.frames("input_reply", json!({"value": "stale"}));
    frames = client.with_parent(frames, &asked.header);
    client.stdin.send_multipart(frames, 0).expect("sent");
    answer(&mut client, "fresh");
    client.reply_to(&header);
    assert_eq!(text(&client.published_for(&header), "stdout"), "fresh\n");
    client.finish();
}

#[test]
fn a_thread_that_outlives_its_cell_reads_the_end() {
    let mut client = Client::start();
    let go = client.kernel.directory.path().join("go");
    let code = format!(
        "let thread = std::thread::spawn(|| std::io::stdin().read_line(&mut String::new()).unwrap());\n\
         while !std::path::Path::new({go:?}).exists() {{ std::thread::yield_now(); }}"
    );
    let header = execute(&mut client, &code);
    question(&client, &header);
    std::fs::write(go, "").expect("written");
    client.reply_to(&header);
    assert_eq!(kinds(&client.published_for(&header)), ["execute_input"]);
    answer(&mut client, "late");
    let (reply, published) = client.run("thread.join().unwrap()");
    assert_eq!(reply.content["status"], "ok", "{published:?}");
    assert_eq!(published[1].content["data"]["text/plain"], "0");
    client.finish();
}

#[test]
fn a_client_that_connects_late_is_asked_all_the_same() {
    let directory = tempfile::tempdir().expect("a directory");
    let connection = ipc_connection(&directory);
    let mut client = Client::without_stdin(Kernel::start(directory, connection));
    let header = execute(&mut client, "println!(\"on\"); println!(\"{}\", threadbook::input(\"\").unwrap());");
    client.expect_status("busy", &header);
    client.expect("execute_input", &header);
    client.text_until(&header, "on\n");
    client.connect_stdin();
    question(&client, &header);
    answer(&mut client, "here");
    client.text_until(&header, "here\n");
    client.expect_status("idle", &header);
    client.reply_to(&header);
    client.finish();
}

#[test]
fn a_client_that_never_connects_has_no_input() {
    let directory = tempfile::tempdir().expect("a directory");
    let connection = ipc_connection(&directory);
    let mut client = Client::without_stdin(Kernel::start(directory, connection));
    let code = "println!(\"{:?}\", std::io::stdin().read_line(&mut String::new()));";
    assert_eq!(converse(&mut client, code, &[]), "Ok(0)\n");
    client.finish();
}

#[test]
fn a_kernel_that_waits_for_input_shuts_down() {
    let mut client = Client::start();
    let header = execute(&mut client, "threadbook::input(\"\")");
    question(&client, &header);
    let shutdown = client.send_control("shutdown_request", json!({"restart": true}));
    assert_eq!(client.control_reply_to(&shutdown).content, json!({"status": "ok", "restart": true}));
    assert!(client.kernel.process.wait().expect("it ends").success());
}
