//! Stops the running cell when it is interrupted: the thread that runs the cell unwinds from here, so that its variables
//! are put back as they are. Called between statements, at each turn of the cell's own loops, by prints and by waits.
//! Never stops another thread, and nothing that already unwinds.

use crate::{cell, link};
use std::sync::atomic::{AtomicU32, Ordering};

/// What a stopped cell unwinds with.
pub(crate) struct Interrupted;

/// Unwinds if the cell is interrupted and the calling thread runs it.
#[inline]
pub fn check() {
    if link::host().interrupt.asked.load(Ordering::Relaxed) != 0 {
        stop();
    }
}

#[cold]
#[inline(never)]
fn stop() {
    if is_cells_thread() && !std::thread::panicking() {
        std::panic::resume_unwind(Box::new(Interrupted));
    }
}

fn is_cells_thread() -> bool {
    cell::runs_here() && !link::is_forked_child()
}

/// While it lives, an interrupt changes this word, so that a wait for the word to change does not miss it. Of the thread
/// that runs the cell only.
pub(crate) struct Watched(Option<*mut AtomicU32>);

impl Watched {
    pub(crate) fn new(word: &AtomicU32) -> Watched {
        let word = std::ptr::from_ref(word).cast_mut();
        Watched(is_cells_thread().then(|| link::host().interrupt.word.swap(word, Ordering::SeqCst)))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(before) = self.0 {
            link::host().interrupt.word.store(before, Ordering::SeqCst);
        }
    }
}
