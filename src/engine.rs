//! Runs cells: text in, events out. The face of the engine; front ends see nothing below it.

mod cell;
mod magic;
mod scope;
mod source;
mod unit;
mod diagnostic;
mod cache;
mod toolchain;
mod compile;
mod prepare;
mod session;

pub use session::{Options, Outcome, Session, TimeFormat};
