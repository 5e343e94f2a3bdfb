//! Tests of subshells ([JEP
//! 91](https://jupyter.org/enhancement-proposals/91-kernel-subshells/kernel-subshells.html)): how they begin and end,
//! which requests they answer while a cell runs, and which parts of a cell never run concurrently.

use serde_json::{Value, json};

use crate::client::{Client, Gate, Message, kinds, text};

fn control(client: &mut Client, msg_type: &str, content: Value) -> Message {
    let header = client.send_control(msg_type, content);
    client.expect_status("busy", &header);
    client.expect_status("idle", &header);
    client.control_reply_to(&header)
}

fn create(client: &mut Client) -> Value {
    control(client, "create_subshell_request", json!({})).content["subshell_id"].clone()
}

fn list(client: &mut Client) -> Value {
    control(client, "list_subshell_request", json!({})).content["subshell_id"].clone()
}

fn in_subshell<T>(client: &mut Client, id: &Value, act: impl FnOnce(&mut Client) -> T) -> T {
    client.subshell = id.clone();
    let done = act(client);
    client.subshell = Value::Null;
    done
}

#[test]
fn a_subshell_lives_from_create_to_delete() {
    let mut client = Client::start();
    let (info, _) = client.ask("kernel_info_request", json!({}));
    assert_eq!(info.content["supported_features"], json!(["kernel subshells"]));
    assert_eq!(list(&mut client), json!([]));
    let (first, second) = (create(&mut client), create(&mut client));
    assert_eq!(list(&mut client), json!([first, second]));
    let reply = control(&mut client, "delete_subshell_request", json!({"subshell_id": first}));
    assert_eq!(reply.content, json!({"status": "ok"}));
    assert_eq!(list(&mut client), json!([second]));
    let again = control(&mut client, "delete_subshell_request", json!({"subshell_id": first}));
    assert_eq!((&again.content["status"], &again.content["ename"]), (&json!("error"), &json!("UnknownSubshell")));
    client.finish();
}

#[test]
fn a_subshell_answers_while_a_cell_runs() {
    let mut client = Client::start();
    client.run("let number = 5;");
    let gate = Gate::new();
    let running = client.execute(&gate.code());
    client.expect_status("busy", &running);
    client.expect("execute_input", &running);
    let visitor = gate.visitor();

    let header = client.send_control("create_subshell_request", json!({}));
    let id = client.control_reply_to(&header).content["subshell_id"].clone();
    assert!(client.published_for(&header).is_empty());
    client.expect_status("busy", &running);
    let questions = [
        ("complete_request", json!({"code": "numb", "cursor_pos": 4})),
        ("inspect_request", json!({"code": "number", "cursor_pos": 4, "detail_level": 0})),
        ("comm_info_request", json!({})),
        ("kernel_info_request", json!({})),
    ];
    for (msg_type, content) in questions {
        let (reply, _) = in_subshell(&mut client, &id, |client| client.ask(msg_type, content));
        assert_eq!((&reply.content["status"], &reply.parent["subshell_id"]), (&json!("ok"), &id), "{msg_type}");
        client.expect_status("busy", &running);
    }
    drop(visitor);
    assert_eq!(client.reply_to(&running).content["status"], "ok");
    client.expect_status("idle", &running);
    client.finish();
}

#[test]
fn a_cell_in_a_subshell_has_its_turn_after_those_before_it() {
    let mut client = Client::start();
    let id = create(&mut client);
    let gate = Gate::new();
    let first = client.execute(&format!("let mut steps = vec![1]; {} steps.push(2);", gate.code()));
    let second = in_subshell(&mut client, &id, |client| client.execute("steps.push(3); println!(\"{steps:?}\");"));
    drop(gate.visitor());
    assert_eq!(client.reply_to(&first).content["execution_count"], 1);
    client.published_for(&first);
    let reply = client.reply_to(&second);
    assert_eq!((&reply.content["execution_count"], &reply.parent["subshell_id"]), (&json!(2), &id));
    let published = client.published_for(&second);
    assert_eq!(
        (kinds(&published), text(&published, "stdout")),
        (vec!["execute_input", "stream"], "[1, 2, 3]\n".into())
    );
    client.finish();
}

