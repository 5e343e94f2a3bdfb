//! What each group of figures is given: how thoroughly to measure, and where the figures go.

use std::path::Path;

use crate::live::Took;
use crate::record::{Record, Row};

pub(crate) struct Bench {
    pub(crate) quick: bool,
    /// CPU seconds stand for wall time, which means little where something else runs.
    pub(crate) cpu: bool,
    pub(crate) group: &'static str,
    pub(crate) record: Record,
    pub(crate) scratch: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn rounds(&self, thorough: usize) -> usize {
        if self.quick { 1 } else { thorough }
    }

    pub(crate) fn add(&mut self, row: Row) {
        self.record.add(&Row { group: self.group.into(), ..row });
    }

    /// Seconds until an answer is there.
    pub(crate) fn answer(&self, took: Took) -> f64 {
        if self.cpu { took.cpu } else { took.wall }
    }

    pub(crate) fn scratch(&self) -> &Path {
        self.scratch.path()
    }
}
