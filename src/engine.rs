//! Runs cells: text in, events out. The face of the engine; front ends see nothing below it.

pub(crate) mod diagnostic;
mod session;
pub(crate) mod source;

pub use session::{Options, Outcome, Session, TimeFormat};
