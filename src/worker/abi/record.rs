//! The form of one record in the ring: a head of fixed size, then its payload. The worker and its forked children write
//! records, the session reads them; all of them are the same build of this executable.

use crate::events::Awaited;
use crate::worker::abi::ring::Unread;
use crate::worker::host;

/// What a record says. Its payload is text for `Text`, JSON for `Display` and `Result`, a name for `Lane` and
/// `Rename`, a question for `Input` (see there), and nothing for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// `lane` printed; `detail` is the stream (1, 2).
    Text = 1,
    /// A lane was declared: `other` is its parent, `detail` its kind (`host::THREAD`, …).
    Lane,
    Rename,
    /// Task `lane` runs on thread lane `other` from here on.
    Start,
    End,
    /// `other` has seen the end of `lane`.
    Join,
    Display,
    Result,
    /// What was written to fd 1 and 2 so far comes before the records that follow.
    Barrier,
    /// The declared lane `lane` runs as process `pid`.
    Process,
    /// The lane waits for a line of input. The payload is a ticket (eight bytes, native order), 1 or 0 for a password,
    /// and the prompt; with the detail `MORE` it is only the ticket, under which the answer is to go on.
    Input,
    /// The lane waits for a lock; `detail` is its kind (`host::LOCK`, …).
    Wait,
    /// The lane has the lock, or has given up.
    Wake,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Kind> {
        use Kind::*;
        [Text, Lane, Rename, Start, End, Join, Display, Result, Barrier, Process, Input, Wait, Wake]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

pub(crate) const HEAD: usize = 48;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub kind: Kind,
    pub detail: u8,
    /// Bytes of payload behind the head.
    pub length: u32,
    pub lane: u32,
    pub other: u32,
    /// The cell that the lane belongs to.
    pub cell: u32,
    /// The cell that ran when the record was written; 0 between cells.
    pub running: u32,
    pub pid: u32,
    pub tid: u32,
    /// `CLOCK_MONOTONIC`, in nanoseconds.
    pub nanos: u64,
}

impl Head {
    /// The `detail` of a display or result that goes on in the next record of its thread, and of an `Input` that asks for
    /// the next piece of an answer.
    pub(crate) const MORE: u8 = 1;

    /// What the lane of a `Wait` waits for.
    pub(crate) fn awaited(&self) -> Awaited {
        match u32::from(self.detail) {
            host::RLOCK => Awaited::RLock,
            host::SEMAPHORE => Awaited::Semaphore,
            host::CONDITION => Awaited::Condition,
            host::EVENT => Awaited::Event,
            host::BARRIER => Awaited::Barrier,
            _ => Awaited::Lock,
        }
    }

    /// Its bytes, written a word at a time, as they are copied: see `words::last_word`.
    pub(crate) fn to_bytes(self) -> [u8; HEAD] {
        let Head { length, lane, other, cell, running, pid, tid, nanos, .. } = self;
        let pair =
            |first: u32, second: u32| u64::from_le(u64::from(first.to_le()) | u64::from(second.to_le()) << 32);
        let what = u32::from_ne_bytes([self.kind as u8, self.detail, 0, 0]);
        let words = [pair(what, length), pair(lane, other), pair(cell, running), pair(pid, tid), nanos, 0];
        let mut bytes = [0; HEAD];
        for (chunk, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *chunk = word.to_ne_bytes();
        }
        bytes
    }

    /// The head of the record that begins `at` bytes behind the start of what is unread, and the bytes that the record
    /// takes. None if it is torn or not ours.
    pub(crate) fn read(unread: &Unread, at: usize) -> Option<(Head, usize)> {
        let available = unread.len().checked_sub(at)?;
        if available < HEAD {
            return None;
        }
        let mut head = [0; HEAD];
        unread.copy(at, &mut head);
        Head::parse(&head, available)
    }

