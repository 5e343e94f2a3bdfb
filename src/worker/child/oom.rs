//! Which process the system kills first when memory is used up (`oom_score_adj`, proc_pid_oom_score_adj(5)): the worker
//! that runs cells, rather than its copy, which holds the same memory and which the session would go on with, or the front
//! end. Where the system does not let this process choose, nothing is changed.

use std::fs;
use std::sync::atomic::{AtomicI32, Ordering};

const FILE: &str = "/proc/self/oom_score_adj";
/// Thousandths of all memory that the worker seems to use beyond what it does.
const MORE: i32 = 100;

/// The score of this process; `i32::MIN` while it has not been changed.
static NOW: AtomicI32 = AtomicI32::new(i32::MIN);

/// Makes this process, which is about to run a cell, the first to be killed.
pub(crate) fn offer() {
    if NOW.load(Ordering::Relaxed) == i32::MIN {
        let before = fs::read_to_string(FILE).ok().and_then(|text| text.trim().parse().ok());
        let score = before.unwrap_or(0) + MORE;
        let _ = fs::write(FILE, score.to_string());
        NOW.store(score, Ordering::Relaxed);
    }
}

/// Takes that back in a copy of the process, which inherits the score.
pub(crate) fn withdraw() {
    let offered = NOW.swap(i32::MIN, Ordering::Relaxed);
    if offered != i32::MIN {
        let _ = fs::write(FILE, (offered - MORE).to_string());
    }
}
