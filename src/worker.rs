//! Owns the worker: the child process that runs cells, what it prints, and what it reports.
//!
//! `child` is what runs in the child, which is this same executable; `parent` is the session's side, with `handle` as its
//! face; `abi` is what both share: a control socket (`protocol`) and a ring of records in shared memory (`ring`, `record`),
//! never the user's fd 1 or 2. In the child `interpose` sees threads, processes and raw writes of any code, and `capture`
//! turns what they do into records. In the session `inbox` turns records and raw output into events, with `processes`,
//! `content` and `display`. A cell asks for input by a record (`child::input`) and is answered through the same memory
//! (`parent::answer`, `abi::slot`). Nothing here knows Rust source, notebooks or Jupyter.

mod abi;
mod child;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod parent;

pub use abi::comm::Comm;
pub use abi::exit::Exit;
pub(crate) use abi::launch::executable;
pub use abi::protocol::{End, Input, Places, Run, SnapshotError};
pub use abi::schedule::{Policy, Schedule};
pub use abi::timing::{TimeFormat, Timing};
pub use child::interpose as hooks;
pub use child::server::main;
pub use parent::answer::{Answer, Answerer};
pub use parent::handle::{Ran, Stop, Stopper, Worker};
pub use parent::snapshot::Snapshot;
pub use parent::start::Start;

/// The table of functions between worker and runtime: the same file as the runtime's own.
#[path = "../runtime/src/host.rs"]
#[allow(dead_code, unreachable_pub)]
pub mod host;
