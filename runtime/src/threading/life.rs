//! `Life`: what is known of one thread, from its making to its end. Never starts or ends a thread (`thread`), and knows
//! no other one (`current`).

use crate::sync::{Mutex, thread};
use crate::sys;
use crate::wait::Monitor;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a "subclass" of `Thread` or `Process` does: its state is `self`, its work is `run`.
///
/// ```
/// # use threadbook::threading::{Run, Thread};
/// struct Greeter(String);
///
/// impl Run for Greeter {
///     fn run(&mut self) {
///         println!("hello {}", self.0);
///     }
/// }
///
/// let thread = Thread::from_run(Greeter("world".into()));
/// thread.start()?;
/// thread.join()?;
/// # Ok::<(), threadbook::RuntimeError>(())
/// ```
pub trait Run {
    /// Does the work, in the thread or process that was started.
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

pub(crate) struct Life {
    pub(super) name: String,
    pub(super) daemon: AtomicBool,
    /// The thread waits for a pool's tasks, and the session does not wait for it.
    pub(super) serves: AtomicBool,
    pub(super) target: Mutex<Option<Target>>,
    pub(super) progress: Monitor<Progress>,
}

pub(super) struct Progress {
    pub(super) stage: Stage,
    pub(super) lane: u64,
    pub(super) ident: Option<u64>,
    pub(super) handle: Option<thread::JoinHandle<()>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(super) enum Stage {
    New,
    Starting,
    Running,
    Finished,
}

impl Life {
    pub(super) fn new(name: String, daemon: bool, target: Option<Target>, stage: Stage) -> Arc<Life> {
        let progress = Progress { stage, lane: 0, ident: None, handle: None };
        Arc::new(Life {
            name,
            daemon: AtomicBool::new(daemon),
            serves: AtomicBool::new(false),
            target: Mutex::new(target),
            progress: Monitor::new(progress),
        })
    }

    /// The life of the calling thread, which runs already and was not started here: the main one, or one of std's.
    pub(super) fn of_calling_thread(name: String) -> Arc<Life> {
        let life = Life::new(name, false, None, Stage::Running);
        life.progress.lock().ident = Some(sys::thread_ident());
        life
    }

    pub(super) fn is_daemon(&self) -> bool {
        self.daemon.load(Ordering::Relaxed)
    }

    /// In a forked child: the thread did not come along, and nobody shall wait for it.
    pub(super) fn lose(&self) {
        // A lock that it held at the fork stays held; nothing can be said of the thread then.
        if let Some(mut progress) = self.progress.try_lock() {
            progress.stage = Stage::Finished;
            progress.lane = 0;
            std::mem::forget(progress.handle.take());
        }
    }
}
