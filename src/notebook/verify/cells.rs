//! The code cells of a notebook file, as `verify` needs them.

use std::path::Path;

use serde_json::Value;

use crate::error::{Error, ExitCode};
use crate::notebook::measure::without_compile_time;
use crate::notebook::verdict::Recorded;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// Among all cells of the notebook, from 0.
    pub index: usize,
    pub id: String,
    pub source: String,
    /// Tagged `skip-execution`.
    pub skip: bool,
    /// Tagged `raises-exception`.
    pub may_fail: bool,
    pub recorded: Recorded,
    /// The original recorded nothing for this cell, so that there is nothing to compare with.
    pub unrecorded: bool,
}

pub fn read(path: &Path) -> Result<Vec<Cell>, Error> {
    let refuse = |what: String| Error::new(ExitCode::Input, format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(path)
        .map_err(|error| refuse(format!("cannot be read ({error}); check the path and its permissions")))?;
    let notebook: Value = serde_json::from_str(&text)
        .map_err(|error| refuse(format!("is not JSON ({error}); give an .ipynb file of nbformat 4")))?;
    let language = &notebook["metadata"]["kernelspec"]["language"];
    let language = language.as_str().or_else(|| notebook["metadata"]["language_info"]["name"].as_str());
    if let Some(other) = language.filter(|language| !language.eq_ignore_ascii_case("rust")) {
        return Err(refuse(format!("is a notebook in {other}; give one in Rust")));
    }
    let cells = notebook["cells"].as_array();
    let cells = cells.ok_or_else(|| refuse("has no cells; give an .ipynb file of nbformat 4".to_owned()))?;
    let code = cells.iter().enumerate().filter(|(_, cell)| cell["cell_type"] == "code");
    Ok(code.map(|(index, value)| cell(index, value)).collect())
}

fn cell(index: usize, value: &Value) -> Cell {
    let outputs = value["outputs"].as_array().map_or(&[][..], Vec::as_slice);
    let tags = value["metadata"]["tags"].as_array().map_or(&[][..], Vec::as_slice);
    Cell {
        index,
        id: value["id"].as_str().map_or_else(|| format!("cell-{index:02}"), str::to_owned),
        source: text(&value["source"]),
        skip: tags.iter().any(|tag| tag == "skip-execution"),
        may_fail: tags.iter().any(|tag| tag == "raises-exception"),
        recorded: recorded(outputs),
        unrecorded: outputs.is_empty() && value["metadata"]["threadbook"]["recorded"] == false,
    }
}

fn recorded(outputs: &[Value]) -> Recorded {
    let mut recorded = Recorded::default();
    for output in outputs {
        match output["output_type"].as_str() {
            Some("stream") => {
                recorded.streams[usize::from(output["name"] == "stderr")].push_str(&text(&output["text"]));
            }
            Some("display_data" | "execute_result") => recorded.shown.push(text(&output["data"]["text/plain"])),
            Some("error") => recorded.error = Some((text(&output["ename"]), text(&output["evalue"]))),
            _ => {}
        }
    }
    recorded.streams = recorded.streams.map(|stream| without_compile_time(&stream));
    recorded
}

/// nbformat's `multiline_string`: a string, or its pieces.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn written(notebook: &Value) -> Result<Vec<Cell>, Error> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), notebook.to_string()).expect("a file");
        read(file.path())
    }

    #[test]
    fn outputs_by_stream_and_kind() {
        let outputs = json!([
            {"output_type": "stream", "name": "stdout", "text": ["a\n", "b"]},
            {"output_type": "stream", "name": "stderr", "text": "e"},
            {"output_type": "stream", "name": "stdout", "text": "\nWall time: 1 s\nCompiler : 120 ms\n"},
            {"output_type": "execute_result", "data": {"text/plain": ["5"]}},
            {"output_type": "error", "ename": "Panic", "evalue": "no", "traceback": []},
        ]);
        let cells = written(&json!({"metadata": {}, "cells": [
            {"cell_type": "markdown", "source": "x"},
            {"cell_type": "code", "id": "one", "source": ["1 +\n", "4"], "outputs": outputs,
             "metadata": {"tags": ["raises-exception"]}},
            {"cell_type": "code", "source": "", "outputs": [], "metadata": {"threadbook": {"recorded": false}}},
        ]}));
        let cells = cells.expect("a notebook");
        let recorded = Recorded {
            streams: ["a\nb\nWall time: 1 s\n".into(), "e".into()],
            shown: vec!["5".into()],
            error: Some(("Panic".into(), "no".into())),
        };
        let source = "1 +\n4".to_owned();
        let one = Cell { index: 1, id: "one".into(), source, may_fail: true, recorded, ..Cell::default() };
        let two = Cell { index: 2, id: "cell-02".into(), unrecorded: true, ..Cell::default() };
        assert_eq!(cells, [one, two]);
    }

    #[test]
    fn what_is_no_notebook_in_rust() {
        let python = json!({"metadata": {"kernelspec": {"language": "python"}}, "cells": []});
        let message = |value: &Value| written(value).expect_err("refused").to_string();
        assert!(message(&python).ends_with("is a notebook in python; give one in Rust"));
        assert!(message(&json!([])).ends_with("has no cells; give an .ipynb file of nbformat 4"));
        assert!(read(Path::new("no/such.ipynb")).expect_err("refused").to_string().contains("cannot be read"));
    }
}
