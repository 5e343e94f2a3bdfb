//! `Thread`: one function to be run in a thread of its own, once. Owns its life from construction to join.
//! Never catches a panic to hide it: std's hook has reported it, the thread ends, the others go on.

use super::current;
use crate::error::RuntimeError;
use crate::host::{DAEMON, THREAD};
use crate::time::Seconds;
use crate::wait::{Monitor, deadline, lock};
use crate::{link, print, sys};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

/// What a "subclass" of `Thread` or `Process` does: its state is `self`, its work is `run`.
pub trait Run {
    fn run(&mut self);
}

/// What a thread or process runs; a second call of a closure that can run but once does nothing.
pub(crate) type Target = Box<dyn FnMut() + Send>;

pub(crate) fn once<R>(target: impl FnOnce() -> R + Send + 'static) -> Target {
    let mut target = Some(target);
    Box::new(move || {
        target.take().map(|target| target());
    })
}

/// A thread, as Python's `threading.Thread`: made first, started by [`start`](Thread::start), at most once.
/// Clones are the same thread.
#[derive(Clone)]
pub struct Thread(Arc<Inner>);

struct Inner {
    name: String,
    daemon: AtomicBool,
    /// It waits for a pool's tasks, and the session does not wait for it.
    serves: AtomicBool,
    target: Mutex<Option<Target>>,
    life: Monitor<Life>,
}

struct Life {
    stage: Stage,
    lane: u64,
    ident: Option<u64>,
    handle: Option<JoinHandle<()>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Stage {
    New,
    Starting,
    Running,
    Finished,
}

impl Thread {
    /// A thread that will run `target`, named `Thread-N` by the next number. What `target` returns is dropped.
    pub fn new<R>(target: impl FnOnce() -> R + Send + 'static) -> Thread {
        Thread::make(next_name(), Some(once(target)), Stage::New)
    }

    /// The same with a name of its own; takes no number.
    pub fn named<R>(name: impl Into<String>, target: impl FnOnce() -> R + Send + 'static) -> Thread {
        Thread::make(name.into(), Some(once(target)), Stage::New)
    }

    /// A thread that will run a "subclass", named `Thread-N` by the next number.
    pub fn from_run(mut object: impl Run + Send + 'static) -> Thread {
        Thread::make(next_name(), Some(Box::new(move || object.run())), Stage::New)
    }

    /// A thread that runs already and was not started here: the main one, or one of std's.
    pub(super) fn running(name: String) -> Thread {
        let thread = Thread::make(name, None, Stage::Running);
        thread.0.life.lock().ident = Some(sys::thread_ident());
        thread
    }

    fn make(name: String, target: Option<Target>, stage: Stage) -> Thread {
        let life = Life { stage, lane: 0, ident: None, handle: None };
        Thread(Arc::new(Inner {
            name,
            daemon: AtomicBool::new(current::is_daemon()),
            serves: AtomicBool::new(false),
            target: Mutex::new(target),
            life: Monitor::new(life),
        }))
    }

    /// Whether a forked child leaves without waiting for this thread. Inherited from the thread that made it.
    pub fn daemon(self, daemon: bool) -> Thread {
        self.0.daemon.store(daemon, Ordering::Relaxed);
        self
    }

    /// A pool's worker: what it writes it writes for tasks.
    pub(crate) fn serving_tasks(self) -> Thread {
        self.0.serves.store(true, Ordering::Relaxed);
        self
    }

    pub fn is_daemon(&self) -> bool {
        self.0.daemon.load(Ordering::Relaxed)
    }

    pub fn name(&self) -> String {
        self.0.name.clone()
    }

    /// Python's old spelling of [`name`](Thread::name).
    pub fn get_name(&self) -> String {
        self.name()
    }

    /// The number of the thread for the C library; none before it has begun.
    pub fn ident(&self) -> Option<u64> {
        self.0.life.lock().ident
    }

    /// Whether it has begun and not ended.
    pub fn is_alive(&self) -> bool {
        let alive = self.0.life.lock().stage == Stage::Running;
        if !alive {
            self.tell_ended();
        }
        alive
    }

