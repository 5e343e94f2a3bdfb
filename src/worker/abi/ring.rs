//! A ring of bytes in shared memory that the worker, its threads and its forked children write and the session
//! reads. It outlives each of them: what was written before a crash can still be read after it.
//!
//! A write copies its record under a lock that lives in the ring itself, so a forked child never inherits a lock
//! that nobody will release: the thread that holds it is alive in its own process. A full ring makes writers wait, never
//! the reader; nothing is dropped. A cell may write over all of this, so the reader believes no position, and copies what
//! it reads before it looks at it.

use crate::worker::abi::memory::{
    AtomicU32, AtomicU64, Control, Event, Memory, Ordering, RING_WORDS, futex, thread_exists, yield_now,
};
use crate::worker::abi::slot::Slot;
use crate::worker::abi::words;

/// Bytes of a word. Records begin and end with a word.
const WORD: usize = size_of::<u64>();

/// Bytes that the ring holds.
const CAPACITY: u64 = (RING_WORDS * WORD) as u64;

/// Bytes of the longest record. A writer splits longer text.
pub(crate) const MAX_RECORD: usize = RING_WORDS * WORD / 4;

/// Bytes that the reader reads before it tells the writers that they may write there again. Telling costs the writers a
/// cache miss.
const TOLD_BYTES: u64 = 64 << 10;

/// The state of the ring. Positions count bytes since the start, modulo 2^64. What writers write at each record shares no
/// cache line with what the reader writes: otherwise each print waits for the reader's processor to give the line up.
#[repr(C)]
#[derive(Default)]
pub(crate) struct State {
    pub(super) writers: Apart<Writers>,
    /// The position up to which the reader has read; written by the reader only.
    pub(super) head: Apart<AtomicU64>,
    waits: Apart<Waits>,
    /// The last lane id given out, by any process.
    lanes: AtomicU32,
    /// Answers of the session to the worker.
    slot: Slot,
}

/// A value in cache lines of its own. Processors fetch lines of 64 bytes in pairs.
#[repr(C, align(128))]
#[derive(Default)]
pub(super) struct Apart<T>(pub(super) T);

/// What is written at each record.
#[repr(C)]
#[derive(Default)]
pub(super) struct Writers {
    /// The position up to which records are written; written under `lock` only.
    pub(super) tail: AtomicU64,
    /// The thread id of the writer that is copying, or 0.
    pub(super) lock: AtomicU32,
}

/// Who waits for whom; read at each record, and written seldom.
#[repr(C)]
#[derive(Default)]
struct Waits {
    /// 1 while the reader is about to sleep: the next writer wakes it.
    reader_sleeps: AtomicU32,
    /// Counts the reader's advances; writers that found no room wait for it to change.
    room: AtomicU32,
    /// Writers that wait for room. One that is killed meanwhile is counted for ever, which costs the reader a system call
    /// for each read.
    writers_wait: AtomicU32,
}

// SAFETY: it is atomics, also in the slot, and atomics may be zero.
unsafe impl Control for State {}

/// The ring as one process sees it. A forked child's copy of this value speaks of the same memory.
pub(crate) struct Ring {
    memory: Memory<State>,
    /// Wakes the reader.
    wake: Event,
}

/// What has been written and is not freed yet. It may change at any time: a cell may write over it.
pub(crate) struct Unread<'a> {
    words: &'a [AtomicU64],
    position: u64,
    length: usize,
    /// The position up to which records are written by now. None for bytes that are in no ring.
    tail: Option<&'a AtomicU64>,
}

