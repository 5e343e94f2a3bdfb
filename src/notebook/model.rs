//! A notebook in memory: the JSON tree of its file, edited in place, and the outputs of a run beside it.
//!
//! What is not set here is written as it was read: unknown keys, the order of keys, the indent, the last newline.
//! Nothing here runs a cell or knows what a thread is.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::ser::PrettyFormatter;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::error::{Error, ExitCode};
use crate::events::CellId;
use crate::hex;
use crate::notebook::nbformat::Output;
use crate::notebook::read::{self, MINOR, Style};
use crate::notebook::write;

/// The keys of a cell's `metadata.threadbook` that a run owns; others there are the user's.
const OWN_KEYS: [&str; 4] = ["lanes", "lanes_truncated", "pieces", "pieces_truncated"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CellKind {
    Code,
    Markdown,
    /// A raw cell, or a kind that a later nbformat adds. It is kept and not run.
    Raw,
}

/// One cell as the file had it; outputs set since then are not seen here.
#[derive(Clone, Debug)]
pub(super) struct Cell<'a> {
    /// The cell's index in the notebook, from 0, among cells of every kind.
    pub index: usize,
    pub id: Option<String>,
    pub kind: CellKind,
    pub source: String,
    pub tags: Vec<String>,
    pub metadata: Option<&'a Map<String, Value>>,
    pub outputs: &'a [Value],
}

#[derive(Debug)]
pub(super) struct Notebook {
    tree: Map<String, Value>,
    style: Style,
    warning: Option<String>,
    /// The outputs of cells that were run, which take the place of those in the tree. Shared with the recorder, so
    /// that there is one copy of the text.
    outputs: HashMap<usize, Arc<Vec<Output>>>,
}

impl Notebook {
    /// Reads a Rust notebook of nbformat 4.
    pub(super) fn read(path: &Path) -> Result<Notebook, Error> {
        read::read(path).map(Notebook::from)
    }

