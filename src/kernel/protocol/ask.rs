//! Questions of clients about code, names, history and the kernel itself. None of them runs a cell.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::content::request;

/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#completion>
#[derive(Debug, Deserialize)]
pub(crate) struct CompleteRequest {
    pub code: String,
    /// In characters (Unicode code points). `None` is the end of the code.
    pub cursor_pos: Option<usize>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "status", rename = "ok")]
pub(crate) struct CompleteReply {
    pub matches: Vec<String>,
    pub cursor_start: usize,
    pub cursor_end: usize,
    pub metadata: CompleteMetadata,
}

#[derive(Debug, Serialize)]
pub(crate) struct CompleteMetadata {
    /// JupyterLab shows `matches[n]` and inserts the `text` of the same place in this list: they must be the same.
    #[serde(rename = "_jupyter_types_experimental")]
    pub types: Vec<CompleteType>,
}

#[derive(Debug, Serialize)]
pub(crate) struct CompleteType {
    pub text: String,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub signature: String,
    pub start: usize,
    pub end: usize,
}

/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#introspection>
#[derive(Debug, Deserialize)]
pub(crate) struct InspectRequest {
    pub code: String,
    /// In characters (Unicode code points). `None` is the end of the code.
    pub cursor_pos: Option<usize>,
    /// 1 asks for definitions in full.
    #[serde(default)]
    pub detail_level: u64,
}

#[derive(Debug, Serialize)]
#[serde(tag = "status", rename = "ok")]
pub(crate) struct InspectReply {
    pub found: bool,
    pub data: Map<String, Value>,
    pub metadata: Map<String, Value>,
}

/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#code-completeness>
#[derive(Debug, Deserialize)]
pub(crate) struct IsCompleteRequest {
    pub code: String,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub(crate) enum IsCompleteReply {
    Complete,
    /// The next line begins with `indent`.
    Incomplete {
        indent: String,
    },
    Invalid,
}

/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#history>
#[derive(Debug, Deserialize)]
pub(crate) struct HistoryRequest {
    /// Rows come with their results.
    #[serde(default)]
    pub output: bool,
    #[serde(default)]
    pub hist_access_type: HistoryAccess,
    /// For `range`: 0 is this session, a negative number counts back from it.
    #[serde(default)]
    pub session: i64,
    #[serde(default = "one")]
    pub start: i64,
    /// Exclusive. `None` is the end of the session.
    pub stop: Option<i64>,
    /// For `tail` and `search`: that many of the newest rows. `None` is all of them.
    pub n: Option<usize>,
    /// For `search`, with `*`, `?` and `[…]` as in a shell.
    #[serde(default = "everything")]
    pub pattern: String,
    /// For `search`: of rows with the same source only the newest.
    #[serde(default)]
    pub unique: bool,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HistoryAccess {
    #[default]
    Tail,
    Range,
    Search,
}

#[derive(Debug, Serialize)]
#[serde(tag = "status", rename = "ok")]
pub(crate) struct HistoryReply {
    /// Session, line and source, or source and result.
    pub history: Vec<(u64, u32, HistoryEntry)>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum HistoryEntry {
    Source(String),
    WithOutput(String, Option<String>),
}

/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#kernel-info>
#[derive(Debug, Deserialize)]
pub(crate) struct KernelInfoRequest {}

#[derive(Debug, Serialize)]
#[serde(tag = "status", rename = "ok")]
pub(crate) struct KernelInfoReply {
    pub protocol_version: &'static str,
    pub implementation: &'static str,
    pub implementation_version: &'static str,
    pub language_info: LanguageInfo,
    pub banner: String,
    pub debugger: bool,
    pub help_links: Vec<HelpLink>,
    /// <https://jupyter.org/enhancement-proposals/92-jupyter-optional-features/jupyter-optional-features.html>
    pub supported_features: &'static [&'static str],
}

#[derive(Debug, Serialize)]
pub(crate) struct LanguageInfo {
    pub name: &'static str,
    /// Empty if there is no compiler, or if it did not tell its version in time.
    pub version: String,
    pub mimetype: &'static str,
    pub file_extension: &'static str,
    pub pygments_lexer: &'static str,
    pub codemirror_mode: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct HelpLink {
    pub text: &'static str,
    pub url: &'static str,
}

fn one() -> i64 {
    1
}

fn everything() -> String {
    "*".into()
}

request!(CompleteRequest = "complete_request" => CompleteReply = "complete_reply");
request!(InspectRequest = "inspect_request" => InspectReply = "inspect_reply");
request!(IsCompleteRequest = "is_complete_request" => IsCompleteReply = "is_complete_reply");
request!(HistoryRequest = "history_request" => HistoryReply = "history_reply");
request!(KernelInfoRequest = "kernel_info_request" => KernelInfoReply = "kernel_info_reply");
