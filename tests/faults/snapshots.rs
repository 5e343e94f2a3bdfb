//! Snapshots of a worker: one state restored many times, and what becomes of snapshots whose worker has gone. The cells
//! are a library of this test's own, so the worker is used as the engine uses it, without the engine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use threadbook::events::{Event, Sink};
use threadbook::worker::{Answerer, End, Exit, Input, Run, Schedule, Snapshot, Start, Worker};

use crate::Test;
use crate::bench::THREADBOOK;
use crate::left::{kill, processes, status, wait_for_end};

pub(crate) const TESTS: &[Test] = &[
    ("one_state_many_times", one_state_many_times),
    ("held_beyond_a_worker_that_was_killed", held_beyond_a_worker_that_was_killed),
    ("killed_while_it_waits", killed_while_it_waits),
];

/// A failure, not a wait: what is waited for is on its way.
const PATIENCE: Duration = Duration::from_secs(60);

/// A runtime and a cell in one. The variable is kept in a place that a snapshot has to copy as it has to copy the heap.
const LIBRARY: &str = r#"
    use std::ffi::c_void;
    use std::sync::Mutex;

    static KEPT: Mutex<Vec<u64>> = Mutex::new(Vec::new());

    #[unsafe(no_mangle)]
    extern "C" fn threadbook_attach(host: *const u32) -> u32 {
        // The version is the first field of the table.
        unsafe { *host }
    }

    #[unsafe(no_mangle)]
    extern "C" fn threadbook_comm(_: *const c_void) {}

    #[unsafe(no_mangle)]
    extern "C" fn threadbook_cell(_: *const c_void) {
        let mut kept = KEPT.lock().unwrap();
        let next = kept.len() as u64;
        kept.push(next);
        assert!(kept.iter().copied().eq(0..=next));
        println!("{}", kept.len());
    }
"#;

struct Bench {
    worker: Worker,
    library: PathBuf,
    printed: Printed,
    _directory: tempfile::TempDir,
}

#[derive(Clone, Default)]
struct Printed(Arc<Mutex<String>>);

impl Sink for Printed {
    fn event(&mut self, event: Event) {
        if let Event::Text { text, .. } = event {
            self.0.lock().expect("no poison").push_str(&text);
        }
    }
}

fn compile(directory: &Path) -> PathBuf {
    let (source, library) = (directory.join("cell.rs"), directory.join("cell.so"));
    std::fs::write(&source, LIBRARY).expect("written");
    let mut rustc = Command::new("rustc");
    let rustc = rustc.args(["--edition", "2024", "--crate-type", "cdylib", "-o"]).arg(&library).arg(&source);
    assert!(rustc.status().expect("rustc runs").success());
    library
}

impl Bench {
    fn start() -> Bench {
        let directory = tempfile::tempdir().expect("a directory");
        let library = compile(directory.path());
        let printed = Printed::default();
        let start = Start {
            executable: THREADBOOK.into(),
            directory: None,
            libraries: Vec::new(),
            runtime: library.clone(),
            each_print: false,
            epoch: 0,
            last_lane: 0,
            answerer: Answerer::default(),
            memory: None,
        };
        let worker = Worker::start(start, Arc::new(Mutex::new(Box::new(printed.clone())))).expect("a worker");
        Bench { worker, library, printed, _directory: directory }
    }

    /// Runs the cell; returns how long the kept list is by then.
    fn run(&mut self) -> u64 {
        let run = Run {
            cell: 1,
            shared: None,
            needs: Vec::new(),
            library: self.library.clone(),
            places: Vec::new(),
            timing: Default::default(),
            schedule: Schedule::default(),
            input: Input::Empty,
        };
        self.printed.0.lock().expect("no poison").clear();
        assert_eq!(self.worker.run(run, None).end, Ok(End::Returned));
        self.printed.0.lock().expect("no poison").trim().parse().expect("a number")
    }

    fn snapshot(&mut self) -> Snapshot {
        self.worker.request_snapshot(Duration::MAX);
        self.worker.snapshot().expect("asked for").expect("one thread, no open file")
    }

    /// Drops the worker; fails loudly if that waits for something that does not come.
    fn end(self) {
        let (ended, has_ended) = mpsc::channel();
        std::thread::spawn(move || {
            drop(self);
            ended.send(())
        });
        has_ended.recv_timeout(PATIENCE).expect("the worker is dropped");
    }
}

fn one_state_many_times() {
    let mut bench = Bench::start();
    let keeper = status(bench.worker.pid(), "PPid");
    (1..=3).for_each(|length| assert_eq!(bench.run(), length));
    let held = bench.snapshot();
    let others = processes();
    for times in 0..50 {
        // The worker has gone on by one cell or two when it is replaced.
        (0..times % 2).for_each(|_| assert_eq!(bench.run(), 5));
        let worker = bench.worker.pid();
        let snapshot = bench.worker.snapshot_of(&held, Duration::MAX).expect("it waits");
        assert!(bench.worker.take_over(snapshot));
        assert_eq!(status(bench.worker.pid(), "PPid"), keeper);
        assert_eq!(bench.run(), 4);
        wait_for_end(worker);
    }
    // The state that was restored can be held and restored itself.
    let later = bench.snapshot();
    let snapshot = bench.worker.snapshot_of(&later, Duration::MAX).expect("it waits");
    assert!(bench.worker.take_over(snapshot));
    assert_eq!(bench.run(), 5);
    drop(later);
    processes()
        .into_iter()
        .filter(|pid| !others.contains(pid) && *pid != bench.worker.pid())
        .for_each(wait_for_end);
    assert_eq!(processes().len(), others.len(), "keeper, worker and the snapshot that is held");
    bench.end();
    drop(held);
}

fn held_beyond_a_worker_that_was_killed() {
    let mut bench = Bench::start();
    assert_eq!(bench.run(), 1);
    let held = bench.snapshot();
    kill(bench.worker.pid(), libc::SIGKILL);
    wait_for_end(bench.worker.pid());
    assert_eq!(bench.worker.died(), Some(Exit::Signal(libc::SIGKILL)));
    assert_eq!(bench.worker.died(), Some(Exit::Signal(libc::SIGKILL)), "it is known from then on");
    // A dead worker's state goes on in a snapshot of its snapshot.
    let snapshot = bench.worker.snapshot_of(&held, Duration::MAX).expect("it waits");
    drop(snapshot);
    bench.end();
    drop(held);
}

/// One that is killed cannot be restored, and says so; the worker goes on.
fn killed_while_it_waits() {
    let mut bench = Bench::start();
    assert_eq!(bench.run(), 1);
    let before = processes();
    let held = bench.snapshot();
    // The worker asks for a snapshot, and meanwhile for one of the other: each reply is for whoever waits for it.
    bench.worker.request_snapshot(Duration::MAX);
    let of_held = bench.worker.snapshot_of(&held, Duration::MAX).expect("it waits");
    let of_worker = bench.worker.snapshot().expect("asked for").expect("one thread, no open file");
    processes().into_iter().filter(|pid| !before.contains(pid)).for_each(|pid| {
        kill(pid, libc::SIGKILL);
        wait_for_end(pid);
    });
    let error = bench.worker.snapshot_of(&held, Duration::MAX).err().expect("it was killed");
    assert_eq!(error.to_string(), "the copy failed: the snapshot's process ended");
    assert!(!bench.worker.take_over(of_held));
    assert!(!bench.worker.take_over(of_worker));
    assert_eq!(bench.run(), 2);
    bench.end();
}
