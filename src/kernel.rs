//! Front end 1: the Jupyter protocol. Serves a front end on the sockets of a connection file until it is told to end, or
//! its launcher is gone.
//!
//! Three threads matter. The **dispatcher** owns the sockets and everything that is said on them; it never waits for a
//! cell, so control, completion and inspection are answered while one compiles or runs. The **session** thread runs cells.
//! The **heartbeat** echoes. Everything reaches the dispatcher through one queue (`event`), which keeps the order.
//!
//! There is no async runtime here: the dispatcher's one wait is ZeroMQ's own poll, which also keeps the one timer, and a
//! session blocks by design. A runtime would add a second scheduler between the two and nothing to wait for.
//!
//! Never reads a notebook; sees the engine through its face only.

mod comm;
mod dispatcher;
mod event;
mod execution;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod history;
mod history_thread;
mod kernel_info;
mod log;
mod numbers;
mod outbound;
mod protocol;
mod publisher;
mod questions;
mod queue;
mod runner;
mod start;
mod stdin;
mod subshells;
mod tickets;
mod usage;
mod watch;
mod wire;

pub use start::run;
