//! `execute_request` and `execute_reply`
//! (<https://jupyter-client.readthedocs.io/en/stable/messaging.html#execute>).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::content::{ErrorContent, request};

#[derive(Debug, Deserialize)]
pub(crate) struct ExecuteRequest {
    pub code: String,
    /// The cell publishes nothing and has no number.
    #[serde(default)]
    pub silent: bool,
    /// The cell has a number and stands in the history. A silent cell never does, whatever is said here.
    #[serde(default = "yes")]
    pub store_history: bool,
    /// Expressions to evaluate after the cell, by name, in the order in which they came.
    #[serde(default)]
    pub user_expressions: Expressions,
    /// The client answers `input_request`. A client that does not say so is not asked.
    #[serde(default)]
    pub allow_stdin: bool,
    /// An error aborts the requests that wait behind this one.
    #[serde(default = "yes")]
    pub stop_on_error: bool,
}

/// Code by name.
pub(crate) type Expressions = indexed::Entries;

#[derive(Serialize)]
pub(crate) struct ExecuteReply {
    #[serde(flatten)]
    pub status: ExecuteStatus,
    pub execution_count: u32,
    /// What the front end is to do besides
    /// (<https://jupyter-client.readthedocs.io/en/stable/messaging.html#payloads-deprecated>).
    pub payload: Vec<Payload>,
    pub user_expressions: Map<String, Value>,
}

#[derive(Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub(crate) enum ExecuteStatus {
    Ok,
    Error(ErrorContent),
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "source", rename_all = "snake_case")]
pub(crate) enum Payload {
    /// Show this in a pager.
    Page { data: Map<String, Value>, start: u32 },
    /// Put this text in a new cell, or in the place of the one that was run.
    SetNextInput { text: String, replace: bool },
}

/// The value of one of `user_expressions`.
#[derive(Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub(crate) enum ExpressionResult {
    Ok { data: Map<String, Value>, metadata: Map<String, Value> },
    Error(ErrorContent),
}

request!(ExecuteRequest = "execute_request" => ExecuteReply = "execute_reply");

fn yes() -> bool {
    true
}

/// A JSON object whose values are text, in its order.
mod indexed {
    use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

    #[derive(Debug, Default)]
    pub(crate) struct Entries(pub Vec<(String, String)>);

    impl<'de> Deserialize<'de> for Entries {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Entries, D::Error> {
            deserializer.deserialize_map(EntriesVisitor)
        }
    }

    struct EntriesVisitor;

    impl<'de> Visitor<'de> for EntriesVisitor {
        type Value = Entries;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object whose values are strings")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = map.next_entry()? {
                entries.push(entry);
            }
            Ok(Entries(entries))
        }
    }
}
