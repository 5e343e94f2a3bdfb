//! The worker's side of a snapshot: a copy of this process that waits, with every variable as it is now, until the session
//! sends it a cell. The session does so once the worker is lost, or to restore the state. It closes the copy's control
//! socket when it no longer wants the copy.
//!
//! A copy is made by `clone` as a sibling, not by `fork` as a child, so that a cell that waits for any child does not meet
//! it, and it does not end with the worker. A waiting copy may be copied itself. `unfit` says which processes cannot be.

use std::collections::HashSet;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::sys::descriptor::{Kind, Status, out_of_reach, status};
use crate::sys::{memory, open_files, thread};
use crate::worker::abi::protocol::SnapshotError;
use crate::worker::child::keeper;

/// Makes copies of this process.
pub(crate) struct Copier {
    /// Inodes of pipes and sockets that are Threadbook's own, or were open before the first cell.
    ours: HashSet<u64>,
    /// The time that the last copy took, and its number of pages of memory.
    last: Option<(Duration, u64)>,
}

pub(crate) enum Copied {
    /// Returned in the process that was copied: the copy's process id, and the session's end of its control socket.
    Made(u32, UnixStream),
    /// Returned in the copy: its end of its control socket.
    Copy(UnixStream),
}

impl Copier {
    /// Must be called before any cell has run, since what is open then is taken for Threadbook's own.
    pub(crate) fn new() -> Copier {
        let streams = open_files::all().filter(|(_, status)| status.kind == Kind::PipeOrSocket);
        Copier { ours: streams.map(|(_, status)| status.inode).collect(), last: None }
    }

    /// Copies this process. Returns an error if the process is `unfit`, or if the copy would take longer than `limit`.
    pub(crate) fn copy(&mut self, limit: Duration) -> Result<Copied, SnapshotError> {
        if let Some(why) = unfit(&self.ours) {
            return Err(why);
        }
        let pages = memory::resident_pages();
        let cost = self.estimate(pages);
        if cost > limit {
            return Err(SnapshotError::Cost { milliseconds: cost.as_millis() as u64 });
        }
        let failed = |error: io::Error| SnapshotError::Failed { reason: error.to_string() };
        let (near, far) = UnixStream::pair().map_err(failed)?;
        let far = UnixStream::from(out_of_reach(far.into()).map_err(failed)?);
        let started = Instant::now();
        match clone_as_sibling().map_err(failed)? {
            0 => {
                self.ours.extend(status(far.as_raw_fd()).map(|status| status.inode));
                Ok(Copied::Copy(far))
            }
            pid => {
                self.last = Some((started.elapsed(), pages));
                Ok(Copied::Made(pid, near))
            }
        }
    }

    /// The time that a copy of so many pages will take, in proportion to the last copy. The first is taken to cost 20 ms a
    /// gigabyte.
    fn estimate(&self, pages: u64) -> Duration {
        match self.last {
            Some((cost, of)) => Duration::from_secs_f64(cost.as_secs_f64() * pages as f64 / of.max(1) as f64),
            None => Duration::from_nanos(pages * 80),
        }
    }
}

/// The time for which the system may still count a thread that has been joined. A thread that is there for longer makes
/// the process unfit.
const VANISHING: Duration = Duration::from_millis(2);

/// The reason why this process cannot be copied now; `None` if it can. A second thread may hold locks and be in the middle
/// of a change. A copy with a pipe or a socket open would hide the end of the stream from whoever reads it, and a copy with
/// a locked file open would keep the lock.
fn unfit(ours: &HashSet<u64>) -> Option<SnapshotError> {
    let started = Instant::now();
    while thread::count() > 1 {
        if started.elapsed() > VANISHING {
            return Some(SnapshotError::Threads);
        }
        std::thread::yield_now();
    }
    let users = open_files::all().filter(|(_, status)| !ours.contains(&status.inode));
    users.filter_map(|(fd, status)| held_by(fd, &status)).next()
}

fn held_by(fd: RawFd, status: &Status) -> Option<SnapshotError> {
    match status.kind {
        Kind::PipeOrSocket => Some(SnapshotError::Pipe),
        Kind::Regular => open_files::is_locked(fd).then_some(SnapshotError::LockedFile),
        Kind::Other => None,
    }
}

/// Makes a copy of this process, as `fork` does, but as a child of the keeper. Returns 0 in the copy.
fn clone_as_sibling() -> io::Result<u32> {
    let flags = libc::CLONE_PARENT | libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID | libc::SIGCHLD;
    let mut thread_id: *mut libc::pid_t = std::ptr::null_mut();
    // SAFETY: this process has one thread (`unfit`), so no lock of the C library is held. The child gets no stack of its
    // own, as with `fork`, and the C library's note of the thread's id is brought up to date as `fork` does it; where
    // that is not to be found, it is only used to tell owners of C's recursive locks apart.
    let answer = unsafe {
        let keeper = std::os::unix::process::parent_id();
        libc::prctl(libc::PR_GET_TID_ADDRESS, &mut thread_id);
        let flags = if thread_id.is_null() { libc::CLONE_PARENT | libc::SIGCHLD } else { flags };
        let none: usize = 0;
        // The order of the last two differs between processors (clone(2)).
        #[cfg(target_arch = "x86_64")]
        let answer = libc::syscall(libc::SYS_clone, flags as usize, none, none, thread_id, none);
        #[cfg(not(target_arch = "x86_64"))]
        let answer = libc::syscall(libc::SYS_clone, flags as usize, none, none, none, thread_id);
        if answer == 0 {
            keeper::kept_by(keeper);
        }
        answer
    };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer as u32) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_of_a_copy_is_told_from_the_last() {
        let mut copier = Copier::new();
        assert_eq!(copier.estimate(1 << 18).as_millis(), 20);
        copier.last = Some((Duration::from_millis(1), 100));
        assert_eq!(copier.estimate(1000).as_millis(), 10);
    }

    #[test]
    fn what_cannot_be_copied_is_told() {
        // The test harness has threads of its own.
        assert_eq!(unfit(&HashSet::new()), Some(SnapshotError::Threads));
        let held = |fd: &dyn AsRawFd| held_by(fd.as_raw_fd(), &status(fd.as_raw_fd()).expect("it is open"));
        let (near, _far) = UnixStream::pair().expect("a pair");
        assert_eq!(held(&near), Some(SnapshotError::Pipe));
        let file = tempfile::tempfile().expect("a file");
        assert_eq!(held(&file), None);
        file.lock().expect("nobody else has it");
        assert_eq!(held(&file), Some(SnapshotError::LockedFile));
    }
}
