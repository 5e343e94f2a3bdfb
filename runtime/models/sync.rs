//! In place of `runtime/src/sync.rs`: shuttle's locks and threads, and the system's sleeps, polls and signals as shuttle's
//! scheduler sees them. Each operation here may be preceded by any step of any other thread. Time does not pass.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{self, Ordering};
use std::time::Duration;

use shuttle::sync::Condvar;

use crate::sys::{self, Readiness};

pub use shuttle::sync::{Mutex, MutexGuard};
pub use shuttle::thread::{self, ThreadId};
pub use shuttle::thread_local;
pub use std::sync::{PoisonError, TryLockError};

/// Any other thread may take its steps here.
fn point() {
    shuttle::sync::atomic::AtomicBool::new(false).load(Ordering::SeqCst);
}

/// The worker adds to it as to std's.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct AtomicU32(atomic::AtomicU32);

impl AtomicU32 {
    pub(crate) const fn new(value: u32) -> Self {
        AtomicU32(atomic::AtomicU32::new(value))
    }

    pub(crate) fn load(&self, order: Ordering) -> u32 {
        point();
        self.0.load(order)
    }

    pub(crate) fn fetch_add(&self, value: u32, order: Ordering) -> u32 {
        point();
        self.0.fetch_add(value, order)
    }

    pub(crate) fn fetch_sub(&self, value: u32, order: Ordering) -> u32 {
        point();
        self.0.fetch_sub(value, order)
    }
}

/// Other threads may take their steps before each operation.
#[derive(Debug)]
pub(crate) struct SharedCount(sys::SharedCount);

impl SharedCount {
    pub(crate) fn new(initial: u32) -> io::Result<Self> {
        sys::SharedCount::new(initial).map(SharedCount)
    }

    pub(crate) fn try_take(&self) -> io::Result<bool> {
        point();
        self.0.try_take()
    }

    pub(crate) fn give(&self) -> io::Result<()> {
        point();
        self.0.give()
    }
}

impl AsFd for SharedCount {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A thread that the system has put to sleep.
struct Sleeper {
    thread: ThreadId,
    /// The word that it sleeps on; null for a descriptor.
    word: *const AtomicU32,
    woken: Arc<(Mutex<bool>, Condvar)>,
}

type Handler = Rc<dyn Fn()>;

/// The system of one execution. Shuttle runs all threads of one in a thread of std's.
#[derive(Default)]
struct System {
    sleepers: Vec<Sleeper>,
    /// Threads that have `SIGINT` blocked, each with the handlers of those that have arrived.
    blocked: Vec<(ThreadId, Vec<Handler>)>,
}

std::thread_local! {
    static SYSTEM: RefCell<System> = RefCell::default();
}

fn system<R>(act: impl FnOnce(&mut System) -> R) -> R {
    SYSTEM.with_borrow_mut(act)
}

/// Puts the calling thread on the list of those that sleep.
fn fall_asleep(word: *const AtomicU32) -> Arc<(Mutex<bool>, Condvar)> {
    let woken = Arc::new((Mutex::new(false), Condvar::new()));
    let thread = thread::current().id();
    system(|system| system.sleepers.push(Sleeper { thread, word, woken: woken.clone() }));
    woken
}

/// Wakes up to `count` of the threads that `which` says, the first to sleep first.
fn wake(count: usize, which: impl Fn(&Sleeper) -> bool) {
    let woken: Vec<Sleeper> = system(|system| {
        let (mut chosen, mut others) = (Vec::new(), Vec::new());
        for sleeper in system.sleepers.drain(..) {
            if chosen.len() < count && which(&sleeper) { &mut chosen } else { &mut others }.push(sleeper);
        }
        system.sleepers = others;
        chosen
    });
    for sleeper in woken {
        *sleeper.woken.0.lock().expect("no panic while it is held") = true;
        sleeper.woken.1.notify_one();
    }
}

pub(crate) fn futex_wait(word: &AtomicU32, seen: u32, left: Option<Duration>) {
    assert!(left.is_none(), "time does not pass in a model");
    point();
    if word.0.load(Ordering::SeqCst) != seen {
        return;
    }
    let (woken, changed) = &*fall_asleep(word);
    let woken = woken.lock().expect("no panic while it is held");
    drop(changed.wait_while(woken, |woken| !*woken).expect("no panic while it is held"));
}

pub(crate) fn futex_wake(word: &AtomicU32, count: u32) {
    point();
    wake(count as usize, |sleeper| std::ptr::eq(sleeper.word, word));
}

pub(crate) fn poll(
    fd: BorrowedFd<'_>,
    readiness: Readiness,
    left: Option<Duration>,
    blocked: Option<&SigintBlocked>,
) -> io::Result<bool> {
    assert!(left.is_none_or(|left| left.is_zero()), "time does not pass in a model");
    point();
    let arrived = blocked.map(SigintBlocked::take_arrived).unwrap_or_default();
    if !arrived.is_empty() {
        arrived.iter().for_each(|handler| handler());
        return Err(io::ErrorKind::Interrupted.into());
    }
    let woken = fall_asleep(std::ptr::null());
    // A signal is let through while the thread sleeps here.
    let outcome = loop {
        if *woken.0.lock().expect("no panic while it is held") {
            break Err(io::ErrorKind::Interrupted.into());
        }
        let ready = sys::poll(fd, readiness, Some(Duration::ZERO), None)?;
        if ready || left.is_some() {
            break Ok(ready);
        }
        thread::yield_now();
    };
    system(|system| system.sleepers.retain(|sleeper| !Arc::ptr_eq(&sleeper.woken, &woken)));
    outcome
}

pub(crate) struct SigintBlocked(ThreadId);

impl SigintBlocked {
    pub(crate) fn new() -> SigintBlocked {
        point();
        let thread = thread::current().id();
        system(|system| system.blocked.push((thread, Vec::new())));
        SigintBlocked(thread)
    }

    fn take_arrived(&self) -> Vec<Handler> {
        system(|system| {
            let mut blocked = system.blocked.iter_mut();
            blocked
                .find(|(thread, _)| *thread == self.0)
                .map(|(_, arrived)| std::mem::take(arrived))
                .unwrap_or_default()
        })
    }
}

impl Drop for SigintBlocked {
    fn drop(&mut self) {
        let arrived = self.take_arrived();
        system(|system| system.blocked.retain(|(thread, _)| *thread != self.0));
        arrived.iter().for_each(|handler| handler());
    }
}

/// Sends this thread a `SIGINT`, whose handler runs at once, or when the thread lets it through.
pub fn interrupt(thread: ThreadId, handler: impl Fn() + 'static) {
    point();
    let in_poll = |sleeper: &Sleeper| sleeper.thread == thread && sleeper.word.is_null();
    let handler: Handler = Rc::new(handler);
    let is_kept = system(|system| {
        let polls = system.sleepers.iter().any(in_poll);
        let blocked = system.blocked.iter_mut().find(|(other, _)| *other == thread && !polls);
        blocked.map(|(_, arrived)| arrived.push(handler.clone())).is_some()
    });
    if !is_kept {
        handler();
        wake(1, |sleeper| sleeper.thread == thread);
    }
}

/// A new execution begins: an earlier one that failed may have left threads asleep.
pub fn begin() {
    system(|system| *system = System::default());
}
