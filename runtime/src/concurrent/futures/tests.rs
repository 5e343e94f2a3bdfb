//! The rules of both executors and of futures, one by one.

use super::*;
use crate::host::{PROCESS, TASK};
use crate::interrupt::testing::interrupted;
use crate::link::record::{self, Told};
use crate::threading::{Event, Semaphore, current_thread};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(20);

fn double(n: u64) -> u64 {
    n * 2
}

/// A future whose task waits for the event.
fn held(pool: &ThreadPoolExecutor) -> (Future<u32>, Event) {
    let go = Event::new();
    let wait = go.clone();
    let task = move || {
        wait.wait();
        1
    };
    (pool.submit(task).unwrap(), go)
}

#[test]
fn a_future_goes_from_pending_to_done() {
    let pool = ThreadPoolExecutor::new(1);
    let (first, go) = held(&pool);
    let second = pool.submit(|| 2).unwrap();
    while !first.running() {
        std::thread::yield_now();
    }
    assert!(!first.done() && !first.cancel() && !second.running() && !second.done());
    assert_eq!(first.result_timeout(SHORT), Err(FutureError::TimedOut));
    assert_eq!(first.exception_timeout(SHORT), Some(FutureError::TimedOut));
    go.set();
    assert_eq!((first.result(), second.result(), second.result()), (Ok(1), Ok(2), Ok(2)));
    assert!(first.done() && !first.running() && !first.cancelled() && first.exception().is_none());
    assert_eq!(format!("{first:?}"), "<Future state=finished>");
}

#[test]
fn a_result_is_taken_once() {
    struct NoCopy;
    let pool = ThreadPoolExecutor::new(1);
    let future = pool.submit(|| NoCopy).unwrap();
    assert!(future.take().is_ok());
    assert_eq!(future.take().err(), Some(FutureError::Taken));
}

#[test]
fn a_panic_is_carried_by_the_future() {
    let pool = ThreadPoolExecutor::new(1);
    let future = pool.submit(|| -> u32 { panic!("expected {}", 1) }).unwrap();
    let error = future.result().unwrap_err();
    assert_eq!(error, FutureError::Panicked("expected 1".to_owned()));
    assert_eq!(error.to_string(), "the task panicked: expected 1");
    assert_eq!(future.exception(), Some(error));
    assert_eq!(pool.submit(|| 1).unwrap().result(), Ok(1));
}

#[test]
fn a_pending_task_can_be_cancelled() {
    let pool = ThreadPoolExecutor::new(1);
    let (_first, go) = held(&pool);
    let second = pool.submit(|| 2).unwrap();
    let called = Arc::new(AtomicUsize::new(0));
    let count = called.clone();
    second.add_done_callback(move |future| {
        count.fetch_add(usize::from(future.cancelled()), Ordering::SeqCst);
    });
    assert!(second.cancel() && second.cancel() && second.cancelled() && second.done());
    assert_eq!(second.result(), Err(FutureError::Cancelled));
    assert_eq!(called.load(Ordering::SeqCst), 1);
    go.set();
}

#[test]
fn callbacks_run_in_order_and_a_panic_in_one_harms_nobody() {
    let pool = ThreadPoolExecutor::named("callbacks", 1);
    let (future, go) = held(&pool);
    let (tell, told) = mpsc::channel();
    for number in 0..3 {
        let tell = tell.clone();
        future.add_done_callback(move |future| {
            tell.send((number, current_thread().name(), future.result())).unwrap();
            assert_ne!(number, 1, "expected");
        });
    }
    go.set();
    pool.shutdown(true);
    future.add_done_callback(move |_| tell.send((3, current_thread().name(), Ok(0))).unwrap());
    let worker = || "callbacks_0".to_owned();
    let here = current_thread().name();
    let expected = [(0, worker(), Ok(1)), (1, worker(), Ok(1)), (2, worker(), Ok(1)), (3, here, Ok(0))];
    assert_eq!(told.iter().collect::<Vec<_>>(), expected);
}

