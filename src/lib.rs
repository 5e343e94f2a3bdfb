//! Threadbook: a headless notebook executor and a Jupyter kernel for Rust. ARCHITECTURE.md is the way in.

pub mod engine;
pub mod error;
pub mod kernel;
pub mod kernelspec;
pub mod notebook;
pub mod output;
pub mod worker;
