//! Comms: messages without replies, in both directions, between handlers of a client and of cells
//! (<https://jupyter-client.readthedocs.io/en/stable/messaging.html#custom-messages>).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::content::{message, request};

/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#opening-a-comm>
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct CommOpen {
    pub comm_id: String,
    pub target_name: String,
    /// For the handlers; `null` if the client sends none.
    #[serde(default)]
    pub data: Value,
}

/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#comm-messages>
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct CommMsg {
    pub comm_id: String,
    #[serde(default)]
    pub data: Value,
}

/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#tearing-down-comms>
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct CommClose {
    pub comm_id: String,
    #[serde(default)]
    pub data: Value,
}

/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#comm-info>
#[derive(Debug, Deserialize)]
pub(crate) struct CommInfoRequest {
    /// Only comms of this target. Empty or absent: of all targets.
    #[serde(default)]
    pub target_name: String,
}

#[derive(Debug, Serialize)]
#[serde(tag = "status", rename = "ok")]
pub(crate) struct CommInfoReply {
    /// By the comm's id.
    pub comms: BTreeMap<String, CommInfo>,
}

#[derive(Debug, Serialize)]
pub(crate) struct CommInfo {
    pub target_name: String,
}

message!(in CommOpen = "comm_open");
message!(out CommOpen = "comm_open");
message!(in CommMsg = "comm_msg");
message!(out CommMsg = "comm_msg");
message!(in CommClose = "comm_close");
message!(out CommClose = "comm_close");
request!(CommInfoRequest = "comm_info_request" => CommInfoReply = "comm_info_reply");
