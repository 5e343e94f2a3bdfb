//! The rules of processes, of what connects them, and of what travels, one by one.

use super::*;
use crate::host::PROCESS;
use crate::interrupt::testing::interrupted_by_signal;
use crate::link::record::{self, Told};
use crate::sync::Mutex;
use crate::threading::{Event, Lock, Thread, active_count, current_thread, enumerate};
use crate::wait::lock;
use crate::{os, sys};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{ErrorKind, Write};
use std::time::{Duration, SystemTime};

const SHORT: Duration = Duration::from_millis(20);

/// Keeps the test that starts threads without end apart from the one whose child starts a thread: in a program with
/// std's own `main` (these tests, not a worker's cells) std takes a lock of its own for each thread that begins or
/// ends, and a child may be forked while it is held.
static THREADS: Mutex<()> = Mutex::new(());

/// Runs `target` in a process; what it sent, and its exit code.
fn ask<T: Transfer + 'static>(target: impl FnOnce() -> T + Send + 'static) -> (Option<T>, Option<i32>) {
    let (ours, theirs) = pipe::<T>().unwrap();
    let process = Process::new(move || theirs.send(target()).unwrap());
    process.start().unwrap();
    let answer = ours.recv().ok();
    process.join().unwrap();
    (answer, process.exitcode())
}

fn message<T: std::fmt::Debug>(outcome: Result<T, crate::RuntimeError>) -> String {
    outcome.unwrap_err().to_string()
}

#[test]
fn a_process_runs_in_a_child() {
    let (answer, code) = ask(|| (os::getpid(), os::getppid(), current_thread().name(), active_count()));
    let (pid, parent, thread, threads) = answer.unwrap();
    assert_ne!(pid, os::getpid());
    assert_eq!((parent, thread.as_str(), threads, code), (os::getpid(), "MainThread", 1, Some(0)));
}

#[test]
fn a_process_starts_once_and_belongs_to_its_maker() {
    let process = Process::new(|| {});
    assert_eq!(message(process.join()), "can only join a started process");
    assert!(!process.is_alive() && process.pid().is_none() && process.exitcode().is_none());
    assert!(process.terminate().is_err());
    process.start().unwrap();
    assert_eq!(message(process.start()), "cannot start a process twice");
    process.join().unwrap();
    process.join().unwrap();
    assert!(!process.is_alive() && process.exitcode() == Some(0));
    let foreign = process.clone();
    let (answer, _) = ask(move || (message(foreign.join()), foreign.is_alive()));
    assert_eq!(answer, Some(("can only join a child process".to_owned(), false)));
}

#[test]
fn exit_codes_are_those_of_cpython() {
    let code = |target: fn()| {
        let process = Process::new(target);
        process.start().unwrap();
        process.join().unwrap();
        process.exitcode()
    };
    assert_eq!(code(|| panic!("expected")), Some(1));
    assert_eq!(code(|| crate::fork::leave(3)), Some(3));
    assert_eq!(code(|| sys::kill(std::process::id() as i32, 9).unwrap()), Some(-9));
}

#[test]
fn a_process_can_be_ended() {
    for (end, code) in [(Process::terminate as fn(&Process) -> _, -15), (Process::kill, -9)] {
        let process = Process::new(|| std::thread::sleep(Duration::from_secs(3600)));
        process.start().unwrap();
        assert!(process.is_alive() && !process.join_timeout(SHORT).unwrap());
        assert!(active_children().iter().any(|child| child.pid() == process.pid()));
        end(&process).unwrap();
        assert!(process.join_timeout(60).unwrap());
        assert_eq!(process.exitcode(), Some(code));
    }
}

#[test]
fn processes_are_named_after_their_class_and_ancestors() {
    struct MyProcess(Connection<String>);
    impl Run for MyProcess {
        fn run(&mut self) {
            let child = Process::new(|| {});
            self.0.send(format!("{} {}", current_process().name(), child.name())).unwrap();
        }
    }
    let (ours, theirs) = pipe().unwrap();
    let process = Process::from_run(MyProcess(theirs));
    process.start().unwrap();
    let name = process.name();
    let number = name.strip_prefix("MyProcess-").unwrap();
    assert_eq!(ours.recv().unwrap(), format!("{name} Process-{number}:1"));
    assert_eq!(Process::named("own", || {}).name(), "own");
    assert_eq!(current_process().name(), "MainProcess");
    process.join().unwrap();
}

