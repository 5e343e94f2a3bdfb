//! Questions about a session that run nothing: completion and inspection, answered from a copy of its names.

pub(super) mod complete;
pub(super) mod inspect;
pub(super) mod names;
mod provider;
