//! The keeper: the process that a session starts, and the parent of the worker and of its copies. It outlives each of
//! them, since a copy must not die with the worker that it was made of, and says how each ended. It is the reaper of
//! all that they leave behind. It never runs a cell, holds none of their descriptors, and ends with the session.

use std::io::{self, Read, Write};
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use crate::worker::abi::exit::Exit;

/// A process id and a wait status as `wait` has it (wait(2)), native order.
const REPORT: usize = 8;

/// Becomes the keeper and answers in a new process, the first worker, whose descriptors these are. In the keeper it
/// answers once no process is left to keep.
pub(crate) fn keep(reports: OwnedFd, workers: &[RawFd]) -> io::Result<Role> {
    let mut reports = UnixStream::from(reports);
    // SAFETY: plain system calls. One thread, so the child is as good as its parent.
    let worker = unsafe {
        libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
        let keeper = libc::getpid();
        let child = libc::fork();
        if child == 0 {
            kept_by(keeper);
            return Ok(Role::Worker);
        }
        child
    };
    if worker < 0 {
        return Err(io::Error::last_os_error());
    }
    report(&mut reports, worker, 0)?;
    for fd in workers.iter().chain(&[0, 1, 2]) {
        // SAFETY: the worker has copies of these, and nothing here uses them.
        unsafe { libc::close(*fd) };
    }
    loop {
        let mut status = 0;
        // SAFETY: `status` is a local.
        match unsafe { libc::waitpid(-1, &mut status, 0) } {
            pid @ 1.. => report(&mut reports, pid, status)?,
            _ if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            _ => return Ok(Role::Keeper),
        }
    }
}

pub(crate) enum Role {
    Keeper,
    Worker,
}

/// The calling process leads a group of its own and ends with its keeper.
pub(crate) fn kept_by(keeper: libc::pid_t) {
    // SAFETY: plain system calls; a keeper that had gone before it could be said is noticed by the last.
    unsafe {
        libc::setpgid(0, 0);
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if libc::getppid() != keeper {
            libc::_exit(1);
        }
    }
}

fn report(to: &mut UnixStream, pid: libc::pid_t, status: libc::c_int) -> io::Result<()> {
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
