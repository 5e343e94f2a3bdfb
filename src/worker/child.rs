//! The worker's own side: loads and runs cells, captures what they print, and copies itself.

mod caller;
mod capture;
mod comm;
mod input;
pub mod interpose;
mod interrupt;
pub(crate) mod keeper;
mod libraries;
mod oom;
mod schedule;
pub(crate) mod server;
pub(crate) mod snapshot;
mod stdio;
mod threads;
