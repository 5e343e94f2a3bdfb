//! Python's `os` module, as far as processes go. Never waits for a child: that is `multiprocessing`'s.

use crate::{fork, link};
use std::io;

/// The id of this process.
///
/// ```
/// assert_eq!(threadbook::os::getpid(), std::process::id());
/// ```
pub fn getpid() -> u32 {
    std::process::id()
}

/// The id of the process that made this one.
///
/// ```
/// assert_ne!(threadbook::os::getppid(), threadbook::os::getpid());
/// ```
pub fn getppid() -> u32 {
    std::os::unix::process::parent_id()
}

/// Makes a copy of this process with the calling thread as its only one: the child's pid, and 0 in the child.
///
/// Both run the rest of the cell; the child then leaves, and the session goes on in the parent alone.
///
/// # Errors
/// The system has no process to give.
///
/// ```
/// # use threadbook::os;
/// if os::fork()? == 0 {
///     println!("said by the child");
///     # std::process::exit(0);
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn fork() -> io::Result<i32> {
    fork::fork(None)
}

/// Whether this process was forked by a cell, in whatever way, and is not the session itself.
///
/// ```
/// assert!(!threadbook::os::is_forked_child());
/// ```
pub fn is_forked_child() -> bool {
    link::is_forked_child()
}
