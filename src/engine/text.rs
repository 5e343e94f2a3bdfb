//! What is read out of a cell's text: magics, items, statements, tail expression; whether it is complete; and the map from
//! generated files back to it. Knows no session, no scope and no compiler.

pub(super) mod cell;
pub(super) mod is_complete;
pub(super) mod magic;
pub(super) mod source_map;
