//! Questions that run nothing: completion and inspection, answered from a copy of the session's names, and whether a text
//! is a whole cell.

pub(super) mod complete;
pub(super) mod inspect;
pub(super) mod is_complete;
pub(super) mod names;
mod provider;
