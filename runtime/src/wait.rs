//! The one way in which this crate waits for another thread: a value, its lock, and who waits for it to change.
//! Never sleeps, never polls, and never fails because a thread panicked while it held the lock.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use crate::interrupt::{self, Watched};
use crate::{link, sys};

#[derive(Default)]
pub(crate) struct Monitor<T> {
    value: Mutex<T>,
    /// Counts the changes; whoever waits, waits for it to change. (Not a `Condvar`: an interrupt ends no wait of that.)
    changes: AtomicU32,
}

impl<T> Monitor<T> {
    pub(crate) const fn new(value: T) -> Self {
        Monitor { value: Mutex::new(value), changes: AtomicU32::new(0) }
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
        self.announce(u32::MAX);
        answer
    }

    /// Changes the value in a way that lets at most one of those who wait go on, and wakes one.
    pub(crate) fn change_for_one<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let answer = change(&mut self.lock());
        self.announce(1);
        answer
    }

    fn announce(&self, to: u32) {
        self.changes.fetch_add(1, Ordering::Release);
        sys::futex_wake(&self.changes, to);
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
        if let Some(answer) = ready(&mut self.lock()) {
            return Some(answer);
        }
        let _watched = Watched::new(&self.changes);
        loop {
            let mut value = self.lock();
            let seen = self.changes.load(Ordering::Acquire);
            if let Some(answer) = ready(&mut value) {
                return Some(answer);
            }
            drop(value);
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return None;
            }
            interrupt::check();
            sys::futex_wait(&self.changes, seen, left);
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

/// Suspends the calling thread.
pub(crate) fn pause(time: Duration) {
    let word = AtomicU32::new(0);
    let _watched = Watched::new(&word);
    let deadline = deadline(time);
    loop {
        let seen = word.load(Ordering::Relaxed);
        interrupt::check();
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            return;
        }
        sys::futex_wait(&word, seen, left);
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