#[test]
fn a_child_waits_for_its_own_threads_and_children_but_not_for_daemons() {
    let _apart = lock(&THREADS);
    let (ours, theirs) = pipe::<u32>().unwrap();
    let process = Process::new(move || {
        Thread::new(|| std::thread::sleep(Duration::from_secs(3600))).daemon(true).start().unwrap();
        Process::new(|| std::thread::sleep(Duration::from_secs(3600))).daemon(true).start().unwrap();
        let late = Thread::new(move || {
            std::thread::sleep(SHORT);
            theirs.send(1).unwrap();
        });
        late.start().unwrap();
    });
    process.start().unwrap();
    process.join().unwrap();
    assert_eq!((ours.recv().ok(), process.exitcode()), (Some(1), Some(0)));
}

#[test]
fn a_process_is_declared_adopted_and_joined() {
    record::attach();
    let process = Process::named("a lane", || {});
    process.start().unwrap();
    process.join().unwrap();
    let [lane] = record::lanes("a lane")[..] else { panic!() };
    let declared = Told::Declare(PROCESS, lane, "a lane".to_owned());
    assert_eq!(record::told(), [declared, Told::Adopt(lane), Told::Join(lane)]);
}

#[test]
fn a_fork_leaves_all_other_threads_behind() {
    let (go, busy) = (Event::new(), Lock::new());
    let other = {
        let (go, busy) = (go.clone(), busy.clone());
        Thread::new(move || {
            let _guard = busy.lock();
            go.wait();
        })
    };
    other.start().unwrap();
    let lost = other.clone();
    let (answer, _) = ask(move || {
        // The thread does not exist here: it is over, and nobody waits for it.
        lost.join().unwrap();
        crate::println!("a print needs no lock of a lost thread");
        (lost.is_alive(), enumerate().len())
    });
    assert_eq!(answer, Some((false, 1)));
    assert!(other.is_alive());
    go.set();
    other.join().unwrap();
}

