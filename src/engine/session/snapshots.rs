//! Copies of the worker that wait, and which state of the session each one holds. Two are held for recovery: of the state
//! that the next cell will find, and, until that cell runs, of the state before the last cell (`%rollback`). Others are held
//! as long as a checkpoint refers to them.
//!
//! A state is restored by letting its copy become the worker; the first thing that this worker is asked for is a copy of
//! itself, which takes the place of the one that was used. So a state can be restored any number of times.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use crate::events::CellId;
use crate::worker::{self, SnapshotError, Worker};

use crate::engine::scope::dependency::Crates;
use crate::engine::scope::{Map, Scope, Variable};

#[derive(Default)]
pub(super) struct Snapshots {
    /// States that led to the present one, from the oldest to the newest; at most two.
    recent: Vec<Recent>,
    /// States that checkpoints refer to.
    checkpoints: Vec<Weak<Snapshot>>,
    present: State,
    /// The last `State::id` that was given out.
    last_id: u64,
    /// Why there is no copy of the present state.
    why_not: Option<SnapshotError>,
}

/// A state of the worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    id: u64,
    /// Cells that have changed the worker's state since the start of the session, restored states left out.
    changes: u64,
}

/// The copy of one state.
pub(super) struct Snapshot {
    state: State,
    /// `None` while the copy is the worker, and once the copy is lost.
    copy: Mutex<Option<worker::Snapshot>>,
}

/// A snapshot, and what the session knew of its state when it was made.
pub(super) struct Recent {
    pub snapshot: Arc<Snapshot>,
    pub known: Known,
}

/// What a worker has, as far as the session knows.
#[derive(Clone)]
pub(super) struct Known {
    variables: Map<String, Variable>,
    crates: Option<Arc<Crates>>,
    /// How many of the session's places the worker was told.
    pub told: usize,
    /// The last cell whose effect the worker has.
    pub last: CellId,
}

impl Known {
    pub(super) fn of(scope: &Scope, told: usize) -> Known {
        let last = scope.history.last().map_or(CellId(0), |(cell, _)| *cell);
        Known { variables: scope.variables.clone(), crates: scope.crates.clone(), told, last }
    }

    /// The variables of `scope` that this worker has. Those whose crates have changed since are left out.
    pub(super) fn variables_in(self, scope: &Scope) -> Map<String, Variable> {
        let same_crates = self.crates == scope.crates;
        let as_now = |name: &str, of: &Variable| scope.variables.get(name).is_some_and(|now| now.ty == of.ty);
        let there = self.variables.iter().filter(|(name, variable)| same_crates || as_now(name, variable));
        there.map(|(name, variable)| (name.clone(), variable.clone())).collect()
    }
}

impl Snapshot {
    fn new(state: State, copy: worker::Snapshot) -> Arc<Snapshot> {
        Arc::new(Snapshot { state, copy: Mutex::new(Some(copy)) })
    }

    /// The copy, which is about to become the worker. `None` if it is lost.
    pub(super) fn take(&self) -> Option<worker::Snapshot> {
        self.copy.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, copy: worker::Snapshot) {
        *self.copy.lock().unwrap_or_else(PoisonError::into_inner) = Some(copy);
    }

    fn is_held(&self) -> bool {
        self.copy.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

impl Snapshots {
    /// Asks the worker for a copy of its state, unless there is one.
    pub(super) fn ask(&self, worker: &mut Worker, limit: Duration) {
        if !limit.is_zero() && self.of_present().is_none() {
            worker.request_snapshot(limit);
        }
    }

    /// Takes the copy that was asked for.
    pub(super) fn take(&mut self, worker: &mut Worker, known: impl FnOnce() -> Known) {
        let copy = match worker.snapshot() {
            None => return,
            Some(Err(why)) => return self.why_not = Some(why),
            Some(Ok(copy)) => copy,
        };
        self.why_not = None;
        match self.recent.last_mut().filter(|recent| recent.snapshot.state == self.present) {
            Some(restored) => {
                restored.snapshot.put(copy);
                restored.known = known();
            }
            None => {
                self.recent.push(Recent { snapshot: Snapshot::new(self.present, copy), known: known() });
                if self.recent.len() > 2 {
                    self.recent.remove(0);
                }
            }
        }
    }

    /// A cell is about to change the state. Only the newest state is needed for recovery from here on.
    pub(super) fn begin_cell(&mut self) {
        self.recent.retain(|recent| recent.snapshot.is_held());
        let older = self.recent.len().saturating_sub(1);
        self.recent.drain(..older);
        self.last_id += 1;
        self.present = State { id: self.last_id, changes: self.present.changes + 1 };
    }

    /// The last cell has not come to its end yet: a copy of what it has done so far is no state to go back to.
    pub(super) fn forget_present(&mut self) {
        self.recent.retain(|recent| recent.snapshot.state != self.present);
    }

    /// The snapshot of the present state, if its copy is held.
    pub(super) fn of_present(&self) -> Option<&Arc<Snapshot>> {
        let newest = &self.recent.last()?.snapshot;
        (newest.state == self.present && newest.is_held()).then_some(newest)
    }

    /// The snapshot of the present state, for a checkpoint.
    pub(super) fn hand_out(&mut self) -> Option<Arc<Snapshot>> {
        let snapshot = self.of_present()?.clone();
        self.checkpoints.retain(|other| other.strong_count() > 0);
        self.checkpoints.push(Arc::downgrade(&snapshot));
        Some(snapshot)
    }

    /// Removes and returns the newest of the states that led to the present one.
    pub(super) fn newest(&mut self) -> Option<Recent> {
        self.recent.pop()
    }

    /// The same, the present state left out.
    pub(super) fn before_last(&mut self) -> Option<Recent> {
        self.forget_present();
        self.newest()
    }

    /// A state whose copy has become the worker is the present one again. Returns how many changes were undone.
    pub(super) fn restored(&mut self, recent: Recent) -> u64 {
        let undone = self.present.changes.saturating_sub(recent.snapshot.state.changes);
        self.present = recent.snapshot.state;
        self.recent.push(recent);
        undone
    }

    /// The same for the state of a checkpoint: what led to the state before is of no use.
    pub(super) fn restored_checkpoint(&mut self, recent: Recent) {
        self.recent.clear();
        self.restored(recent);
    }

    /// Whether `hand_out` returned this snapshot, and no copy of it has been ended since.
    pub(super) fn has_handed_out(&self, snapshot: &Arc<Snapshot>) -> bool {
        self.checkpoints.iter().any(|other| std::ptr::eq(other.as_ptr(), Arc::as_ptr(snapshot)))
    }

    pub(super) fn why_not(&self) -> Option<&SnapshotError> {
        self.why_not.as_ref()
    }

    /// Ends all copies, also those that checkpoints refer to: the worker's end waits for theirs.
    pub(super) fn clear(&mut self) {
        for snapshot in self.checkpoints.drain(..).filter_map(|snapshot| snapshot.upgrade()) {
            snapshot.take();
        }
        self.recent.clear();
        self.why_not = None;
        self.last_id += 1;
        self.present = State { id: self.last_id, changes: 0 };
    }
}

/// Before the worker is dropped.
impl Drop for Snapshots {
    fn drop(&mut self) {
        self.clear();
    }
}
