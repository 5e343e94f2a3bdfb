//! The lanes that may still write, which a session waits for when it settles: threads and processes until they end, tasks
//! until they have run. Threads that only wait for tasks (`host::DAEMON`) and the main thread are not among them.
//!
//! The reader's thread opens and closes lanes; any other may wait.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use crate::events::LaneId;

#[derive(Default)]
pub(crate) struct Open {
    lanes: Mutex<BTreeSet<u32>>,
    changed: Condvar,
}

impl Open {
    pub(crate) fn insert(&self, lane: u32) {
        self.lanes().insert(lane);
    }

    pub(crate) fn remove(&self, lane: u32) {
        let mut lanes = self.lanes();
        lanes.remove(&lane);
        if lanes.is_empty() {
            self.changed.notify_all();
        }
    }

    /// Waits until no lane is open, at most `patience`, and returns those that still are.
    pub(crate) fn wait(&self, patience: Duration) -> Vec<LaneId> {
        let (lanes, _) = self
            .changed
            .wait_timeout_while(self.lanes(), patience, |lanes| !lanes.is_empty())
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        lanes.iter().map(|lane| LaneId(*lane)).collect()
    }

    fn lanes(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        self.lanes.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
