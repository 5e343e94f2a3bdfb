//! Processes that run cells or may come to do so, as the session holds them: the worker, and snapshots of it.

use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use crate::sys::poll::is_readable;
use crate::sys::process::pidfd_open;

/// A process that has loaded the runtime. Dropping this ends the process: no more requests will come.
pub(crate) struct Process {
    pub pid: u32,
    /// Readable once the process has ended.
    pidfd: OwnedFd,
    pub control: UnixStream,
}

impl Process {
    pub(crate) fn new(pid: u32, control: UnixStream) -> io::Result<Process> {
        Ok(Process { pid, pidfd: pidfd_open(pid)?, control })
    }

    pub(crate) fn has_ended(&self) -> bool {
        is_readable(&self.pidfd)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Closing this descriptor is not enough, since the reader has another for the same socket.
        let _ = self.control.shutdown(Shutdown::Both);
    }
}

/// A copy of the worker that waits, with every variable as it was when the copy was made. Dropping it ends that process.
pub struct Snapshot(pub(crate) Process);
