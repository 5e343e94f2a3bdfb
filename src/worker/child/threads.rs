//! Which lane a `pthread_t` is, so that a join can name what it joined, and whether it has ended, so that an interrupt
//! can end the wait for that. A table without locks, for it is read and
//! written around forks; what does not fit is forgotten, and its join is then not recorded.

use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use crate::worker::child::capture::Here;

const SLOTS: usize = 4096;
/// How far from its own slot an entry may lie.
const REACH: usize = 16;

struct Slot {
    thread: AtomicU64,
    lane: AtomicU64,
    /// The table's share of an `Ended`, until it is taken.
    ended: AtomicPtr<AtomicU32>,
}

/// Not 0 once the thread's own code has ended; the thread has a share too.
pub(crate) type Ended = Arc<AtomicU32>;

static TABLE: [Slot; SLOTS] = [const {
    Slot { thread: AtomicU64::new(0), lane: AtomicU64::new(0), ended: AtomicPtr::new(std::ptr::null_mut()) }
}; SLOTS];

fn slots(thread: libc::pthread_t) -> impl Iterator<Item = &'static Slot> {
    // A `pthread_t` is an address near the end of a stack: its low bits say little.
    let first = (thread as usize >> 12).wrapping_mul(0x9e37_79b9);
    (0..REACH).map(move |step| &TABLE[(first + step) % SLOTS])
}

/// `thread` is `lane` from here on; the C library gives the number of an ended thread to a new one.
pub(crate) fn remember(thread: libc::pthread_t, lane: Here, ended: Ended) {
    let own = |slot: &&Slot| slot.thread.load(Ordering::Acquire) == thread;
    let claim = |slot: &&Slot| slot.thread.compare_exchange(0, thread, Ordering::AcqRel, Ordering::Relaxed).is_ok();
    if let Some(slot) = slots(thread).find(own).or_else(|| slots(thread).find(claim)) {
        slot.lane.store(lane.to_handle(), Ordering::Release);
        drop(slot.swap(Some(ended)));
    }
}

/// What tells the end of this thread; once, since there is one join.
pub(crate) fn take_ended(thread: libc::pthread_t) -> Option<Ended> {
    slots(thread).find(|slot| slot.thread.load(Ordering::Acquire) == thread)?.swap(None)
}

impl Slot {
    fn swap(&self, ended: Option<Ended>) -> Option<Ended> {
        let new = ended.map_or(std::ptr::null(), Arc::into_raw);
        let old = self.ended.swap(new.cast_mut(), Ordering::AcqRel);
        // SAFETY: null, or what `into_raw` gave the slot; it is taken out once.
        (!old.is_null()).then(|| unsafe { Arc::from_raw(old) })
    }
}

pub(crate) fn lane_of(thread: libc::pthread_t) -> Option<Here> {
    let slot = slots(thread).find(|slot| slot.thread.load(Ordering::Acquire) == thread)?;
    let handle = slot.lane.load(Ordering::Acquire);
    (handle != 0).then(|| Here::from_handle(handle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_the_lane_that_was_last_said() {
        let thread = 0x7f00_0000_1000;
        assert_eq!(lane_of(thread), None);
        remember(thread, Here { lane: 3, cell: 1 }, Ended::default());
        let ended = Ended::default();
        remember(thread, Here { lane: 4, cell: 2 }, ended.clone());
        assert_eq!(lane_of(thread), Some(Here { lane: 4, cell: 2 }));
        assert!(take_ended(thread).is_some_and(|taken| Arc::ptr_eq(&taken, &ended)));
        assert!(take_ended(thread).is_none());
    }
}
