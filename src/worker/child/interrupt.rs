//! The worker's side of an interrupt: `SIGINT` marks the cell as interrupted, and what runs it notices (the runtime's
//! `interrupt::check`, and here the waits of std that can be ended). A cell that does not is the session's business.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::worker::abi::ring::futex_wait;
use crate::worker::host::Interrupt;

pub(crate) static INTERRUPT: Interrupt = Interrupt::none();
/// The worker; a child that a cell has forked is another process, which `SIGINT` ends as ever.
static WORKER: AtomicU32 = AtomicU32::new(0);

/// From here on `SIGINT` interrupts the cell. Called on the thread that will run cells, and again in a copy.
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

/// The thread that runs cells is the worker's first.
pub(crate) fn is_cells_thread() -> bool {
    // SAFETY: takes no arguments.
    let thread = unsafe { libc::gettid() } as u32;
    thread == WORKER.load(Ordering::Relaxed)
}

/// A cell begins.
pub(crate) fn clear() {
    INTERRUPT.asked.store(0, Ordering::SeqCst);
}

/// This child was made by the calling thread, if by a cell that is interrupted perhaps too late to have been signalled
/// with the others.
pub(crate) fn pass_on(child: libc::pid_t) {
    if INTERRUPT.asked.load(Ordering::SeqCst) != 0 && is_cells_thread() {
        // SAFETY: sends a signal; touches no memory.
        unsafe { libc::kill(child, libc::SIGINT) };
    }
}

/// Sleeps for this time, or until this time of `CLOCK_MONOTONIC`, on the thread that runs the cell; false if the cell was
/// interrupted before.
pub(crate) fn sleep(time: &libc::timespec, absolute: bool) -> bool {
    let mut until = *time;
    if !absolute {
        // SAFETY: writes to a local.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut until) };
        until.tv_nsec += time.tv_nsec;
        until.tv_sec = until.tv_sec.saturating_add(time.tv_sec + until.tv_nsec / 1_000_000_000);
        until.tv_nsec %= 1_000_000_000;
    }
    let word = AtomicU32::new(0);
    watched(&word, || {
        loop {
            if INTERRUPT.asked.load(Ordering::SeqCst) != 0 {
                return false;
            }
            // SAFETY: the word and the time outlive the call.
            let answer = unsafe {
                let sleep = libc::FUTEX_WAIT_BITSET | libc::FUTEX_PRIVATE_FLAG;
                let all = libc::FUTEX_BITSET_MATCH_ANY;
                libc::syscall(libc::SYS_futex, word.as_ptr(), sleep, 0, &until, 0usize, all)
            };
            // What is no time at all is over at once, too.
            let error = std::io::Error::last_os_error().raw_os_error();
            if answer < 0 && matches!(error, Some(libc::ETIMEDOUT | libc::EINVAL)) {
                return true;
            }
        }
    })
}

/// While it waits, the signal changes this word.
fn watched(word: &AtomicU32, wait: impl FnOnce() -> bool) -> bool {
    let before = INTERRUPT.word.swap(std::ptr::from_ref(word).cast_mut(), Ordering::SeqCst);
    let answer = wait();
    INTERRUPT.word.store(before, Ordering::SeqCst);
    answer
}

/// Waits until `word` is not 0; false if the cell was interrupted before that. Only for the thread that runs the cell:
/// on another it answers at once.
pub(crate) fn wait(word: &AtomicU32) -> bool {
    if !is_cells_thread() {
        return true;
    }
    watched(word, || {
        while word.load(Ordering::SeqCst) == 0 && INTERRUPT.asked.load(Ordering::SeqCst) == 0 {
            futex_wait(word, 0);
        }
        INTERRUPT.asked.load(Ordering::SeqCst) == 0
    })
}
