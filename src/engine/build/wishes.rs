//! What a cell's magics ask of the engine, sorted by the part of it that does it. Does none of it.

use std::ops::Range;

use crate::worker::{TimeFormat, Timing};

use crate::engine::magics::{Act, Capture, Picture};
use crate::engine::text::cell::Call;

/// What a cell's magics ask for, sorted by the part of the engine that does it.
pub(super) struct Wishes {
    pub said: Vec<Said>,
    pub calls: Vec<Call>,
    pub timing: Timing,
    /// The number of magics that measure code (`%timeit`). A cell with fewer pieces of code to measure is rejected.
    pub measured: usize,
    /// Whether a magic times the cell, which is then optimised.
    pub times: bool,
    pub picture: Option<Picture>,
    pub capture: Option<Capture>,
    pub builds_crates: bool,
}

/// A piece of what a magic prints before the cell runs.
pub(super) enum Said {
    Text(String),
    /// The type of this expression (`:type`).
    TypeOf(String),
}

impl Wishes {
    /// `timed`: whether `:timing` is on, so that the cell is timed by the wall clock in any case. Otherwise times have
    /// the form `format`.
    pub(super) fn new(acts: Vec<(Range<usize>, Act)>, timed: bool, format: TimeFormat) -> Wishes {
        let format = if timed { TimeFormat::Wall } else { format };
        let mut wishes = Wishes {
            said: Vec::new(),
            calls: Vec::new(),
            timing: Timing { cell: timed, format, compile_seconds: 0.0 },
            measured: 0,
            times: false,
            picture: None,
            capture: None,
            builds_crates: false,
        };
        for (line, act) in acts {
            match act {
                Act::Say(text) => wishes.said.push(Said::Text(text)),
                Act::SayType(expression) => wishes.said.push(Said::TypeOf(expression)),
                Act::Call(rust) => wishes.calls.push(Call { line, rust }),
                Act::Time(format) => {
                    wishes.timing.cell = true;
                    wishes.times = true;
                    if format == TimeFormat::Wall {
                        wishes.timing.format = format;
                    }
                }
                Act::Measure => wishes.measured += 1,
                Act::Draw(picture) => wishes.picture = Some(picture),
                Act::Capture(capture) => wishes.capture = Some(capture),
                Act::BuildCrates => wishes.builds_crates = true,
            }
        }
        wishes
    }
}
