//! The keeper: the process that a session starts, and the parent of the worker and of its copies. It outlives each of
//! them, since a copy must not die with the worker that it was made of, and says how each ended. It is the reaper of
//! all that they leave behind. It never runs a cell, holds none of their descriptors, and ends with the session.

use std::io::{self, Read, Write};
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use crate::sys::process;
use crate::worker::abi::exit::Exit;

/// A process id and a wait status as `wait` has it (wait(2)), native order.
const REPORT: usize = 8;

/// Becomes the keeper and answers in a new process, the first worker, whose descriptors these are. In the keeper it
/// answers once no process is left to keep.
pub(crate) fn keep(reports: OwnedFd, workers: &[RawFd]) -> io::Result<Role> {
    let mut reports = UnixStream::from(reports);
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
    report(&mut reports, worker as u32, 0)?;
    for fd in workers.iter().chain(&[0, 1, 2]) {
        // SAFETY: the worker has copies of these, and nothing here uses them.
        unsafe { libc::close(*fd) };
    }
    while let Some((pid, status)) = process::wait_for_any_child() {
        report(&mut reports, pid, status)?;
    }
    Ok(Role::Keeper)
}

pub(crate) enum Role {
    Keeper,
    Worker,
}

/// The calling process leads a group of its own and ends with its keeper.
pub(crate) fn kept_by(keeper: u32) {
    process::lead_group();
    process::end_with_parent();
    if std::os::unix::process::parent_id() != keeper {
        process::leave(1);
    }
}

fn report(to: &mut UnixStream, pid: u32, status: i32) -> io::Result<()> {
    let mut bytes = [0; REPORT];
    bytes[..4].copy_from_slice(&pid.to_ne_bytes());
    bytes[4..].copy_from_slice(&status.to_ne_bytes());
    to.write_all(&bytes)
}

/// The session's side: the next process that has ended, and how. The first report is the worker that begins.
pub(crate) fn next_report(mut from: &UnixStream) -> io::Result<(u32, Exit)> {
    let mut bytes = [0; REPORT];
    from.read_exact(&mut bytes)?;
    let [pid, status] = [0, 4].map(|at| i32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes")));
    let status = ExitStatus::from_raw(status);
    Ok((pid as u32, status.signal().map_or(Exit::Code(status.code().unwrap_or(-1)), Exit::Signal)))
}
