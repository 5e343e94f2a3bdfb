//! Python's `concurrent.futures`: tasks handed to a pool of threads or processes, and their results to come.
//! Every task is a lane of its own, a child of the lane that submitted it. Nothing here polls, and no task can take
//! its pool with it: a panic, also of a callback, is the task's alone.
//!
//! Meaning is that of CPython's `Lib/concurrent/futures`; where Python raises, a `Result` says so.

mod future;
mod map;
mod pool;
mod process;
mod thread;
mod wait;

pub use future::{Future, FutureError};
pub use map::Map;
pub use process::ProcessPoolExecutor;
pub use thread::ThreadPoolExecutor;
pub use wait::{AsCompleted, ReturnWhen, Waited, as_completed, as_completed_timeout, wait};

#[cfg(test)]
mod tests;
