//! What cells of a Threadbook session link to, as the crate `threadbook`: their variables, what they print and
//! show, Python's concurrency library with Rust's types ([`threading`], [`concurrent::futures`],
//! [`multiprocessing`], [`os`], [`time`]), rich output ([`display`]), messages to and from code of the front end
//! ([`comm`]), and questions to whoever sits at the front end ([`input`], [`getpass`]).
//!
//! ```
//! use threadbook::{concurrent::futures::ThreadPoolExecutor, py, threading::current_thread};
//!
//! let pool = ThreadPoolExecutor::new(2);
//! let future = pool.submit(|| current_thread().name())?;
//! println!("{} {}", future.result()?, py(future.done()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Everything works in a program without a session, too, as in these examples: what is printed goes to the standard
//! streams, what is shown goes nowhere, and there is no input.
//!
//! It owns what threads, tasks and processes *mean* to a cell, and tells the worker of each: a lane is declared
//! before the thread, task or process begins, and its end is reported by whoever has seen it. It never reads or
//! writes a file descriptor that the session uses, never decides what is shown where (the worker and the front ends
//! do), and never depends on anything but std, so that the user's own compiler builds it in about a second.
//!
//! Read downward: `host` is all that the worker offers, `link` the only module that calls it, `interrupt` says which thread
//! an interrupt stops, `wait` is the only way to wait, `fork` the only place that forks, `sys` the only one that knows the
//! C library, and `attach` is where the worker comes in. No two files name each other.

#![deny(missing_docs)]

mod attach;
mod capture;
#[doc(hidden)]
pub mod cell;
pub mod comm;
pub mod concurrent;
pub mod display;
mod error;
mod fork;
#[doc(hidden)]
pub mod host;
mod input;
#[doc(hidden)]
pub mod interrupt;
mod link;
#[doc(hidden)]
pub mod magic;
pub mod multiprocessing;
pub mod os;
mod panic_hook;
#[doc(hidden)]
pub mod place;
#[doc(hidden)]
pub mod print;
#[doc(hidden)]
pub mod show;
#[doc(hidden)]
pub mod store;
#[doc(hidden)]
#[allow(missing_docs)]
pub mod strips;
#[cfg(not(feature = "model"))]
mod sync;
#[cfg(feature = "model")]
#[path = "../models/sync.rs"]
pub mod sync;
mod sys;
#[doc(hidden)]
pub mod task;
mod task_lanes;
mod text;
pub mod threading;
pub mod time;
#[doc(hidden)]
pub mod timeit;
#[doc(hidden)]
pub mod timing;
mod wait;

pub use capture::Captured;
pub use error::RuntimeError;
pub use input::{getpass, input};
pub use text::{Py, PyText, py};
