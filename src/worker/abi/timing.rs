//! How the times of a cell and of its statements are told.

use serde::{Deserialize, Serialize};

/// What `%%time` and `%time` print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeFormat {
    /// CPU times, wall time, and compile time when over 0.1 s, as IPython on Linux.
    #[default]
    Full,
    /// The wall time only, as IPython on Windows up to 7.34.
    Wall,
}

/// What one run of a cell prints of its times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// Whether the whole cell is timed.
    pub cell: bool,
    /// For the cell, and for each statement that is timed.
    pub format: TimeFormat,
    /// What compiling the cell took.
    pub compile_seconds: f64,
}
