//! Runs cells: text in, events out. The face of the engine; front ends see nothing below it.

mod advice;
mod cache;
mod cell;
mod command;
mod compile;
mod diagnostic;
mod interrupt;
mod magic;
mod prepare;
mod runtime;
mod scope;
mod session;
mod source;
mod toolchain;
mod unit;

pub use interrupt::Interrupter;
pub use session::{Options, Outcome, Session, TimeFormat};