#[test]
fn forks_under_load_do_not_hang() {
    let _apart = lock(&THREADS);
    let stop = Event::new();
    let noise: Vec<Thread> = (0..2)
        .map(|_| {
            let stop = stop.clone();
            Thread::new(move || {
                while !stop.is_set() {
                    let thread = Thread::new(|| writeln!(std::io::stdout()).unwrap());
                    thread.start().unwrap();
                    thread.join().unwrap();
                }
            })
        })
        .collect();
    noise.iter().for_each(|thread| thread.start().unwrap());
    for number in 0..50u32 {
        let child = move || {
            let lock = Lock::new();
            lock.acquire();
            lock.release().unwrap();
            assert_eq!((current_thread().name().as_str(), enumerate().len()), ("MainThread", 1));
            crate::println!("{number}");
            // Not `println!`: the test harness takes that into a buffer behind a lock of its own.
            writeln!(std::io::stdout()).unwrap();
            number
        };
        assert_eq!(ask(child), (Some(number), Some(0)));
    }
    stop.set();
    noise.iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn os_fork_makes_two_of_one() {
    record::attach();
    let (ours, theirs) = pipe::<(u32, u32, bool)>().unwrap();
    match os::fork().unwrap() {
        0 => {
            theirs.send((os::getpid(), os::getppid(), os::is_forked_child())).unwrap();
            crate::fork::leave(0)
        }
        child => {
            assert_eq!(ours.recv().unwrap(), (child as u32, os::getpid(), true));
            assert!(!os::is_forked_child());
            assert_eq!(sys::wait(child).unwrap(), Some(sys::Exit::Code(0)));
            assert!(sys::try_wait(child).is_err());
        }
    }
}

#[test]
fn a_pipe_has_two_ends_that_close() {
    let (one, other) = pipe::<String>().unwrap();
    one.send("there".to_owned()).unwrap();
    other.send("back".to_owned()).unwrap();
    assert!(one.poll(0).unwrap());
    assert_eq!((one.recv().unwrap(), other.recv().unwrap()), ("back".to_owned(), "there".to_owned()));
    assert!(!one.poll(SHORT).unwrap());
    one.send("last".to_owned()).unwrap();
    one.close();
    assert_eq!(other.recv().unwrap(), "last");
    assert_eq!(other.recv().unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(other.send(String::new()).unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_queue_is_shared_by_all_processes() {
    let queue = Queue::new().unwrap();
    let children: Vec<Process> = (0..3u64)
        .map(|child| {
            let queue = queue.clone();
            Process::new(move || (0..200).for_each(|n| queue.put(child * 1000 + n).unwrap()))
        })
        .collect();
    children.iter().for_each(|child| child.start().unwrap());
    let mut got: Vec<u64> = (0..600).map(|_| queue.get().unwrap()).collect();
    children.iter().for_each(|child| child.join().unwrap());
    for child in 0..3 {
        let of_child: Vec<u64> = got.iter().copied().filter(|n| n / 1000 == child).collect();
        assert!(of_child.is_sorted(), "values of one process keep their order");
    }
    got.sort();
    got.dedup();
    assert_eq!((got.len(), queue.empty().unwrap()), (600, true));
    assert_eq!((queue.try_get().unwrap(), queue.get_timeout(SHORT).unwrap()), (None, None));
}

#[test]
fn a_put_never_waits_for_a_reader() {
    let queue = Queue::new().unwrap();
    (0..40u8).for_each(|n| queue.put(vec![n; 100_000]).unwrap());
    assert_eq!(queue.qsize().unwrap(), 40);
    (0..40u8).for_each(|n| assert_eq!(queue.get().unwrap(), vec![n; 100_000]));
}

fn travels<T: Transfer + PartialEq + std::fmt::Debug>(value: T) {
    let mut bytes = Vec::new();
    value.write(&mut bytes);
    let input = &mut &bytes[..];
    assert_eq!(T::read(input), Ok(value));
    assert!(input.is_empty());
    if let Some((_, short)) = bytes.split_last() {
        assert_eq!(T::read(&mut &short[..]), Err(TransferError));
    }
}

#[derive(Debug, PartialEq)]
struct Point {
    x: f64,
    names: Vec<String>,
}
transfer!(Point { x, names });

#[test]
fn values_travel() {
    use std::{borrow::Cow, collections::VecDeque, net::IpAddr, num, path::PathBuf, rc::Rc, sync::Arc};
    travels((u8::MAX, i64::MIN, u128::MAX, -0.5f32, true, 'ß', (), usize::MAX));
    travels(("text".to_owned(), vec![1u16, 2], [3i8; 4], Some(None::<u8>), Box::new(5u32)));
    travels((Ok::<u8, String>(1), Err::<u8, String>("no".to_owned()), Rc::new(1u8), Arc::new('a')));
    travels((VecDeque::from([1u8]), HashSet::from([1u64]), HashMap::from([(1u8, 'a')])));
    travels(BTreeMap::from([("a".to_owned(), (1..4, 2..=5))]));
    travels((Duration::from_nanos(1_000_000_001), SystemTime::now(), SystemTime::UNIX_EPOCH - SHORT));
    travels((PathBuf::from("/tmp"), std::ffi::OsString::from("os"), Cow::Borrowed("cow")));
    travels((std::cmp::Ordering::Less, num::Wrapping(7u8), num::NonZeroI32::new(-1).unwrap()));
    travels(("127.0.0.1".parse::<IpAddr>().unwrap(), "::1".parse::<IpAddr>().unwrap()));
    travels((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
    travels(Point { x: 1.5, names: vec!["a".to_owned()] });
}

#[test]
fn bytes_that_are_no_value_are_refused() {
    assert_eq!(bool::read(&mut &[2][..]), Err(TransferError));
    assert_eq!(char::read(&mut &0xd800u32.to_ne_bytes()[..]), Err(TransferError));
    assert_eq!(Vec::<u64>::read(&mut &usize::MAX.to_ne_bytes()[..]), Err(TransferError));
    assert_eq!(String::read(&mut &[1, 0, 0, 0, 0, 0, 0, 0, 0xff][..]), Err(TransferError));
    assert_eq!(Duration::read(&mut &[0xff; 12][..]), Err(TransferError));
}

#[test]
fn an_interrupted_join_may_be_repeated() {
    let (ours, theirs) = pipe::<i32>().unwrap();
    let process = Process::new(move || drop(theirs.recv()));
    process.start().unwrap();
    for _ in 0..20 {
        interrupted_by_signal(|| process.join());
    }
    ours.send(1).unwrap();
    process.join().unwrap();
    assert_eq!(process.exitcode(), Some(0));
}