#[test]
fn a_worker_starts_only_when_none_is_idle() {
    let pool = ThreadPoolExecutor::new(4);
    let name = || current_thread().name();
    let first = pool.submit(name).unwrap().result().unwrap();
    assert!(first.starts_with("ThreadPoolExecutor-") && first.ends_with("_0"), "{first}");
    let (busy, go) = held(&pool);
    let names: BTreeSet<String> = (0..8).map(|_| pool.submit(name).unwrap().result().unwrap()).collect();
    go.set();
    busy.result().unwrap();
    // The first may not have been idle again when the second task came: never more than one more than busy ones.
    assert!(names.len() <= 3, "{names:?}");
}

#[test]
fn a_pool_has_no_more_workers_than_it_may() {
    let pool = ThreadPoolExecutor::named("two", 2);
    let (begun, go) = (Semaphore::new(0), Event::new());
    let futures: Vec<_> = (0..4)
        .map(|_| {
            let (begun, go) = (begun.clone(), go.clone());
            let task = move || {
                begun.release();
                go.wait();
                current_thread().name()
            };
            pool.submit(task).unwrap()
        })
        .collect();
    (0..2).for_each(|_| begun.acquire());
    assert!(!begun.acquire_timeout(SHORT));
    go.set();
    let names: BTreeSet<String> = futures.iter().map(|future| future.result().unwrap()).collect();
    assert_eq!(names, BTreeSet::from(["two_0".to_owned(), "two_1".to_owned()]));
}

#[test]
fn nothing_is_taken_after_shutdown() {
    let pool = ThreadPoolExecutor::new(1);
    let (running, go) = held(&pool);
    let pending = pool.submit(|| 1).unwrap();
    while !running.running() {
        std::thread::yield_now();
    }
    pool.shutdown_now(false);
    assert!(pending.cancelled());
    let refused = pool.submit(|| 1).unwrap_err();
    assert_eq!(refused.to_string(), "cannot schedule new futures after shutdown");
    go.set();
    pool.shutdown(true);
    assert_eq!(running.result(), Ok(1));
}

#[test]
fn with_waits_for_all() {
    let ended = Arc::new(AtomicUsize::new(0));
    let futures = ThreadPoolExecutor::default().with(|pool| {
        let submit = |_| {
            let ended = ended.clone();
            pool.submit(move || ended.fetch_add(1, Ordering::SeqCst)).unwrap()
        };
        (0..20).map(submit).collect::<Vec<_>>()
    });
    assert_eq!(ended.load(Ordering::SeqCst), 20);
    assert!(futures.iter().all(Future::done));
}

#[test]
fn a_failed_initializer_breaks_the_pool() {
    let ran = Arc::new(AtomicUsize::new(0));
    let count = ran.clone();
    let pool = ThreadPoolExecutor::new(1).initializer(move || {
        count.fetch_add(1, Ordering::SeqCst);
    });
    assert_eq!((pool.submit(|| 1).unwrap().result(), pool.submit(|| 2).unwrap().result()), (Ok(1), Ok(2)));
    assert_eq!(ran.load(Ordering::SeqCst), 1);

    let pool = ThreadPoolExecutor::new(1).initializer(|| panic!("expected"));
    assert_eq!(pool.submit(|| 1).unwrap().result(), Err(FutureError::BrokenThreadPool));
    let refused = pool.submit(|| 1).unwrap_err();
    assert_eq!(refused.to_string(), "A thread initializer failed, the thread pool is not usable anymore");
}

#[test]
fn map_gives_results_in_order_and_ends_with_the_first_error() {
    let pool = ThreadPoolExecutor::new(3);
    let all: Result<Vec<u64>, _> = pool.map(double, [5, 10, 15]).unwrap().collect();
    assert_eq!(all, Ok(vec![10, 20, 30]));
    let fail = |n: u64| if n == 2 { panic!("expected") } else { n };
    let some: Vec<_> = pool.map(fail, 1..9).unwrap().collect();
    assert_eq!(some, [Ok(1), Err(FutureError::Panicked("expected".to_owned()))]);
}

