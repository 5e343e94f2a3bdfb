//! `Condition`: waiting for what another thread says, under a lock. Owns the queue of those who wait, first come
//! first woken. There are no spurious wake-ups, but what was said may no longer hold: `wait_for` asks again.

use super::lock::{RLock, RLockGuard};
use crate::error::RuntimeError;
use crate::host::CONDITION;
use crate::sync::Mutex;
use crate::time::Seconds;
use crate::wait::{Monitor, deadline, lock};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// A condition with its `RLock`. Clones are the same condition.
///
/// ```
/// # use threadbook::threading::{Condition, Thread};
/// let arrived = Condition::new();
/// let tells = arrived.clone();
/// let teller = Thread::new(move || {
///     let _held = tells.lock();
///     tells.notify(1)
/// });
/// let _held = arrived.lock();
/// teller.start()?;
/// arrived.wait()?;
/// # Ok::<(), threadbook::RuntimeError>(())
/// ```
#[derive(Clone, Default)]
pub struct Condition {
    lock: RLock,
    waiters: Arc<Mutex<VecDeque<Waiter>>>,
}

/// A thread that waits: true once it was notified.
type Waiter = Arc<Monitor<bool>>;

impl Condition {
    /// A condition with a lock of its own.
    ///
    /// ```
    /// # use threadbook::threading::Condition;
    /// let condition = Condition::new();
    /// ```
    pub fn new() -> Condition {
        Condition::default()
    }

    /// A condition on a lock that is also used elsewhere.
    ///
    /// ```
    /// # use threadbook::threading::{Condition, RLock};
    /// let lock = RLock::new();
    /// let (not_empty, not_full) = (Condition::with_lock(&lock), Condition::with_lock(&lock));
    /// ```
    pub fn with_lock(lock: &RLock) -> Condition {
        Condition { lock: lock.clone(), ..Condition::default() }
    }

    /// Waits for the lock and takes it, as [`RLock::acquire`] does.
    ///
    /// ```
    /// # use threadbook::threading::Condition;
    /// let condition = Condition::new();
    /// condition.acquire();
    /// condition.notify(1)?;
    /// condition.release()?;
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn acquire(&self) {
        self.lock.acquire();
    }

    /// Takes back one acquisition of the lock.
    ///
    /// # Errors
    /// The calling thread does not hold the lock.
    ///
    /// ```
    /// # use threadbook::threading::Condition;
    /// assert!(Condition::new().release().is_err());
    /// ```
    pub fn release(&self) -> Result<(), RuntimeError> {
        self.lock.release()
    }

