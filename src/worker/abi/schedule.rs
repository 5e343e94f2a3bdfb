//! How the threads of a cell are scheduled, as the session tells the worker.

use serde::{Deserialize, Serialize};

/// A policy and the seed of its random decisions. The same value makes the same decisions in each lane; which thread runs
/// when is still the operating system's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// The seed of the random decisions.
    pub seed: u64,
    /// What is decided at random.
    pub policy: Policy,
}

/// What decides when a thread runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Policy {
    /// The operating system schedules, undisturbed.
    #[default]
    Free,
    /// Short random delays after prints and at the start of threads, which make rare interleavings likely.
    Perturbed,
}
