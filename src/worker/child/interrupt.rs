//! The worker's side of an interrupt: `SIGINT` marks the cell as interrupted, and what runs it notices (the runtime's
//! `interrupt::check`, and here the waits of std that can be ended). If nothing notices, the session kills the worker.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::sys::{clock, futex, process, thread};
use crate::worker::host::Interrupt;

pub(crate) static INTERRUPT: Interrupt = Interrupt::none();
/// The process id of the worker. A child that a cell has forked has another, and `SIGINT` ends the child as usual.
static WORKER: AtomicU32 = AtomicU32::new(0);

/// Makes `SIGINT` interrupt the cell. Called on the thread that will run cells, and again in a copy of the worker.
pub(crate) fn begin() {
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
        let process = std::process::id();
        if process == WORKER.load(Ordering::Relaxed) {
            // The thread that runs cells has the signal blocked, as just before it waits for a descriptor (the runtime's
            // `wait::until_ready`): there the signal is to wait for it.
            // SAFETY: sends a signal to a thread of this process; touches no memory.
            unsafe { libc::syscall(libc::SYS_tgkill, process, process, signal) };
        } else {
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

/// Whether this is the thread that runs cells: the worker's first.
pub(crate) fn is_cells_thread() -> bool {
    thread::id() == WORKER.load(Ordering::Relaxed)
}

/// Notes that a cell begins, which nobody has interrupted yet.
pub(crate) fn clear() {
    INTERRUPT.asked.store(0, Ordering::SeqCst);
}

/// Passes the interrupt of a cell on to a child that its thread has just made, and that may not have been in the process
/// group yet when the group was signalled.
pub(crate) fn pass_on(child: libc::pid_t) {
    if INTERRUPT.asked.load(Ordering::SeqCst) != 0 && is_cells_thread() {
        process::interrupt(child as u32);
    }
}

/// Sleeps for this time, or until this time of `CLOCK_MONOTONIC`, on the thread that runs the cell; false if the cell was
/// interrupted before.
pub(crate) fn sleep(time: &libc::timespec, absolute: bool) -> bool {
    let mut until = (time.tv_sec, time.tv_nsec);
    if !absolute {
        let now = clock::monotonic_nanos() as i64;
        let nanos = now % 1_000_000_000 + time.tv_nsec;
        until = (time.tv_sec.saturating_add(now / 1_000_000_000 + nanos / 1_000_000_000), nanos % 1_000_000_000);
    }
    let word = AtomicU32::new(0);
    watched(&word, || {
        loop {
            if INTERRUPT.asked.load(Ordering::SeqCst) != 0 {
                return false;
            }
            if futex::wait_until(&word, 0, until) {
                return true;
            }
        }
    })
}

/// Runs `wait`, during which the signal changes this word.
fn watched(word: &AtomicU32, wait: impl FnOnce() -> bool) -> bool {
    let before = INTERRUPT.word.swap(std::ptr::from_ref(word).cast_mut(), Ordering::SeqCst);
    let answer = wait();
    INTERRUPT.word.store(before, Ordering::SeqCst);
    answer
}

/// Waits until `word` is not 0; false if the cell was interrupted before that. Only for the thread that runs the cell:
/// any other returns at once.
pub(crate) fn wait(word: &AtomicU32) -> bool {
    if !is_cells_thread() {
        return true;
    }
    watched(word, || {
        while word.load(Ordering::SeqCst) == 0 && INTERRUPT.asked.load(Ordering::SeqCst) == 0 {
            futex::wait(word, 0);
        }
        INTERRUPT.asked.load(Ordering::SeqCst) == 0
    })
}