impl<'a> Unread<'a> {
    /// Bytes that are in no ring.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn of(words: &'a [AtomicU64], length: usize) -> Unread<'a> {
        Unread { words, position: 0, length, tail: None }
    }

    /// Everything behind its first `at` bytes, with what has been written since. Nothing if a cell has written over the
    /// positions.
    pub(crate) fn behind(&self, at: usize) -> Unread<'a> {
        let position = self.position.wrapping_add(at as u64);
        let length = match self.tail {
            Some(tail) => used(position, tail.load(Ordering::Acquire)).unwrap_or(0) as usize,
            None => self.length - at,
        };
        Unread { position, length, ..*self }
    }

    /// Its length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Copies bytes that begin `at` bytes behind its start, a whole number of words; they end before its end.
    pub(crate) fn copy(&self, at: usize, into: &mut [u8]) {
        debug_assert!(at.is_multiple_of(WORD) && at + into.len() <= self.length);
        words::load(self.words, index(self.position) + at / WORD, into);
    }
}

/// The word at a position.
fn index(position: u64) -> usize {
    (position / WORD as u64) as usize % RING_WORDS
}

/// Bytes between the two positions. None if a cell has written over them: they cannot be so far apart, or inside a word.
fn used(head: u64, tail: u64) -> Option<u64> {
    let is_whole = head.is_multiple_of(WORD as u64) && tail.is_multiple_of(WORD as u64);
    Some(tail.wrapping_sub(head)).filter(|used| is_whole && *used <= CAPACITY)
}

impl Ring {
    pub(crate) fn new(memory: Memory<State>, wake: Event) -> Ring {
        Ring { memory, wake }
    }

    pub(crate) fn memory(&self) -> &Memory<State> {
        &self.memory
    }

    pub(crate) fn wake(&self) -> &Event {
        &self.wake
    }

    pub(super) fn state(&self) -> &State {
        self.memory.control()
    }

    /// Where the session answers questions of the worker.
    pub(crate) fn slot(&self) -> &Slot {
        &self.state().slot
    }

    /// Lane ids go on after this one.
    pub(crate) fn set_last_lane(&self, lane: u32) {
        self.state().lanes.store(lane, Ordering::Relaxed);
    }

    /// The last lane id that was given out.
    pub(crate) fn last_lane(&self) -> u32 {
        self.state().lanes.load(Ordering::Relaxed)
    }

