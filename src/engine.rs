//! Runs cells: text in, events out. The face of the engine; front ends see nothing below it.

mod api;
mod ask;
mod build;
mod diagnostics;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod interrupt;
mod limits;
mod magics;
mod rejection;
mod rustc_text;
mod scope;
#[cfg(test)]
pub(crate) mod scripted;
mod session;
mod sinks;
mod text;
mod trial;

pub use crate::worker::TimeFormat;
/// What a front end says on a comm.
pub use crate::worker::{Act, Comm};
/// Answering cells that read their standard input.
pub use crate::worker::{Answer, Input};
pub use api::{
    Answerer, Candidate, Checkpoint, Completions, Engine, Inspection, Interrupter, NoCheckpoint, Outcome, Policy,
    Provider, Reply, Schedule,
};
pub use ask::is_complete::{Whole, whole};
pub use ask::names::Names;
pub use build::eviction::{CacheUsage, cache_usage, clean_cache, human_size};
pub use build::toolchain::rust_version;
pub use limits::{Limits, OrOff, seconds};
pub use session::{Options, Session, start};
pub use trial::try_out;
