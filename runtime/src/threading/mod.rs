//! Python's `threading` module with Rust's types: threads, and what they wait for each other with. Every handle
//! is cheap to clone, and its clones are one object. Never polls and never detaches: a thread is joined by whoever
//! asks, as often as they like.
//!
//! Meaning and messages are those of CPython's `Lib/threading.py`; where Python raises, a `Result` says so.

mod barrier;
mod condition;
pub(crate) mod current;
mod event;
pub(crate) mod life;
mod lock;
mod semaphore;
mod thread;
mod timer;

pub use barrier::{Barrier, BrokenBarrierError};
pub use condition::Condition;
pub use event::Event;
pub use life::Run;
pub use lock::{Lock, LockGuard, RLock, RLockGuard};
pub use semaphore::{BoundedSemaphore, Semaphore, SemaphoreGuard};
pub use thread::{Thread, active_count, current_thread, enumerate, main_thread};
pub use timer::Timer;

#[cfg(test)]
mod tests;