#[test]
fn an_error_aborts_what_waits_on_its_own_shell_only() {
    for failing_is_subshell in [true, false] {
        let mut client = Client::start();
        let id = create(&mut client);
        let (failing, other) = if failing_is_subshell { (id, Value::Null) } else { (Value::Null, id) };
        let gate = Gate::new();
        let code = format!("{} panic!(\"oh\")", gate.code());
        let mut run = |shell: &Value, code: &str| in_subshell(&mut client, shell, |client| client.execute(code));
        let fails = run(&failing, &code);
        let of_other = run(&other, "1");
        let aborted = run(&failing, "2");
        let also_of_other = run(&other, "3");
        let visitor = gate.visitor();
        client.expect_status("busy", &fails);
        client.expect("execute_input", &fails);
        // The reply shows that the kernel has taken the four requests before it.
        client.ask("comm_info_request", json!({}));
        drop(visitor);
        for (header, status) in [(&fails, "error"), (&aborted, "error"), (&of_other, "ok"), (&also_of_other, "ok")]
        {
            let reply = client.reply_to(header);
            assert_eq!(reply.content["status"], status, "{reply:?}");
            client.published_for(header);
        }
        let (reply, _) = in_subshell(&mut client, &failing, |client| client.run("4"));
        assert_eq!(reply.content["status"], "ok", "a shell goes on after an error");
        client.finish();
    }
}

#[test]
fn a_request_for_a_subshell_that_is_not_there_is_refused() {
    let mut client = Client::start();
    client.subshell = json!("of another kernel");
    let requests = [
        ("execute_request", json!({"code": "1"})),
        ("complete_request", json!({"code": "n", "cursor_pos": 1})),
        ("inspect_request", json!({"code": "n", "cursor_pos": 1, "detail_level": 0})),
        ("is_complete_request", json!({"code": "1"})),
        ("history_request", json!({"hist_access_type": "tail", "n": 1})),
        ("comm_info_request", json!({})),
        ("kernel_info_request", json!({})),
    ];
    for (msg_type, content) in requests {
        let (reply, published) = client.ask(msg_type, content);
        assert_eq!(reply.msg_type, msg_type.replace("_request", "_reply"));
        assert_eq!((&reply.content["ename"], published.len()), (&json!("UnknownSubshell"), 0), "{msg_type}");
        let evalue = reply.content["evalue"].as_str().expect("text");
        assert!(evalue.contains("no subshell `of another kernel`"), "{evalue}");
    }
    let header = client.send("comm_msg", json!({"comm_id": "c", "data": {}}));
    assert!(client.published_for(&header).is_empty());
    // The control channel has no subshells.
    let header = client.send_control("kernel_info_request", json!({}));
    assert_eq!(client.control_reply_to(&header).content["status"], "ok");
    client.published_for(&header);
    client.subshell = Value::Null;
    let (reply, _) = client.run("1");
    assert_eq!(reply.content["execution_count"], 1, "what was refused has no number");
    client.finish();
}

#[test]
fn what_waits_in_a_deleted_subshell_is_not_run() {
    let mut client = Client::start();
    let id = create(&mut client);
    let gate = Gate::new();
    let running = client.execute(&gate.code());
    client.expect_status("busy", &running);
    client.expect("execute_input", &running);
    let visitor = gate.visitor();
    let waiting = in_subshell(&mut client, &id, |client| client.execute("unreachable!()"));
    // The kernel takes control messages first, so only a reply on the shell shows that it has taken the cell.
    client.ask("comm_info_request", json!({}));
    client.expect_status("busy", &running);
    let deleted = client.send_control("delete_subshell_request", json!({"subshell_id": id}));
    assert_eq!(client.control_reply_to(&deleted).content["status"], "ok");
    let reply = client.reply_to(&waiting);
    assert_eq!(reply.content["evalue"], "not run: its subshell was deleted");
    client.expect_status("busy", &deleted);
    assert!(client.published_for(&waiting).is_empty());
    client.expect_status("idle", &deleted);
    client.expect_status("busy", &running);
    drop(visitor);
    assert_eq!(client.reply_to(&running).content["status"], "ok");
    client.expect_status("idle", &running);
    client.finish();
}
