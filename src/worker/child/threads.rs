//! Which lane a `pthread_t` is, so that a join can name what it joined, and whether that thread has ended, so that an
//! interrupt can end the wait for it. An entry goes when its thread is joined; that of a detached thread stays until the C
//! library gives its `pthread_t`, which is an address in its stack, to a new thread.
//!
//! The table has no lock, for it is read and written around forks.

use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use crate::worker::child::capture::Here;

/// Entries of the table: threads that live, and detached ones whose stacks are not used again. A thread that finds no free
/// slot in its reach is not entered: its join is not recorded, and an interrupt does not end the wait for it.
const SLOTS: usize = 4096;

/// How many slots an entry may stand in, from the one that its `pthread_t` names on.
const REACH: usize = 16;

struct Slot {
    /// The `pthread_t`; 0 while the slot is free.
    thread: AtomicU64,
    lane: AtomicU64,
    /// The table's share of an `Ended`; null while the slot is free.
    ended: AtomicPtr<AtomicU32>,
}

/// Not 0 once the thread's own code has ended. The thread has a share too.
pub(crate) type Ended = Arc<AtomicU32>;

static TABLE: [Slot; SLOTS] = [const {
    Slot { thread: AtomicU64::new(0), lane: AtomicU64::new(0), ended: AtomicPtr::new(std::ptr::null_mut()) }
}; SLOTS];

fn slots(thread: libc::pthread_t) -> impl Iterator<Item = &'static Slot> {
    // A `pthread_t` is an address near the end of a stack: its low bits say little.
    let first = (thread as usize >> 12).wrapping_mul(0x9e37_79b9);
    (0..REACH).map(move |step| &TABLE[(first + step) % SLOTS])
}

/// `thread` is `lane` from here on, whatever it was before.
pub(crate) fn remember(thread: libc::pthread_t, lane: Here, ended: Ended) {
    let own = |slot: &&Slot| slot.thread.load(Ordering::Acquire) == thread;
    let claim = |slot: &&Slot| slot.thread.compare_exchange(0, thread, Ordering::AcqRel, Ordering::Relaxed).is_ok();
    if let Some(slot) = slots(thread).find(own).or_else(|| slots(thread).find(claim)) {
        slot.lane.store(lane.to_handle(), Ordering::Release);
        drop(slot.swap(Some(ended)));
    }
}

/// Takes out the entry of a thread that is about to be joined: afterwards its `pthread_t` may be another thread's. None if
/// it was not entered.
pub(crate) fn take(thread: libc::pthread_t) -> Option<(Here, Ended)> {
    let slot = slots(thread).find(|slot| slot.thread.load(Ordering::Acquire) == thread)?;
    let lane = Here::from_handle(slot.lane.load(Ordering::Acquire));
    let ended = slot.swap(None);
    slot.thread.store(0, Ordering::Release);
    Some((lane, ended?))
}

impl Slot {
    fn swap(&self, ended: Option<Ended>) -> Option<Ended> {
        let new = ended.map_or(std::ptr::null(), Arc::into_raw);
        let old = self.ended.swap(new.cast_mut(), Ordering::AcqRel);
        // SAFETY: null, or what `into_raw` gave the slot; it is taken out once.
        (!old.is_null()).then(|| unsafe { Arc::from_raw(old) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_the_lane_that_was_last_said_until_it_is_joined() {
        let thread = 0x7f00_0000_1000;
        assert!(take(thread).is_none());
        remember(thread, Here { lane: 3, cell: 1 }, Ended::default());
        let ended = Ended::default();
        remember(thread, Here { lane: 4, cell: 2 }, ended.clone());
        let (lane, taken) = take(thread).expect("it was entered");
        assert_eq!(lane, Here { lane: 4, cell: 2 });
        assert!(Arc::ptr_eq(&taken, &ended));
        assert!(take(thread).is_none());
    }

    #[test]
    fn threads_that_were_joined_leave_room_for_others() {
        for n in 0..3 * SLOTS as u32 {
            // Each has a stack of its own, as where stacks are large or the program's own.
            let thread = 0x7e00_0000_0000 + (libc::pthread_t::from(n) << 21);
            remember(thread, Here { lane: n, cell: 1 }, Ended::default());
            assert_eq!(take(thread).map(|(lane, _)| lane.lane), Some(n));
        }
    }
}
