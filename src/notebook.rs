//! The front end for `.ipynb` files: reads and writes them, runs their cells in order, shows the run as it goes, and
//! verifies what a run puts out.
//!
//! Never speaks the Jupyter protocol; sees the engine through its face only.

mod ctrl_c;
mod model;
mod nbformat;
mod plan;
mod printer;
mod read;
mod record;
mod run;
mod shown;
mod view;
mod write;

mod twin;
mod verify;

#[cfg(test)]
mod fixture;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;

pub use run::{RunOptions, run};
pub use verify::{Request, verify};

/// The limits of cells, and how users write them.
pub use crate::engine::{Limits, OrOff, seconds};
