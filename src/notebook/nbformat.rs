//! One output of a cell as nbformat 4.5 has it, and how it is written.
//!
//! Outputs stay typed, with the text of a stream in one `String`, until they are written: never one JSON value a
//! line. Nothing here knows where an output came from or where it goes.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::events::{CellId, Failure, MimeBundle, Stream};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Output {
    Stream {
        stream: Stream,
        text: String,
    },
    /// The display id is of this run only, and is not written.
    Display {
        data: MimeBundle,
        metadata: MimeBundle,
        id: Option<String>,
    },
    Result {
        cell: CellId,
        data: MimeBundle,
    },
    Error(Failure),
}

impl Serialize for Output {
    /// The keys in alphabetical order, as nbformat writes them.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Output::Stream { stream, text } => {
                map.serialize_entry("name", stream.name())?;
                map.serialize_entry("output_type", "stream")?;
                map.serialize_entry("text", &Lines(text))?;
            }
            Output::Display { data, metadata, .. } => {
                map.serialize_entry("data", &Bundle(data))?;
                map.serialize_entry("metadata", metadata)?;
                map.serialize_entry("output_type", "display_data")?;
            }
            Output::Result { cell, data } => {
                map.serialize_entry("data", &Bundle(data))?;
                map.serialize_entry("execution_count", &cell.0)?;
                map.serialize_entry("metadata", &MimeBundle::new())?;
                map.serialize_entry("output_type", "execute_result")?;
            }
            Output::Error(failure) => {
                map.serialize_entry("ename", &failure.ename)?;
                map.serialize_entry("evalue", &failure.evalue)?;
                map.serialize_entry("output_type", "error")?;
                map.serialize_entry("traceback", &failure.traceback)?;
            }
        }
        map.end()
    }
}

/// A MIME bundle; its texts are written as lists of lines, images and JSON as they are.
struct Bundle<'a>(&'a MimeBundle);

impl Serialize for Bundle<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (mime, value) in self.0 {
            match value.as_str() {
                Some(text) if is_text(mime) => map.serialize_entry(mime, &Lines(text))?,
                _ => map.serialize_entry(mime, value)?,
            }
        }
        map.end()
    }
}

/// The MIME types that nbformat splits into lines.
fn is_text(mime: &str) -> bool {
    mime.starts_with("text/") || mime == "application/javascript" || mime == "image/svg+xml"
}

/// A text written as the list of its lines.
struct Lines<'a>(&'a str);

impl Serialize for Lines<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        for line in lines_with_ends(self.0) {
            seq.serialize_element(line)?;
        }
        seq.end()
    }
}

/// The lines of `text` with their ends, split where Python's `str.splitlines(True)` splits: a notebook that Jupyter
/// saves again then keeps its lines.
fn lines_with_ends(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (line, after) = rest.split_at(first_line_len(rest.as_bytes()));
        rest = after;
        Some(line)
    })
}

fn first_line_len(bytes: &[u8]) -> usize {
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at..] {
            [b'\r', b'\n', ..] => return at + 2,
            [b'\n' | b'\r' | 0x0b | 0x0c | 0x1c..=0x1e, ..] => return at + 1,
            [0xc2, 0x85, ..] => return at + 2,
            [0xe2, 0x80, 0xa8 | 0xa9, ..] => return at + 3,
            _ => at += 1,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn lines_split_where_python_splits() {
        let cases: [(&str, &[&str]); 8] = [
            ("", &[]),
            ("a", &["a"]),
            ("a\n", &["a\n"]),
            ("a\n\nb", &["a\n", "\n", "b"]),
            ("5%\r50%\r\nx", &["5%\r", "50%\r\n", "x"]),
            ("a\u{b}b\u{c}c\u{1e}d", &["a\u{b}", "b\u{c}", "c\u{1e}", "d"]),
            ("a\u{85}b\u{2028}c\u{2029}", &["a\u{85}", "b\u{2028}", "c\u{2029}"]),
            ("é\u{2027}…\n", &["é\u{2027}…\n"]),
        ];
        for (text, expected) in cases {
            assert_eq!(lines_with_ends(text).collect::<Vec<_>>(), expected, "{text:?}");
        }
    }

    fn bundle(value: Value) -> MimeBundle {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn outputs_are_written_as_nbformat_has_them() {
        let failure = Failure { ename: "Panic".into(), evalue: "boom".into(), traceback: vec!["l1".into()] };
        let cases = [
            (
                Output::Stream { stream: Stream::Stderr, text: "a\nb".into() },
                r#"{"name":"stderr","output_type":"stream","text":["a\n","b"]}"#,
            ),
            (
                Output::Display {
                    data: bundle(
                        json!({"text/html": "<p>\n</p>", "image/png": "aGk=\n", "application/json": "a\nb"}),
                    ),
                    metadata: bundle(json!({"isolated": true})),
                    id: Some("of this run".into()),
                },
                r#"{"data":{"text/html":["<p>\n","</p>"],"image/png":"aGk=\n","application/json":"a\nb"},"metadata":{"isolated":true},"output_type":"display_data"}"#,
            ),
            (
                Output::Result { cell: CellId(3), data: bundle(json!({"text/plain": "42"})) },
                r#"{"data":{"text/plain":["42"]},"execution_count":3,"metadata":{},"output_type":"execute_result"}"#,
            ),
            (
                Output::Error(failure),
                r#"{"ename":"Panic","evalue":"boom","output_type":"error","traceback":["l1"]}"#,
            ),
        ];
        for (output, expected) in cases {
            assert_eq!(serde_json::to_string(&output).expect("serialises"), expected);
        }
    }
}
