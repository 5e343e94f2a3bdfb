//! `Process`: one function to be run in a forked copy of this process, once. Owns how it is started, joined and ended.
//! Never lets a child go on with its parent's work: it runs its target and leaves.

use super::family::{Child, Member, family};
use crate::error::RuntimeError;
use crate::fork::{Forked, fork_with_line, leave};
use crate::host::PROCESS;
use crate::link;
use crate::sync::Mutex;
use crate::sys::{self, Exit, Readiness};
use crate::threading;
use crate::threading::life::{Run, Target, once};
use crate::time::Seconds;
use crate::wait::{self, Stop, deadline, lock};
use std::fmt;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;
use std::time::Instant;

/// A process, as Python's `multiprocessing.Process`: made first, started by [`start`](Process::start), at most
/// once. Clones are the same process.
///
/// ```
/// # use threadbook::multiprocessing::Process;
/// let process = Process::new(|| println!("said by a child"));
/// process.start()?;
/// process.join()?;
/// assert_eq!(process.exitcode(), Some(0));
/// # Ok::<(), threadbook::RuntimeError>(())
/// ```
#[derive(Clone)]
pub struct Process(Arc<Member>);

impl Process {
    /// A process that will run `target`, named `Process-N`. What `target` returns is dropped.
    ///
    /// ```
    /// # use threadbook::multiprocessing::Process;
    /// assert_eq!(Process::new(|| 1).name(), "Process-1");
    /// ```
    pub fn new<R>(target: impl FnOnce() -> R + Send + 'static) -> Process {
        Process::make(NameFrom::Kind("Process"), once(target))
    }

    /// A process with a name of its own that will run `target`.
    ///
    /// ```
    /// # use threadbook::multiprocessing::Process;
    /// assert_eq!(Process::named("worker", || ()).name(), "worker");
    /// ```
    pub fn named<R>(name: impl Into<String>, target: impl FnOnce() -> R + Send + 'static) -> Process {
        Process::make(NameFrom::User(name.into()), once(target))
    }

