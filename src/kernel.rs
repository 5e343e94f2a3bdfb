//! Front end 1: the Jupyter protocol. Answers a front end on the sockets of a connection file until it is told to
//! end, or its launcher is gone.
//!
//! Three threads matter. The **desk** owns the sockets and everything that is said on them; it never waits for a cell,
//! so control, completion and inspection are answered while one compiles or runs. The **session** thread runs cells.
//! The **heartbeat** echoes. Everything reaches the desk through one queue (`mail`), which keeps the order.
//!
//! There is no async runtime here: the desk's one wait is ZeroMQ's own poll, which also keeps the one timer, and a
//! session blocks by design. A runtime would add a second scheduler between the two and nothing to wait for.
//!
//! Never reads a notebook; sees the engine through its face only.

mod answer;
mod comm;
mod connection;
mod desk;
mod execute;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod history;
mod input;
mod mail;
mod message;
mod publish;
mod runner;
mod subshell;
mod usage;
mod watch;
mod wire;

pub use desk::run;

/// A line of the kernel's log, which is its standard error. Whoever started the kernel may have closed that.
fn log(text: impl std::fmt::Display) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "threadbook: {text}");
}
