//! The numbers of cells: those that users see as `In[n]`, and those of cells that have none.

use crate::events::CellId;

/// The first number of cells that users see no number of (silent ones, user expressions, comm messages). No notebook
/// comes so far.
const UNNUMBERED: u32 = 1 << 30;

#[derive(Default)]
pub(super) struct Numbers {
    count: u32,
    unnumbered: u32,
}

impl Numbers {
    /// The number of the last cell that has one, which is what messages call `execution_count`.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn numbered(&mut self) -> CellId {
        self.count += 1;
        CellId(self.count)
    }

    pub(super) fn unnumbered(&mut self) -> CellId {
        self.unnumbered += 1;
        CellId(UNNUMBERED + self.unnumbered)
    }
}
