//! The rules of `threading`, one by one.

use super::*;
use crate::host::{CONDITION, EVENT, LOCK, THREAD};
use crate::interrupt::testing::{interrupted, interrupted_by_signal};
use crate::link::record::{self, Told};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(20);

fn message<T: std::fmt::Debug>(outcome: Result<T, crate::RuntimeError>) -> String {
    outcome.unwrap_err().to_string()
}

#[test]
fn an_unnamed_thread_takes_its_number_when_it_is_made() {
    let number = |thread: &Thread| thread.name().strip_prefix("Thread-").unwrap().parse::<u32>().unwrap();
    let (first, named, second) = (Thread::new(|| {}), Thread::named("New Thread", || {}), Thread::new(|| {}));
    // Other tests take numbers, too.
    assert!(number(&second) > number(&first));
    assert_eq!((named.name(), named.get_name()), ("New Thread".to_owned(), "New Thread".to_owned()));
}

#[test]
fn a_thread_starts_once() {
    let thread = Thread::new(|| {});
    assert_eq!(message(thread.join()), "cannot join thread before it is started");
    assert!(!thread.is_alive() && thread.ident().is_none());
    thread.start().unwrap();
    assert_eq!(message(thread.start()), "threads can only be started once");
    thread.join().unwrap();
    thread.join().unwrap();
    assert_eq!(message(thread.start()), "threads can only be started once");
    assert!(!thread.is_alive() && thread.ident().is_some());
}

#[test]
fn a_started_thread_has_begun_and_is_known() {
    let (go, begun) = (Event::new(), Event::new());
    let thread = {
        let (go, begun) = (go.clone(), begun.clone());
        Thread::named("known", move || {
            begun.set();
            go.wait();
        })
    };
    thread.start().unwrap();
    assert!(thread.is_alive() && thread.ident().is_some());
    assert!(enumerate().iter().any(|other| other.is(&thread)) && active_count() >= 2);
    assert!(!thread.join_timeout(SHORT).unwrap());
    go.set();
    assert!(thread.join_timeout(60).unwrap());
    assert!(begun.is_set() && !enumerate().iter().any(|other| other.is(&thread)));
}

#[test]
fn a_thread_knows_itself() {
    let (tell, told) = mpsc::channel();
    let thread = Thread::named("self", move || {
        let own = current_thread().join().unwrap_err().to_string();
        tell.send((current_thread().name(), std::thread::current().name().map(str::to_owned), own)).unwrap();
    });
    thread.start().unwrap();
    let (name, std_name, own_join) = told.recv().unwrap();
    assert_eq!((name.as_str(), std_name.as_deref()), ("self", Some("self")));
    assert_eq!(own_join, "cannot join current thread");
    let dummy = std::thread::spawn(|| (current_thread().name(), current_thread().name())).join().unwrap();
    assert!(dummy.0.starts_with("Dummy-") && dummy.0 == dummy.1);
    let named = std::thread::Builder::new().name("of std".into()).spawn(|| current_thread().name());
    assert_eq!(named.unwrap().join().unwrap(), "of std");
}

#[test]
fn run_runs_in_the_calling_thread() {
    let (tell, told) = mpsc::channel();
    let thread = Thread::new(move || tell.send(current_thread().name()).unwrap());
    thread.run();
    thread.run();
    assert_eq!(told.iter().collect::<Vec<_>>(), [current_thread().name()]);
}

