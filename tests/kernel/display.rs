//! Tests of rich output of cells, as a front end receives it.

use serde_json::{Value, json};

use crate::client::{Client, kinds, text};

#[test]
fn a_display_is_shown_changed_and_cleared() {
    let mut client = Client::start();
    let code = "use threadbook::display::{self, Display};\n\
        println!(\"before\");\n\
        let bar = display::html(\"<b>0</b>\");\n\
        println!(\"between\");\n\
        bar.update(Display::new().html(\"<b>1</b>\").text(\"1\"));\n\
        println!(\"after\");\n\
        display::clear_output(true);";
    let (reply, published) = client.run(code);
    assert_eq!(reply.content["status"], "ok", "{reply:?}");
    let expected =
        ["execute_input", "stream", "display_data", "stream", "update_display_data", "stream", "clear_output"];
    assert_eq!(kinds(&published), expected);
    let (shown, changed) = (&published[2], &published[4]);
    assert_eq!(shown.content["data"], json!({"text/html": "<b>0</b>"}));
    assert_eq!(changed.content["data"], json!({"text/html": "<b>1</b>", "text/plain": "1"}));
    let id = |message: &Value| message["transient"]["display_id"].as_str().expect("an id").to_owned();
    assert_eq!(id(&shown.content), id(&changed.content));
    assert_eq!(published[6].content, json!({"wait": true}));

    let (_, published) =
        client.run("std::thread::spawn(move || bar.update(Display::new().text(\"2\"))).join().unwrap();");
    assert_eq!(kinds(&published), ["execute_input", "update_display_data"]);
    assert_eq!(id(&published[1].content), id(&shown.content));
    assert_eq!(published[1].metadata["threadbook"]["thread"], "Thread-1");
    client.finish();
}

#[test]
fn content_of_crates_for_evcxr_is_displayed_and_not_printed() {
    let mut client = Client::start();
    let code = "struct Plot;\n\
        impl Plot { fn evcxr_display(&self) {\n\
            println!(\"EVCXR_BEGIN_CONTENT image/png\\naGVsbG8=\\nEVCXR_END_CONTENT\");\n\
        } }\n\
        println!(\"a plot:\");\n\
        Plot";
    let (_, published) = client.run(code);
    assert_eq!(kinds(&published), ["execute_input", "stream", "execute_result"]);
    assert_eq!(text(&published, "stdout"), "a plot:\n");
    assert_eq!(published[2].content["data"], json!({"image/png": "aGVsbG8="}));
    // What is no tail expression is no result.
    let (_, published) = client.run("Plot.evcxr_display();");
    assert_eq!(kinds(&published), ["execute_input", "display_data"]);
    let content = json!({"data": {"image/png": "aGVsbG8="}, "metadata": {}, "transient": {}});
    assert_eq!(published[1].content, content);
    client.finish();
}