    /// Takes the lock until the guard is dropped: Python's `with condition:`.
    ///
    /// ```
    /// # use threadbook::threading::Condition;
    /// let condition = Condition::new();
    /// let _held = condition.lock();
    /// ```
    pub fn lock(&self) -> RLockGuard<'_> {
        self.lock.lock()
    }

    /// Frees the lock, waits to be notified, and takes the lock again, as many times as it was held. So it does if it is
    /// interrupted, too.
    ///
    /// # Errors
    /// The calling thread does not hold the lock.
    ///
    /// ```
    /// # use threadbook::threading::Condition;
    /// let condition = Condition::new();
    /// assert_eq!(condition.wait().unwrap_err().to_string(), "cannot wait on un-acquired lock");
    /// ```
    pub fn wait(&self) -> Result<(), RuntimeError> {
        self.wait_until(None).map(drop)
    }

    /// As [`wait`](Condition::wait) for at most `timeout`: whether it was notified.
    ///
    /// # Errors
    /// As [`wait`](Condition::wait).
    ///
    /// ```
    /// # use threadbook::threading::Condition;
    /// let condition = Condition::new();
    /// let _held = condition.lock();
    /// assert_eq!(condition.wait_timeout(0.001), Ok(false));
    /// ```
    pub fn wait_timeout(&self, timeout: impl Seconds) -> Result<bool, RuntimeError> {
        self.wait_until(deadline(timeout.duration()))
    }

    /// Waits until `predicate`, which is asked under the lock at once and after each notification, holds.
    ///
    /// # Errors
    /// As [`wait`](Condition::wait).
    ///
    /// ```
    /// # use threadbook::threading::{Condition, Event, Thread};
    /// let (condition, ready) = (Condition::new(), Event::new());
    /// let (tells, sets) = (condition.clone(), ready.clone());
    /// let teller = Thread::new(move || {
    ///     let _held = tells.lock();
    ///     sets.set();
    ///     tells.notify_all()
    /// });
    /// let _held = condition.lock();
    /// teller.start()?;
    /// condition.wait_for(|| ready.is_set())?;
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn wait_for(&self, predicate: impl FnMut() -> bool) -> Result<(), RuntimeError> {
        self.wait_for_until(predicate, None).map(drop)
    }

    /// As [`wait_for`](Condition::wait_for) for at most `timeout`: what `predicate` returned last.
    ///
    /// # Errors
    /// As [`wait`](Condition::wait).
    ///
    /// ```
    /// # use threadbook::threading::Condition;
    /// let condition = Condition::new();
    /// let _held = condition.lock();
    /// assert_eq!(condition.wait_for_timeout(|| false, 0.001), Ok(false));
    /// ```
    pub fn wait_for_timeout(
        &self,
        predicate: impl FnMut() -> bool,
        timeout: impl Seconds,
    ) -> Result<bool, RuntimeError> {
        self.wait_for_until(predicate, deadline(timeout.duration()))
    }

    fn wait_for_until(
        &self,
        mut predicate: impl FnMut() -> bool,
        deadline: Option<Instant>,
    ) -> Result<bool, RuntimeError> {
        while !predicate() {
            if !self.wait_until(deadline)? {
                return Ok(predicate());
            }
        }
        Ok(true)
    }

    fn wait_until(&self, deadline: Option<Instant>) -> Result<bool, RuntimeError> {
        if !self.lock.is_owned() {
            return Err(RuntimeError::new("cannot wait on un-acquired lock"));
        }
        let waiter = Waiter::default();
        lock(&self.waiters).push_back(waiter.clone());
        let times = self.lock.release_all();
        let waited = waiter.wait_for_or_cancelled(CONDITION, deadline, |notified| notified.then_some(()));
        let notified = self.leave(&waiter);
        if waited.is_err() && notified {
            // Nobody will act on this notification, so the next thread gets it.
            self.notify_first(1);
        }
        self.lock.restore(times);
        match waited {
            Ok(_) => Ok(notified),
            Err(cancelled) => cancelled.unwind(),
        }
    }

    /// Waits no longer: whether this waiter was notified, which took it out of the queue.
    fn leave(&self, waiter: &Waiter) -> bool {
        let mut waiters = lock(&self.waiters);
        let waiting = waiters.len();
        waiters.retain(|other| !Arc::ptr_eq(other, waiter));
        waiters.len() == waiting
    }

    /// Wakes the first `count` of the threads that wait.
    ///
    /// # Errors
    /// The calling thread does not hold the lock.
    ///
    /// ```
    /// # use threadbook::threading::Condition;
    /// let condition = Condition::new();
    /// assert_eq!(condition.notify(1).unwrap_err().to_string(), "cannot notify on un-acquired lock");
    /// ```
    pub fn notify(&self, count: usize) -> Result<(), RuntimeError> {
        if !self.lock.is_owned() {
            return Err(RuntimeError::new("cannot notify on un-acquired lock"));
        }
        self.notify_first(count);
        Ok(())
    }

    fn notify_first(&self, count: usize) {
        let mut waiters = lock(&self.waiters);
        let count = count.min(waiters.len());
        waiters.drain(..count).for_each(|waiter| waiter.change(|notified| *notified = true));
    }

    /// Wakes all threads that wait.
    ///
    /// # Errors
    /// As [`notify`](Condition::notify).
    ///
    /// ```
    /// # use threadbook::threading::Condition;
    /// let condition = Condition::new();
    /// let _held = condition.lock();
    /// condition.notify_all()?;
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn notify_all(&self) -> Result<(), RuntimeError> {
        self.notify(usize::MAX)
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiters = lock(&self.waiters).len();
        f.debug_struct("Condition").field("lock", &self.lock).field("waiters", &waiters).finish()
    }
}
