//! How the running cell is stopped when it is interrupted: the thread that runs it unwinds, so that its variables are put
//! back as they are. Owns the knowledge of which thread that is. [`check`] stands between statements, in the cell's own
//! loops (`strips`) and in prints. Waits (`wait`) ask `pending` and get a `Cancelled`, so that they undo what is half done
//! before anything unwinds. Never stops another thread, nor one that unwinds already.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::link;
use crate::sync::{self, thread_local};

thread_local! {
    static RUNS_CELL: Cell<bool> = const { Cell::new(false) };
}

/// The panic payload of an interrupted cell.
pub(crate) struct Interrupted;

/// The result of a wait whose cell was interrupted. Whoever gets one undoes what is half done and then passes it on, or
/// unwinds.
#[derive(Debug)]
#[must_use = "an interrupted cell is to unwind"]
pub(crate) struct Cancelled(());

impl Cancelled {
    /// Stops the cell here.
    pub(crate) fn unwind(self) -> ! {
        std::panic::resume_unwind(Box::new(Interrupted))
    }
}

/// Whether the calling thread runs a cell's code.
pub(crate) fn runs_here() -> bool {
    RUNS_CELL.try_with(Cell::get).unwrap_or(false)
}

/// Notes that the calling thread begins to run a cell's code, or has run it.
pub(crate) fn set_runs_here(runs: bool) {
    RUNS_CELL.with(|here| here.set(runs));
}

/// Unwinds if the cell is interrupted and the calling thread runs it. Two loads where it is inlined.
#[inline(always)]
pub fn check() {
    if link::is_interrupted() {
        stop();
    }
}

#[cold]
#[inline(never)]
fn stop() {
    if let Err(cancelled) = pending() {
        cancelled.unwind();
    }
}

/// Returns an error if the calling thread runs a cell that is interrupted, unless it unwinds already, because destructors
/// must be able to wait.
pub(crate) fn pending() -> Result<(), Cancelled> {
    match link::is_interrupted() && is_cells_thread() && !std::thread::panicking() {
        true => Err(Cancelled(())),
        false => Ok(()),
    }
}

/// Whether the calling thread runs a cell that is interrupted, and unwinds.
pub(crate) fn unwinds_here() -> bool {
    link::is_interrupted() && is_cells_thread() && std::thread::panicking()
}

/// Whether an interrupt is for the calling thread.
pub(crate) fn is_cells_thread() -> bool {
    runs_here() && !link::is_forked_child()
}

/// A word that an interrupt changes while this value lives, so that a wait for the word to change does not miss the
/// interrupt. Does nothing on a thread that does not run the cell.
pub(crate) struct Watched(Option<*mut AtomicU32>);

impl Watched {
    pub(crate) fn new(word: &sync::AtomicU32) -> Watched {
        let word: *mut AtomicU32 = std::ptr::from_ref(word).cast_mut().cast();
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

/// Interrupted cells for tests: what the worker does at a `SIGINT`, on a thread of a test.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::sys;
    use std::ffi::{c_int, c_ulong};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::{Mutex, PoisonError};
    use std::thread;

    const SIGINT: c_int = 2;

    unsafe extern "C" {
        fn signal(number: c_int, handler: extern "C" fn(c_int)) -> usize;
        fn pthread_kill(thread: c_ulong, number: c_int) -> c_int;
    }

    extern "C" fn on_signal(_: c_int) {
        let interrupt = link::host().interrupt;
        interrupt.asked.store(1, Ordering::SeqCst);
        // SAFETY: null, or the word that this very thread waits for.
        if let Some(word) = unsafe { interrupt.word.load(Ordering::SeqCst).as_ref() } {
            word.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Runs this as a cell that is interrupted before its first wait, at which it has to unwind.
    pub(crate) fn interrupted<R>(cell: impl FnOnce() -> R) {
        as_cell(|| {
            link::host().interrupt.asked.store(1, Ordering::SeqCst);
            cell()
        });
    }

    /// Runs this as a cell that a signal interrupts at a moment that is left to the scheduler.
    pub(crate) fn interrupted_by_signal<R>(cell: impl FnOnce() -> R) {
        as_cell(|| {
            // SAFETY: the handler only touches atomics.
            unsafe { signal(SIGINT, on_signal) };
            let this = sys::thread_ident();
            thread::scope(|scope| {
                // SAFETY: sends a signal to a thread that waits for this one.
                scope.spawn(move || unsafe { pthread_kill(this, SIGINT) });
                cell()
            })
        });
    }

    fn as_cell<R>(cell: impl FnOnce() -> R) {
        // There is one running cell in a process.
        static CELL: Mutex<()> = Mutex::new(());
        let _cell = CELL.lock().unwrap_or_else(PoisonError::into_inner);
        set_runs_here(true);
        let ended = catch_unwind(AssertUnwindSafe(cell));
        set_runs_here(false);
        link::host().interrupt.asked.store(0, Ordering::SeqCst);
        match ended {
            Ok(_) => panic!("the cell came to its end"),
            Err(panic) => assert!(panic.is::<Interrupted>(), "another panic"),
        }
    }
}
