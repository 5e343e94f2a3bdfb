//! Waits under every order of threads, with an interrupt at any moment: whoever waits is woken, and what an interrupted wait
//! leaves behind works.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{check, ends, interrupted_cell, open_tasks};
use shuttle::thread;
use threadbook_model::concurrent::futures::{ThreadPoolExecutor, as_completed};
use threadbook_model::multiprocessing::{Queue, pipe};
use threadbook_model::threading::{Barrier, Condition, Event, Lock, Semaphore};

/// Nothing else would: a model that waits for ever fails.
#[test]
fn an_interrupt_ends_a_wait_whenever_it_comes() {
    let stopped = |wait: fn()| check(move || assert_eq!(interrupted_cell(wait).join().unwrap(), None));
    stopped(|| Event::new().wait());
    stopped(|| {
        let (ours, _theirs) = pipe::<i32>().unwrap();
        ours.recv().unwrap();
    });
}

#[test]
fn a_lock_is_held_or_not() {
    check(|| {
        let lock = Lock::new();
        let work = |lock: Lock| {
            move || {
                lock.acquire();
                lock.release().unwrap();
            }
        };
        let (cell, other) = (interrupted_cell(work(lock.clone())), thread::spawn(work(lock.clone())));
        cell.join().unwrap();
        other.join().unwrap();
        assert!(lock.try_acquire());
    });
}

#[test]
fn a_semaphore_counts_what_is_free() {
    check(|| {
        let semaphore = Semaphore::new(1);
        let work = |semaphore: Semaphore| {
            move || {
                semaphore.acquire();
                semaphore.release();
            }
        };
        let cell = interrupted_cell(work(semaphore.clone()));
        let others = [(); 2].map(|()| thread::spawn(work(semaphore.clone())));
        cell.join().unwrap();
        others.into_iter().for_each(|other| other.join().unwrap());
        assert!(semaphore.try_acquire() && !semaphore.try_acquire());
    });
}

#[test]
fn an_event_wakes_all() {
    check(|| {
        let event = Event::new();
        let wait = |event: Event| move || event.wait();
        let (cell, other) = (interrupted_cell(wait(event.clone())), thread::spawn(wait(event.clone())));
        event.set();
        cell.join().unwrap();
        other.join().unwrap();
    });
}

/// One notification, for the one of two who waits: not for the one who was interrupted, or whose time was over.
fn notifications_are_not_lost(wait: fn(&Condition) -> bool) {
    check(move || {
        let (condition, waits) = (Condition::new(), Semaphore::new(0));
        let first = {
            let condition = condition.clone();
            interrupted_cell(move || {
                condition.acquire();
                let mut notified = false;
                let ended = ends(|| notified = wait(&condition));
                condition.release().expect("the lock is held after a wait, however it ended");
                ended && notified
            })
        };
        let second = {
            let (condition, waits) = (condition.clone(), waits.clone());
            thread::spawn(move || {
                condition.acquire();
                waits.release();
                condition.wait().unwrap();
                condition.release().unwrap();
            })
        };
        let notify = || {
            condition.acquire();
            condition.notify(1).unwrap();
            condition.release().unwrap();
        };
        waits.acquire();
        notify();
        if first.join().unwrap().unwrap_or(false) {
            notify();
        }
        second.join().unwrap();
    });
}

#[test]
fn a_condition_passes_on_what_an_interrupted_wait_was_told() {
    notifications_are_not_lost(|condition| condition.wait().is_ok());
}

#[test]
fn a_condition_passes_on_what_came_too_late() {
    notifications_are_not_lost(|condition| condition.wait_timeout(0).unwrap());
}

#[test]
fn a_barrier_counts_who_is_there() {
    check(|| {
        let barrier = Barrier::new(2);
        let wait = |barrier: Barrier| move || barrier.wait();
        let cell = interrupted_cell(wait(barrier.clone()));
        let (wait_as_other, is_through) = (wait(barrier.clone()), Arc::new(AtomicBool::new(false)));
        let goes_through = is_through.clone();
        let other = thread::spawn(move || {
            let place = wait_as_other();
            goes_through.store(true, Ordering::SeqCst);
            place
        });
        let released = cell.join().unwrap();
        // A cell that is interrupted when all have come lets the others go.
        while !is_through.load(Ordering::SeqCst) && barrier.n_waiting() == 0 {
            thread::yield_now();
        }
        let with_other = if barrier.n_waiting() == 1 { Some(barrier.wait()) } else { released };
        let other = other.join().unwrap();
        let places = [with_other.unwrap_or(Ok(1 - other.unwrap())), other];
        assert!(places == [Ok(0), Ok(1)] || places == [Ok(1), Ok(0)], "{places:?}");
        // And the next round is whole.
        let other = thread::spawn(wait(barrier.clone()));
        let places = [barrier.wait(), other.join().unwrap()];
        assert!(places == [Ok(0), Ok(1)] || places == [Ok(1), Ok(0)], "{places:?}");
        assert_eq!((barrier.n_waiting(), barrier.broken()), (0, false));
    });
}

#[test]
fn a_queue_loses_no_value() {
    check(|| {
        let queue = Queue::<i32>::new().unwrap();
        let get = |queue: Queue<i32>| move || queue.get().unwrap();
        let (cell, other) = (interrupted_cell(get(queue.clone())), thread::spawn(get(queue.clone())));
        queue.put(1).unwrap();
        queue.put(2).unwrap();
        let mut values = vec![other.join().unwrap()];
        values.extend(cell.join().unwrap());
        values.extend(std::iter::from_fn(|| queue.try_get().unwrap()));
        values.sort();
        assert_eq!(values, [1, 2]);
    });
}

#[test]
fn a_pipe_loses_no_value() {
    check(|| {
        let (ours, theirs) = pipe::<i32>().unwrap();
        let ours = Arc::new(ours);
        let receives = ours.clone();
        let cell = interrupted_cell(move || receives.recv().unwrap());
        theirs.send(1).unwrap();
        theirs.send(2).unwrap();
        let first = cell.join().unwrap().unwrap_or_else(|| ours.recv().unwrap());
        assert_eq!((first, ours.recv().unwrap()), (1, 2));
    });
}

#[test]
fn a_pool_does_all_that_an_interrupted_cell_has_submitted() {
    check(|| {
        let pool = Arc::new(ThreadPoolExecutor::new(2));
        let submits = pool.clone();
        let cell = interrupted_cell(move || {
            let futures = [submits.submit(|| 1).unwrap(), submits.submit(|| 2).unwrap()];
            let kept = futures.clone();
            let ended = ends(|| assert_eq!(as_completed(&futures).count(), 2));
            (ended, kept)
        });
        let (_, futures) = cell.join().unwrap().expect("what was interrupted was the wait");
        assert_eq!(futures.map(|future| future.result()), [Ok(1), Ok(2)]);
        pool.shutdown(true);
        assert_eq!(open_tasks(), 0);
    });
}

#[test]
fn a_task_that_comes_to_a_closed_pool_has_ended() {
    check(|| {
        let pool = Arc::new(ThreadPoolExecutor::new(1));
        let closes = pool.clone();
        let closer = thread::spawn(move || closes.shutdown(true));
        let submitted = pool.submit(|| 1);
        closer.join().unwrap();
        // A pool that is closed and was waited for has no worker any more, and nothing to do.
        assert!(submitted.is_err() || submitted.unwrap().done());
        assert_eq!(open_tasks(), 0);
    });
}
