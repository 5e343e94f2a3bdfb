//! Waiting for a word of memory to change (futex(2)), also of memory that processes share.

use std::num::NonZeroU32;
use std::sync::atomic::AtomicU32;

use rustix::io::Errno;
use rustix::thread::futex::{self, Flags};
use rustix::time::Timespec;

/// Nanoseconds that `wait` sleeps at most: whoever was to wake it may have been killed.
const LONGEST: i64 = 100_000_000;

/// Sleeps while `word` is `value`, for 0.1 s at most. May return early: the caller looks again.
pub(crate) fn wait(word: &AtomicU32, value: u32) {
    let limit = Timespec { tv_sec: 0, tv_nsec: LONGEST };
    // Whatever ends the wait, the caller looks at the word.
    let _ = futex::wait(word, Flags::empty(), value, Some(&limit));
}

/// Wakes all that wait for `word`, in whichever process.
pub(crate) fn wake(word: &AtomicU32) {
    let _ = futex::wake(word, Flags::empty(), i32::MAX as u32);
}

/// Sleeps while `word` is `value`, until a time of `CLOCK_MONOTONIC` in seconds and nanoseconds. Returns true if that
/// time has passed, or is none; false if the wait ended before, by `wake` or a signal. Only within one process.
pub(crate) fn wait_until(word: &AtomicU32, value: u32, (seconds, nanoseconds): (i64, i64)) -> bool {
    let until = Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    let ended = futex::wait_bitset(word, Flags::PRIVATE, value, Some(&until), NonZeroU32::MAX);
    matches!(ended, Err(Errno::TIMEDOUT | Errno::INVAL))
}
