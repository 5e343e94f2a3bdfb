//! `Timer`: a thread that waits before it runs, and can be told not to. Owns the event that tells it.

use super::event::Event;
use super::thread::Thread;
use crate::time::Seconds;
use std::ops::Deref;

/// Runs a function after some time, unless it is cancelled first. It *is* a [`Thread`], as in Python: started
/// by `start`, waited for by `join`.
///
/// ```
/// # use threadbook::threading::Timer;
/// let timer = Timer::new(0.001, || println!("ring"));
/// timer.start()?;
/// timer.join()?;
/// # Ok::<(), threadbook::RuntimeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Timer {
    thread: Thread,
    finished: Event,
}

impl Timer {
    /// A timer whose `delay` begins with `start`.
    ///
    /// ```
    /// # use threadbook::threading::Timer;
    /// Timer::new(0.001, || println!("ring")).start()?;
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
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
    ///
    /// ```
    /// # use threadbook::threading::Timer;
    /// let timer = Timer::new(3600, || println!("never"));
    /// timer.start()?;
    /// timer.cancel();
    /// timer.join()?;
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
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
