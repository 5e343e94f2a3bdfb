//! Copies of the worker, each with the variables that it has. At most two: one of the state that the next cell will find,
//! and, until that cell runs, one of the state before the last cell (`%rollback`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::events::CellId;
use crate::worker::{Snapshot, SnapshotError, Worker};

use crate::engine::scope::dependency::Crates;
use crate::engine::scope::{Scope, Variable};

#[derive(Default)]
pub(super) struct Snapshots {
    /// From the oldest to the newest.
    held: Vec<Held>,
    /// How often the worker's state has changed.
    state: u64,
    /// Why there is no copy of the current state.
    why_not: Option<SnapshotError>,
}

/// A copy that waits, and what the session knew of it when it was made.
pub(super) struct Held {
    pub copy: Snapshot,
    pub known: Known,
    state: u64,
}

/// What a worker has, as far as the session knows.
#[derive(Clone)]
pub(super) struct Known {
    variables: BTreeMap<String, Variable>,
    crates: Option<Arc<Crates>>,
    /// How many of the session's places it was told.
    pub told: usize,
    /// The last cell whose effect it has.
    pub last: CellId,
}

impl Known {
    pub(super) fn of(scope: &Scope, told: usize) -> Known {
        let last = scope.history.last().map_or(CellId(0), |(cell, _)| *cell);
        Known { variables: scope.variables.clone(), crates: scope.crates.clone(), told, last }
    }

    /// The scope with the variables that this worker has. Those whose crates are others by now are left out.
    pub(super) fn variables_in(self, scope: &Scope) -> BTreeMap<String, Variable> {
        let same_crates = self.crates == scope.crates;
        let as_now = |name: &str, of: &Variable| scope.variables.get(name).is_some_and(|now| now.ty == of.ty);
        self.variables.into_iter().filter(|(name, variable)| same_crates || as_now(name, variable)).collect()
    }
}

impl Snapshots {
    /// Asks the worker for a copy of its state, unless there is one.
    pub(super) fn ask(&self, worker: &mut Worker, limit: Duration) {
        if !limit.is_zero() && !self.is_current() {
            worker.request_snapshot(limit);
        }
    }

    /// Takes the copy that was asked for.
    pub(super) fn take(&mut self, worker: &mut Worker, known: impl FnOnce() -> Known) {
        match worker.snapshot() {
            None => {}
            Some(Ok(copy)) => {
                self.why_not = None;
                self.held.push(Held { copy, known: known(), state: self.state });
                if self.held.len() > 2 {
                    self.held.remove(0);
                }
            }
            Some(Err(why)) => self.why_not = Some(why),
        }
    }

    /// A cell is about to run and change the state. Of the copies only the newest is needed from here on.
    pub(super) fn begin_cell(&mut self) {
        let older = self.held.len().saturating_sub(1);
        self.held.drain(..older);
        self.state += 1;
    }

    /// The last cell is not at its end yet: what was copied of its state is none.
    pub(super) fn forget_current(&mut self) {
        while self.is_current() {
            self.held.pop();
        }
    }

    /// The newest copy, and how many changes it does not have.
    pub(super) fn newest(&mut self) -> Option<(Held, u64)> {
        let held = self.held.pop()?;
        let missing = self.state - held.state;
        self.state = held.state;
        Some((held, missing))
    }

    /// The newest copy that is not of the current state.
    pub(super) fn before_last(&mut self) -> Option<Held> {
        self.forget_current();
        self.newest().map(|(held, _)| held)
    }

    fn is_current(&self) -> bool {
        self.held.last().is_some_and(|held| held.state == self.state)
    }

    pub(super) fn why_not(&self) -> Option<&SnapshotError> {
        self.why_not.as_ref()
    }

    pub(super) fn clear(&mut self) {
        *self = Snapshots::default();
    }
}
