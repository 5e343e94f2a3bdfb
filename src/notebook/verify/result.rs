//! What a verification finds out about each cell.

use super::cells::RecordedCell;
use crate::lanes::verdict::Difference;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Matched,
    Differs,
    /// The cell ran, and there is nothing to compare its outputs with.
    NotRecorded,
    Skipped,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct CellResult {
    /// Among all cells of the notebook, from 0.
    pub index: usize,
    pub id: String,
    pub status: Status,
    /// Runs of the cell until it matched, or all of them.
    pub tries: u32,
    /// The seed of the last try. `None` if nothing disturbed the scheduler in it.
    pub seed: Option<u64>,
    /// Why the tries after the first did not begin with the state from before the cell. `None` if they did, or if there
    /// was one try.
    pub no_checkpoint: Option<String>,
    /// Duration of the last try, without the wait for threads that outlive the cell.
    pub millis: u128,
    /// Of the differences of all tries, the one that came furthest.
    pub difference: Option<Difference>,
    /// The comparison with a live CPython run, if the cell has a twin.
    pub twin: Option<TwinResult>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct TwinResult {
    pub matched: bool,
    pub tries: u32,
    pub difference: Option<Difference>,
}

impl CellResult {
    pub(super) fn new(cell: &RecordedCell) -> Self {
        CellResult {
            index: cell.index,
            id: cell.id.clone(),
            status: Status::Skipped,
            tries: 0,
            seed: None,
            no_checkpoint: None,
            millis: 0,
            difference: None,
            twin: None,
        }
    }

    /// Takes the judgement of one try.
    pub(super) fn judge(&mut self, cell: &RecordedCell, difference: Option<Difference>) {
        self.status = match &difference {
            Some(_) => Status::Differs,
            None if cell.unrecorded => Status::NotRecorded,
            None => Status::Matched,
        };
        self.difference = difference.map(|new| furthest(self.difference.take(), new));
    }

    pub(super) fn is_good(&self) -> bool {
        self.status != Status::Differs && self.twin.as_ref().is_none_or(|twin| twin.matched)
    }
}

impl TwinResult {
    pub(super) fn differs(&mut self, difference: Difference) {
        self.difference = Some(furthest(self.difference.take(), difference));
    }

    /// Takes comparisons up to the first that matched.
    pub(super) fn compare(&mut self, comparisons: impl Iterator<Item = Result<(), Difference>>) {
        for comparison in comparisons {
            match comparison {
                Ok(()) => {
                    (self.matched, self.difference) = (true, None);
                    return;
                }
                Err(difference) => self.differs(difference),
            }
        }
    }
}

fn furthest(old: Option<Difference>, new: Difference) -> Difference {
    match old {
        Some(old) if old.reached() >= new.reached() => old,
        _ => new,
    }
}