    /// A process that will run a "subclass", named after it: `MyProcess-N`; see [`Run`].
    ///
    /// ```
    /// # use threadbook::multiprocessing::{Process, Run};
    /// struct Worker(u32);
    /// impl Run for Worker {
    ///     fn run(&mut self) {
    ///         println!("{}", self.0);
    ///     }
    /// }
    /// assert_eq!(Process::from_run(Worker(7)).name(), "Worker-1");
    /// ```
    pub fn from_run<P: Run + Send + 'static>(mut object: P) -> Process {
        let path = std::any::type_name::<P>();
        let path = path.split('<').next().unwrap_or(path);
        let kind = path.rsplit("::").next().unwrap_or(path);
        Process::make(NameFrom::Kind(kind), Box::new(move || object.run()))
    }

    fn make(name: NameFrom<'_>, target: Target) -> Process {
        let mut family = family();
        let (number, current) = (family.next_number(), family.current().clone());
        let identity = match current.identity.as_str() {
            "" => number.to_string(),
            ancestors => format!("{ancestors}:{number}"),
        };
        let name = match name {
            NameFrom::User(name) => name,
            NameFrom::Kind(kind) => format!("{kind}-{identity}"),
        };
        Process(Arc::new(Member {
            name,
            identity,
            parent: std::process::id(),
            daemon: AtomicBool::new(current.is_daemon()),
            target: Mutex::new(Some(target)),
            child: Mutex::new(None),
        }))
    }

    /// Sets whether a parent that was itself started by this module ends this process when it leaves, instead of
    /// waiting for it. Inherited from the process that made it.
    ///
    /// ```
    /// # use threadbook::multiprocessing::Process;
    /// assert!(Process::new(|| ()).daemon(true).is_daemon());
    /// ```
    pub fn daemon(self, daemon: bool) -> Process {
        self.0.daemon.store(daemon, Ordering::Relaxed);
        self
    }

    /// What [`daemon`](Process::daemon) was set to.
    ///
    /// ```
    /// # use threadbook::multiprocessing::Process;
    /// assert!(!Process::new(|| ()).is_daemon());
    /// ```
    pub fn is_daemon(&self) -> bool {
        self.0.is_daemon()
    }

    /// The name of the process.
    ///
    /// ```
    /// # use threadbook::multiprocessing::current_process;
    /// assert_eq!(current_process().name(), "MainProcess");
    /// ```
    pub fn name(&self) -> String {
        self.0.name.clone()
    }

    /// The process id; `None` before the start.
    ///
    /// ```
    /// # use threadbook::multiprocessing::{Process, current_process};
    /// assert_eq!(Process::new(|| ()).pid(), None);
    /// assert_eq!(current_process().pid(), Some(std::process::id()));
    /// ```
    pub fn pid(&self) -> Option<u32> {
        match self.0.parent {
            0 => Some(std::process::id()),
            _ => lock(&self.0.child).as_ref().map(|child| child.pid as u32),
        }
    }

    /// Python's other name of [`pid`](Process::pid).
    ///
    /// ```
    /// # use threadbook::multiprocessing::current_process;
    /// assert_eq!(current_process().ident(), current_process().pid());
    /// ```
    pub fn ident(&self) -> Option<u32> {
        self.pid()
    }

    /// Starts the process. The parent's copy of the target is dropped.
    ///
    /// # Errors
    /// It was started before, or in another process than it was made in, or the system has no process to give.
    ///
    /// ```
    /// # use threadbook::multiprocessing::Process;
    /// let process = Process::new(|| ());
    /// process.start()?;
    /// assert_eq!(process.start().unwrap_err().to_string(), "cannot start a process twice");
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn start(&self) -> Result<(), RuntimeError> {
        let mut child = lock(&self.0.child);
        if child.is_some() {
            return Err(RuntimeError::new("cannot start a process twice"));
        }
        if self.0.parent != std::process::id() {
            return Err(RuntimeError::new("can only start a process object created by current process"));
        }
        family().reap();
        let target = lock(&self.0.target).take();
        let lane = link::declare(PROCESS, &self.0.name);
        match fork_with_line(lane) {
            Err(_) => {
                *lock(&self.0.target) = target;
                return Err(RuntimeError::new("can't start new process"));
            }
            Ok(Forked::Child { line }) => {
                drop(child);
                self.live(target, line)
            }
            Ok(Forked::Parent { child: pid, line }) => {
                *child = Some(Child { pid, lane, line: Arc::new(line), exit: None });
            }
        }
        drop(child);
        family().add(self.0.clone());
        Ok(())
    }

    /// Runs the target and leaves; called in the child. `_line` closes with the child, which tells the parent of its end.
    fn live(&self, target: Option<Target>, _line: UnixStream) -> ! {
        family().begin(Member::this(&self.0.name, &self.0.identity, self.is_daemon()));
        let ended = catch_unwind(AssertUnwindSafe(|| target.map(|mut target| target())));
        for child in active_children() {
            if child.is_daemon() {
                let _ = child.terminate();
            }
            let _ = child.join();
        }
        for thread in threading::enumerate() {
            if !thread.is_daemon() {
                let _ = thread.join();
            }
        }
        leave(i32::from(ended.is_err()))
    }

    /// Runs the target in the calling process, as any function. A closure runs only once.
    ///
    /// ```
    /// # use threadbook::multiprocessing::Process;
    /// Process::new(|| println!("said by this process")).run();
    /// ```
    pub fn run(&self) {
        let target = lock(&self.0.target).take();
        if let Some(mut target) = target {
            target();
            *lock(&self.0.target) = Some(target);
        }
    }

    /// Waits until the process has ended, in whatever way.
    ///
    /// # Errors
    /// It was never started, or not by this process.
    ///
    /// ```
    /// # use threadbook::multiprocessing::Process;
    /// let process = Process::new(|| ());
    /// assert_eq!(process.join().unwrap_err().to_string(), "can only join a started process");
    /// process.start()?;
    /// process.join()?;
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn join(&self) -> Result<(), RuntimeError> {
        self.join_until(None).map(drop)
    }

    /// As [`join`](Process::join) for at most `timeout`: whether the process has ended.
    ///
    /// # Errors
    /// As [`join`](Process::join).
    ///
    /// ```
    /// # use threadbook::multiprocessing::Process;
    /// let process = Process::new(|| ());
    /// process.start()?;
    /// assert!(process.join_timeout(60)?);
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn join_timeout(&self, timeout: impl Seconds) -> Result<bool, RuntimeError> {
        self.join_until(deadline(timeout.duration()))
    }

    fn join_until(&self, deadline: Option<Instant>) -> Result<bool, RuntimeError> {
        if self.0.parent != std::process::id() {
            return Err(RuntimeError::new("can only join a child process"));
        }
        let line = lock(&self.0.child).as_ref().map(|child| child.line.clone());
        let line = line.ok_or(RuntimeError::new("can only join a started process"))?;
        let ended = match wait::until_ready(line.as_fd(), Readiness::Readable, deadline) {
            Ok(ended) => ended,
            Err(Stop::Cancelled(cancelled)) => cancelled.unwind(),
            // A failed poll leaves the question to waitpid.
            Err(Stop::Failed(_)) => true,
        };
        if ended {
            self.0.tell_ended(self.0.wait_for_exit().unwrap_or_else(|cancelled| cancelled.unwind()));
        }
        Ok(ended)
    }

    /// Whether the process was started by this one and has not ended, or is this process.
    ///
    /// ```
    /// # use threadbook::multiprocessing::{Process, current_process};
    /// assert!(current_process().is_alive());
    /// assert!(!Process::new(|| ()).is_alive());
    /// ```
    pub fn is_alive(&self) -> bool {
        let started = self.0.parent == std::process::id() && lock(&self.0.child).is_some();
        self.0.parent == 0 || (started && self.0.tell_ended(self.0.exit_so_far()).is_none())
    }

    /// The exit code, or minus the number of the signal that ended the process; `None` while it has not ended.
    ///
    /// ```
    /// # use threadbook::multiprocessing::Process;
    /// let process = Process::new(|| std::process::exit(3));
    /// process.start()?;
    /// process.join()?;
    /// assert_eq!(process.exitcode(), Some(3));
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn exitcode(&self) -> Option<i32> {
        self.0.tell_ended(self.0.exit_so_far()).map(|exit| match exit {
            Exit::Code(code) => code,
            Exit::Signal(signal) => -signal,
        })
    }

    /// Asks the process to end (`SIGTERM`).
    ///
    /// # Errors
    /// It was never started, or not by this process.
    ///
    /// ```
    /// # use threadbook::{multiprocessing::Process, time};
    /// let process = Process::new(|| time::sleep(3600));
    /// process.start()?;
    /// process.terminate()?;
    /// process.join()?;
    /// assert_eq!(process.exitcode(), Some(-15));
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn terminate(&self) -> Result<(), RuntimeError> {
        self.signal(sys::SIGTERM)
    }

    /// Ends the process (`SIGKILL`).
    ///
    /// # Errors
    /// As [`terminate`](Process::terminate).
    ///
    /// ```
    /// # use threadbook::{multiprocessing::Process, time};
    /// let process = Process::new(|| time::sleep(3600));
    /// process.start()?;
    /// process.kill()?;
    /// process.join()?;
    /// assert_eq!(process.exitcode(), Some(-9));
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn kill(&self) -> Result<(), RuntimeError> {
        self.signal(sys::SIGKILL)
    }

    fn signal(&self, signal: i32) -> Result<(), RuntimeError> {
        let child = lock(&self.0.child);
        let child = child.as_ref().filter(|_| self.0.parent == std::process::id());
        let child = child.ok_or(RuntimeError::new("can only signal a started child process"))?;
        if child.exit.is_none() {
            // The child is not reaped yet, so the pid is still its own; the only failure left is that it has just ended.
            let _ = sys::kill(child.pid, signal);
        }
        Ok(())
    }
}

