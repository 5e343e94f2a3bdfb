//! Questions of cells to a client
//! (<https://jupyter-client.readthedocs.io/en/stable/messaging.html#messages-on-the-stdin-router-dealer-channel>).

use serde::{Deserialize, Serialize};

use super::content::message;

#[derive(Debug, Serialize)]
pub(crate) struct InputRequest {
    pub prompt: String,
    pub password: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct InputReply {
    pub value: String,
}

message!(out InputRequest = "input_request");
message!(in InputReply = "input_reply");
