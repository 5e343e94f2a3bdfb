//! What the kernel publishes to all clients
//! (<https://jupyter-client.readthedocs.io/en/stable/messaging.html#messages-on-the-iopub-pub-sub-channel>).

use serde::Serialize;
use serde_json::{Map, Value};

use super::content::{ErrorContent, message};

/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#kernel-status>
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    pub execution_state: ExecutionState,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ExecutionState {
    Starting,
    Busy,
    Idle,
}

/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#code-inputs>
#[derive(Debug, Serialize)]
pub(crate) struct ExecuteInput<'a> {
    pub code: &'a str,
    pub execution_count: u32,
}

/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#streams-stdout-stderr-etc>
#[derive(Debug, Serialize)]
pub(crate) struct StreamText<'a> {
    pub name: &'static str,
    pub text: &'a str,
}

/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#display-data>
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct DisplayData(pub Display);

/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#update-display-data>
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct UpdateDisplayData(pub Display);

#[derive(Debug, Serialize)]
pub(crate) struct Display {
    pub data: Map<String, Value>,
    pub metadata: Map<String, Value>,
    pub transient: Transient,
}

#[derive(Debug, Serialize)]
pub(crate) struct Transient {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_id: Option<String>,
}

/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#clear-output>
#[derive(Debug, Serialize)]
pub(crate) struct ClearOutput {
    pub wait: bool,
}

/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#execution-results>
#[derive(Debug, Serialize)]
pub(crate) struct ExecuteResult {
    pub data: Map<String, Value>,
    pub metadata: Map<String, Value>,
    pub execution_count: u32,
}

/// To a new subscriber
/// (<https://jupyter.org/enhancement-proposals/65-jupyter-xpub/jupyter-xpub.html>).
#[derive(Debug, Serialize)]
pub(crate) struct IopubWelcome {
    /// The topic that was subscribed to.
    pub subscription: String,
}

message!(out Status = "status");
message!(out ExecuteInput<'_> = "execute_input");
message!(out StreamText<'_> = "stream");
message!(out DisplayData = "display_data");
message!(out UpdateDisplayData = "update_display_data");
message!(out ClearOutput = "clear_output");
message!(out ExecuteResult = "execute_result");
// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#execution-errors>
message!(out ErrorContent = "error");
message!(out IopubWelcome = "iopub_welcome");
