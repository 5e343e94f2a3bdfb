//! The keeper: the process that a session starts, and the parent of the worker and of its copies. It outlives each of
//! them, since a copy must not die with the worker that it was made of, and reports how each ended. Their orphans become
//! its children, which it waits for. It never runs a cell, holds none of their descriptors, and ends with the session.

use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use crate::sys::process;
use crate::worker::abi::report;

/// Makes this process the keeper and starts the first worker, which has these descriptors. Returns twice: in the worker at
/// once, and in the keeper when no process is left to keep.
pub(crate) fn keep(reports: OwnedFd, workers: &[RawFd]) -> io::Result<Role> {
    let reports = UnixStream::from(reports);
    process::adopt_orphans()?;
    let keeper = std::process::id();
    // SAFETY: this process has one thread, so its child may do all that it could do itself.
    let worker = match unsafe { libc::fork() } {
        0 => {
            kept_by(keeper);
            return Ok(Role::Worker);
        }
        worker @ 1.. => worker,
        _ => return Err(io::Error::last_os_error()),
    };
    report::send(&reports, worker as u32, 0)?;
    for fd in workers.iter().chain(&[0, 1, 2]) {
        // SAFETY: the worker has copies of these, and nothing here uses them.
        unsafe { libc::close(*fd) };
    }
    while let Some((pid, status)) = process::wait_for_any_child() {
        report::send(&reports, pid, status)?;
    }
    Ok(Role::Keeper)
}

pub(crate) enum Role {
    Keeper,
    Worker,
}

/// Makes the calling process lead a group of its own and end with its keeper.
pub(crate) fn kept_by(keeper: u32) {
    process::lead_group();
    process::end_with_parent();
    if std::os::unix::process::parent_id() != keeper {
        process::leave(1);
    }
}
