//! The worker's side of an interrupt: `SIGINT` marks the cell as interrupted, and what runs it notices (the runtime's
//! `interrupt::check`, and here the waits of std that can be ended). A cell that does not is the session's business.

use std::sync::atomic::{AtomicU32, Ordering};

use super::host::Interrupt;
use super::ring::futex_wait;

pub static INTERRUPT: Interrupt = Interrupt::none();
/// The worker; a child that a cell has forked is another process, which `SIGINT` ends as ever.
static WORKER: AtomicU32 = AtomicU32::new(0);

/// From here on `SIGINT` interrupts the cell. Called on the thread that will run cells, and again in a copy.
pub fn begin() {
    WORKER.store(std::process::id(), Ordering::Relaxed);
    set_handler(on_signal as *const () as libc::sighandler_t);
}

fn set_handler(handler: libc::sighandler_t) {
    // SAFETY: the handler only touches atomics. Without `SA_RESTART`: a system call that blocks is to come back.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        libc::sigaction(libc::SIGINT, &action, std::ptr::null_mut());
    }
}

extern "C" fn on_signal(signal: libc::c_int) {
    if !is_cells_thread() {
        if std::process::id() != WORKER.load(Ordering::Relaxed) {
            set_handler(libc::SIG_DFL);
            // SAFETY: takes effect when this handler is back.
            unsafe { libc::raise(signal) };
        }
        return;
    }
    INTERRUPT.asked.store(1, Ordering::SeqCst);
    // SAFETY: null, or the word that this very thread waits for.
    if let Some(word) = unsafe { INTERRUPT.word.load(Ordering::SeqCst).as_ref() } {
        word.fetch_add(1, Ordering::SeqCst);
    }
}

/// The thread that runs cells is the worker's first.
fn is_cells_thread() -> bool {
    // SAFETY: takes no arguments.
    let thread = unsafe { libc::gettid() } as u32;
    thread == WORKER.load(Ordering::Relaxed)
}

/// A cell begins.
pub fn clear() {
    INTERRUPT.asked.store(0, Ordering::SeqCst);
}

/// Whether the calling thread runs a cell that is interrupted.
pub fn is_asked() -> bool {
    INTERRUPT.asked.load(Ordering::SeqCst) != 0 && is_cells_thread()
}

/// Waits until `word` is not 0; false if the cell was interrupted before that. Only for the thread that runs the cell:
/// on another it answers at once.
pub fn wait(word: &AtomicU32) -> bool {
    if !is_cells_thread() {
        return true;
    }
    let before = INTERRUPT.word.swap(std::ptr::from_ref(word).cast_mut(), Ordering::SeqCst);
    while word.load(Ordering::SeqCst) == 0 && INTERRUPT.asked.load(Ordering::SeqCst) == 0 {
        futex_wait(word, 0);
    }
    INTERRUPT.word.store(before, Ordering::SeqCst);
    INTERRUPT.asked.load(Ordering::SeqCst) == 0
}