    /// What the reader should be told about a notebook that was read all the same.
    pub(super) fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    pub(super) fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
        self.cell_values().iter().enumerate().map(|(index, value)| {
            let metadata = value.get("metadata").and_then(Value::as_object);
            let tags = metadata.and_then(|metadata| metadata.get("tags")?.as_array()).into_iter().flatten();
            Cell {
                index,
                id: value.get("id").and_then(Value::as_str).map(str::to_owned),
                kind: match value.get("cell_type").and_then(Value::as_str) {
                    Some("code") => CellKind::Code,
                    Some("markdown") => CellKind::Markdown,
                    _ => CellKind::Raw,
                },
                source: joined(value.get("source")),
                tags: tags.filter_map(Value::as_str).map(str::to_owned).collect(),
                metadata,
                outputs: value.get("outputs").and_then(Value::as_array).map_or(&[], Vec::as_slice),
            }
        })
    }

    pub(super) fn set_outputs(&mut self, index: usize, outputs: Arc<Vec<Output>>) {
        put(self.cell_mut(index), "outputs", json!([]));
        self.outputs.insert(index, outputs);
    }

    pub(super) fn set_execution_count(&mut self, index: usize, count: Option<CellId>) {
        put(self.cell_mut(index), "execution_count", count.map_or(Value::Null, |cell| cell.0.into()));
    }

    /// Sets `metadata.execution`, or takes it away.
    pub(super) fn set_execution(&mut self, index: usize, stamps: Option<Map<String, Value>>) {
        let metadata = self.metadata_mut(index);
        match stamps {
            Some(stamps) => put(metadata, "execution", Value::Object(stamps)),
            None => drop(metadata.shift_remove("execution")),
        }
    }

    /// Sets what a run knows in `metadata.threadbook`, in place of what an earlier run knew. Other keys there stay.
    pub(super) fn set_threadbook(&mut self, index: usize, record: Map<String, Value>) {
        let metadata = self.metadata_mut(index);
        let mut section = match metadata.get_mut("threadbook") {
            Some(Value::Object(section)) => std::mem::take(section),
            _ => Map::new(),
        };
        for key in OWN_KEYS {
            section.shift_remove(key);
        }
        section.extend(record);
        if section.is_empty() {
            metadata.shift_remove("threadbook");
        } else {
            put(metadata, "threadbook", Value::Object(section));
        }
    }

    /// Takes away everything that an earlier run left in a cell.
    pub(super) fn clear(&mut self, index: usize) {
        self.set_outputs(index, Arc::default());
        self.set_execution_count(index, None);
        self.set_execution(index, None);
        self.set_threadbook(index, Map::new());
    }

    /// Writes the notebook as nbformat 4.5, whole or not at all; see `write::atomically`.
    pub(super) fn write_atomically(&mut self, path: &Path) -> Result<(), Error> {
        self.upgrade();
        write::atomically(path, |writer| self.write(writer))
    }

    /// Writes the notebook as nbformat 4.5 to standard output.
    pub(super) fn write_to_stdout(&mut self) -> Result<(), Error> {
        self.upgrade();
        let mut writer = io::BufWriter::with_capacity(1 << 18, io::stdout().lock());
        match self.write(&mut writer).and_then(|()| writer.flush()) {
            // The reader of the pipe has gone, as `head` does.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(Error::new(
                ExitCode::Environment,
                format!("cannot write the notebook to standard output: {error}; name a file with --output"),
            )),
            Ok(()) => Ok(()),
        }
    }

    pub(super) fn write(&self, writer: &mut dyn Write) -> io::Result<()> {
        match &self.style.indent {
            Some(indent) => {
                let formatter = PrettyFormatter::with_indent(indent.as_bytes());
                self.serialize(&mut serde_json::Serializer::with_formatter(&mut *writer, formatter))?;
            }
            None => self.serialize(&mut serde_json::Serializer::new(&mut *writer))?,
        }
        if self.style.ends_with_newline {
            writer.write_all(b"\n")?;
        }
        Ok(())
    }

    /// To nbformat 4.5, with what it requires: an id for each cell. A newer minor version stays.
    pub(super) fn upgrade(&mut self) {
        let minor = self.tree.get("nbformat_minor").and_then(Value::as_u64).unwrap_or(0);
        if minor < MINOR {
            put(&mut self.tree, "nbformat_minor", MINOR.into());
        }
        let mut taken: HashSet<String> = self.cells().filter_map(|cell| cell.id).collect();
        let missing: Vec<(usize, String)> =
            self.cells().filter(|cell| cell.id.is_none()).map(|cell| (cell.index, cell.source)).collect();
        for (index, source) in missing {
            let id = new_id(&source, &mut taken);
            put(self.cell_mut(index), "id", id.into());
        }
        let metadata = child(&mut self.tree, "metadata");
        if !metadata.contains_key("language_info") {
            let info = json!({
                "codemirror_mode": "rust",
                "file_extension": ".rs",
                "mimetype": "text/rust",
                "name": "rust",
                "pygments_lexer": "rust",
            });
            put(metadata, "language_info", info);
        }
    }

    fn cell_values(&self) -> &[Value] {
        self.tree.get("cells").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn cell_mut(&mut self, index: usize) -> &mut Map<String, Value> {
        let cell = self.tree.get_mut("cells").and_then(|cells| cells.get_mut(index)).and_then(Value::as_object_mut);
        cell.expect("the index is of a cell, and the reader accepts objects only")
    }

    fn metadata_mut(&mut self, index: usize) -> &mut Map<String, Value> {
        child(self.cell_mut(index), "metadata")
    }
}

impl From<read::Parsed> for Notebook {
    fn from(parsed: read::Parsed) -> Self {
        let read::Parsed { tree, style, warning } = parsed;
        Notebook { tree, style, warning, outputs: HashMap::new() }
    }
}

impl Serialize for Notebook {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.tree.len()))?;
        for (key, value) in &self.tree {
            match key.as_str() {
                "cells" => map.serialize_entry(key, &Cells(self))?,
                _ => map.serialize_entry(key, value)?,
            }
        }
        map.end()
    }
}

struct Cells<'a>(&'a Notebook);

