//! The one place that forks. Owns the rule that makes it safe: whoever forks first takes every lock that the
//! child needs (the streams of std, the tables of threads and of processes), so no other thread can hold one at that moment.
//! Never executes another program and never waits for a child.

use crate::multiprocessing::family::family;
use crate::sync::{Mutex, MutexGuard};
use crate::threading::current;
use crate::wait::lock;
use crate::{link, sys};
use std::any::Any;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::panic;
use std::sync::Once;

/// Held from the making of the line between a child and its parent until the parent has closed the child's end, so that no
/// other child inherits that end and keeps the line open.
static FORKING: Mutex<()> = Mutex::new(());

/// Held while a thread reports its panic, since std's hook takes locks of its own.
static REPORTING: Mutex<()> = Mutex::new(());

/// The two processes that a fork makes of one, with a line between them.
pub(crate) enum Forked {
    Parent { child: i32, line: UnixStream },
    Child { line: UnixStream },
}

/// Forks; the child is `lane`, or a lane that the worker makes. Returns the child's pid, and 0 in the child.
pub(crate) fn fork(lane: Option<u64>) -> io::Result<i32> {
    let _forking = lock(&FORKING);
    fork_alone(lane)
}

/// Forks a child that is `lane` and has a line to its parent, which closes at the latest when the child ends.
/// The child's only thread counts as its main thread.
pub(crate) fn fork_with_line(lane: u64) -> io::Result<Forked> {
    let _forking = lock(&FORKING);
    let (ours, childs) = UnixStream::pair()?;
    match fork_alone(Some(lane))? {
        0 => {
            current::become_main();
            Ok(Forked::Child { line: childs })
        }
        child => Ok(Forked::Parent { child, line: ours }),
    }
}

fn fork_alone(lane: Option<u64>) -> io::Result<i32> {
    // What std has buffered is written now, or parent and child would both write it.
    let reporting = hold_reports();
    let (mut stdout, stderr) = (io::stdout().lock(), io::stderr().lock());
    let _ = stdout.flush();
    let (mut threads, mut family) = (current::table(), family());
    if let Some(lane) = lane {
        link::adopt(lane);
    }
    let child = sys::fork()?;
    if child == 0 {
        threads.keep_only_current();
        family.forget_children();
    }
    drop((reporting, stdout, stderr, threads, family));
    Ok(child)
}

/// While the guard lives, no thread reports a panic; the first call makes the hook keep to that.
fn hold_reports() -> MutexGuard<'static, ()> {
    static HOOK: Once = Once::new();
    // A thread that unwinds may not change the hook; it may still fork.
    if !std::thread::panicking() {
        HOOK.call_once(|| {
            let report = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                let _reporting = lock(&REPORTING);
                report(info);
            }));
        });
    }
    lock(&REPORTING)
}

/// Ends a forked child. What std has buffered is written; destructors and `atexit` handlers are the parent's and do not run.
pub(crate) fn leave(code: i32) -> ! {
    let _ = io::stdout().flush();
    sys::exit(code)
}

/// The text of a panic, as std's own hook writes it.
pub(crate) fn panic_message(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(other) => other.downcast_ref::<&str>().copied().unwrap_or("Box<dyn Any>").to_owned(),
    }
}
