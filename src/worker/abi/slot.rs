//! One answer of the session to the worker, in the memory that both share. A descriptor would be shared with each copy of
//! the worker, and could hold an answer that a dead worker has left.
//!
//! An answer carries the ticket of its question, and the worker takes only that one. The session writes only while a question
//! is open, so no answer is written while another is read.

use crate::worker::abi::memory::{ANSWER_WORDS, AtomicU32, AtomicU64, Ordering, futex};
use crate::worker::abi::words;

/// Bytes of the longest answer. A longer one comes in pieces, each asked for.
pub(crate) const LARGEST: usize = ANSWER_WORDS * size_of::<AtomicU64>();

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Kind {
    /// The line, or the rest of it.
    Line = 1,
    /// A piece of the line, of which there is more.
    Piece,
    /// The input has ended.
    End,
    /// The cell is being interrupted.
    Interrupted,
}

#[repr(C)]
pub(crate) struct Slot {
    /// The ticket that the rest of the slot belongs to. Written last.
    ticket: AtomicU64,
    /// Changes with every answer; the worker waits for that.
    changes: AtomicU32,
    kind: AtomicU32,
    length: AtomicU32,
    bytes: [AtomicU64; ANSWER_WORDS],
}

impl Default for Slot {
    fn default() -> Slot {
        Slot {
            ticket: AtomicU64::new(0),
            changes: AtomicU32::new(0),
            kind: AtomicU32::new(0),
            length: AtomicU32::new(0),
            bytes: [const { AtomicU64::new(0) }; ANSWER_WORDS],
        }
    }
}

impl Slot {
    /// Answers the question with this ticket. The worker waits for it.
    pub(crate) fn post(&self, ticket: u64, kind: Kind, bytes: &[u8]) {
        assert!(bytes.len() <= LARGEST, "an answer is cut to pieces first");
        words::store(&self.bytes, 0, bytes);
        self.length.store(bytes.len() as u32, Ordering::Relaxed);
        self.kind.store(kind as u32, Ordering::Relaxed);
        self.ticket.store(ticket, Ordering::Release);
        self.changes.fetch_add(1, Ordering::Release);
        futex::wake(&self.changes);
    }

    /// Waits for the answer to this ticket and adds its text to `into`. A signal does not end the wait.
    pub(crate) fn wait(&self, ticket: u64, into: &mut Vec<u8>) -> Kind {
        loop {
            let changes = self.changes.load(Ordering::Acquire);
            if self.ticket.load(Ordering::Acquire) == ticket {
                break;
            }
            futex::wait(&self.changes, changes);
        }
        // The length may be anything: a cell may have written over it.
        let length = (self.length.load(Ordering::Relaxed) as usize).min(LARGEST);
        let before = into.len();
        into.resize(before + length, 0);
        words::load(&self.bytes, 0, &mut into[before..]);
        let kinds = [Kind::Line, Kind::Piece, Kind::Interrupted];
        let kind = self.kind.load(Ordering::Relaxed);
        kinds.into_iter().find(|known| *known as u32 == kind).unwrap_or(Kind::End)
    }
}
