//! A comm message of the front end, on its way to its handler in the worker.

use serde::{Deserialize, Serialize};

use crate::events::CommAct;

/// The message, and the cell that it is handled as.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Comm {
    /// Output of the handler is this cell's.
    pub cell: u32,
    /// What the front end does.
    pub act: CommAct,
    /// The comm's id.
    pub id: String,
    /// JSON. It is never looked into.
    pub data: String,
}
