//! Runs cells: text in, events out. The face of the engine; front ends see nothing below it.

mod advice;
mod ahead;
mod cache;
mod cargo;
mod cell;
mod command;
mod compile;
mod complete;
mod dependency;
mod diagnostic;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod inspect;
mod interrupt;
mod limits;
mod magic;
mod names;
mod overflow;
mod picture;
mod plan;
mod prepare;
/// Directories and files that are this user's alone.
pub(crate) mod private;
mod refine;
mod runtime;
mod scope;
mod scratch;
mod session;
mod snapshot;
mod source;
mod toolchain;
mod trace;
mod trial;
mod unit;
mod whole;

/// For sockets in the file system.
pub use crate::worker::with_umask;
/// What a front end says on a comm.
pub use crate::worker::{Act, Comm};
/// Answering cells that read their standard input.
pub use crate::worker::{Answer, Answerer, Input};
/// Watching other processes, for front ends that must not outlive one.
pub use crate::worker::{parent_of, wait_for_end};
pub use complete::{Candidate, Completions, complete};
pub use inspect::{Inspection, help, inspect};
pub use interrupt::Interrupter;
pub use limits::{Limits, OrOff, seconds};
pub use names::Names;
pub use session::{Options, Outcome, Session, TimeFormat};
pub use toolchain::rust_version;
pub use trial::try_out;
pub use whole::{Whole, whole};
