//! Threadbook: a headless notebook executor and a Jupyter kernel for Rust. ARCHITECTURE.md is the way in.

#![deny(missing_docs, unsafe_code)]

pub mod engine;
pub mod error;
pub mod events;
mod hex;
#[cfg(feature = "kernel")]
pub mod kernel;
pub mod kernelspec;
mod lanes;
pub mod log;
pub mod notebook;
#[expect(unsafe_code, reason = "the system is called by functions that only their caller can make safe")]
mod sys;
/// The process that runs cells, without an engine. Public for the tests of this package only.
#[doc(hidden)]
#[allow(missing_docs, reason = "no other program is to use it")]
#[expect(unsafe_code, reason = "shared memory, loaded libraries and replaced C functions")]
pub mod worker;
