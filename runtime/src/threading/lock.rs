//! `Lock` and `RLock`: objects of their own that guard whatever the code says they guard, as Python's do. They
//! own no value (that is std's `Mutex`), and a panic of the holder does not break them.

use crate::error::RuntimeError;
use crate::host::{LOCK, RLOCK};
use crate::sync::{ThreadId, thread};
use crate::time::Seconds;
use crate::wait::{Monitor, deadline};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// A lock that any thread may release. Clones are the same lock.
///
/// ```
/// # use threadbook::threading::Lock;
/// let lock = Lock::new();
/// {
///     let _held = lock.lock();
///     assert!(lock.locked());
/// }
/// assert!(!lock.locked());
/// ```
#[derive(Clone, Default)]
pub struct Lock(Arc<Monitor<bool>>);

impl Lock {
    /// A lock that nobody holds.
    ///
    /// ```
    /// # use threadbook::threading::Lock;
    /// assert!(!Lock::new().locked());
    /// ```
    pub fn new() -> Lock {
        Lock::default()
    }

    /// Waits for the lock and takes it. A thread that holds it already waits for ever.
    ///
    /// ```
    /// # use threadbook::threading::Lock;
    /// let lock = Lock::new();
    /// lock.acquire();
    /// assert!(!lock.try_acquire());
    /// lock.release()?;
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn acquire(&self) {
        self.acquire_until(None);
    }

    /// Takes the lock if nobody holds it: whether it was taken.
    ///
    /// ```
    /// # use threadbook::threading::Lock;
    /// let lock = Lock::new();
    /// assert!(lock.try_acquire());
    /// assert!(!lock.try_acquire());
    /// ```
    pub fn try_acquire(&self) -> bool {
        self.acquire_until(Some(Instant::now()))
    }

    /// Waits for the lock for at most `timeout`: whether it was taken.
    ///
    /// ```
    /// # use threadbook::threading::Lock;
    /// let lock = Lock::new();
    /// assert!(lock.acquire_timeout(1));
    /// assert!(!lock.acquire_timeout(0.001));
    /// ```
    pub fn acquire_timeout(&self, timeout: impl Seconds) -> bool {
        self.acquire_until(deadline(timeout.duration()))
    }

    fn acquire_until(&self, deadline: Option<Instant>) -> bool {
        let take = |held: &mut bool| (!std::mem::replace(held, true)).then_some(());
        self.0.wait_for(LOCK, deadline, take).is_some()
    }

    /// Frees the lock, whoever holds it.
    ///
    /// # Errors
    /// Nobody holds it.
    ///
    /// ```
    /// # use threadbook::threading::Lock;
    /// let lock = Lock::new();
    /// lock.acquire();
    /// assert!(lock.release().is_ok());
    /// assert_eq!(lock.release().unwrap_err().to_string(), "release unlocked lock");
    /// ```
    pub fn release(&self) -> Result<(), RuntimeError> {
        match self.0.change_for_one(std::mem::take) {
            true => Ok(()),
            false => Err(RuntimeError::new("release unlocked lock")),
        }
    }

    /// Whether some thread holds the lock.
    ///
    /// ```
    /// # use threadbook::threading::Lock;
    /// let lock = Lock::new();
    /// lock.acquire();
    /// assert!(lock.locked());
    /// ```
    pub fn locked(&self) -> bool {
        *self.0.lock()
    }

    /// Takes the lock until the guard is dropped: Python's `with lock:`.
    ///
    /// ```
    /// # use threadbook::threading::Lock;
    /// let lock = Lock::new();
    /// let held = lock.lock();
    /// drop(held);
    /// assert!(!lock.locked());
    /// ```
    pub fn lock(&self) -> LockGuard<'_> {
        self.acquire();
        LockGuard(self)
    }
}

/// Holds a [`Lock`] while it lives: what [`Lock::lock`] returns.
///
/// ```
/// # use threadbook::threading::{Lock, LockGuard};
/// let lock = Lock::new();
/// let held: LockGuard = lock.lock();
/// ```
#[must_use = "the lock is released as soon as the guard is dropped"]
#[derive(Debug)]
pub struct LockGuard<'a>(&'a Lock);

impl Drop for LockGuard<'_> {
    fn drop(&mut self) {
        // Another thread may have released the lock in between: then there is nothing left to do.
        let _ = self.0.release();
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").field("locked", &self.locked()).finish()
    }
}

/// A lock that its holder may take again: it is free after as many releases. Clones are the same lock.
///
/// ```
/// # use threadbook::threading::RLock;
/// let lock = RLock::new();
/// let _once = lock.lock();
/// let _twice = lock.lock();
/// ```
#[derive(Clone, Default)]
pub struct RLock(Arc<Monitor<Option<Hold>>>);

#[derive(Clone, Copy)]
struct Hold {
    by: ThreadId,
    times: usize,
}

