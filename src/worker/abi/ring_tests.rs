//! The ring in real memory, with threads of this process as its writers. `tests/models` has what threads may do to each
//! other; here is the amount, and what the system has a part in.

use std::sync::Arc;

use super::memory::{AtomicU64, Event, Memory, Ordering, RING_WORDS};
use super::ring::Ring;
use super::words;
use crate::sys::thread;

fn ring() -> Ring {
    Ring::new(Memory::create().expect("memory"), Event::create().expect("an event"))
}

/// What has been written so far, in whole words; nothing of impossible positions.
fn read_all(ring: &Ring) -> Vec<u8> {
    let mut out = Vec::new();
    ring.read(|unread| {
        out.resize(out.len() + unread.len(), 0);
        let from = out.len() - unread.len();
        unread.copy(0, &mut out[from..]);
        unread.len()
    });
    out
}

fn is_empty(ring: &Ring) -> bool {
    ring.head() == ring.tail()
}

#[test]
fn records_come_out_in_order_and_whole() {
    let ring = ring();
    assert!(ring.write(1, b"abcdefgh", b"ij"));
    assert!(ring.write(1, b"klmnopqr", b""));
    assert_eq!(read_all(&ring), b"abcdefghij\0\0\0\0\0\0klmnopqr");
    assert!(is_empty(&ring));
}

#[test]
fn the_reader_sees_what_comes_behind_a_record_before_it_reads_that() {
    let ring = ring();
    assert!(ring.write(1, b"abcdefgh", b""));
    let mut behind = Vec::new();
    ring.read(|unread| {
        assert_eq!(unread.len(), 8);
        assert!(ring.write(1, b"klmnopqr", b""));
        let later = unread.behind(unread.len());
        behind.resize(later.len(), 0);
        later.copy(0, &mut behind);
        unread.len()
    });
    assert_eq!(behind, b"klmnopqr");
    assert_eq!(ring.unread().len(), 8, "to look at it is not to read it");
    assert_eq!(read_all(&ring), b"klmnopqr");
}

#[test]
fn writers_wait_for_a_slow_reader_and_lose_nothing() {
    let ring = Arc::new(ring());
    let writers: Vec<_> = (1..=4u32)
        .map(|writer| {
            let ring = ring.clone();
            std::thread::spawn(move || {
                for n in 0..400_000u32 {
                    let record = u64::from(writer) << 32 | u64::from(n);
                    assert!(ring.write(thread::id(), &record.to_ne_bytes(), b""));
                }
            })
        })
        .collect();
    let mut next = [0; 5];
    let mut seen = 0;
    while seen < 1_600_000 {
        ring.read(|unread| {
            let mut record = [0; 8];
            unread.copy(0, &mut record);
            let record = u64::from_ne_bytes(record);
            let (writer, n) = ((record >> 32) as usize, record as u32);
            assert_eq!(n, next[writer], "writer {writer}");
            next[writer] += 1;
            seen += 1;
            8
        });
    }
    writers.into_iter().for_each(|writer| writer.join().expect("a writer"));
}

/// Positions that only a cell that has written over them can have left.
const IMPOSSIBLE: [(u64, u64); 4] = [(0, RING_WORDS as u64 * 8 + 8), (0, u64::MAX - 7), (64, 8), (0, 9)];

#[test]
fn a_reader_says_that_positions_are_impossible_and_begins_anew() {
    let ring = ring();
    for (head, tail) in IMPOSSIBLE {
        ring.state().head.0.store(head, Ordering::SeqCst);
        ring.state().writers.0.tail.store(tail, Ordering::SeqCst);
        let mut given = Vec::new();
        let mut read = || {
            ring.read(|unread| {
                given.push(unread.len());
                unread.len()
            });
        };
        read();
        assert!(ring.write(1, b"onward!!", b""));
        read();
        assert_eq!(given, [0, 8], "{head}, {tail}");
        assert!(is_empty(&ring));
    }
}

#[test]
fn a_writer_that_finds_positions_impossible_waits_for_the_reader() {
    for (head, tail) in IMPOSSIBLE {
        let ring = Arc::new(ring());
        ring.state().head.0.store(head, Ordering::SeqCst);
        ring.state().writers.0.tail.store(tail, Ordering::SeqCst);
        let writer = {
            let ring = ring.clone();
            std::thread::spawn(move || ring.write(thread::id(), b"onward!!", b""))
        };
        let mut text = Vec::new();
        while text != b"onward!!" {
            text.extend(read_all(&ring));
        }
        assert!(writer.join().expect("no panic"), "{head}, {tail}");
    }
}

#[test]
fn the_lock_of_a_dead_thread_is_taken_over() {
    let ring = ring();
    // No thread id is this large: the kernel's limit is 2^22.
    ring.state().writers.0.lock.store(1 << 30, Ordering::SeqCst);
    assert!(ring.write(1, b"alive!!!", b""));
}

#[test]
fn a_thread_that_interrupts_its_own_write_is_told() {
    let ring = ring();
    ring.state().writers.0.lock.store(7, Ordering::SeqCst);
    assert!(!ring.write(7, b"", b"x"));
}

#[test]
fn lane_ids_are_never_given_twice() {
    let ring = ring();
    ring.set_last_lane(4);
    assert_eq!((ring.next_lane(), ring.next_lane(), ring.last_lane()), (5, 6, 6));
}

#[test]
fn bytes_are_loaded_as_they_were_stored_also_around_the_end() {
    for (first, length) in [(0, 0), (0, 64), (3, 40), (5, 29), (7, 1), (7, 63), (15, 17)] {
        let memory = [const { AtomicU64::new(u64::MAX) }; 8];
        let bytes: Vec<u8> = (1..=length).collect();
        words::store(&memory, first, &bytes);
        let mut loaded = vec![0; bytes.len()];
        words::load(&memory, first, &mut loaded);
        assert_eq!(loaded, bytes, "{length} bytes from {first}");
        let used = memory.iter().filter(|word| word.load(Ordering::Relaxed) != u64::MAX).count();
        assert_eq!(used, bytes.len().div_ceil(8));
    }
}

#[test]
fn positions_may_go_beyond_the_largest_number() {
    let ring = ring();
    for position in [&ring.state().head.0, &ring.state().writers.0.tail] {
        position.store(u64::MAX - 7, Ordering::SeqCst);
    }
    assert!(ring.write(1, b"abcdefgh", b"ijklmnop"));
    assert!(ring.write(1, b"qrstuvwx", b""));
    assert_eq!(read_all(&ring), b"abcdefghijklmnopqrstuvwx");
}

#[test]
fn a_print_writes_no_cache_line_that_the_reader_writes() {
    let ring = ring();
    let state = std::ptr::from_ref(ring.state()).addr();
    let line = |field: usize| (field - state) / 64;
    let writers = &ring.state().writers.0;
    let head = line(std::ptr::from_ref(&ring.state().head.0).addr());
    for field in [std::ptr::from_ref(&writers.tail).addr(), std::ptr::from_ref(&writers.lock).addr()] {
        assert_ne!(line(field), head);
    }
}

#[test]
fn writers_are_told_of_room_before_all_is_read() {
    let ring = ring();
    let record = [7; 32 << 10];
    (0..4).for_each(|_| assert!(ring.write(1, &record, b"")));
    let mut told = Vec::new();
    ring.read(|_| {
        told.push(ring.head());
        record.len()
    });
    assert_eq!(told, [0, 0, 64 << 10, 64 << 10]);
    assert_eq!(ring.head(), 128 << 10);
}
