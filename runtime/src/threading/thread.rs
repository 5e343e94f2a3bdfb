//! `Thread`: one function to be run in a thread of its own, once. Owns how a thread is started, run and joined; the
//! calling thread and those that are alive are handles of the same type.
//! Never catches a panic to hide it: std's hook has reported it, the thread ends, the others go on.

use super::current;
use super::life::{Life, Progress, Run, Stage, Target, once};
use crate::error::RuntimeError;
use crate::host::{DAEMON, THREAD};
use crate::sync::thread::Builder;
use crate::time::Seconds;
use crate::wait::{deadline, lock};
use crate::{link, print, sys};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// A thread, as Python's `threading.Thread`: made first, started by [`start`](Thread::start), at most once.
/// Clones are the same thread.
///
/// ```
/// # use threadbook::threading::Thread;
/// let thread = Thread::new(|| println!("hello"));
/// thread.start()?;
/// thread.join()?;
/// # Ok::<(), threadbook::RuntimeError>(())
/// ```
#[derive(Clone)]
pub struct Thread(Arc<Life>);

impl Thread {
    /// A thread that will run `target`, named `Thread-N` by the next number. What `target` returns is dropped.
    ///
    /// ```
    /// # use threadbook::threading::Thread;
    /// assert!(Thread::new(|| 1).name().starts_with("Thread-"));
    /// ```
    pub fn new<R>(target: impl FnOnce() -> R + Send + 'static) -> Thread {
        Thread::make(next_name(), once(target))
    }

    /// A thread with a name of its own that will run `target`; it takes no number.
    ///
    /// ```
    /// # use threadbook::threading::Thread;
    /// assert_eq!(Thread::named("reader", || ()).name(), "reader");
    /// ```
    pub fn named<R>(name: impl Into<String>, target: impl FnOnce() -> R + Send + 'static) -> Thread {
        Thread::make(name.into(), once(target))
    }

    /// A thread that will run a "subclass", named `Thread-N` by the next number; see [`Run`].
    ///
    /// ```
    /// # use threadbook::threading::{Run, Thread};
    /// struct Count(u32);
    /// impl Run for Count {
    ///     fn run(&mut self) {
    ///         self.0 += 1;
    ///     }
    /// }
    /// Thread::from_run(Count(0)).start()?;
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn from_run(mut object: impl Run + Send + 'static) -> Thread {
        Thread::make(next_name(), Box::new(move || object.run()))
    }

    fn make(name: String, target: Target) -> Thread {
        Thread(Life::new(name, current::is_daemon(), Some(target), Stage::New))
    }

    /// Sets whether a forked child leaves without waiting for this thread. Inherited from the thread that made it.
    ///
    /// ```
    /// # use threadbook::threading::Thread;
    /// assert!(Thread::new(|| ()).daemon(true).is_daemon());
    /// ```
    pub fn daemon(self, daemon: bool) -> Thread {
        self.0.daemon.store(daemon, Ordering::Relaxed);
        self
    }

    /// A pool's worker: what it writes it writes for tasks.
    pub(crate) fn serving_tasks(self) -> Thread {
        self.0.serves.store(true, Ordering::Relaxed);
        self
    }

    /// Whether a forked child leaves without waiting for this thread.
    ///
    /// ```
    /// # use threadbook::threading::Thread;
    /// assert!(!Thread::new(|| ()).is_daemon());
    /// ```
    pub fn is_daemon(&self) -> bool {
        self.0.is_daemon()
    }

    /// The thread's name.
    ///
    /// ```
    /// # use threadbook::threading::Thread;
    /// assert_eq!(Thread::named("writer", || ()).name(), "writer");
    /// ```
    pub fn name(&self) -> String {
        self.0.name.clone()
    }

    /// Python's old spelling of [`name`](Thread::name).
    ///
    /// ```
    /// # use threadbook::threading::Thread;
    /// assert_eq!(Thread::named("writer", || ()).get_name(), "writer");
    /// ```
    pub fn get_name(&self) -> String {
        self.name()
    }

    /// The number of the thread for the C library; `None` before it has begun.
    ///
    /// ```
    /// # use threadbook::threading::Thread;
    /// let thread = Thread::new(|| ());
    /// assert_eq!(thread.ident(), None);
    /// thread.start()?;
    /// assert!(thread.ident().is_some());
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn ident(&self) -> Option<u64> {
        self.0.progress.lock().ident
    }

    /// Whether the thread has begun and not ended.
    ///
    /// ```
    /// # use threadbook::threading::Thread;
    /// let thread = Thread::new(|| ());
    /// assert!(!thread.is_alive());
    /// thread.start()?;
    /// thread.join()?;
    /// assert!(!thread.is_alive());
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn is_alive(&self) -> bool {
        let alive = self.0.progress.lock().stage == Stage::Running;
        if !alive {
            self.tell_ended();
        }
        alive
    }