#[test]
fn map_has_its_time_counted_from_the_call() {
    let pool = ThreadPoolExecutor::new(2);
    let go = Event::new();
    let wait = go.clone();
    let slow = move |n: u32| {
        if n > 0 {
            wait.wait();
        }
        n
    };
    let results: Vec<_> = pool.map(slow, 0..4).unwrap().timeout(SHORT).collect();
    go.set();
    assert_eq!(results, [Ok(0), Err(FutureError::TimedOut)]);
}

#[test]
fn a_map_that_nobody_looks_at_runs() {
    let ran = Arc::new(AtomicUsize::new(0));
    let count = ran.clone();
    let pool = ThreadPoolExecutor::new(1);
    drop(pool.map(move |n: usize| count.fetch_add(n, Ordering::SeqCst), 0..5).unwrap());
    pool.shutdown(true);
    assert_eq!(ran.load(Ordering::SeqCst), 10);
}

#[test]
fn wait_comes_back_when_it_is_told_to() {
    let pool = ThreadPoolExecutor::new(2);
    let (slow, go) = held(&pool);
    let quick = pool.submit(|| 2).unwrap();
    let both = [slow.clone(), quick.clone()];
    let count = |waited: Waited<u32>| (waited.done.len(), waited.not_done.len());
    assert_eq!(count(wait(&both, None, ReturnWhen::FirstCompleted)), (1, 1));
    assert_eq!(count(wait(&both, Some(SHORT), ReturnWhen::AllCompleted)), (1, 1));
    assert_eq!(count(wait(&both, Some(SHORT), ReturnWhen::FirstException)), (1, 1));
    let failing = pool.submit(|| -> u32 { panic!("expected") }).unwrap();
    let three = [slow, quick, failing];
    assert_eq!(count(wait(&three, None, ReturnWhen::FirstException)), (2, 1));
    go.set();
    assert_eq!(count(wait(&three, None, ReturnWhen::AllCompleted)), (3, 0));
    assert_eq!(count(wait(&[], None, ReturnWhen::FirstCompleted)), (0, 0));
}

#[test]
fn as_completed_gives_futures_as_they_are_done() {
    let pool = ThreadPoolExecutor::new(2);
    let (slow, go) = held(&pool);
    let quick = pool.submit(|| 2).unwrap();
    let both = [slow, quick];
    let timed: Vec<_> =
        as_completed_timeout(&both, SHORT).map(|future| future.and_then(|future| future.result())).collect();
    assert_eq!(timed, [Ok(2), Err(FutureError::TimedOut)]);
    let mut all = as_completed(&both).map(|future| future.result().unwrap());
    assert_eq!(all.next(), Some(2));
    go.set();
    assert_eq!((all.next(), all.next()), (Some(1), None));
}

#[test]
fn a_task_is_a_lane_with_its_callbacks_and_joined_by_whoever_learns_of_its_end() {
    record::attach();
    let pool = ThreadPoolExecutor::new(1);
    let worker = pool.submit(|| std::thread::current().id()).unwrap().take().unwrap();
    let results = pool.map(double, [1]).unwrap();
    let (future, go) = held(&pool);
    future.add_done_callback(|future| crate::println!("{}", future.result().unwrap()));
    go.set();
    pool.shutdown(true);
    assert_eq!((results.count(), future.result()), (1, Ok(1)));

    let ([mapped], [first, held]) = (&record::lanes("double")[..], &record::lanes("task")[..]) else { panic!() };
    let told = record::told();
    assert!(told.contains(&Told::Declare(TASK, *mapped, "double".to_owned())));
    for lane in [first, mapped, held] {
        assert_eq!(told.iter().filter(|told| **told == Told::Join(*lane)).count(), 1, "{told:?}");
    }
    let text = Told::Text(crate::host::STDOUT, "1\n".to_owned());
    let steps = |lane: &u64| [Told::Enter(*lane), Told::Leave(7)];
    let expected = [&steps(first)[..], &steps(mapped), &[Told::Enter(*held), text, Told::Leave(7)]].concat();
    // Whether the worker came before its event was set, and had to wait for it, is the scheduler's.
    let mut told = record::told_by(worker);
    told.retain(|told| !matches!(told, Told::Waits(_) | Told::Woke));
    assert_eq!(told, expected);
}

