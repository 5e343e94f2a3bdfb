//! Threadbook: a headless notebook executor and a Jupyter kernel for Rust. ARCHITECTURE.md is the way in.

pub mod engine;
pub mod error;
pub mod events;
#[cfg(feature = "kernel")]
pub mod kernel;
pub mod kernelspec;
mod lanes;
pub mod log;
pub mod notebook;
mod sys;
pub mod worker;
