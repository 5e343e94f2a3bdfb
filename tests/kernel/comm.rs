//! Tests of [comms](https://jupyter-client.readthedocs.io/en/stable/messaging.html#custom-messages) that the front
//! end or a cell opens.

use serde_json::{Value, json};

use crate::client::{Client, Message, kinds, text};

/// A target that answers each message twice and prints what it was told.
const ECHO: &str = "use threadbook::comm::{self, Comm};\n\
    comm::register_target(\"echo\", |comm, data| {\n\
        println!(\"opened with {data}\");\n\
        let back = comm.clone();\n\
        comm.on_message(move |data| { print!(\"{data} \"); back.send(data); });\n\
        comm.on_close(|data| println!(\"closed with {data}\"));\n\
    });";

fn ok(client: &mut Client, code: &str) -> Vec<Message> {
    let (reply, published) = client.run(code);
    assert_eq!(reply.content["status"], "ok", "{}", reply.content);
    published
}

/// Sends a comm message, and returns the iopub messages between its `busy` and `idle`.
fn say(client: &mut Client, msg_type: &str, content: Value) -> Vec<Message> {
    let header = client.send(msg_type, content);
    client.published_for(&header)
}

fn open(client: &mut Client, target: &str) -> Vec<Message> {
    say(client, "comm_open", json!({"comm_id": "c1", "target_name": target, "data": {"n": 1}}))
}

fn comms(client: &mut Client, content: Value) -> Value {
    client.ask("comm_info_request", content).0.content["comms"].clone()
}

#[test]
fn comms_of_unknown_targets_are_closed() {
    let mut client = Client::start();
    let published = open(&mut client, "nothing");
    assert_eq!((kinds(&published), &published[0].content["comm_id"]), (vec!["comm_close"], &json!("c1")));
    assert_eq!(comms(&mut client, json!({})), json!({}));
    assert!(say(&mut client, "comm_msg", json!({"comm_id": "c1", "data": {}})).is_empty());
    assert!(say(&mut client, "comm_close", json!({"comm_id": "c1", "data": {}})).is_empty());
    client.finish();
}

#[test]
fn a_comm_that_the_front_end_opens_is_answered_by_a_cell() {
    let mut client = Client::start();
    ok(&mut client, ECHO);
    let published = open(&mut client, "echo");
    assert_eq!(text(&published, "stdout"), "opened with {\"n\":1}\n");
    assert_eq!(comms(&mut client, json!({})), json!({"c1": {"target_name": "echo"}}));
    assert_eq!(comms(&mut client, json!({"target_name": "other"})), json!({}));
    let published = say(&mut client, "comm_msg", json!({"comm_id": "c1", "data": ["\u{e9}", {"b": 1.5}]}));
    assert_eq!(kinds(&published), ["stream", "comm_msg"]);
    assert_eq!(published[1].content, json!({"comm_id": "c1", "data": ["\u{e9}", {"b": 1.5}]}));
    let published = say(&mut client, "comm_close", json!({"comm_id": "c1", "data": {"bye": true}}));
    assert_eq!(text(&published, "stdout"), "closed with {\"bye\":true}\n");
    assert_eq!(comms(&mut client, json!({})), json!({}));
    client.finish();
}

#[test]
fn a_comm_that_a_cell_opens_is_told_and_answered() {
    let mut client = Client::start();
    ok(
        &mut client,
        "use threadbook::comm::Comm;\nlet heard = std::sync::Arc::new(std::sync::Mutex::new(Vec::<String>::new()));",
    );
    let published = ok(
        &mut client,
        "let comm = Comm::open(\"widget\", \"{\\\"value\\\": 1}\");\n\
         let ear = heard.clone(); comm.on_message(move |data| ear.lock().unwrap().push(data.to_string()));\n\
         comm.send(\"[2]\"); println!(\"between\"); comm.send(\"no JSON\"); comm.send(\"3\");",
    );
    assert_eq!(kinds(&published), ["execute_input", "comm_open", "comm_msg", "stream", "stream", "comm_msg"]);
    let id = published[1].content["comm_id"].clone();
    assert_eq!(published[1].content, json!({"comm_id": id, "target_name": "widget", "data": {"value": 1}}));
    assert_eq!(published[2].content, json!({"comm_id": id, "data": [2]}));
    assert!(text(&published, "stderr").contains("its data is not JSON"), "{published:?}");
    assert!(say(&mut client, "comm_msg", json!({"comm_id": id, "data": "hi"})).is_empty());
    let published = ok(&mut client, "comm.close(\"{}\"); comm.close(\"{}\"); heard.lock().unwrap().clone()");
    assert_eq!(kinds(&published), ["execute_input", "comm_close", "execute_result"]);
    assert_eq!(published[2].content["data"]["text/plain"], "[\"\\\"hi\\\"\"]");
    assert_eq!(comms(&mut client, json!({})), json!({}));
    // Silent cells send comm messages too.
    let content = json!({"code": "Comm::open(\"widget\", \"null\");", "silent": true});
    let (_, published) = client.ask("execute_request", content);
    assert_eq!(kinds(&published), ["comm_open"]);
    client.finish();
}