    /// Reads the head in these bytes, which is the first of `available` bytes. Returns it and the bytes that its record
    /// takes with payload and padding. None if it is no head of ours, or its record does not end within `available`.
    fn parse(bytes: &[u8; HEAD], available: usize) -> Option<(Head, usize)> {
        let word = |index: usize| u32::from_ne_bytes([0, 1, 2, 3].map(|k| bytes[4 + 4 * index + k]));
        let nanos = u64::from_ne_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|k| bytes[32 + k]));
        let whole = HEAD.checked_add(word(0) as usize)?.checked_next_multiple_of(8)?;
        let head = Head {
            kind: Kind::from_byte(bytes[0])?,
            detail: bytes[1],
            length: word(0),
            lane: word(1),
            other: word(2),
            cell: word(3),
            running: word(4),
            pid: word(5),
            tid: word(6),
            nanos,
        };
        (whole <= available).then_some((head, whole))
    }
}

/// Copies records out of the ring, each once, before anything in them is looked at: a cell with a wild pointer may write
/// to the ring at any time.
#[derive(Default)]
pub(crate) struct RecordReader {
    /// The payload that was read last, in a buffer as large as the largest one so far.
    payload: Vec<u8>,
}

impl RecordReader {
    /// The first record of what is unread, its payload, and the bytes that it takes. None if it is torn or not ours.
    pub(crate) fn read(&mut self, unread: &Unread) -> Option<(Head, &[u8], usize)> {
        let (head, whole) = Head::read(unread, 0)?;
        let length = head.length as usize;
        if self.payload.len() < length {
            self.payload.resize(length, 0);
        }
        unread.copy(HEAD, &mut self.payload[..length]);
        Some((head, &self.payload[..length], whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::abi::memory::Ordering;
    use crate::worker::abi::words;

    fn read(bytes: &[u8]) -> Option<(Head, Vec<u8>, usize)> {
        let words = words::of(bytes);
        let mut reader = RecordReader::default();
        let (head, payload, whole) = reader.read(&Unread::of(&words, bytes.len()))?;
        Some((head, payload.to_vec(), whole))
    }

    const HEAD_OF_TEXT: Head = Head {
        kind: Kind::Text,
        detail: 1,
        length: 9,
        lane: 0,
        other: 0,
        cell: 0,
        running: 0,
        pid: 0,
        tid: 0,
        nanos: 0,
    };

    #[test]
    fn a_head_is_read_as_it_was_written() {
        let head = Head {
            kind: Kind::Join,
            detail: 2,
            length: 3,
            lane: 4,
            other: 5,
            cell: 6,
            running: 7,
            pid: 8,
            tid: 9,
            nanos: u64::MAX - 1,
        };
        let mut bytes = head.to_bytes().to_vec();
        bytes.extend_from_slice(b"abc-----");
        assert_eq!(read(&bytes), Some((head, b"abc".to_vec(), 56)));
    }

    #[test]
    fn torn_or_foreign_bytes_are_no_record() {
        let head = HEAD_OF_TEXT;
        assert_eq!(read(&head.to_bytes()), None);
        assert_eq!(read(&[0xff; 64]), None);
        assert_eq!(read(b"short"), None);
        // Found by fuzzing: the payload was there, and the bytes that fill it up to the next record were not.
        let unfilled = [&Head { length: 1, ..head }.to_bytes()[..], b"x"].concat();
        assert_eq!(read(&unfilled), None);
    }

    #[test]
    fn what_was_read_stays_what_it_was_when_a_cell_writes_over_it() {
        let words = words::of(&[&HEAD_OF_TEXT.to_bytes()[..], b"some text"].concat());
        let mut reader = RecordReader::default();
        let unread = Unread::of(&words, words.len() * 8);
        let (head, payload, whole) = reader.read(&unread).expect("a record");
        words.iter().for_each(|word| word.store(u64::MAX, Ordering::SeqCst));
        assert_eq!((head, payload, whole), (HEAD_OF_TEXT, &b"some text"[..], 64));
        assert!(reader.read(&unread).is_none(), "it is written over now");
    }
}
