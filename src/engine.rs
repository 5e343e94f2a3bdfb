//! Runs cells: text in, events out. Front ends see the trait `Engine` and its types (`api`), `start`, and the options
//! of a session; nothing below.

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

/// A message of a front end on a comm.
pub use crate::worker::Comm;
pub use crate::worker::TimeFormat;
/// The standard input of cells: who answers, and with what.
pub use crate::worker::{Answer, Input};
pub use api::{
    Answerer, Candidate, Checkpoint, Completions, Engine, Inspection, Interrupter, NoCheckpoint, Outcome, Policy,
    Provider, Reply, Schedule,
};
pub use ask::is_complete::{Whole, whole};
pub use ask::names::Names;
pub use build::eviction::{Prune, cache_limit, clear_cache, prune_cache};
pub(crate) use build::toolchain::rust_version;
pub use build::usage::{CacheUsage, KindUsage, cache_usage, human_size};
pub use limits::{Limits, OrOff, seconds};
pub use session::{Options, Session, start};
pub(crate) use trial::{Readiness, try_out, warm_up};
