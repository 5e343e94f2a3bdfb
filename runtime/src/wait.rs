//! The one way in which this crate waits: for a value that another thread changes ([`Monitor`]), for a descriptor
//! ([`until_ready`]), for time ([`pause`]). Owns how a wait is cancelled by an interrupt: it returns a [`Cancelled`], or
//! unwinds where there is nothing to undo. Never sleeps for a while to look again, and never fails because a
//! thread panicked while it held the lock.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::interrupt::{self, Cancelled, Watched};
use crate::link;
use crate::sync::{AtomicU32, Mutex, MutexGuard, PoisonError, SharedCount, SigintBlocked, TryLockError};
use crate::sync::{futex_wait, futex_wake, poll};
use crate::sys::{self, Exit, Readiness};

/// A value, its lock, and the threads that wait for it to change.
#[derive(Default)]
pub(crate) struct Monitor<T> {
    value: Mutex<T>,
    /// The number of changes, which waiting threads sleep on. (Not a `Condvar`: no signal ends a wait of that.)
    changes: AtomicU32,
    /// The number of threads that wait. Waking costs a system call, which a lock that is free does not pay. In a forked
    /// child it may count threads that the child does not have: that costs the call and nothing else.
    waiting: AtomicU32,
}

/// A thread that is counted among those that wait, until this is dropped.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    /// Counts the calling thread. It must look at the value only afterwards: see `announce`.
    fn new(waiting: &'a AtomicU32) -> Waiting<'a> {
        waiting.fetch_add(1, Ordering::SeqCst);
        Waiting(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl<T> Monitor<T> {
    pub(crate) const fn new(value: T) -> Self {
        Monitor { value: Mutex::new(value), changes: AtomicU32::new(0), waiting: AtomicU32::new(0) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        lock(&self.value)
    }

    /// The value; `None` if another thread holds it just now (in a forked child: for ever).
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.value.try_lock() {
            Ok(value) => Some(value),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Changes the value and wakes all who wait.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let returned = change(&mut self.lock());
        self.announce(u32::MAX);
        returned
    }

    /// Changes the value in a way that lets at most one of those who wait go on, and wakes one.
    pub(crate) fn change_for_one<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let returned = change(&mut self.lock());
        self.announce(1);
        returned
    }

    /// Wakes those who wait. Whoever is not counted yet at the second line looks at the value after the first.
    fn announce(&self, to: u32) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            futex_wake(&self.changes, to);
        }
    }

    /// Waits until `ready`, which is asked at once and after each change, returns something. An interrupt unwinds.
    pub(crate) fn wait<R>(&self, ready: impl FnMut(&mut T) -> Option<R>) -> R {
        self.wait_until(None, ready).expect("a wait without a deadline ends only when it is ready")
    }

    /// As [`wait`](Self::wait); `None` once `deadline` has passed.
    pub(crate) fn wait_until<R>(
        &self,
        deadline: Option<Instant>,
        mut ready: impl FnMut(&mut T) -> Option<R>,
    ) -> Option<R> {
        if let Some(returned) = ready(&mut self.lock()) {
            return Some(returned);
        }
        self.sleep_until(deadline, interrupt::pending, &mut ready).unwrap_or_else(|cancelled| cancelled.unwind())
    }

    /// As [`wait_for_or_cancelled`](Self::wait_for_or_cancelled); an interrupt unwinds.
    pub(crate) fn wait_for<R>(
        &self,
        what: u32,
        deadline: Option<Instant>,
        mut ready: impl FnMut(&mut T) -> Option<R>,
    ) -> Option<R> {
        if let Some(returned) = ready(&mut self.lock()) {
            return Some(returned);
        }
        self.sleep_for(what, deadline, &mut ready).unwrap_or_else(|cancelled| cancelled.unwind())
    }

    /// Waits for a lock of this kind (`host::LOCK`, …), which the worker is told of. What is free at once, or only tried,
    /// costs and tells nothing. `None` once `deadline` has passed; an interrupt is an error, and unwinds nothing.
    pub(crate) fn wait_for_or_cancelled<R>(
        &self,
        what: u32,
        deadline: Option<Instant>,
        mut ready: impl FnMut(&mut T) -> Option<R>,
    ) -> Result<Option<R>, Cancelled> {
        if let Some(returned) = ready(&mut self.lock()) {
            return Ok(Some(returned));
        }
        self.sleep_for(what, deadline, &mut ready)
    }

    /// As [`wait`](Self::wait), for what has to be done also in an interrupted cell. Whoever calls it knows that the wait
    /// is short.
    pub(crate) fn wait_whatever_comes<R>(&self, mut ready: impl FnMut(&mut T) -> Option<R>) -> R {
        match self.sleep_until(None, || Ok(()), &mut ready) {
            Ok(Some(returned)) => returned,
            _ => unreachable!("a wait without a deadline that nothing cancels ends only when it is ready"),
        }
    }

    /// As [`wait_whatever_comes`](Self::wait_whatever_comes), for a lock of this kind, which the worker is told of.
    pub(crate) fn wait_for_whatever_comes<R>(&self, what: u32, mut ready: impl FnMut(&mut T) -> Option<R>) -> R {
        if let Some(returned) = ready(&mut self.lock()) {
            return returned;
        }
        let _told = link::waiting(what);
        self.wait_whatever_comes(ready)
    }

    fn sleep_for<R>(
        &self,
        what: u32,
        deadline: Option<Instant>,
        ready: &mut dyn FnMut(&mut T) -> Option<R>,
    ) -> Result<Option<R>, Cancelled> {
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Ok(None);
        }
        let _told = link::waiting(what);
        self.sleep_until(deadline, interrupt::pending, ready)
    }

    /// Sleeps from change to change. Takes its functions by pointer: it is compiled once for each kind of value, and not for
    /// each wait.
    fn sleep_until<R>(
        &self,
        deadline: Option<Instant>,
        cancelled: fn() -> Result<(), Cancelled>,
        ready: &mut dyn FnMut(&mut T) -> Option<R>,
    ) -> Result<Option<R>, Cancelled> {
        let _watched = Watched::new(&self.changes);
        let _waiting = Waiting::new(&self.waiting);
        loop {
            let mut value = self.lock();
            let seen = self.changes.load(Ordering::SeqCst);
            if let Some(returned) = ready(&mut value) {
                return Ok(Some(returned));
            }
            drop(value);
            let left = time_left(deadline);
            if left == Some(Duration::ZERO) {
                return Ok(None);
            }
            cancelled()?;
            futex_wait(&self.changes, seen, left);
        }
    }
}