impl Serialize for Cells<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cells = self.0.cell_values();
        let mut seq = serializer.serialize_seq(Some(cells.len()))?;
        for (index, cell) in cells.iter().enumerate() {
            match (self.0.outputs.get(&index), cell) {
                (Some(outputs), Value::Object(cell)) => seq.serialize_element(&RunCell { cell, outputs })?,
                _ => seq.serialize_element(cell)?,
            }
        }
        seq.end()
    }
}

struct RunCell<'a> {
    cell: &'a Map<String, Value>,
    outputs: &'a [Output],
}

impl Serialize for RunCell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.cell.len()))?;
        for (key, value) in self.cell {
            match key.as_str() {
                "outputs" => map.serialize_entry(key, self.outputs)?,
                _ => map.serialize_entry(key, value)?,
            }
        }
        map.end()
    }
}

/// Text that nbformat has as a string or as a list of strings.
fn joined(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(lines)) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

/// Sets a key: in its place if it is there, else where the alphabet puts it if the keys are in order (nbformat
/// writes them so), else at the end.
fn put(map: &mut Map<String, Value>, key: &str, value: Value) {
    if let Some(old) = map.get_mut(key) {
        *old = value;
        return;
    }
    let at = match map.keys().is_sorted() {
        true => map.keys().position(|other| other.as_str() > key).unwrap_or(map.len()),
        false => map.len(),
    };
    map.shift_insert(at, key.to_owned(), value);
}

fn child<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    if !map.get(key).is_some_and(Value::is_object) {
        put(map, key, json!({}));
    }
    map.get_mut(key).and_then(Value::as_object_mut).expect("it was just put there")
}