enum NameFrom<'a> {
    User(String),
    /// `Process` or the name of a "subclass"; the identity follows.
    Kind(&'a str),
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("name", &self.0.name)
            .field("pid", &self.pid())
            .field("exitcode", &self.exitcode())
            .field("daemon", &self.is_daemon())
            .finish()
    }
}

/// The process that runs this code: `MainProcess`, or the one that `Process::start` made.
///
/// ```
/// # use threadbook::multiprocessing::current_process;
/// println!("{}", current_process().name());
/// ```
pub fn current_process() -> Process {
    Process(family().current().clone())
}

/// The children of this process that are alive; reaps the others.
///
/// ```
/// # use threadbook::multiprocessing::{Process, active_children};
/// let process = Process::new(|| ());
/// process.start()?;
/// process.join()?;
/// assert!(active_children().is_empty());
/// # Ok::<(), threadbook::RuntimeError>(())
/// ```
pub fn active_children() -> Vec<Process> {
    let mut family = family();
    family.reap();
    family.children().iter().cloned().map(Process).collect()
}

/// How many processors this process may use.
///
/// ```
/// # use threadbook::multiprocessing::cpu_count;
/// assert!(cpu_count() >= 1);
/// ```
pub fn cpu_count() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// Describes an exit: `exit code 3` or `killed by SIGKILL (9)`.
pub(crate) fn describe_exit(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("exit code {code}"),
        Exit::Signal(number) => match sys::signal_name(number) {
            Some(name) => format!("killed by {name} ({number})"),
            None => format!("killed by signal {number}"),
        },
    }
}
