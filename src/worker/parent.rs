//! The session's side of the worker: starts it, sends it cells, reads what it says and turns that into events.

pub(crate) mod answer;
mod coming;
mod comm;
mod content;
mod display;
pub(crate) mod handle;
pub(crate) mod inbox;
pub(crate) mod open;
mod processes;
mod reader;
mod reply;
pub(crate) mod snapshot;
pub(crate) mod start;
mod unsaid;
