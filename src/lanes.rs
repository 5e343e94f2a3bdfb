//! What the lanes of a run put out, and whether it matches what was recorded: events and text in, a verdict out.
//!
//! A pure wing: it knows no notebook file, no session and no worker, reads no clock and starts nothing. `log` keeps the
//! events of a cell, `reader` makes a `run` of them, `matching` splits a recorded text into the lanes of a run, `verdict`
//! says what differs.

pub(crate) mod log;
pub(crate) mod matching;
pub(crate) mod measure;
mod pattern;
mod reader;
pub(crate) mod run;
#[cfg(test)]
pub(crate) mod scripted;
mod table;
pub(crate) mod verdict;
