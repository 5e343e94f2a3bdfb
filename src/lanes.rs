//! What a run of a cell put out, lane by lane, and whether it matches what was recorded: a pure function of events and
//! text. Knows no notebook file, no session and no worker.

pub(crate) mod matching;
pub(crate) mod measure;
pub(crate) mod pattern;
pub(crate) mod run;
#[cfg(test)]
pub(crate) mod scripted;
pub(crate) mod verdict;
