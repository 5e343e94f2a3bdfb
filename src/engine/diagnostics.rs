//! What rustc said, and how the user is to see it: in the coordinates of cells, laid out as rustc lays it out.
//!
//! Reads rustc's JSON and renders text. Never runs rustc, and never decides what an error means for the session:
//! `build` asks that by `Diagnostic::touches` and decides it.

mod diagnostic;
mod json;
mod location;
mod paths;
mod render;
mod snippet;
mod suggest;
#[cfg(test)]
mod tests;

pub(super) use diagnostic::{Diagnostic, parse};
pub(super) use render::render;
