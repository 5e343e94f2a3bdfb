//! The memory that the session, the worker and the worker's forked children share, and the event that wakes the session.
//! Each of them may write to any of it at any time, a cell with a wild pointer too. So it is only ever seen as atomics:
//! nothing here gives a reference to plain bytes, which must not change while they are borrowed.
//!
//! The model tests compile ring and slot with a file of their own in this place (`tests/models/memory.rs`), whose
//! scheduler tries other orders of what several threads do.

use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use crate::sys::memory;

pub(crate) use crate::sys::futex;
pub(crate) use crate::sys::thread::exists as thread_exists;
pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
pub(crate) use std::thread::yield_now;

/// Words of eight bytes that a ring holds, 4 MiB. When they are all used, writers wait.
pub(crate) const RING_WORDS: usize = (4 << 20) / 8;

/// Words of eight bytes that one answer of the session takes at most, 48 KiB. A longer one comes in pieces.
pub(crate) const ANSWER_WORDS: usize = (48 << 10) / 8;

/// Bytes in front of the words, for the control block.
const CONTROL: usize = 64 << 10;

/// What may stand in front of the words.
///
/// # Safety
/// The type consists of atomics, and is valid if all its bytes are zero.
pub(crate) unsafe trait Control: Sync {}

/// A control block and a ring's words, mapped in this process.
pub(crate) struct Memory<C> {
    base: *mut libc::c_void,
    descriptor: OwnedFd,
    control: PhantomData<C>,
}

// SAFETY: what is behind `base` is only seen as atomics.
unsafe impl<C: Control> Send for Memory<C> {}
// SAFETY: as above.
unsafe impl<C: Control> Sync for Memory<C> {}

impl<C: Control> Memory<C> {
    const BYTES: usize = {
        assert!(size_of::<C>() <= CONTROL && align_of::<C>() <= 4096);
        CONTROL + RING_WORDS * size_of::<AtomicU64>()
    };

    /// New memory, all zero.
    pub(crate) fn create() -> io::Result<Memory<C>> {
        Memory::open(memory::shared(c"threadbook-ring", Self::BYTES as u64)?)
    }

    /// The memory that another process has created.
    pub(crate) fn open(descriptor: OwnedFd) -> io::Result<Memory<C>> {
        let mode = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: maps a file to addresses that the system chooses.
        let base = unsafe {
            libc::mmap(std::ptr::null_mut(), Self::BYTES, mode, libc::MAP_SHARED, descriptor.as_raw_fd(), 0)
        };
        match base {
            libc::MAP_FAILED => Err(io::Error::last_os_error()),
            _ => Ok(Memory { base, descriptor, control: PhantomData }),
        }
    }

    pub(crate) fn control(&self) -> &C {
        // SAFETY: `CONTROL` bytes are mapped as long as `self` lives, all zero at first; `C` is valid then and is atomics.
        unsafe { &*self.base.cast() }
    }

    pub(crate) fn words(&self) -> &[AtomicU64] {
        // SAFETY: so many words are mapped behind the control block as long as `self` lives, and any bytes are valid.
        unsafe { std::slice::from_raw_parts(self.base.byte_add(CONTROL).cast(), RING_WORDS) }
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl<C> Drop for Memory<C> {
    fn drop(&mut self) {
        let bytes = CONTROL + RING_WORDS * size_of::<AtomicU64>();
        // SAFETY: this is the mapping that `open` made, and no reference into it outlives `self`.
        unsafe { libc::munmap(self.base, bytes) };
    }
}

/// An event that is readable from `signal` to `clear` (eventfd(2)).
pub(crate) struct Event(OwnedFd);

impl Event {
    pub(crate) fn create() -> io::Result<Event> {
        Ok(Event(memory::event()?))
    }

    /// The event that another process has created.
    pub(crate) fn open(descriptor: OwnedFd) -> Event {
        Event(descriptor)
    }

    pub(crate) fn signal(&self) {
        memory::signal(&self.0);
    }

    pub(crate) fn clear(&self) {
        memory::clear(&self.0);
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
