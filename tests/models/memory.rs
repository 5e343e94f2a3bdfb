//! In place of `src/worker/abi/memory.rs`: memory, atomics, futexes and the wake-up event as a scheduler sees them, before
//! each operation of which any other thread may take its steps. Time does not pass, so a wait that nobody ends is found.

use std::cell::RefCell;
use std::sync::Arc;

use shuttle::sync::{Condvar, Mutex};

pub(crate) use shuttle::sync::atomic::{AtomicU32, AtomicU64};
pub(crate) use shuttle::thread::yield_now;
pub(crate) use std::sync::atomic::Ordering;

/// Small, so that a few records fill the ring and go around its end.
pub(crate) const RING_WORDS: usize = 8;
pub(crate) const ANSWER_WORDS: usize = 2;

/// The id of a thread that was killed.
pub(crate) const DEAD: u32 = u32::MAX;

pub(crate) fn thread_exists(thread: u32) -> bool {
    thread != DEAD
}

/// # Safety
/// None here: the memory is a value of this type.
pub(crate) unsafe trait Control: Sync {}

pub(crate) struct Memory<C> {
    control: C,
    words: [AtomicU64; RING_WORDS],
}

impl<C: Control + Default> Memory<C> {
    pub(crate) fn create() -> Memory<C> {
        Memory { control: C::default(), words: [const { AtomicU64::new(0) }; RING_WORDS] }
    }

    pub(crate) fn control(&self) -> &C {
        &self.control
    }

    pub(crate) fn words(&self) -> &[AtomicU64] {
        &self.words
    }
}

/// A flag and its waiters.
#[derive(Default)]
struct Flag(Mutex<bool>, Condvar);

impl Flag {
    fn set(&self, value: bool) {
        *self.0.lock().expect("no panic while it is held") = value;
        self.1.notify_all();
    }

    fn wait(&self) {
        let set = self.0.lock().expect("no panic while it is held");
        drop(self.1.wait_while(set, |set| !*set).expect("no panic while it is held"));
    }
}

#[derive(Default)]
pub(crate) struct Event(Flag);

impl Event {
    pub(crate) fn signal(&self) {
        self.0.set(true);
    }

    pub(crate) fn clear(&self) {
        self.0.set(false);
    }

    /// As `poll` of the real event's descriptor.
    pub(crate) fn wait(&self) {
        self.0.wait();
    }
}

std::thread_local! {
    /// Who sleeps on the word at which address. One execution of a model runs all of its threads in one of std's.
    static SLEEPERS: RefCell<Vec<(usize, Arc<Flag>)>> = const { RefCell::new(Vec::new()) };
}

/// A new execution begins: one that failed may have left threads asleep.
pub(crate) fn begin() {
    SLEEPERS.take();
}

pub(crate) mod futex {
    use super::*;

    /// Unlike the system's, it never returns early: the limit in time is for those who were killed.
    pub(crate) fn wait(word: &AtomicU32, value: u32) {
        // No other thread takes a step from here until this one sleeps.
        if word.load(Ordering::SeqCst) != value {
            return;
        }
        let woken = Arc::<Flag>::default();
        SLEEPERS.with_borrow_mut(|sleepers| sleepers.push((std::ptr::from_ref(word).addr(), woken.clone())));
        woken.wait();
    }

    pub(crate) fn wake(word: &AtomicU32) {
        let address = std::ptr::from_ref(word).addr();
        let woken: Vec<_> =
            SLEEPERS.with_borrow_mut(|sleepers| sleepers.extract_if(.., |(of, _)| *of == address).collect());
        woken.into_iter().for_each(|(_, woken)| woken.set(true));
    }
}