/// An id made of what the cell says, so that the same notebook gets the same ids each time.
fn new_id(source: &str, taken: &mut HashSet<String>) -> String {
    let ids = (0u32..).map(|nth| {
        let hash = Sha256::new().chain_update(source).chain_update(nth.to_le_bytes()).finalize();
        hex::encode(&hash[..4])
    });
    let mut free = ids.skip_while(|id| taken.contains(id));
    let id = free.next().expect("fewer cells than hashes");
    taken.insert(id.clone());
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Stream;

    fn parsed(text: &str) -> Notebook {
        read::parse(text, Path::new("nb.ipynb")).expect("is a notebook").into()
    }

    fn written(notebook: &mut Notebook) -> String {
        let mut bytes = Vec::new();
        notebook.upgrade();
        notebook.write(&mut bytes).expect("is written");
        String::from_utf8(bytes).expect("is text")
    }

    fn tree(notebook: &mut Notebook) -> Value {
        serde_json::from_str(&written(notebook)).expect("is JSON")
    }

    const UNTOUCHED: &str = r#"{
 "cells": [
  {
   "zebra": [1, 2.50, -0.1e-7],
   "id": "a",
   "cell_type": "code",
   "metadata": {"collapsed": true, "threadbook": {"mine": "é\u2028"}},
   "source": "1\n2",
   "outputs": [{"output_type": "later", "x": {}}],
   "execution_count": 3
  },
  {"cell_type": "raw", "id": "a", "attachments": {}, "source": []}
 ],
 "unknown": {"b": 1, "a": 0.1},
 "nbformat": 4,
 "metadata": {"language_info": {"name": "rust"}},
 "nbformat_minor": 5
}"#;

    #[test]
    fn what_was_not_set_is_written_as_it_was_read() {
        for indent in [" ", "  ", "\t"] {
            for end in ["", "\n"] {
                let formatter = PrettyFormatter::with_indent(indent.as_bytes());
                let mut expected = Vec::new();
                let value: Value = serde_json::from_str(UNTOUCHED).expect("is JSON");
                value
                    .serialize(&mut serde_json::Serializer::with_formatter(&mut expected, formatter))
                    .expect("is written");
                expected.extend(end.bytes());
                let text = String::from_utf8(expected).expect("is text");
                assert_eq!(written(&mut parsed(&text)), text);
            }
        }
        let compact = serde_json::from_str::<Value>(UNTOUCHED).expect("is JSON").to_string();
        assert_eq!(written(&mut parsed(&compact)), compact);
    }

    #[test]
    fn cells_are_seen_as_they_are() {
        let notebook = parsed(
            r##"{"nbformat": 4, "cells": [
                {"cell_type": "markdown", "source": ["# A\n", "b"], "id": "m-1"},
                {"cell_type": "code", "source": "x", "metadata": {"tags": ["t", 1, "u"]}, "outputs": [{}]},
                {"cell_type": "heading"}
            ]}"##,
        );
        let cells: Vec<_> = notebook.cells().collect();
        let seen: Vec<_> = cells.iter().map(|c| (c.index, c.id.as_deref(), c.kind, c.source.as_str())).collect();
        assert_eq!(
            seen,
            [
                (0, Some("m-1"), CellKind::Markdown, "# A\nb"),
                (1, None, CellKind::Code, "x"),
                (2, None, CellKind::Raw, "")
            ]
        );
        assert_eq!(cells[1].tags, ["t", "u"]);
        assert_eq!((cells[1].outputs.len(), cells[2].outputs.len()), (1, 0));
    }

    #[test]
    fn an_older_notebook_is_written_as_4_5() {
        let text = r#"{"cells": [
            {"cell_type": "code", "metadata": {}, "source": "same"},
            {"cell_type": "code", "metadata": {}, "source": "same"},
            {"cell_type": "markdown", "id": "kept", "metadata": {}, "source": "same"},
            {"source": "", "cell_type": "raw", "id": 7}
        ], "metadata": {}, "nbformat": 4, "nbformat_minor": 2}"#;
        let value = tree(&mut parsed(text));
        assert_eq!(value["nbformat_minor"], 5);
        assert_eq!(value["metadata"]["language_info"]["name"], "rust");
        let ids: Vec<_> = (0..4).map(|n| value["cells"][n]["id"].as_str().expect("an id").to_owned()).collect();
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 4, "unique: {ids:?}");
        assert_eq!(ids[2], "kept");
        assert!(ids.iter().all(|id| (1..=64).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric())));
        assert_eq!(value, tree(&mut parsed(text)), "the same each time");
        let keys = |n: usize| value["cells"][n].as_object().expect("a cell").keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(0), ["cell_type", "id", "metadata", "source"], "in the alphabet's place");
        assert_eq!(keys(3), ["source", "cell_type", "id"], "in its own place");
    }

    #[test]
    fn what_is_set_is_written_and_can_be_cleared() {
        let mut notebook = parsed(
            r#"{"cells": [{"cell_type": "code", "id": "a", "source": "x", "metadata":
                {"execution": {"old": "1"}, "threadbook": {"mine": 1, "pieces": [], "lanes": []}, "tags": ["t"]}}],
                "metadata": {"language_info": {}}, "nbformat": 4, "nbformat_minor": 5}"#,
        );
        let output = |text: &str| Arc::new(vec![Output::Stream { stream: Stream::Stdout, text: text.into() }]);
        let object = |value: Value| value.as_object().expect("an object").clone();
        notebook.set_outputs(0, output("a\nb\n"));
        notebook.set_execution_count(0, Some(CellId(4)));
        notebook.set_execution(0, Some(object(json!({"iopub.status.busy": "2"}))));
        notebook.set_threadbook(0, object(json!({"lanes": [1]})));
        let expected = json!({
            "cell_type": "code", "id": "a", "source": "x", "execution_count": 4,
            "metadata": {
                "execution": {"iopub.status.busy": "2"}, "threadbook": {"mine": 1, "lanes": [1]}, "tags": ["t"]
            },
            "outputs": [{"name": "stdout", "output_type": "stream", "text": ["a\n", "b\n"]}],
        });
        assert_eq!(tree(&mut notebook)["cells"][0], expected);
        notebook.clear(0);
        let expected = json!({
            "cell_type": "code", "id": "a", "source": "x", "execution_count": null, "outputs": [],
            "metadata": {"threadbook": {"mine": 1}, "tags": ["t"]},
        });
        assert_eq!(tree(&mut notebook)["cells"][0], expected);
    }
}
