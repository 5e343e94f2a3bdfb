//! A ring of bytes in shared memory that the worker, its threads and its forked children write and the session
//! reads. It outlives each of them: what was written before a crash can still be read after it.
//!
//! A write copies its record under a lock that lives in the ring itself, so a forked child never inherits a lock
//! that nobody will release: the thread that holds it is alive in its own process. The pages are mapped twice in a
//! row, so every record is one slice. A full ring makes writers wait, never the reader; nothing is dropped.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::sys::{futex, memory, thread};
use crate::worker::abi::slot::Slot;

/// Bytes that the ring holds. A record takes at most a quarter of it (`MAX_RECORD`).
const CAPACITY: usize = 4 << 20;
const HEADER: usize = 64 << 10;

/// The longest record: longer text is split by its writer.
pub(crate) const MAX_RECORD: usize = CAPACITY / 4;

/// The first pages of the shared memory. Positions count bytes since the start and never wrap.
#[repr(C)]
struct Header {
    /// Read up to here; written by the reader only.
    head: AtomicU64,
    /// Written up to here; written under `lock` only.
    tail: AtomicU64,
    /// The thread id of the writer that is copying, or 0.
    lock: AtomicU32,
    /// 1 while the reader is about to sleep: the next writer wakes it.
    reader_sleeps: AtomicU32,
    /// Counts the reader's advances; writers that found no room wait for it to change.
    room: AtomicU32,
    /// Writers that wait for room.
    writers_wait: AtomicU32,
    /// The last lane id given out, by any process.
    lanes: AtomicU32,
    /// What goes the other way.
    slot: Slot,
}

const _: () = assert!(size_of::<Header>() <= HEADER);

/// The mapped ring. Shared by fork: a child's copy of this value speaks of the same memory.
pub(crate) struct Ring {
    base: *mut u8,
    memory: OwnedFd,
    /// An eventfd that wakes the reader.
    wake: OwnedFd,
}

// SAFETY: everything behind `base` is accessed through atomics, or under the ring's own lock, or (bytes between
// head and tail) by the one reader only.
unsafe impl Send for Ring {}
// SAFETY: as above.
unsafe impl Sync for Ring {}

impl Ring {
    /// A new ring with its memory and its wake-up. Lane ids go on after `last_lane`.
    pub(crate) fn create(last_lane: u32) -> io::Result<Ring> {
        let memory = memory::shared(c"threadbook-ring", (HEADER + CAPACITY) as u64)?;
        let ring = Ring::open(memory, memory::event()?)?;
        ring.header().lanes.store(last_lane, Ordering::Relaxed);
        Ok(ring)
    }

    /// The ring that another process created.
    pub(crate) fn open(memory: OwnedFd, wake: OwnedFd) -> io::Result<Ring> {
        let fd = memory.as_raw_fd();
        // SAFETY: reserves fresh addresses, then maps the file over them: once whole, once its data again behind.
        unsafe {
            let size = HEADER + 2 * CAPACITY;
            let base = libc::mmap(
                std::ptr::null_mut(),
                size,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            if base == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            let base = base.cast::<u8>();
            let mode = libc::PROT_READ | libc::PROT_WRITE;
            let flags = libc::MAP_SHARED | libc::MAP_FIXED;
            let whole = libc::mmap(base.cast(), HEADER + CAPACITY, mode, flags, fd, 0);
            let again =
                libc::mmap(base.add(HEADER + CAPACITY).cast(), CAPACITY, mode, flags, fd, HEADER as libc::off_t);
            if whole == libc::MAP_FAILED || again == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            Ok(Ring { base, memory, wake })
        }
    }

    pub(crate) fn memory(&self) -> BorrowedFd<'_> {
        self.memory.as_fd()
    }

