//! `Event`: a flag that threads wait for. Owns nothing but the flag.

use crate::host::EVENT;
use crate::time::Seconds;
use crate::wait::{Monitor, deadline};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// A flag, at first not set. Clones are the same event.
#[derive(Clone, Default)]
pub struct Event(Arc<Monitor<bool>>);

impl Event {
    pub fn new() -> Event {
        Event::default()
    }

    pub fn is_set(&self) -> bool {
        *self.0.lock()
    }

    /// Sets the flag and wakes all who wait for it.
    pub fn set(&self) {
        self.0.change(|flag| *flag = true);
    }

    pub fn clear(&self) {
        self.0.change(|flag| *flag = false);
    }

    /// Waits until the flag is set.
    pub fn wait(&self) {
        self.wait_until(None);
    }

    /// Waits for at most `timeout`: whether the flag is set.
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
