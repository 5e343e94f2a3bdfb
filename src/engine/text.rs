//! What is read out of a cell's Rust: items, statements, tail expression; and the map from generated files back to the
//! cell. Knows no session, no scope and no compiler.

pub(super) mod cell;
pub(super) mod source_map;
pub(super) mod tokens;
