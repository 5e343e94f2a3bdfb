//! Which process the system kills first when its memory is used up (`oom_score_adj`, proc(5)): the worker that runs cells
//! rather than its copy, which holds the same memory and is what the session would go on with, and rather than the front
//! end. Where the system does not let it choose, nothing is changed.

use std::fs;
use std::sync::atomic::{AtomicI32, Ordering};

const FILE: &str = "/proc/self/oom_score_adj";
/// A tenth of all memory more than it has.
const MORE: i32 = 100;

/// What this process stands at; `i32::MIN` before the first cell.
static NOW: AtomicI32 = AtomicI32::new(i32::MIN);

/// This process runs cells from here on.
pub(crate) fn offer() {
    if NOW.load(Ordering::Relaxed) == i32::MIN {
        let before = fs::read_to_string(FILE).ok().and_then(|text| text.trim().parse().ok());
        let score = before.unwrap_or(0) + MORE;
        let _ = fs::write(FILE, score.to_string());
        NOW.store(score, Ordering::Relaxed);
    }
}

/// This process is a copy of one that ran cells.
pub(crate) fn withdraw() {
    let offered = NOW.swap(i32::MIN, Ordering::Relaxed);
    if offered != i32::MIN {
        let _ = fs::write(FILE, (offered - MORE).to_string());
    }
}
