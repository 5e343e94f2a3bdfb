//! The code cells of a notebook file, as `verify` needs them.

use std::path::Path;

use serde_json::Value;

use crate::error::Error;
use crate::lanes::measure::without_compile_time;
use crate::lanes::verdict::Recorded;
use crate::notebook::model::{Cell, CellKind, Notebook};

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct RecordedCell {
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

pub(super) fn read(path: &Path) -> Result<Vec<RecordedCell>, Error> {
    let notebook = Notebook::read(path)?;
    Ok(notebook.cells().filter(|cell| cell.kind == CellKind::Code).map(cell).collect())
}

fn cell(cell: Cell) -> RecordedCell {
    let tagged = |name: &str| cell.tags.iter().any(|tag| tag == name);
    let claim = cell.metadata.and_then(|metadata| metadata.get("threadbook")?.get("recorded"));
    RecordedCell {
        index: cell.index,
        skip: tagged("skip-execution"),
        may_fail: tagged("raises-exception"),
        recorded: recorded(cell.outputs),
        unrecorded: cell.outputs.is_empty() && claim == Some(&Value::Bool(false)),
        id: cell.id.unwrap_or_else(|| format!("cell-{:02}", cell.index)),
        source: cell.source,
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

    fn written(notebook: &Value) -> Result<Vec<RecordedCell>, Error> {
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
        let cells = written(&json!({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
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
        let one = RecordedCell {
            index: 1,
            id: "one".into(),
            source,
            may_fail: true,
            recorded,
            ..RecordedCell::default()
        };
        let two = RecordedCell { index: 2, id: "cell-02".into(), unrecorded: true, ..RecordedCell::default() };
        assert_eq!(cells, [one, two]);
    }
}
