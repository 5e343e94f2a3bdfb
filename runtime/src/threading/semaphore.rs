//! `Semaphore` and `BoundedSemaphore`: a count that is never below 0, and those who wait for it to be above.

use crate::error::RuntimeError;
use crate::host::SEMAPHORE;
use crate::time::Seconds;
use crate::wait::{Monitor, deadline};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// A count of what is free. Clones are the same semaphore.
#[derive(Clone)]
pub struct Semaphore(Arc<Monitor<usize>>);

impl Semaphore {
    pub fn new(value: usize) -> Semaphore {
        Semaphore(Arc::new(Monitor::new(value)))
    }

    /// Waits until the count is above 0 and takes one.
    pub fn acquire(&self) {
        self.acquire_until(None);
    }

    /// Takes one if the count is above 0.
    pub fn try_acquire(&self) -> bool {
        self.acquire_until(Some(Instant::now()))
    }

    /// Waits for at most `timeout`: whether one was taken.
    pub fn acquire_timeout(&self, timeout: impl Seconds) -> bool {
        self.acquire_until(deadline(timeout.duration()))
    }

    fn acquire_until(&self, deadline: Option<Instant>) -> bool {
        let take = |free: &mut usize| free.checked_sub(1).map(|left| *free = left);
        self.0.wait_for(SEMAPHORE, deadline, take).is_some()
    }

    /// Gives one back.
    pub fn release(&self) {
        self.0.change_for_one(|free| *free += 1);
    }

    /// Gives `count` back.
    pub fn release_many(&self, count: usize) {
        self.0.change(|free| *free += count);
    }

    /// Takes one until the guard is dropped: Python's `with semaphore:`.
    pub fn lock(&self) -> SemaphoreGuard<'_> {
        self.acquire();
        SemaphoreGuard(self)
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore").field("value", &*self.0.lock()).finish()
    }
}

/// Holds one of a semaphore while it lives.
#[must_use = "the semaphore is released as soon as the guard is dropped"]
#[derive(Debug)]
pub struct SemaphoreGuard<'a>(&'a Semaphore);

impl Drop for SemaphoreGuard<'_> {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// A semaphore that refuses to be released more often than it was acquired. Clones are the same semaphore.
#[derive(Clone, Debug)]
pub struct BoundedSemaphore {
    semaphore: Semaphore,
    bound: usize,
}

impl BoundedSemaphore {
    pub fn new(value: usize) -> BoundedSemaphore {
        BoundedSemaphore { semaphore: Semaphore::new(value), bound: value }
    }

    /// As [`Semaphore::acquire`].
    pub fn acquire(&self) {
        self.semaphore.acquire();
    }

    /// As [`Semaphore::try_acquire`].
    pub fn try_acquire(&self) -> bool {
        self.semaphore.try_acquire()
    }

    /// As [`Semaphore::acquire_timeout`].
    pub fn acquire_timeout(&self, timeout: impl Seconds) -> bool {
        self.semaphore.acquire_timeout(timeout)
    }

    /// Gives one back.
    ///
    /// # Errors
    /// None is out.
    pub fn release(&self) -> Result<(), RuntimeError> {
        self.semaphore.0.change_for_one(|free| {
            if *free == self.bound {
                return Err(RuntimeError::new("Semaphore released too many times"));
            }
            *free += 1;
            Ok(())
        })
    }

    /// As [`Semaphore::lock`]. A release by hand while the guard lives counts twice, and is not noticed.
    pub fn lock(&self) -> SemaphoreGuard<'_> {
        self.semaphore.lock()
    }
}
