//! Every reader of what rustc writes for people or for its own debugging: the MIR dump, labels, notes, its rendering, and the
//! error codes that the engine acts on. None of it is a stable interface, so each reader is here, is tested against
//! recorded words, and is tried once per toolchain by `build::canary`.
//!
//! Takes text and returns text. Knows no cell, no scope and no file.

pub(super) mod codes;
pub(super) mod mir;
pub(super) mod rendering;
pub(super) mod wording;
