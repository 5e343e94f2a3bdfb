//! The one way in which this crate waits for another thread: a value, its lock, and who waits for it to change.
//! Never sleeps, never polls, and never fails because a thread panicked while it held the lock.

use crate::link;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

#[derive(Default)]
pub(crate) struct Monitor<T> {
    value: Mutex<T>,
    changed: Condvar,
}

impl<T> Monitor<T> {
    pub(crate) const fn new(value: T) -> Self {
        Monitor { value: Mutex::new(value), changed: Condvar::new() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        lock(&self.value)
    }

    /// The value, unless another thread has it just now (in a forked child: for ever).
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.value.try_lock() {
            Ok(value) => Some(value),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Changes the value and wakes all who wait.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let answer = change(&mut self.lock());
        self.changed.notify_all();
        answer
    }

    /// Changes the value in a way that lets at most one of those who wait go on, and wakes one.
    pub(crate) fn change_for_one<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let answer = change(&mut self.lock());
        self.changed.notify_one();
        answer
    }

    /// Waits until `ready` gives something. It is asked at once and after each change.
    pub(crate) fn wait<R>(&self, ready: impl FnMut(&mut T) -> Option<R>) -> R {
        self.wait_until(None, ready).expect("a wait without a deadline ends only when it is ready")
    }

    /// The same, but `None` once `deadline` has passed.
    pub(crate) fn wait_until<R>(
        &self,
        deadline: Option<Instant>,
        mut ready: impl FnMut(&mut T) -> Option<R>,
    ) -> Option<R> {
        let mut value = self.lock();
        loop {
            if let Some(answer) = ready(&mut value) {
                return Some(answer);
            }
            value = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => self.changed.wait(value).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return None,
                Some(left) => self.changed.wait_timeout(value, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    /// The same where the wait is one that is told: for a lock of this kind (`host::LOCK`, …). What is free at once, or
    /// only tried, costs and tells nothing.
    pub(crate) fn wait_for<R>(
        &self,
        what: u32,
        deadline: Option<Instant>,
        mut ready: impl FnMut(&mut T) -> Option<R>,
    ) -> Option<R> {
        if let Some(answer) = ready(&mut self.lock()) {
            return Some(answer);
        }
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return None;
        }
        let _told = link::waiting(what);
        self.wait_until(deadline, ready)
    }
}

/// A lock whose holder panicked is as good as any: every change in this crate is complete when it is made.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The end of a wait of `timeout` that starts now; `None` (for ever) where the clock does not reach that far.
pub(crate) fn deadline(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}
