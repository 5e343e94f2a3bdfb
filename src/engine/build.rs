//! From a scope and a cell's parts to a library that the worker can load. The only part that runs rustc and Cargo.
//!
//! `prepare` is the way in. It parses by `text`, writes the crates by `unit` after a `storage_plan`, has them compiled by
//! `compile` and the plan corrected by `refine` until rustc agrees.

mod attempt;
mod beside;
mod borrow;
mod bring_in;
pub(super) mod cache;
mod canary;
pub(super) mod cargo;
pub(super) mod compile;
pub(super) mod crate_store;
pub(super) mod eviction;
mod heat;
mod imports;
mod in_use;
mod level;
mod linker;
mod machine_code;
pub(super) mod prepare;
#[cfg(test)]
mod prepare_tests;
pub(super) mod prepared;
mod refine;
mod refusal;
pub(super) mod runtime_crate;
mod scratch;
mod storage_plan;
pub(super) mod toolchain;
mod turns;
mod type_of;
mod unit;
pub(super) mod usage;
pub(super) mod warm_up;
mod wishes;