    /// Starts the thread, and comes back when it has really begun.
    ///
    /// # Errors
    /// It was started before, or the system has no thread to give.
    pub fn start(&self) -> Result<(), RuntimeError> {
        let mut life = self.0.life.lock();
        if life.stage != Stage::New {
            return Err(RuntimeError::new("threads can only be started once"));
        }
        let unawaited = self.is_daemon() || self.0.serves.load(Ordering::Relaxed);
        let lane = link::declare(if unawaited { THREAD | DAEMON } else { THREAD }, &self.0.name);
        life.stage = Stage::Starting;
        life.lane = lane;
        link::adopt(lane);
        let this = self.clone();
        // The C library takes no name with a NUL in it.
        let builder = Builder::new().name(self.0.name.replace('\0', ""));
        let Ok(handle) = builder.spawn(move || this.live()) else {
            life.stage = Stage::New;
            return Err(RuntimeError::new("can't start new thread"));
        };
        life.handle = Some(handle);
        drop(life);
        self.0.life.wait(|life| (life.stage > Stage::Starting).then_some(()));
        Ok(())
    }

    /// Runs the target in the calling thread, as any function: no thread is started. A closure runs only once.
    pub fn run(&self) {
        let target = lock(&self.0.target).take();
        if let Some(mut target) = target {
            target();
            *lock(&self.0.target) = Some(target);
        }
    }

    /// Waits until the thread has ended, by itself or by a panic.
    ///
    /// # Errors
    /// It was never started, or it is the calling thread.
    pub fn join(&self) -> Result<(), RuntimeError> {
        self.join_until(None).map(drop)
    }

    /// The same for at most `timeout`: whether the thread has ended.
    ///
    /// # Errors
    /// As [`join`](Thread::join).
    pub fn join_timeout(&self, timeout: impl Seconds) -> Result<bool, RuntimeError> {
        self.join_until(deadline(timeout.duration()))
    }

    fn join_until(&self, deadline: Option<Instant>) -> Result<bool, RuntimeError> {
        if self.0.life.lock().stage == Stage::New {
            return Err(RuntimeError::new("cannot join thread before it is started"));
        }
        if self.is(&current::current_thread()) {
            return Err(RuntimeError::new("cannot join current thread"));
        }
        let finished = |life: &mut Life| (life.stage == Stage::Finished).then(|| life.handle.take());
        let Some(handle) = self.0.life.wait_until(deadline, finished) else { return Ok(false) };
        // The first to come also waits for the end of the thread's locals.
        if let Some(handle) = handle {
            let _ = handle.join();
        }
        self.tell_ended();
        Ok(true)
    }

    /// Whether both are one thread.
    pub(super) fn is(&self, other: &Thread) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The caller has seen that this thread has ended, if it has.
    fn tell_ended(&self) {
        let (stage, lane) = {
            let life = self.0.life.lock();
            (life.stage, life.lane)
        };
        if stage == Stage::Finished && lane != 0 {
            link::ended(lane);
        }
    }

    /// In a forked child: the thread did not come along, and nobody shall wait for it.
    pub(super) fn lose(&self) {
        // A lock that it held at the fork stays held; nothing can be said of the thread then.
        if let Some(mut life) = self.0.life.try_lock() {
            life.stage = Stage::Finished;
            life.lane = 0;
            std::mem::forget(life.handle.take());
        }
    }

    /// All that happens in the new thread.
    fn live(self) {
        current::become_thread(&self);
        print::lane_is_named();
        let finish = Finish(&self);
        self.0.life.change(|life| {
            life.stage = Stage::Running;
            life.ident = Some(sys::thread_ident());
        });
        let target = lock(&self.0.target).take();
        let _ = catch_unwind(AssertUnwindSafe(|| target.map(|mut target| target())));
        drop(finish);
    }
}

/// Ends the thread's life for all who wait for it, also where the value of a panic panics when it is dropped.
struct Finish<'a>(&'a Thread);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        current::table().remove(self.0);
        self.0.0.life.change(|life| life.stage = Stage::Finished);
    }
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let life = self.0.life.lock();
        f.debug_struct("Thread")
            .field("name", &self.0.name)
            .field("stage", &life.stage)
            .field("ident", &life.ident)
            .field("daemon", &self.is_daemon())
            .finish()
    }
}

fn next_name() -> String {
    format!("Thread-{}", link::next_thread_number())
}
