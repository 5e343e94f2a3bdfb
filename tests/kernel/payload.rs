//! Tests of [payloads](https://jupyter-client.readthedocs.io/en/stable/messaging.html#payloads-deprecated), with
//! which a reply tells the front end to show a page, or to put text in the place of a cell.

use serde_json::json;

use crate::client::{Client, kinds};

#[test]
fn a_loaded_file_takes_the_place_of_the_cell() {
    let mut client = Client::start();
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("part.rs"), "let a = 1;\nlet b = 2;\nlet c = 3;\n").expect("written");
    client.run(&format!("%cd {}", directory.path().display()));
    let (reply, published) = client.run("%load -r 2-3 part.rs");
    assert_eq!(reply.content["status"], "ok");
    let text = "// %load -r 2-3 part.rs\nlet b = 2;\nlet c = 3;\n";
    assert_eq!(reply.content["payload"], json!([{"source": "set_next_input", "text": text, "replace": true}]));
    assert_eq!(kinds(&published), ["execute_input"]);
    let (reply, _) = client.run(text);
    assert_eq!((&reply.content["status"], &reply.content["payload"]), (&json!("ok"), &json!([])));
    let (reply, _) = client.run("%recall 2");
    let recalled = json!([{"source": "set_next_input", "text": "%load -r 2-3 part.rs\n", "replace": false}]);
    assert_eq!(reply.content["payload"], recalled);
    let (reply, _) = client.run("%load none.rs");
    assert_eq!((&reply.content["ename"], &reply.content["payload"]), (&json!("UsageError"), &json!([])));
    client.finish();
}

#[test]
fn a_loaded_file_does_not_hold_up_the_cells_that_wait_behind_it() {
    let mut client = Client::start();
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("part.rs");
    std::fs::write(&file, "1").expect("written");
    let cells =
        ["let a = 1;".to_string(), format!("%load {}", file.display()), "let b = a + 1;".into(), "b".into()];
    let headers = cells.map(|cell| client.execute(&cell));
    for (header, payloads) in headers.iter().zip([0, 1, 0, 0]) {
        let reply = client.reply_to(header);
        assert_eq!(reply.content["status"], "ok", "{reply:?}");
        assert_eq!(reply.content["payload"].as_array().expect("a list").len(), payloads);
        client.published_for(header);
    }
    client.finish();
}