/// Suspends the calling thread. An interrupt unwinds.
pub(crate) fn pause(time: Duration) {
    let nothing = Monitor::new(());
    nothing.wait_until(deadline(time), |_| None::<()>);
}

/// Why a wait for a descriptor failed.
#[derive(Debug)]
pub(crate) enum Stop {
    Cancelled(Cancelled),
    Failed(io::Error),
}

impl From<Cancelled> for Stop {
    fn from(cancelled: Cancelled) -> Stop {
        Stop::Cancelled(cancelled)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Failed(error)
    }
}

impl Stop {
    /// Unwinds if the wait was cancelled. Called where nothing is half done any more.
    pub(crate) fn into_error(self) -> io::Error {
        match self {
            Stop::Cancelled(cancelled) => cancelled.unwind(),
            Stop::Failed(error) => error,
        }
    }
}

/// Waits until `fd` is ready; false once `deadline` has passed.
pub(crate) fn until_ready(
    fd: BorrowedFd<'_>,
    readiness: Readiness,
    deadline: Option<Instant>,
) -> Result<bool, Stop> {
    // With the signal blocked from before the check until the system waits, none can arrive between the two.
    let blocked = interrupt::is_cells_thread().then(SigintBlocked::new);
    loop {
        interrupt::pending()?;
        let left = time_left(deadline);
        match poll(fd, readiness, left, blocked.as_ref()) {
            Ok(false) if left.is_none_or(|left| left > Duration::ZERO) => {}
            Ok(ready) => return Ok(ready),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Takes one of `count`, for which it waits; false if there was none until `deadline`.
pub(crate) fn take_one(count: &SharedCount, deadline: Option<Instant>) -> Result<bool, Stop> {
    loop {
        if count.try_take()? {
            return Ok(true);
        }
        if !until_ready(count.as_fd(), Readiness::Readable, deadline)? {
            return Ok(false);
        }
    }
}

/// Waits for child `pid` and reaps it.
pub(crate) fn for_child(pid: i32) -> Result<Option<Exit>, Stop> {
    loop {
        interrupt::pending()?;
        match sys::wait(pid) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            exit => return Ok(exit?),
        }
    }
}

/// Locks `mutex`, also one whose holder panicked: every change in this crate is complete when it is made.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The end of a wait of `timeout` that starts now; `None` (without a limit) where the clock does not reach that far.
pub(crate) fn deadline(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

fn time_left(deadline: Option<Instant>) -> Option<Duration> {
    deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
}