    pub(crate) fn wake(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    fn header(&self) -> &Header {
        // SAFETY: the first pages are mapped as long as `self` lives, zeroed at first; `Header` is atomics and a slot.
        unsafe { &*self.base.cast::<Header>() }
    }

    /// Where the session answers questions of the worker.
    pub(crate) fn slot(&self) -> &Slot {
        &self.header().slot
    }

    /// The last lane id that was given out.
    pub(crate) fn last_lane(&self) -> u32 {
        self.header().lanes.load(Ordering::Relaxed)
    }

    /// A lane id that no process of this session has had.
    pub(crate) fn next_lane(&self) -> u32 {
        self.header().lanes.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Where the next record will be written: everything before it is readable.
    pub(crate) fn tail(&self) -> u64 {
        self.header().tail.load(Ordering::Acquire)
    }

    /// Everything before this has been read.
    pub(crate) fn head(&self) -> u64 {
        self.header().head.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        let header = self.header();
        header.head.load(Ordering::Relaxed) == header.tail.load(Ordering::Acquire)
    }

    /// Writes one record, `parts` one after the other; waits for room. `thread` is the caller's thread id. Answers
    /// false, with nothing written, if this very thread is in the middle of a write (a signal handler prints).
    pub(crate) fn write(&self, thread: u32, parts: [&[u8]; 2]) -> bool {
        let header = self.header();
        let length = (parts[0].len() + parts[1].len()).next_multiple_of(8);
        debug_assert!(length <= MAX_RECORD);
        if header.lock.load(Ordering::Relaxed) == thread {
            return false;
        }
        loop {
            self.lock(thread);
            let tail = header.tail.load(Ordering::Relaxed);
            let used = (tail - header.head.load(Ordering::Acquire)) as usize;
            if CAPACITY - used >= length {
                // SAFETY: `length` bytes from `tail` on are free (checked), mapped (twice in a row) and ours (lock).
                unsafe {
                    let at = self.data(tail);
                    at.copy_from_nonoverlapping(parts[0].as_ptr(), parts[0].len());
                    at.add(parts[0].len()).copy_from_nonoverlapping(parts[1].as_ptr(), parts[1].len());
                }
                header.tail.store(tail + length as u64, Ordering::SeqCst);
                header.lock.store(0, Ordering::Release);
                break;
            }
            let room = header.room.load(Ordering::Acquire);
            header.lock.store(0, Ordering::Release);
            self.wait_for_room(room);
        }
        if header.reader_sleeps.load(Ordering::SeqCst) == 1 && header.reader_sleeps.swap(0, Ordering::SeqCst) == 1 {
            self.wake_reader();
        }
        true
    }

    fn data(&self, position: u64) -> *mut u8 {
        // SAFETY: the offset is below CAPACITY, and the mapping goes on for CAPACITY bytes behind it.
        unsafe { self.base.add(HEADER + position as usize % CAPACITY) }
    }

    fn lock(&self, thread: u32) {
        let lock = &self.header().lock;
        let mut spins = 0u32;
        while lock.compare_exchange_weak(0, thread, Ordering::Acquire, Ordering::Relaxed).is_err() {
            spins += 1;
            if spins.is_multiple_of(64) {
                self.take_from_the_dead();
                std::thread::yield_now();
            }
            std::hint::spin_loop();
        }
    }

    /// A process that was killed in the middle of a copy leaves the lock; its record was never published.
    fn take_from_the_dead(&self) {
        let lock = &self.header().lock;
        let holder = lock.load(Ordering::Relaxed);
        if holder != 0 && !thread::exists(holder) {
            let _ = lock.compare_exchange(holder, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    fn wait_for_room(&self, room: u32) {
        let header = self.header();
        header.writers_wait.fetch_add(1, Ordering::SeqCst);
        self.wake_reader();
        futex::wait(&header.room, room);
        header.writers_wait.fetch_sub(1, Ordering::SeqCst);
    }

    fn wake_reader(&self) {
        memory::signal(&self.wake);
    }

    /// Gives everything written so far to `take`, then frees it. One reader only. `take` answers how many bytes
    /// it used up; 0 stops. Positions that cannot be were written over by a cell: `take` is given nothing, and what is
    /// written from here on is read again.
    pub(crate) fn read(&self, mut take: impl FnMut(&[u8]) -> usize) {
        let header = self.header();
        let mut head = header.head.load(Ordering::Relaxed);
        let mut tail = header.tail.load(Ordering::Acquire);
        if tail.wrapping_sub(head) > CAPACITY as u64 || !tail.is_multiple_of(8) {
            (head, tail) = (0, 0);
            header.head.store(head, Ordering::SeqCst);
            header.tail.store(tail, Ordering::SeqCst);
            take(&[]);
        }
        while head < tail {
            // SAFETY: bytes between head and tail are published and stay until head moves past them.
            let bytes = unsafe { std::slice::from_raw_parts(self.data(head), (tail - head) as usize) };
            let used = take(bytes);
            if used == 0 {
                break;
            }
            head += used.min(bytes.len()) as u64;
            header.head.store(head, Ordering::Release);
        }
        if header.writers_wait.load(Ordering::SeqCst) > 0 {
            header.room.fetch_add(1, Ordering::SeqCst);
            futex::wake(&header.room);
        }
    }

    /// Says that the reader is about to sleep on `wake`; false if there is something to read already.
    pub(crate) fn may_sleep(&self) -> bool {
        let header = self.header();
        header.reader_sleeps.store(1, Ordering::SeqCst);
        if header.tail.load(Ordering::SeqCst) != header.head.load(Ordering::SeqCst) {
            header.reader_sleeps.store(0, Ordering::SeqCst);
            return false;
        }
        true
    }

    /// Takes the wake-ups that have come.
    pub(crate) fn awake(&self) {
        self.header().reader_sleeps.store(0, Ordering::SeqCst);
        memory::clear(&self.wake);
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that `open` made, and nobody else unmaps it.
        unsafe { libc::munmap(self.base.cast(), HEADER + 2 * CAPACITY) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn read_all(ring: &Ring, into: &mut Vec<u8>) {
        ring.read(|bytes| {
            into.extend_from_slice(&bytes[..8]);
            8
        });
    }

    #[test]
    fn records_come_out_in_order_and_whole() {
        let ring = Ring::create(0).expect("a ring");
        assert!(ring.write(1, [b"abcd", b"efgh"]));
        assert!(ring.write(1, [b"ij", b""]));
        let mut out = Vec::new();
        read_all(&ring, &mut out);
        assert_eq!(&out[..10], b"abcdefghij");
        assert!(ring.is_empty());
    }

    #[test]
    fn writers_wait_for_a_slow_reader_and_lose_nothing() {
        let ring = Arc::new(Ring::create(0).expect("a ring"));
        let writers: Vec<_> = (1..=4u32)
            .map(|writer| {
                let ring = ring.clone();
                std::thread::spawn(move || {
                    let thread = thread::id();
                    for n in 0..400_000u32 {
                        assert!(ring.write(thread, [&writer.to_ne_bytes(), &n.to_ne_bytes()]));
                    }
                })
            })
            .collect();
        let mut next = [0u32; 5];
        let mut seen = 0;
        while seen < 1_600_000 {
            ring.read(|bytes| {
                let writer = u32::from_ne_bytes(bytes[..4].try_into().expect("four bytes")) as usize;
                let n = u32::from_ne_bytes(bytes[4..8].try_into().expect("four bytes"));
                assert_eq!(n, next[writer], "writer {writer}");
                next[writer] += 1;
                seen += 1;
                8
            });
        }
        writers.into_iter().for_each(|writer| writer.join().expect("a writer"));
    }

    #[test]
    fn positions_that_cannot_be_are_told_and_begin_anew() {
        let ring = Ring::create(0).expect("a ring");
        for (head, tail) in [(0, CAPACITY as u64 + 8), (0, u64::MAX - 7), (64, 8), (0, 9)] {
            ring.header().head.store(head, Ordering::SeqCst);
            ring.header().tail.store(tail, Ordering::SeqCst);
            let mut given = Vec::new();
            ring.read(|bytes| {
                given.push(bytes.len());
                bytes.len()
            });
            assert!(ring.write(1, [b"onward!!", b""]));
            ring.read(|bytes| {
                given.push(bytes.len());
                bytes.len()
            });
            assert_eq!(given, [0, 8], "{head}, {tail}");
            assert!(ring.is_empty());
        }
    }

    #[test]
    fn the_lock_of_a_dead_thread_is_taken_over() {
        let ring = Ring::create(0).expect("a ring");
        // No thread id is this large: the kernel's limit is 2^22.
        ring.header().lock.store(1 << 30, Ordering::SeqCst);
        assert!(ring.write(1, [b"alive!!!", b""]));
    }

    #[test]
    fn a_thread_that_interrupts_its_own_write_is_told() {
        let ring = Ring::create(0).expect("a ring");
        ring.header().lock.store(7, Ordering::SeqCst);
        assert!(!ring.write(7, [b"x", b""]));
    }

    #[test]
    fn lane_ids_are_never_given_twice() {
        let ring = Ring::create(0).expect("a ring");
        assert_eq!((ring.next_lane(), ring.next_lane()), (1, 2));
    }
}
