//! What this process knows of itself and of the children that `Process` started: the table of them, and of each how it
//! ended. Owns a child until it is reaped. Never forks.

use crate::interrupt::Cancelled;
use crate::link;
use crate::sync::{Mutex, MutexGuard};
use crate::sys::{self, Exit};
use crate::threading::life::Target;
use crate::wait::{self, Stop, lock};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

static FAMILY: Mutex<Family> = Mutex::new(Family { current: None, made: 0, children: Vec::new() });

pub(crate) struct Family {
    /// `None` until somebody asks, unless `Process::start` made this process.
    current: Option<Arc<Member>>,
    /// How many `Process` objects were made here.
    made: u32,
    /// The children that were started and are not known to have ended.
    children: Vec<Arc<Member>>,
}

impl Family {
    /// In a forked child: the children of its parent are not its own.
    pub(crate) fn forget_children(&mut self) {
        self.children.clear();
    }

    /// In a child that `Process::start` has made: it is `current`, and has made nothing yet.
    pub(super) fn begin(&mut self, current: Arc<Member>) {
        *self = Family { current: Some(current), made: 0, children: Vec::new() };
    }

    /// Forgets the children that have ended, and tells the worker nothing: to reap is not to ask.
    pub(super) fn reap(&mut self) {
        self.children.retain(|child| child.exit_so_far().is_none());
    }

    pub(super) fn add(&mut self, child: Arc<Member>) {
        self.children.push(child);
    }

    pub(super) fn children(&self) -> &[Arc<Member>] {
        &self.children
    }

    pub(super) fn current(&mut self) -> &Arc<Member> {
        self.current.get_or_insert_with(|| Member::this("MainProcess", "", false))
    }

    /// The next of the numbers that this process gives to the processes that it makes.
    pub(super) fn next_number(&mut self) -> u32 {
        self.made += 1;
        self.made
    }
}

pub(crate) fn family() -> MutexGuard<'static, Family> {
    lock(&FAMILY)
}

/// One process: this one, or one that was made here.
pub(super) struct Member {
    pub(super) name: String,
    /// The numbers of the process and its ancestors among their siblings: `2:1`.
    pub(super) identity: String,
    /// The process that made this object; 0 for an object that stands for the process it is in.
    pub(super) parent: u32,
    pub(super) daemon: AtomicBool,
    pub(super) target: Mutex<Option<Target>>,
    /// `None` before the start.
    pub(super) child: Mutex<Option<Child>>,
}

pub(super) struct Child {
    pub(super) pid: i32,
    pub(super) lane: u64,
    /// Closed by the child's end.
    pub(super) line: Arc<UnixStream>,
    pub(super) exit: Option<Exit>,
}

impl Member {
    /// An object that stands for the process it is in.
    pub(super) fn this(name: &str, identity: &str, daemon: bool) -> Arc<Member> {
        Arc::new(Member {
            name: name.to_owned(),
            identity: identity.to_owned(),
            parent: 0,
            daemon: AtomicBool::new(daemon),
            target: Mutex::new(None),
            child: Mutex::new(None),
        })
    }

    pub(super) fn is_daemon(&self) -> bool {
        self.daemon.load(Ordering::Relaxed)
    }

    /// How the child ended; `None` if it has not, or is no child of this process.
    pub(super) fn exit_so_far(&self) -> Option<Exit> {
        // Nothing here waits, so nothing cancels it.
        self.learn_exit(|pid| sys::try_wait(pid).map_err(Stop::from)).unwrap_or(None)
    }

    /// Waits for the end of the child; `None` if it is no child of this process.
    pub(super) fn wait_for_exit(&self) -> Result<Option<Exit>, Cancelled> {
        self.learn_exit(wait::for_child)
    }

    fn learn_exit(&self, ask: fn(i32) -> Result<Option<Exit>, Stop>) -> Result<Option<Exit>, Cancelled> {
        let mut child = lock(&self.child);
        let Some(child) = child.as_mut().filter(|_| self.parent == std::process::id()) else { return Ok(None) };
        if child.exit.is_none() {
            child.exit = match ask(child.pid) {
                Ok(exit) => exit,
                Err(Stop::Cancelled(cancelled)) => return Err(cancelled),
                // A child that somebody else has reaped left no word: CPython, too, takes that for 255.
                Err(Stop::Failed(_)) => Some(Exit::Code(255)),
            };
        }
        Ok(child.exit)
    }

    /// The caller has seen the end of the process, if it has ended.
    pub(super) fn tell_ended(&self, exit: Option<Exit>) -> Option<Exit> {
        if exit.is_some() {
            lock(&self.child).iter().for_each(|child| link::ended(child.lane));
        }
        exit
    }
}
