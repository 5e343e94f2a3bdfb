//! Runs cells: text in, events out. The face of the engine; front ends see nothing below it.

mod cell;
mod magic;
mod session;

pub use session::{Options, Outcome, Session, TimeFormat};
