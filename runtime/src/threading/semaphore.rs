//! `Semaphore` and `BoundedSemaphore`: a count that is never below 0, and those who wait for it to be above.

use crate::error::RuntimeError;
use crate::host::SEMAPHORE;
use crate::time::Seconds;
use crate::wait::{Monitor, deadline};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// A count of what is free. Clones are the same semaphore.
///
/// ```
/// # use threadbook::threading::Semaphore;
/// let seats = Semaphore::new(2);
/// let (_one, _two) = (seats.lock(), seats.lock());
/// assert!(!seats.try_acquire());
/// ```
#[derive(Clone)]
pub struct Semaphore(Arc<Monitor<usize>>);

impl Semaphore {
    /// A semaphore of which `value` are free.
    ///
    /// ```
    /// # use threadbook::threading::Semaphore;
    /// assert!(Semaphore::new(1).try_acquire());
    /// assert!(!Semaphore::new(0).try_acquire());
    /// ```
    pub fn new(value: usize) -> Semaphore {
        Semaphore(Arc::new(Monitor::new(value)))
    }

    /// Waits until the count is above 0 and takes one.
    ///
    /// ```
    /// # use threadbook::threading::Semaphore;
    /// let semaphore = Semaphore::new(1);
    /// semaphore.acquire();
    /// assert!(!semaphore.try_acquire());
    /// ```
    pub fn acquire(&self) {
        self.acquire_until(None);
    }

    /// Takes one if the count is above 0: whether one was taken.
    ///
    /// ```
    /// # use threadbook::threading::Semaphore;
    /// let semaphore = Semaphore::new(1);
    /// assert!(semaphore.try_acquire());
    /// assert!(!semaphore.try_acquire());
    /// ```
    pub fn try_acquire(&self) -> bool {
        self.acquire_until(Some(Instant::now()))
    }

    /// Waits for at most `timeout`: whether one was taken.
    ///
    /// ```
    /// # use threadbook::threading::Semaphore;
    /// assert!(!Semaphore::new(0).acquire_timeout(0.001));
    /// ```
    pub fn acquire_timeout(&self, timeout: impl Seconds) -> bool {
        self.acquire_until(deadline(timeout.duration()))
    }

    fn acquire_until(&self, deadline: Option<Instant>) -> bool {
        let take = |free: &mut usize| free.checked_sub(1).map(|left| *free = left);
        self.0.wait_for(SEMAPHORE, deadline, take).is_some()
    }

    /// Gives one back.
    ///
    /// ```
    /// # use threadbook::threading::Semaphore;
    /// let semaphore = Semaphore::new(0);
    /// semaphore.release();
    /// semaphore.acquire();
    /// ```
    pub fn release(&self) {
        self.0.change_for_one(|free| *free += 1);
    }

    /// Gives `count` back.
    ///
    /// ```
    /// # use threadbook::threading::Semaphore;
    /// let semaphore = Semaphore::new(0);
    /// semaphore.release_many(2);
    /// assert!(semaphore.try_acquire() && semaphore.try_acquire() && !semaphore.try_acquire());
    /// ```
    pub fn release_many(&self, count: usize) {
        self.0.change(|free| *free += count);
    }

    /// Takes one until the guard is dropped: Python's `with semaphore:`.
    ///
    /// ```
    /// # use threadbook::threading::Semaphore;
    /// let semaphore = Semaphore::new(1);
    /// drop(semaphore.lock());
    /// assert!(semaphore.try_acquire());
    /// ```
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

/// Holds one of a semaphore while it lives: what [`Semaphore::lock`] returns.
///
/// ```
/// # use threadbook::threading::{Semaphore, SemaphoreGuard};
/// let semaphore = Semaphore::new(1);
/// let held: SemaphoreGuard = semaphore.lock();
/// ```
#[must_use = "the semaphore is released as soon as the guard is dropped"]
#[derive(Debug)]
pub struct SemaphoreGuard<'a>(&'a Semaphore);

impl Drop for SemaphoreGuard<'_> {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// A semaphore that refuses to be released more often than it was acquired. Clones are the same semaphore.
///
/// ```
/// # use threadbook::threading::BoundedSemaphore;
/// let semaphore = BoundedSemaphore::new(1);
/// assert!(semaphore.release().is_err());
/// ```
#[derive(Clone, Debug)]
pub struct BoundedSemaphore {
    semaphore: Semaphore,
    bound: usize,
}

impl BoundedSemaphore {
    /// A semaphore of which `value` are free, and never more.
    ///
    /// ```
    /// # use threadbook::threading::BoundedSemaphore;
    /// assert!(BoundedSemaphore::new(1).try_acquire());
    /// ```
    pub fn new(value: usize) -> BoundedSemaphore {
        BoundedSemaphore { semaphore: Semaphore::new(value), bound: value }
    }

    /// As [`Semaphore::acquire`].
    ///
    /// ```
    /// # use threadbook::threading::BoundedSemaphore;
    /// let semaphore = BoundedSemaphore::new(1);
    /// semaphore.acquire();
    /// semaphore.release()?;
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn acquire(&self) {
        self.semaphore.acquire();
    }

    /// As [`Semaphore::try_acquire`].
    ///
    /// ```
    /// # use threadbook::threading::BoundedSemaphore;
    /// let semaphore = BoundedSemaphore::new(1);
    /// assert!(semaphore.try_acquire() && !semaphore.try_acquire());
    /// ```
    pub fn try_acquire(&self) -> bool {
        self.semaphore.try_acquire()
    }

    /// As [`Semaphore::acquire_timeout`].
    ///
    /// ```
    /// # use threadbook::threading::BoundedSemaphore;
    /// assert!(!BoundedSemaphore::new(0).acquire_timeout(0.001));
    /// ```
    pub fn acquire_timeout(&self, timeout: impl Seconds) -> bool {
        self.semaphore.acquire_timeout(timeout)
    }

    /// Gives one back.
    ///
    /// # Errors
    /// None is taken.
    ///
    /// ```
    /// # use threadbook::threading::BoundedSemaphore;
    /// let error = BoundedSemaphore::new(1).release().unwrap_err();
    /// assert_eq!(error.to_string(), "Semaphore released too many times");
    /// ```
    pub fn release(&self) -> Result<(), RuntimeError> {
        self.semaphore.0.change_for_one(|free| {
            if *free == self.bound {
                return Err(RuntimeError::new("Semaphore released too many times"));
            }
            *free += 1;
            Ok(())
        })
    }

    /// As [`Semaphore::lock`]. A release by hand while the guard lives counts twice, and no error says so.
    ///
    /// ```
    /// # use threadbook::threading::BoundedSemaphore;
    /// let semaphore = BoundedSemaphore::new(1);
    /// drop(semaphore.lock());
    /// assert!(semaphore.try_acquire());
    /// ```
    pub fn lock(&self) -> SemaphoreGuard<'_> {
        self.semaphore.lock()
    }
}
