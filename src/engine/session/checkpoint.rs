//! States that a session can go back to on request: a copy of the worker, and the scope that belongs to it.
//!
//! Unlike a rollback after a crash, which keeps items and history, a checkpoint brings back all that the next cell finds.

use std::sync::Arc;
use std::time::Duration;

use super::Session;
use crate::engine::api::NoCheckpoint;
use crate::engine::scope::Scope;
use crate::engine::session::snapshots::{Known, Recent, Snapshot};

/// A state of a session between two cells.
pub(super) struct Saved {
    snapshot: Arc<Snapshot>,
    scope: Scope,
    /// How many files of cells there were, and how many of them the worker had been told.
    places: usize,
    told: usize,
}

impl Session {
    /// Keeps the present state. As a rule its copy is there: it was asked for when the last cell ended.
    pub(super) fn save(&mut self) -> Result<Saved, NoCheckpoint> {
        self.take_copy();
        if self.snapshots.of_present().is_none() {
            self.ask_for_copy();
            self.take_copy();
        }
        match self.snapshots.hand_out() {
            // It would end with the present worker, and the copy does not know it.
            Some(_) if !self.worker.settle(Duration::ZERO).is_empty() => {
                Err(NoCheckpoint("a process that a cell started was running".into()))
            }
            Some(snapshot) => {
                let (scope, places, told) = (self.scope.clone(), self.places.len(), self.told);
                Ok(Saved { snapshot, scope, places, told })
            }
            None => Err(NoCheckpoint(self.why_no_copy())),
        }
    }

    fn why_no_copy(&self) -> String {
        match self.snapshots.why_not() {
            _ if self.options.limits.snapshot.is_zero() => "copies of the worker are turned off".into(),
            Some(why) => why.to_string(),
            None => "the worker did not copy itself".into(),
        }
    }

    /// Goes back to a state of this session.
    pub(super) fn restore_saved(&mut self, saved: &Saved) -> Result<(), NoCheckpoint> {
        if !self.snapshots.has_handed_out(&saved.snapshot) {
            return Err(NoCheckpoint("the session has a new worker since then".into()));
        }
        // A copy of the present state that is still under way would be taken for one of the restored state.
        self.take_copy();
        let Some(copy) = saved.snapshot.take() else { return Err(NoCheckpoint(self.why_no_copy())) };
        if !self.worker.take_over(copy) {
            return Err(NoCheckpoint("the copy of that state has ended".into()));
        }
        self.spoil_ahead();
        self.scope = saved.scope.clone();
        self.places.truncate(saved.places);
        self.told = saved.told;
        let known = Known::of(&self.scope, self.told);
        self.snapshots.restored_checkpoint(Recent { snapshot: saved.snapshot.clone(), known });
        self.ask_for_copy();
        Ok(())
    }
}
