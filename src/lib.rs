//! Threadbook: a headless notebook executor and a Jupyter kernel for Rust. ARCHITECTURE.md is the way in.

#![deny(missing_docs, unsafe_code)]

pub mod engine;
pub mod error;
pub mod events;
#[cfg(feature = "kernel")]
pub mod kernel;
pub mod kernelspec;
mod lanes;
pub mod notebook;
#[expect(unsafe_code, reason = "the system is called by functions that only their caller can make safe")]
mod sys;
#[expect(unsafe_code, reason = "shared memory, loaded libraries and replaced C functions")]
mod worker;

/// What `src/main.rs` is made of beside the command line. For no other program.
#[doc(hidden)]
pub mod executable {
    pub use crate::worker::{hooks, main as run_worker};
}

/// The way into the worker for the targets in `fuzz/`, and compiled for them only.
#[cfg(fuzzing)]
#[doc(hidden)]
pub use crate::worker::fuzzing;