/// Takes an `RLock` so many times for the calling thread, unless another one holds it.
fn taker(times: usize) -> impl FnMut(&mut Option<Hold>) -> Option<()> {
    let me = thread::current().id();
    move |hold| match hold {
        Some(hold) if hold.by == me => {
            hold.times += times;
            Some(())
        }
        Some(_) => None,
        None => {
            *hold = Some(Hold { by: me, times });
            Some(())
        }
    }
}

impl RLock {
    /// A lock that nobody holds.
    ///
    /// ```
    /// # use threadbook::threading::RLock;
    /// assert!(!RLock::new().locked());
    /// ```
    pub fn new() -> RLock {
        RLock::default()
    }

    /// Waits for the lock and takes it, once more if the calling thread holds it already.
    ///
    /// ```
    /// # use threadbook::threading::RLock;
    /// let lock = RLock::new();
    /// lock.acquire();
    /// lock.acquire();
    /// lock.release()?;
    /// assert!(lock.locked());
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn acquire(&self) {
        self.acquire_until(None);
    }

    /// Takes the lock if no other thread holds it: whether it was taken.
    ///
    /// ```
    /// # use threadbook::threading::RLock;
    /// let lock = RLock::new();
    /// lock.acquire();
    /// assert!(lock.try_acquire());
    /// let other = lock.clone();
    /// assert!(!std::thread::spawn(move || other.try_acquire()).join().unwrap());
    /// ```
    pub fn try_acquire(&self) -> bool {
        self.acquire_until(Some(Instant::now()))
    }

    /// Waits for the lock for at most `timeout`: whether it was taken.
    ///
    /// ```
    /// # use threadbook::threading::RLock;
    /// let lock = RLock::new();
    /// assert!(lock.acquire_timeout(1));
    /// let other = lock.clone();
    /// assert!(!std::thread::spawn(move || other.acquire_timeout(0.001)).join().unwrap());
    /// ```
    pub fn acquire_timeout(&self, timeout: impl Seconds) -> bool {
        self.acquire_until(deadline(timeout.duration()))
    }

    fn acquire_until(&self, deadline: Option<Instant>) -> bool {
        self.0.wait_for(RLOCK, deadline, taker(1)).is_some()
    }

    /// Takes back one acquisition.
    ///
    /// # Errors
    /// The calling thread does not hold the lock.
    ///
    /// ```
    /// # use threadbook::threading::RLock;
    /// let lock = RLock::new();
    /// assert_eq!(lock.release().unwrap_err().to_string(), "cannot release un-acquired lock");
    /// ```
    pub fn release(&self) -> Result<(), RuntimeError> {
        let me = thread::current().id();
        self.0.change_for_one(|state| match state {
            Some(hold) if hold.by == me => {
                hold.times -= 1;
                if hold.times == 0 {
                    *state = None;
                }
                Ok(())
            }
            _ => Err(RuntimeError::new("cannot release un-acquired lock")),
        })
    }

    /// Whether some thread holds the lock.
    ///
    /// ```
    /// # use threadbook::threading::RLock;
    /// let lock = RLock::new();
    /// let _held = lock.lock();
    /// assert!(lock.locked());
    /// ```
    pub fn locked(&self) -> bool {
        self.0.lock().is_some()
    }

    /// Takes the lock until the guard is dropped: Python's `with lock:`.
    ///
    /// ```
    /// # use threadbook::threading::RLock;
    /// let lock = RLock::new();
    /// drop(lock.lock());
    /// assert!(!lock.locked());
    /// ```
    pub fn lock(&self) -> RLockGuard<'_> {
        self.acquire();
        RLockGuard(self)
    }

    /// Whether the calling thread holds the lock.
    pub(super) fn is_owned(&self) -> bool {
        let me = thread::current().id();
        self.0.lock().is_some_and(|hold| hold.by == me)
    }

    /// Frees the lock altogether, and returns what [`restore`](Self::restore) needs. Only for the holder.
    pub(super) fn release_all(&self) -> usize {
        self.0.change_for_one(|state| state.take().map_or(0, |hold| hold.times))
    }

    /// Waits for the lock, also in an interrupted cell, and takes it as many times as it was held: code that unwinds
    /// under a guard counts on the lock.
    pub(super) fn restore(&self, times: usize) {
        self.0.wait_for_whatever_comes(RLOCK, taker(times));
    }
}

/// Holds an [`RLock`] once while it lives: what [`RLock::lock`] returns.
///
/// ```
/// # use threadbook::threading::{RLock, RLockGuard};
/// let lock = RLock::new();
/// let held: RLockGuard = lock.lock();
/// ```
#[must_use = "the lock is released as soon as the guard is dropped"]
#[derive(Debug)]
pub struct RLockGuard<'a>(&'a RLock);

impl Drop for RLockGuard<'_> {
    fn drop(&mut self) {
        // The holder may have released it by hand: then there is nothing left to do.
        let _ = self.0.release();
    }
}

impl fmt::Debug for RLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = self.0.lock().map_or(0, |hold| hold.times);
        f.debug_struct("RLock").field("count", &times).finish()
    }
}