    /// A lane id that no process of this session has had.
    pub(crate) fn next_lane(&self) -> u32 {
        self.state().lanes.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    /// Where the next record will be written: everything before it is readable.
    pub(crate) fn tail(&self) -> u64 {
        self.state().writers.0.tail.load(Ordering::Acquire)
    }

    /// Everything before this has been read.
    pub(crate) fn head(&self) -> u64 {
        self.state().head.0.load(Ordering::Relaxed)
    }

    /// Writes one record of a head, whole words, and a payload; waits for room. `thread` is the caller's thread id. Returns
    /// false, with nothing written, if this very thread is in the middle of a write (a signal handler prints).
    pub(crate) fn write(&self, thread: u32, head: &[u8], payload: &[u8]) -> bool {
        let State { writers: Apart(writers), head: Apart(read), waits: Apart(waits), .. } = self.state();
        let length = (head.len() + payload.len()).next_multiple_of(WORD);
        debug_assert!(head.len().is_multiple_of(WORD) && length <= MAX_RECORD);
        if writers.lock.load(Ordering::Relaxed) == thread {
            return false;
        }
        loop {
            self.lock(thread);
            let tail = writers.tail.load(Ordering::Relaxed);
            let used = used(read.load(Ordering::Acquire), tail);
            if used.is_some_and(|used| CAPACITY - used >= length as u64) {
                let first = index(tail);
                words::store(self.memory.words(), first, head);
                words::store(self.memory.words(), first + head.len() / WORD, payload);
                writers.tail.store(tail.wrapping_add(length as u64), Ordering::SeqCst);
                writers.lock.store(0, Ordering::Release);
                break;
            }
            // Positions that cannot be leave no room either: the reader sets them right.
            let room = waits.room.load(Ordering::Acquire);
            writers.lock.store(0, Ordering::Release);
            self.wait_for_room(room);
        }
        if waits.reader_sleeps.load(Ordering::SeqCst) == 1 && waits.reader_sleeps.swap(0, Ordering::SeqCst) == 1 {
            self.wake.signal();
        }
        true
    }

    fn lock(&self, thread: u32) {
        let lock = &self.state().writers.0.lock;
        let mut spins = 0u32;
        while lock.compare_exchange_weak(0, thread, Ordering::Acquire, Ordering::Relaxed).is_err() {
            spins += 1;
            if spins.is_multiple_of(64) {
                self.take_from_the_dead();
                yield_now();
            }
            std::hint::spin_loop();
        }
    }

    /// Frees the lock if a process was killed in the middle of a copy; the record was never published.
    fn take_from_the_dead(&self) {
        let lock = &self.state().writers.0.lock;
        let holder = lock.load(Ordering::Relaxed);
        if holder != 0 && !thread_exists(holder) {
            let _ = lock.compare_exchange(holder, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    fn wait_for_room(&self, room: u32) {
        let Apart(waits) = &self.state().waits;
        waits.writers_wait.fetch_add(1, Ordering::SeqCst);
        self.wake.signal();
        futex::wait(&waits.room, room);
        waits.writers_wait.fetch_sub(1, Ordering::SeqCst);
    }

    /// Everything that has been written and not read, to look at without reading it.
    pub(crate) fn unread(&self) -> Unread<'_> {
        let State { writers: Apart(writers), head: Apart(head), .. } = self.state();
        let position = head.load(Ordering::Relaxed);
        Unread { words: self.memory.words(), position, length: 0, tail: Some(&writers.tail) }.behind(0)
    }

    /// Gives everything written so far to `take`, then frees it. One reader only. `take` returns the number of bytes that it
    /// used up; 0 stops. Positions that cannot be were written over by a cell: `take` is given nothing, and what is
    /// written from here on is read again.
    pub(crate) fn read(&self, mut take: impl FnMut(&Unread) -> usize) {
        let State { writers: Apart(writers), head: Apart(head), waits: Apart(waits), .. } = self.state();
        let mut told = head.load(Ordering::Relaxed);
        let mut position = told;
        let tail = writers.tail.load(Ordering::Acquire);
        let mut rest = used(position, tail).unwrap_or_else(|| {
            // Writers go on at the tail once the head is there; while the tail is inside a word they wait.
            let whole = tail & !(WORD as u64 - 1);
            (told, position) = (whole, whole);
            head.store(whole, Ordering::SeqCst);
            if whole != tail {
                writers.tail.store(whole, Ordering::SeqCst);
            }
            take(&Unread { words: self.memory.words(), position: 0, length: 0, tail: None });
            0
        });
        while rest > 0 {
            let words = self.memory.words();
            let unread = Unread { words, position, length: rest as usize, tail: Some(&writers.tail) };
            let used = (take(&unread) as u64).min(rest);
            if used == 0 {
                break;
            }
            position = position.wrapping_add(used);
            rest -= used;
            if position.wrapping_sub(told) >= TOLD_BYTES {
                told = position;
                head.store(told, Ordering::Release);
            }
        }
        if told != position {
            head.store(position, Ordering::Release);
        }
        if waits.writers_wait.load(Ordering::SeqCst) > 0 {
            waits.room.fetch_add(1, Ordering::SeqCst);
            futex::wake(&waits.room);
        }
    }

    /// Declares that the reader is about to sleep on `wake`. Returns false if there is something to read already.
    pub(crate) fn may_sleep(&self) -> bool {
        let State { writers: Apart(writers), head: Apart(head), waits: Apart(waits), .. } = self.state();
        waits.reader_sleeps.store(1, Ordering::SeqCst);
        if writers.tail.load(Ordering::SeqCst) != head.load(Ordering::SeqCst) {
            waits.reader_sleeps.store(0, Ordering::SeqCst);
            return false;
        }
        true
    }

    /// Takes the wake-ups that have come.
    pub(crate) fn awake(&self) {
        self.state().waits.0.reader_sleeps.store(0, Ordering::SeqCst);
        self.wake.clear();
    }
}