#[test]
fn a_subclass_keeps_its_state() {
    struct Counter(u32, mpsc::Sender<u32>);
    impl Run for Counter {
        fn run(&mut self) {
            self.0 += 1;
            self.1.send(self.0).unwrap();
        }
    }
    let (tell, told) = mpsc::channel();
    let thread = Thread::from_run(Counter(0, tell));
    thread.run();
    thread.start().unwrap();
    thread.join().unwrap();
    assert_eq!(told.iter().collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_panic_ends_its_own_thread_only() {
    let thread = Thread::new(|| panic!("expected"));
    thread.start().unwrap();
    thread.join().unwrap();
    assert!(!thread.is_alive());
}

#[test]
fn daemon_is_inherited() {
    assert!(!Thread::new(|| {}).is_daemon());
    let (tell, told) = mpsc::channel();
    let parent = Thread::new(move || tell.send(Thread::new(|| {}).is_daemon()).unwrap()).daemon(true);
    parent.start().unwrap();
    assert!(parent.is_daemon() && told.recv().unwrap());
}

#[test]
fn a_thread_is_declared_adopted_and_joined() {
    record::attach();
    let thread = Thread::named("lane of its own", || crate::println!("hello"));
    thread.start().unwrap();
    thread.join().unwrap();
    let [lane] = record::lanes("lane of its own")[..] else { panic!() };
    let declared = Told::Declare(THREAD, lane, "lane of its own".to_owned());
    assert_eq!(record::told(), [declared, Told::Adopt(lane), Told::Join(lane)]);
}

#[test]
fn a_lock_is_released_once() {
    let lock = Lock::new();
    assert_eq!(message(lock.release()), "release unlocked lock");
    lock.acquire();
    assert!(lock.locked() && !lock.try_acquire() && !lock.acquire_timeout(SHORT));
    let other = Thread::new({
        let lock = lock.clone();
        move || lock.release().unwrap()
    });
    other.start().unwrap();
    other.join().unwrap();
    assert!(lock.acquire_timeout(60));
    lock.release().unwrap();
    drop(lock.lock());
    assert!(!lock.locked());
}

#[test]
fn an_rlock_belongs_to_its_thread() {
    let lock = RLock::new();
    assert_eq!(message(lock.release()), "cannot release un-acquired lock");
    lock.acquire();
    assert!(lock.try_acquire());
    let foreign = {
        let lock = lock.clone();
        std::thread::spawn(move || (message(lock.release()), lock.try_acquire())).join().unwrap()
    };
    assert_eq!(foreign, ("cannot release un-acquired lock".to_owned(), false));
    lock.release().unwrap();
    assert!(lock.locked());
    lock.release().unwrap();
    assert!(!lock.locked());
    let _twice = (lock.lock(), lock.lock());
}

#[test]
fn a_lock_excludes() {
    let (lock, inside, wrong) = (Lock::new(), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let work = || {
        let (lock, inside, wrong) = (lock.clone(), inside.clone(), wrong.clone());
        move || {
            for _ in 0..2000 {
                let _guard = lock.lock();
                wrong.fetch_add(inside.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
                inside.fetch_sub(1, Ordering::SeqCst);
            }
        }
    };
    let threads: Vec<Thread> = (0..4).map(|_| Thread::new(work())).collect();
    threads.iter().for_each(|thread| thread.start().unwrap());
    threads.iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(wrong.load(Ordering::SeqCst), 0);
}

#[test]
fn a_condition_wants_its_lock() {
    let condition = Condition::new();
    assert_eq!(message(condition.wait()), "cannot wait on un-acquired lock");
    assert_eq!(message(condition.notify(1)), "cannot notify on un-acquired lock");
    assert_eq!(message(condition.release()), "cannot release un-acquired lock");
    let _guard = condition.lock();
    condition.acquire();
    assert!(!condition.wait_timeout(SHORT).unwrap());
    assert!(!condition.wait_for_timeout(|| false, SHORT).unwrap());
    // Held twice before, held twice after.
    condition.release().unwrap();
    condition.notify_all().unwrap();
}

#[test]
fn a_condition_wakes_as_many_as_it_is_told() {
    let (condition, woken) = (Condition::new(), Semaphore::new(0));
    let threads: Vec<Thread> = (0..3)
        .map(|_| {
            let (condition, woken) = (condition.clone(), woken.clone());
            Thread::new(move || {
                let _guard = condition.lock();
                woken.release();
                condition.wait().unwrap();
                woken.release();
            })
        })
        .collect();
    threads.iter().for_each(|thread| thread.start().unwrap());
    // Each has taken the lock, and gives it back only by waiting.
    (0..3).for_each(|_| woken.acquire());
    condition.acquire();
    condition.notify(2).unwrap();
    condition.release().unwrap();
    (0..2).for_each(|_| woken.acquire());
    assert!(!woken.acquire_timeout(SHORT));
    condition.acquire();
    condition.notify_all().unwrap();
    condition.release().unwrap();
    threads.iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn wait_for_asks_again() {
    let (condition, ready) = (Condition::with_lock(&RLock::new()), Event::new());
    let thread = {
        let (condition, ready) = (condition.clone(), ready.clone());
        Thread::new(move || {
            let guard = condition.lock();
            condition.notify_all().unwrap();
            drop(guard);
            let _guard = condition.lock();
            ready.set();
            condition.notify_all().unwrap();
        })
    };
    let _guard = condition.lock();
    thread.start().unwrap();
    condition.wait_for(|| ready.is_set()).unwrap();
    assert!(condition.wait_for_timeout(|| true, 0).unwrap());
}

#[test]
fn an_event_stays_set() {
    let event = Event::new();
    assert!(!event.is_set() && !event.wait_timeout(SHORT));
    event.set();
    event.wait();
    assert!(event.wait_timeout(0));
    event.clear();
    assert!(!event.is_set());
}

#[test]
fn a_semaphore_counts() {
    let semaphore = Semaphore::new(1);
    {
        let _guard = semaphore.lock();
        assert!(!semaphore.try_acquire() && !semaphore.acquire_timeout(SHORT));
    }
    semaphore.release_many(2);
    assert!((0..3).all(|_| semaphore.try_acquire()) && !semaphore.try_acquire());
}

#[test]
fn a_bounded_semaphore_has_its_bound() {
    let semaphore = BoundedSemaphore::new(1);
    assert_eq!(message(semaphore.release()), "Semaphore released too many times");
    semaphore.acquire();
    semaphore.release().unwrap();
    drop(semaphore.lock());
    assert!(semaphore.try_acquire() && !semaphore.acquire_timeout(SHORT));
}

/// Has `parties` threads wait at a barrier for some rounds; the answers of each round, sorted.
fn rounds(barrier: &Barrier, rounds: usize) -> Vec<Vec<Result<usize, BrokenBarrierError>>> {
    let (tell, told) = mpsc::channel();
    let threads: Vec<Thread> = (0..barrier.parties())
        .map(|_| {
            let (barrier, tell) = (barrier.clone(), tell.clone());
            Thread::new(move || (0..rounds).for_each(|round| tell.send((round, barrier.wait())).unwrap()))
        })
        .collect();
    drop(tell);
    threads.iter().for_each(|thread| thread.start().unwrap());
    let mut answers = vec![Vec::new(); rounds];
    told.iter().for_each(|(round, answer)| answers[round].push(answer));
    answers.iter_mut().for_each(|round| round.sort_by_key(|answer| answer.ok()));
    answers
}

#[test]
fn a_barrier_lets_each_round_go_with_one_action() {
    let acted = Arc::new(AtomicUsize::new(0));
    let counter = acted.clone();
    let barrier = Barrier::with_action(3, move || {
        counter.fetch_add(1, Ordering::SeqCst);
    });
    let expected = vec![vec![Ok(0), Ok(1), Ok(2)]; 50];
    assert_eq!(rounds(&barrier, 50), expected);
    assert_eq!((acted.load(Ordering::SeqCst), barrier.n_waiting(), barrier.broken()), (50, 0, false));
}

#[test]
fn a_barrier_breaks_by_time_abort_and_panic_and_is_mended_by_reset() {
    let barrier = Barrier::new(2);
    assert_eq!(barrier.wait_timeout(SHORT), Err(BrokenBarrierError));
    assert!(barrier.broken());
    assert_eq!(barrier.wait(), Err(BrokenBarrierError));
    barrier.reset();
    assert_eq!(rounds(&barrier, 2).concat().iter().filter(|answer| answer.is_ok()).count(), 4);
    barrier.abort();
    assert_eq!(rounds(&barrier, 1), [[Err(BrokenBarrierError); 2]]);
    assert_eq!(Barrier::with_timeout(2, SHORT).wait(), Err(BrokenBarrierError));

    let panicking = Barrier::with_action(1, || panic!("expected"));
    let waiting = panicking.clone();
    assert!(std::thread::spawn(move || waiting.wait()).join().is_err());
    assert!(panicking.broken());
}

#[test]
fn reset_sends_those_who_wait_away() {
    let barrier = Barrier::new(2);
    let thread = {
        let barrier = barrier.clone();
        std::thread::spawn(move || barrier.wait())
    };
    while barrier.n_waiting() == 0 {
        std::thread::yield_now();
    }
    barrier.reset();
    assert_eq!(thread.join().unwrap(), Err(BrokenBarrierError));
    assert!(!barrier.broken());
}

#[test]
fn a_timer_runs_unless_it_is_cancelled() {
    let rung = Event::new();
    let ring = rung.clone();
    let timer = Timer::new(SHORT, move || ring.set());
    timer.start().unwrap();
    timer.join().unwrap();
    assert!(rung.is_set());

    let never = Event::new();
    let ring = never.clone();
    let timer = Timer::new(3600, move || ring.set());
    timer.start().unwrap();
    timer.cancel();
    timer.join().unwrap();
    assert!(!never.is_set());
}

#[test]
fn handles_may_be_shared_between_threads() {
    fn shared<T: Clone + Send + Sync + std::fmt::Debug>() {}
    shared::<Thread>();
    shared::<Lock>();
    shared::<RLock>();
    shared::<Condition>();
    shared::<Event>();
    shared::<Semaphore>();
    shared::<BoundedSemaphore>();
    shared::<Barrier>();
    shared::<Timer>();
}

#[test]
fn a_wait_is_told_where_it_is_one() {
    record::attach();
    let lock = Lock::new();
    lock.acquire();
    assert!(!lock.try_acquire());
    assert!(!lock.acquire_timeout(0.0));
    assert_eq!(record::told(), [], "what is free, or only tried, tells nothing");
    assert!(!lock.acquire_timeout(0.01));
    assert!(!Event::new().wait_timeout(0.01));
    let condition = Condition::new();
    let _held = condition.lock();
    assert_eq!(condition.wait_timeout(0.01), Ok(false));
    let waits = [LOCK, EVENT, CONDITION].map(|what| [Told::Waits(what), Told::Woke]);
    assert_eq!(record::told(), waits.concat());
}

#[test]
fn an_interrupted_wait_leaves_its_condition_with_the_lock_held() {
    let condition = Condition::new();
    condition.acquire();
    condition.acquire();
    interrupted(|| condition.wait());
    condition.release().unwrap();
    condition.release().unwrap();
    assert_eq!(message(condition.release()), "cannot release un-acquired lock");

    let waits = Event::new();
    let thread = {
        let (condition, waits) = (condition.clone(), waits.clone());
        std::thread::spawn(move || {
            let _held = condition.lock();
            waits.set();
            condition.wait_timeout(60).unwrap()
        })
    };
    waits.wait();
    let held = condition.lock();
    condition.notify(1).unwrap();
    drop(held);
    assert!(thread.join().unwrap(), "the one notification is for the one who waits");
}

#[test]
fn an_interrupted_wait_leaves_its_barrier() {
    let barrier = Barrier::new(3);
    let waits = || {
        let barrier = barrier.clone();
        std::thread::spawn(move || barrier.wait_timeout(60))
    };
    interrupted(|| barrier.wait());
    assert_eq!((barrier.n_waiting(), barrier.broken()), (0, false));
    let first = waits();
    while barrier.n_waiting() == 0 {
        std::thread::yield_now();
    }
    interrupted(|| barrier.wait());
    let others = [waits(), waits()];
    let mut places: Vec<_> = others.into_iter().chain([first]).map(|thread| thread.join().unwrap()).collect();
    places.sort_by_key(|place| place.ok());
    assert_eq!(places, [Ok(0), Ok(1), Ok(2)]);
    assert_eq!(rounds(&barrier, 2), vec![vec![Ok(0), Ok(1), Ok(2)]; 2]);
}

#[test]
fn an_interrupt_ends_every_wait_whenever_it_comes() {
    let (lock, semaphore, event) = (Lock::new(), Semaphore::new(0), Event::new());
    lock.acquire();
    for _ in 0..50 {
        interrupted_by_signal(|| lock.acquire());
        interrupted_by_signal(|| semaphore.acquire());
        interrupted_by_signal(|| event.wait_timeout(3600));
        interrupted_by_signal(|| crate::time::sleep(3600));
    }
    assert!(lock.locked() && !semaphore.try_acquire());
}
