//! The ring and the slot under many orders of what their threads do, chosen by a scheduler: each record arrives once, whole
//! and in its writer's order, and nobody sleeps who was to be woken. The code is the worker's own; `memory` stands for what
//! it stands on. The runtime's waits have models of the same kind (`runtime/models`).

mod memory;
#[allow(dead_code)]
#[path = "../../src/worker/abi/ring.rs"]
mod ring;
#[allow(dead_code)]
#[path = "../../src/worker/abi/slot.rs"]
mod slot;
#[allow(dead_code)]
#[path = "../../src/worker/abi/words.rs"]
mod words;

/// Where these files look for each other.
mod worker {
    pub(crate) mod abi {
        pub(crate) use crate::{memory, slot, words};
    }
}

use std::sync::Arc;
use std::sync::atomic::Ordering;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::thread;
use shuttle::{Config, Runner};

use memory::{DEAD, Event, Memory};
use ring::Ring;
use slot::Kind;

/// The number of orders in which each of two schedulers runs a model.
const ORDERS: usize = 1000;

fn check(model: fn()) {
    let model = move || {
        memory::begin();
        model();
    };
    Runner::new(RandomScheduler::new(ORDERS), Config::new()).run(model);
    Runner::new(PctScheduler::new(3, ORDERS), Config::new()).run(model);
}

fn ring() -> Arc<Ring> {
    Arc::new(Ring::new(Memory::create(), Event::default()))
}

/// Writes numbered records: the writer and the number, twice, so that a torn one is seen.
fn write(ring: &Ring, writer: u32, count: u32) {
    for number in 0..count {
        let word = (u64::from(writer) << 32 | u64::from(number)).to_ne_bytes();
        assert!(ring.write(writer, &word, &word));
    }
}

/// Reads records as the session's thread does, and sleeps when there are none, until `done`.
fn read_until(ring: &Ring, mut record: impl FnMut(u64), mut done: impl FnMut() -> bool) {
    loop {
        ring.read(|unread| {
            let (mut head, mut payload) = ([0; 8], [0; 8]);
            unread.copy(0, &mut head);
            unread.copy(8, &mut payload);
            assert_eq!(head, payload, "a torn record");
            record(u64::from_ne_bytes(head));
            16
        });
        if done() {
            return;
        }
        if ring.may_sleep() {
            ring.wake().wait();
        }
        ring.awake();
    }
}

/// Reads `counts[n - 1]` records of each writer `n`, in order.
fn read(ring: &Ring, counts: [u32; 2]) {
    let next = std::cell::Cell::new([0; 2]);
    let record = |record: u64| {
        let (writer, number) = ((record >> 32) as usize - 1, record as u32);
        let mut seen = next.get();
        assert_eq!(number, seen[writer], "writer {writer}");
        seen[writer] += 1;
        next.set(seen);
    };
    read_until(ring, record, || next.get() == counts);
}

#[test]
fn records_arrive_once_and_in_order_at_a_reader_that_sleeps() {
    check(|| {
        let ring = ring();
        // More than the ring holds: writers wait for room.
        let writers = [(1, 4), (2, 3)].map(|(writer, count)| {
            let ring = ring.clone();
            thread::spawn(move || write(&ring, writer, count))
        });
        read(&ring, [4, 3]);
        writers.into_iter().for_each(|writer| writer.join().expect("no panic"));
    });
}

#[test]
fn the_lock_of_a_killed_writer_is_taken_over_by_one() {
    check(|| {
        let ring = ring();
        // It was killed in the middle of a copy.
        ring.state().writers.0.lock.store(DEAD, Ordering::SeqCst);
        ring.memory().words()[0].store(u64::MAX, Ordering::SeqCst);
        let writers = [1, 2].map(|writer| {
            let ring = ring.clone();
            thread::spawn(move || write(&ring, writer, 2))
        });
        read(&ring, [2, 2]);
        writers.into_iter().for_each(|writer| writer.join().expect("no panic"));
    });
}

#[test]
fn positions_that_a_cell_has_written_over_stop_nobody() {
    check(|| {
        let ring = ring();
        ring.state().head.0.store(64, Ordering::SeqCst);
        ring.state().writers.0.tail.store(8, Ordering::SeqCst);
        let writer = {
            let ring = ring.clone();
            thread::spawn(move || write(&ring, 1, 2))
        };
        let seen = std::cell::Cell::new(0);
        loop {
            ring.read(|unread| {
                seen.set(seen.get() + usize::from(unread.len() > 0));
                unread.len().min(16)
            });
            if seen.get() == 2 {
                break;
            }
            if ring.may_sleep() {
                ring.wake().wait();
            }
            ring.awake();
        }
        writer.join().expect("no panic");
    });
}

#[test]
fn each_question_gets_its_own_answer() {
    check(|| {
        let ring = ring();
        let worker = {
            let ring = ring.clone();
            thread::spawn(move || {
                for ticket in 1..=3u64 {
                    assert!(ring.write(1, &ticket.to_ne_bytes(), &ticket.to_ne_bytes()));
                    let mut answer = Vec::new();
                    assert_eq!(ring.slot().wait(ticket, &mut answer), Kind::Line);
                    assert_eq!(answer, [ticket as u8; 9]);
                }
            })
        };
        let answered = std::cell::Cell::new(0);
        let answer = |ticket: u64| {
            ring.slot().post(ticket, Kind::Line, &[ticket as u8; 9]);
            answered.set(answered.get() + 1);
        };
        read_until(&ring, answer, || answered.get() == 3);
        worker.join().expect("no panic");
    });
}
