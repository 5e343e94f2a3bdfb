//! A second check of each notebook that Threadbook writes: the types of [nbformat
//! 4.5](https://nbformat.readthedocs.io/en/latest/format_description.html) in another project's crate, `nbformat`.

use std::path::Path;

use serde_json::Value;

use crate::Bench;

/// Checks that the crate reads the notebook as nbformat 4.5 without repairs, and that it would write the same
/// notebook.
pub(crate) fn check(text: &str) {
    let read = nbformat::parse_notebook(text).expect("the crate reads it");
    let nbformat::Notebook::V4(_) = &read else { panic!("no nbformat 4.5 as it stands: {read:?}") };
    let written = nbformat::serialize_notebook(&read).expect("the crate writes it");
    let (mut ours, mut theirs) = (parsed(text), parsed(&written));
    [&mut ours, &mut theirs].into_iter().for_each(leave_out);
    assert_eq!(ours, theirs);
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("is JSON")
}

/// Removes what the crate cannot keep unchanged, and nothing else.
fn leave_out(notebook: &mut Value) {
    for cell in notebook["cells"].as_array_mut().expect("cells") {
        // A source may be a string or a list of lines, and the texts of outputs may be split differently.
        cell["source"] = joined(&cell["source"]);
        for output in cell["outputs"].as_array_mut().into_iter().flatten() {
            if output["text"].is_array() {
                output["text"] = joined(&output["text"]);
            }
        }
    }
}

/// nbformat's `multiline_string` as one string.
fn joined(text: &Value) -> Value {
    match text {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect::<String>().into(),
        other => other.clone(),
    }
}

#[test]
fn the_bundled_notebooks_are_notebooks_before_and_after_a_run() {
    for name in ["threading", "processes"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("notebooks/{name}.ipynb"));
        let text = std::fs::read_to_string(path).expect("it is bundled");
        check(&text);
        let bench = Bench::with_text(&text);
        let output = bench.run(&["--quiet"]);
        assert!(output.status.success(), "{output:?}");
        check(&std::fs::read_to_string(bench.path("nb.executed.ipynb")).expect("the executed notebook is there"));
    }
}
