//! Python's `multiprocessing`: processes forked from this one (never another program), and what values travel
//! between them in. A child has a copy of all that its parent had; only a [`Queue`], a [`pipe`] and what
//! [`Transfer`] writes are shared.
//!
//! Meaning and messages are those of CPython's `Lib/multiprocessing` with the start method `fork`.

pub(crate) mod family;
mod pipe;
mod process;
mod queue;
mod transfer;
mod transfer_std;

pub use crate::threading::Run;
pub use crate::transfer;
pub use pipe::{Connection, pipe};
pub(crate) use process::describe_exit;
pub use process::{Process, active_children, cpu_count, current_process};
pub use queue::Queue;
pub use transfer::{Transfer, TransferError};

#[cfg(test)]
mod tests;