#[test]
fn a_process_task_runs_in_a_child_and_sends_its_result() {
    record::attach();
    let pool = ProcessPoolExecutor::new(2);
    let secret = vec![1, 2, 3];
    let task = move || (std::process::id(), secret, current_thread().name());
    let (pid, list, name) = pool.submit(task).unwrap().result().unwrap();
    assert_ne!(pid, std::process::id());
    assert_eq!((list, name.as_str()), (vec![1, 2, 3], "MainThread"));
    let [lane] = record::lanes("task")[..] else { panic!() };
    assert!(record::told().contains(&Told::Declare(PROCESS, lane, "task".to_owned())));
    assert!(record::told().contains(&Told::Join(lane)));
    // More than a socket holds at once.
    assert_eq!(pool.submit(|| vec![7u8; 3 << 20]).unwrap().take().unwrap().len(), 3 << 20);
}

#[test]
fn a_process_pool_maps_in_order_by_chunks() {
    let pool = ProcessPoolExecutor::new(2);
    let all: Vec<_> = pool.map_chunks(double, 0..10, 4).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(all, (0..10).map(double).collect::<Vec<_>>());
    let pids = pool.map_chunks(|_: u8| std::process::id(), 0..6, 3).unwrap().collect::<Result<BTreeSet<_>, _>>();
    assert_eq!(pids.unwrap().len(), 2);
    let slow = pool.map(|_: u8| std::thread::sleep(Duration::from_millis(300)), [0]).unwrap();
    assert_eq!(slow.timeout(SHORT).next(), Some(Err(FutureError::TimedOut)));
}

#[test]
fn a_child_that_dies_fails_its_own_future() {
    let pool = ProcessPoolExecutor::new(1);
    let killed = pool.submit(|| crate::sys::kill(std::process::id() as i32, 9).is_ok()).unwrap();
    let left = pool.submit(|| -> u32 { crate::fork::leave(3) }).unwrap();
    let panicked = pool.submit(|| -> u32 { panic!("expected") }).unwrap();
    let how = |text: &str| FutureError::BrokenProcessPool(text.to_owned());
    assert_eq!(killed.result(), Err(how("killed by SIGKILL (9)")));
    assert_eq!(left.result(), Err(how("exit code 3")));
    assert_eq!(panicked.result(), Err(FutureError::Panicked("expected".to_owned())));
    assert_eq!(pool.submit(|| 1).unwrap().result(), Ok(1));
}

#[test]
#[should_panic = "max_workers must be greater than 0"]
fn a_pool_has_a_worker() {
    ThreadPoolExecutor::new(0);
}

#[test]
fn a_task_is_named_after_its_function() {
    assert_eq!(pool::task_name::<fn(u64)>(), "task");
    assert_eq!(thread::name_of(&double), "double");
    assert_eq!(thread::name_of(&std::mem::drop::<Vec<u8>>), "drop");
    assert_eq!(thread::name_of(&|| 1), "task");
}

#[test]
fn an_interrupted_cell_does_not_wait_for_its_pools() {
    let (go, begun, ended) = (Event::new(), Event::new(), Event::new());
    let (waits, begins, ends) = (go.clone(), begun.clone(), ended.clone());
    let mut second = None;
    interrupted(|| {
        let pool = ThreadPoolExecutor::new(1);
        let first = pool.submit(move || {
            begins.set();
            waits.wait();
            ends.set();
        });
        second = pool.submit(|| 2).ok();
        while !begun.is_set() {
            std::thread::yield_now();
        }
        first.unwrap().result().unwrap();
    });
    let second = second.unwrap();
    assert!(second.cancelled(), "what has not begun does not begin any more");
    assert!(!ended.is_set());
    go.set();
    assert!(ended.wait_timeout(60));
}
