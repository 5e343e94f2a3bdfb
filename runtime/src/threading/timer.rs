//! `Timer`: a thread that waits before it runs, and can be told not to. Owns the event that tells it.

use super::event::Event;
use super::thread::Thread;
use crate::time::Seconds;
use std::ops::Deref;

/// Runs a function after some time, unless it is cancelled first. It *is* a [`Thread`], as in Python: started
/// by `start`, waited for by `join`.
#[derive(Clone, Debug)]
pub struct Timer {
    thread: Thread,
    finished: Event,
}

impl Timer {
    /// A timer whose `delay` begins with `start`.
    pub fn new<R>(delay: impl Seconds, function: impl FnOnce() -> R + Send + 'static) -> Timer {
        let (finished, delay) = (Event::new(), delay.duration());
        let cancelled = finished.clone();
        let thread = Thread::new(move || {
            if !cancelled.wait_timeout(delay) {
                function();
            }
            cancelled.set();
        });
        Timer { thread, finished }
    }

    /// Ends the timer if it is still waiting.
    pub fn cancel(&self) {
        self.finished.set();
    }
}

impl Deref for Timer {
    type Target = Thread;

    fn deref(&self) -> &Thread {
        &self.thread
    }
}