    /// Starts the thread, and returns when it has really begun.
    ///
    /// # Errors
    /// It was started before, or the system has no thread to give.
    ///
    /// ```
    /// # use threadbook::threading::Thread;
    /// let thread = Thread::new(|| println!("hello"));
    /// thread.start()?;
    /// assert_eq!(thread.start().unwrap_err().to_string(), "threads can only be started once");
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn start(&self) -> Result<(), RuntimeError> {
        let mut progress = self.0.progress.lock();
        if progress.stage != Stage::New {
            return Err(RuntimeError::new("threads can only be started once"));
        }
        let unawaited = self.is_daemon() || self.0.serves.load(Ordering::Relaxed);
        let lane = link::declare(if unawaited { THREAD | DAEMON } else { THREAD }, &self.0.name);
        progress.stage = Stage::Starting;
        progress.lane = lane;
        link::adopt(lane);
        let this = self.clone();
        // The C library takes no name with a NUL in it.
        let builder = Builder::new().name(self.0.name.replace('\0', ""));
        let Ok(handle) = builder.spawn(move || this.live()) else {
            progress.stage = Stage::New;
            return Err(RuntimeError::new("can't start new thread"));
        };
        progress.handle = Some(handle);
        drop(progress);
        // A few microseconds, after which whoever is interrupted knows what it has started.
        self.0.progress.wait_whatever_comes(|progress| (progress.stage > Stage::Starting).then_some(()));
        Ok(())
    }

    /// Runs the target in the calling thread, as any function: no thread is started. A closure runs only once.
    ///
    /// ```
    /// # use threadbook::threading::Thread;
    /// Thread::new(|| println!("said by this thread")).run();
    /// ```
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
    ///
    /// ```
    /// # use threadbook::threading::Thread;
    /// let thread = Thread::new(|| ());
    /// assert_eq!(thread.join().unwrap_err().to_string(), "cannot join thread before it is started");
    /// thread.start()?;
    /// thread.join()?;
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn join(&self) -> Result<(), RuntimeError> {
        self.join_until(None).map(drop)
    }

    /// As [`join`](Thread::join) for at most `timeout`: whether the thread has ended.
    ///
    /// # Errors
    /// As [`join`](Thread::join).
    ///
    /// ```
    /// # use threadbook::threading::{Event, Thread};
    /// let go = Event::new();
    /// let waits = go.clone();
    /// let thread = Thread::new(move || waits.wait());
    /// thread.start()?;
    /// assert!(!thread.join_timeout(0.001)?);
    /// go.set();
    /// assert!(thread.join_timeout(60)?);
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn join_timeout(&self, timeout: impl Seconds) -> Result<bool, RuntimeError> {
        self.join_until(deadline(timeout.duration()))
    }

    fn join_until(&self, deadline: Option<Instant>) -> Result<bool, RuntimeError> {
        if self.0.progress.lock().stage == Stage::New {
            return Err(RuntimeError::new("cannot join thread before it is started"));
        }
        if self.is(&current_thread()) {
            return Err(RuntimeError::new("cannot join current thread"));
        }
        let finished =
            |progress: &mut Progress| (progress.stage == Stage::Finished).then(|| progress.handle.take());
        let Some(handle) = self.0.progress.wait_until(deadline, finished) else { return Ok(false) };
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
            let progress = self.0.progress.lock();
            (progress.stage, progress.lane)
        };
        if stage == Stage::Finished && lane != 0 {
            link::ended(lane);
        }
    }

    /// All that happens in the new thread.
    fn live(self) {
        current::become_thread(&self.0);
        print::lane_is_named();
        let finish = Finish(&self);
        self.0.progress.change(|progress| {
            progress.stage = Stage::Running;
            progress.ident = Some(sys::thread_ident());
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
        current::table().remove(&self.0.0);
        self.0.0.progress.change(|progress| progress.stage = Stage::Finished);
    }
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let progress = self.0.progress.lock();
        f.debug_struct("Thread")
            .field("name", &self.0.name)
            .field("stage", &progress.stage)
            .field("ident", &progress.ident)
            .field("daemon", &self.is_daemon())
            .finish()
    }
}

fn next_name() -> String {
    format!("Thread-{}", link::next_thread_number())
}

/// The calling thread. A thread that was not started by this module has the name that std knows, or `Dummy-N`.
///
/// ```
/// # use threadbook::threading::{Thread, current_thread};
/// let thread = Thread::named("self", || println!("{}", current_thread().name()));
/// thread.start()?;
/// thread.join()?;
/// # Ok::<(), threadbook::RuntimeError>(())
/// ```
pub fn current_thread() -> Thread {
    Thread(current::current())
}

/// The thread that runs cells (in a forked child: its first one). Outside of a session it is the first thread that asks.
///
/// ```
/// # use threadbook::threading::{current_thread, main_thread};
/// assert_eq!(main_thread().ident(), current_thread().ident());
/// ```
pub fn main_thread() -> Thread {
    Thread(current::main())
}

/// The threads that are alive, the main one first.
///
/// ```
/// # use threadbook::threading::enumerate;
/// for thread in enumerate() {
///     println!("{}", thread.name());
/// }
/// ```
pub fn enumerate() -> Vec<Thread> {
    current::alive().into_iter().map(Thread).collect()
}

/// How many threads are alive: the length of [`enumerate`].
///
/// ```
/// # use threadbook::threading::active_count;
/// assert!(active_count() >= 1);
/// ```
pub fn active_count() -> usize {
    current::alive().len()
}
