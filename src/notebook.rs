//! Front end 2: `.ipynb` files. Reads and writes them, runs their cells in order, and shows the run as it goes.
//!
//! Never speaks the Jupyter protocol; sees the engine through its face only.

mod model;
mod nbformat;
mod plan;
mod printer;
mod read;
mod record;
mod run;
mod view;
mod write;

#[cfg(test)]
mod fixture;

pub use model::{Cell, CellKind, Notebook};
pub use run::{RunOptions, run};