#[test]
fn messages_wait_for_a_long_cell_and_keep_their_order() {
    const MESSAGES: usize = 1_000;
    let mut client = Client::start();
    ok(&mut client, ECHO);
    open(&mut client, "echo");
    let go = client.kernel.directory.path().join("go");
    let cell = client.execute(&format!(
        "println!(\"on\"); while !std::path::Path::new({go:?}).exists() {{ std::thread::yield_now(); }}"
    ));
    client.expect_status("busy", &cell);
    client.expect("execute_input", &cell);
    client.text_until(&cell, "on\n");
    let say = |n| json!({"comm_id": "c1", "data": n});
    let headers: Vec<Value> = (0..MESSAGES).map(|n| client.send("comm_msg", say(n))).collect();
    std::fs::write(go, "").expect("written");
    client.expect_status("idle", &cell);
    client.reply_to(&cell);
    for (n, header) in headers.iter().enumerate() {
        let published = client.published_for(header);
        assert_eq!(kinds(&published), ["stream", "comm_msg"]);
        assert_eq!((text(&published, "stdout"), &published[1].content["data"]), (format!("{n} "), &json!(n)));
    }
    client.finish();
}

#[test]
fn a_cell_that_fails_takes_no_messages_with_it() {
    let mut client = Client::start();
    ok(&mut client, ECHO);
    open(&mut client, "echo");
    let bad = client.execute("panic!(\"oh\")");
    let message = client.send("comm_msg", json!({"comm_id": "c1", "data": 1}));
    let aborted = client.execute("1");
    assert_eq!(client.reply_to(&bad).content["ename"], "Panic");
    client.published_for(&bad);
    assert_eq!(client.reply_to(&aborted).content["ename"], "Aborted");
    client.published_for(&aborted);
    assert_eq!(kinds(&client.published_for(&message)), ["stream", "comm_msg"]);
    client.finish();
}

#[test]
fn a_handler_that_panics_is_told_and_stays() {
    let mut client = Client::start();
    ok(
        &mut client,
        "let mut n = 0;\nthreadbook::comm::register_target(\"bad\", move |comm, _| comm.on_message(move |_| {\n\
         n += 1; if n == 1 { panic!(\"at first\") } println!(\"then {n}\"); }));",
    );
    open(&mut client, "bad");
    let published = say(&mut client, "comm_msg", json!({"comm_id": "c1", "data": {}}));
    let told = text(&published, "stderr");
    assert!(told.contains("panicked at In[1]:3:") && told.contains("at first"), "{told}");
    let published = say(&mut client, "comm_msg", json!({"comm_id": "c1", "data": {}}));
    assert_eq!(text(&published, "stdout"), "then 2\n");
    client.finish();
}

#[test]
fn a_handler_may_close_replace_itself_and_read_nothing() {
    let mut client = Client::start();
    ok(
        &mut client,
        "threadbook::comm::register_target(\"self\", |comm, _| { let own = comm.clone(); comm.on_message(move |_| {\n\
         println!(\"{:?}\", threadbook::input(\"\").unwrap_err().kind());\n\
         let last = own.clone(); own.on_message(move |_| last.close(\"{}\")); }); });",
    );
    open(&mut client, "self");
    let published = say(&mut client, "comm_msg", json!({"comm_id": "c1", "data": {}}));
    assert_eq!(text(&published, "stdout"), "UnexpectedEof\n");
    assert_eq!(kinds(&say(&mut client, "comm_msg", json!({"comm_id": "c1", "data": {}}))), ["comm_close"]);
    assert_eq!(comms(&mut client, json!({})), json!({}));
    client.finish();
}

#[test]
fn a_worker_that_dies_in_a_handler_takes_that_comm_with_it() {
    let mut client = Client::start();
    ok(&mut client, ECHO);
    ok(&mut client, "comm::register_target(\"fatal\", |comm, _| comm.on_message(|_| std::process::abort()));");
    open(&mut client, "echo");
    say(&mut client, "comm_open", json!({"comm_id": "c2", "target_name": "fatal", "data": {}}));
    let header = client.send("comm_msg", json!({"comm_id": "c2", "data": {}}));
    client.expect_status("busy", &header);
    let (mut closed, mut told) = (Vec::new(), String::new());
    loop {
        let message = client.published();
        match message.msg_type.as_str() {
            "comm_close" => closed.push(message.content["comm_id"].as_str().expect("text").to_owned()),
            "stream" => told += message.content["text"].as_str().expect("text"),
            _ => {
                break assert_eq!(
                    (&message.parent, &message.content["execution_state"]),
                    (&header, &json!("idle"))
                );
            }
        }
    }
    assert_eq!(closed, ["c2"]);
    assert!(told.contains("signal 6") && told.contains("rolled back"), "{told}");
    assert_eq!(comms(&mut client, json!({})), json!({"c1": {"target_name": "echo"}}));
    ok(&mut client, "1 + 1");
    client.finish();
}

#[test]
fn a_handler_that_does_not_end_is_interrupted() {
    let mut client = Client::start();
    ok(
        &mut client,
        "let kept = 1;\nthreadbook::comm::register_target(\"slow\", |_, _| { println!(\"on\"); loop { std::hint::spin_loop(); } });",
    );
    let header = client.send("comm_open", json!({"comm_id": "c1", "target_name": "slow", "data": {}}));
    client.expect_status("busy", &header);
    client.text_until(&header, "on\n");
    let interrupt = client.send_control("interrupt_request", json!({}));
    client.control_reply_to(&interrupt);
    assert!(client.published_for(&interrupt).is_empty());
    client.expect_status("busy", &header);
    client.text_until(&header, "stays)\n");
    assert_eq!(client.expect("comm_close", &json!({})).content["comm_id"], "c1");
    client.expect_status("idle", &header);
    ok(&mut client, "1 + 1");
    client.finish();
}
