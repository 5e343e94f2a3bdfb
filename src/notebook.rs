//! Front end 2: `.ipynb` files. Reads and writes them, runs their cells in order, shows the run as it goes, and
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

/// What cells may use, and how that is written.
pub use crate::engine::{Limits, OrOff, seconds};
