//! The session's side of the worker: starts it, sends it cells, reads what it says and turns that into events.

pub(crate) mod answer;
pub(crate) mod client;
mod content;
mod display;
pub(crate) mod inbox;
pub(crate) mod open;
mod processes;
mod reader;
pub(crate) mod start;
mod unsaid;
