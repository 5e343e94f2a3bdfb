//! `Event`: a flag that threads wait for. Owns nothing but the flag.

use crate::host::EVENT;
use crate::time::Seconds;
use crate::wait::{Monitor, deadline};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// A flag, at first not set. Clones are the same event.
///
/// ```
/// # use threadbook::threading::{Event, Thread};
/// let done = Event::new();
/// let sets = done.clone();
/// Thread::new(move || sets.set()).start()?;
/// done.wait();
/// # Ok::<(), threadbook::RuntimeError>(())
/// ```
#[derive(Clone, Default)]
pub struct Event(Arc<Monitor<bool>>);

impl Event {
    /// An event that is not set.
    ///
    /// ```
    /// # use threadbook::threading::Event;
    /// assert!(!Event::new().is_set());
    /// ```
    pub fn new() -> Event {
        Event::default()
    }

    /// Whether the flag is set.
    ///
    /// ```
    /// # use threadbook::threading::Event;
    /// let event = Event::new();
    /// event.set();
    /// assert!(event.is_set());
    /// ```
    pub fn is_set(&self) -> bool {
        *self.0.lock()
    }

    /// Sets the flag and wakes all who wait for it.
    ///
    /// ```
    /// # use threadbook::threading::Event;
    /// let event = Event::new();
    /// event.set();
    /// event.wait();
    /// ```
    pub fn set(&self) {
        self.0.change(|flag| *flag = true);
    }

    /// Takes the flag back: who waits from here on waits for the next [`set`](Event::set).
    ///
    /// ```
    /// # use threadbook::threading::Event;
    /// let event = Event::new();
    /// event.set();
    /// event.clear();
    /// assert!(!event.is_set());
    /// ```
    pub fn clear(&self) {
        self.0.change(|flag| *flag = false);
    }

    /// Waits until the flag is set.
    ///
    /// ```
    /// # use threadbook::threading::{Event, Timer};
    /// let event = Event::new();
    /// let sets = event.clone();
    /// Timer::new(0.001, move || sets.set()).start()?;
    /// event.wait();
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn wait(&self) {
        self.wait_until(None);
    }

    /// Waits for at most `timeout`: whether the flag is set.
    ///
    /// ```
    /// # use threadbook::threading::Event;
    /// assert!(!Event::new().wait_timeout(0.001));
    /// ```
    pub fn wait_timeout(&self, timeout: impl Seconds) -> bool {
        self.wait_until(deadline(timeout.duration()))
    }

    fn wait_until(&self, deadline: Option<Instant>) -> bool {
        self.0.wait_for(EVENT, deadline, |flag| flag.then_some(())).is_some()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("set", &self.is_set()).finish()
    }
}
