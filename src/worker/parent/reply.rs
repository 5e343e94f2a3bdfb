//! What the reader's thread, and whoever stops a cell, send to the session's handle.

use std::io;

use crate::worker::abi::exit::Exit;
use crate::worker::abi::protocol::{End, SnapshotError};
use crate::worker::parent::snapshot::Snapshot;

pub(crate) enum Reply {
    /// The first worker has begun, under this process id.
    Started(io::Result<u32>),
    /// The worker has loaded the runtime; its version of the protocol.
    Ready(u32),
    LoadFailed(String),
    Done(End),
    /// The process `of` was asked for a snapshot of itself.
    Snapshot {
        of: u32,
        taken: Result<Snapshot, SnapshotError>,
    },
    /// A worker or a snapshot has ended.
    Ended(u32, Exit),
    /// All of them have ended, and the keeper. The last reply.
    Gone,
    /// Not from the reader: somebody wants this cell stopped.
    Stop(u32),
}

impl Reply {
    /// Says what this reply means to whoever waited for the worker to be ready.
    pub(crate) fn unexpected(self) -> String {
        match self {
            Reply::Ended(_, exit) => format!("the worker ended before it was ready: {exit}"),
            Reply::Gone => "the worker ended before it was ready".into(),
            _ => "the worker spoke out of turn".into(),
        }
    }
}
