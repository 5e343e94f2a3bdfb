//! Tests of requests whose content cannot be read. Each gets an error reply that says what is wrong, and has no other
//! effect.

use serde_json::{Value, json};

use crate::client::{Client, Message, kinds};

fn is_malformed(reply: &Message, msg_type: &str, part: &str) {
    assert_eq!(reply.msg_type, msg_type.replace("_request", "_reply"));
    assert_eq!((&reply.content["status"], &reply.content["ename"]), (&json!("error"), &json!("MalformedRequest")));
    let evalue = reply.content["evalue"].as_str().expect("text");
    assert!(evalue.contains(msg_type) && evalue.contains(part), "{evalue}");
}

#[test]
fn a_cell_without_code_is_not_an_empty_cell() {
    let mut client = Client::start();
    for (content, part) in [
        (json!({}), "missing field `code`"),
        (json!({"code": null}), "missing field `code`"),
        (json!({"code": 1}), "`code`: invalid type: integer `1`, expected a string"),
        (json!({"code": "1", "silent": "no"}), "`silent`: invalid type: string \"no\", expected a boolean"),
        (json!({"code": "1", "user_expressions": {"a": [1]}}), "`user_expressions.a`: invalid type"),
    ] {
        let (reply, published) = client.ask("execute_request", content);
        is_malformed(&reply, "execute_request", part);
        assert!(published.is_empty());
    }
    let (reply, published) = client.run("1");
    assert_eq!(reply.content["execution_count"], 1, "what was refused has no number");
    assert_eq!(kinds(&published), ["execute_input", "execute_result"]);
    client.finish();
}

#[test]
fn questions_that_cannot_be_read_say_what_is_missing() {
    let mut client = Client::start();
    for (msg_type, content, part) in [
        ("complete_request", json!({"cursor_pos": 1}), "missing field `code`"),
        ("complete_request", json!({"code": "a", "cursor_pos": -1}), "`cursor_pos`: invalid value: integer `-1`"),
        ("inspect_request", json!({"code": "a", "detail_level": "1"}), "`detail_level`: invalid type"),
        ("is_complete_request", json!({}), "missing field `code`"),
        ("history_request", json!({"hist_access_type": "all"}), "`hist_access_type`: unknown variant `all`"),
        ("comm_info_request", json!({"target_name": 1}), "`target_name`: invalid type"),
    ] {
        let (reply, published) = client.ask(msg_type, content);
        is_malformed(&reply, msg_type, part);
        assert!(published.is_empty());
    }
    for (msg_type, content, part) in [
        ("shutdown_request", json!({"restart": "yes"}), "`restart`: invalid type"),
        ("delete_subshell_request", json!({}), "missing field `subshell_id`"),
    ] {
        let header = client.send_control(msg_type, content);
        is_malformed(&client.control_reply_to(&header), msg_type, part);
        assert!(client.published_for(&header).is_empty());
    }
    // The kernel still runs: the malformed request has not shut it down.
    client.run("1");
    client.finish();
}

#[test]
fn comm_messages_that_cannot_be_read_are_passed_over() {
    let mut client = Client::start();
    for (msg_type, content) in [
        ("comm_open", json!({"comm_id": "c"})),
        ("comm_msg", json!({"data": {}})),
        ("comm_close", json!({"comm_id": 1})),
    ] {
        let header = client.send(msg_type, content);
        assert!(client.published_for(&header).is_empty());
    }
    assert_eq!(client.ask("comm_info_request", json!({})).0.content["comms"], json!({}));
    client.finish();
}

#[test]
fn fields_of_later_versions_are_ignored_and_absent_ones_have_their_defaults() {
    let mut client = Client::start();
    let content = json!({"code": "6 * 7", "later": {"a": 1}, "user_expressions": null, "silent": null});
    let (reply, published) = client.ask("execute_request", content);
    assert_eq!((&reply.content["status"], kinds(&published).len()), (&json!("ok"), 2));
    let (reply, _) = client.ask("complete_request", json!({"code": "whil"}));
    assert_eq!((&reply.content["matches"], &reply.content["cursor_end"]), (&json!(["while"]), &json!(4)));
    let (reply, _) = client.ask("history_request", json!({}));
    assert_eq!(reply.content["history"], json!([[1, 1, "6 * 7"]]));
    let (reply, _) = client.ask("inspect_request", json!({"code": "unknown"}));
    assert_eq!((&reply.content["status"], &reply.content["found"]), (&json!("ok"), &json!(false)));
    client.finish();
}

#[test]
fn a_debugger_is_refused() {
    let mut client = Client::start();
    let header = client.send_control("debug_request", json!({"command": "attach", "seq": 1, "type": "request"}));
    let reply = client.control_reply_to(&header);
    assert_eq!((reply.msg_type.as_str(), &reply.content["status"]), ("debug_reply", &Value::from("error")));
    assert!(client.published_for(&header).is_empty());
    client.finish();
}
