//! The worker's side of a snapshot: a copy of this process that waits, with every variable as it is now, for the session
//! to send it a cell. The session does so once the worker is lost; it hangs up when the copy is no longer wanted.
//!
//! A copy is made by `clone` as a sibling, not by `fork` as a child: the cell's own `wait` must not meet it, and it must
//! not end with the worker. It is made only of a process in which nothing could be torn: see `unfit`.

use std::collections::HashSet;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::worker::abi::protocol::NotCopied;
use crate::worker::child::keeper;

/// Makes copies of this process.
pub(crate) struct Copier {
    /// Inodes of the pipes and sockets that are not the user's.
    ours: HashSet<u64>,
    /// What the last copy took, and how many pages it had.
    last: Option<(Duration, u64)>,
}

pub(crate) enum Copied {
    /// In the worker: the copy, and the session's end of its line.
    Made(u32, UnixStream),
    /// In the copy.
    Copy(UnixStream),
}

impl Copier {
    /// Before any cell has run: what is open now is ours, or was left open by whoever started the session.
    pub(crate) fn new() -> Copier {
        let streams = open_files().filter(|(_, stat)| is_stream(stat)).map(|(_, stat)| stat.st_ino);
        Copier { ours: streams.collect(), last: None }
    }

    /// Copies this process, unless it is unfit for that or the copy would take longer than `limit`.
    pub(crate) fn copy(&mut self, limit: Duration) -> Result<Copied, NotCopied> {
        if let Some(why) = unfit(&self.ours) {
            return Err(why);
        }
        let pages = resident_pages();
        let milliseconds = self.estimate(pages).as_millis() as u64;
        if milliseconds > limit.as_millis() as u64 {
            return Err(NotCopied::Cost { milliseconds });
        }
        let failed = |error: io::Error| NotCopied::Failed { reason: error.to_string() };
        let (near, far) = UnixStream::pair().map_err(failed)?;
        let far = UnixStream::from(crate::worker::child::server::out_of_reach(far.into()).map_err(failed)?);
        let started = Instant::now();
        match clone_as_sibling().map_err(failed)? {
            0 => {
                self.ours.extend(inode(far.as_raw_fd()));
                Ok(Copied::Copy(far))
            }
            pid => {
                self.last = Some((started.elapsed(), pages));
                Ok(Copied::Made(pid, near))
            }
        }
    }

    /// The cost grows with the pages. Before the first copy: 20 ms for a gigabyte.
    fn estimate(&self, pages: u64) -> Duration {
        match self.last {
            Some((cost, of)) => Duration::from_secs_f64(cost.as_secs_f64() * pages as f64 / of.max(1) as f64),
            None => Duration::from_nanos(pages * 80),
        }
    }
}

/// How long a thread that has been joined may take to vanish.
const VANISHING: Duration = Duration::from_millis(2);

/// Why this process cannot be copied now. With a second thread its locks may be held and its state torn; a copy that
/// holds a pipe or a socket would hide the end of the stream from whoever reads it, and keep a lock of a file.
fn unfit(ours: &HashSet<u64>) -> Option<NotCopied> {
    let started = Instant::now();
    while threads() > 1 {
        if started.elapsed() > VANISHING {
            return Some(NotCopied::Threads);
        }
        std::thread::yield_now();
    }
    let users = open_files().filter(|(_, stat)| !ours.contains(&stat.st_ino));
    users.filter_map(|(fd, stat)| held_by(fd, &stat)).next()
}

fn threads() -> u64 {
    // A directory has a link of each one in it.
    std::fs::metadata("/proc/self/task").map_or(1, |tasks| tasks.nlink() - 2)
}

fn open_files() -> impl Iterator<Item = (RawFd, libc::stat)> {
    let entries = std::fs::read_dir("/proc/self/fd").into_iter().flatten();
    let fds = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    fds.filter_map(|fd| Some((fd, status(fd)?)))
}

fn status(fd: RawFd) -> Option<libc::stat> {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `fstat` fills the local or answers an error, and then it is not read.
    unsafe { (libc::fstat(fd, stat.as_mut_ptr()) == 0).then(|| stat.assume_init()) }
}

fn inode(fd: RawFd) -> Option<u64> {
    status(fd).map(|stat| stat.st_ino)
}

fn is_stream(stat: &libc::stat) -> bool {
    matches!(stat.st_mode & libc::S_IFMT, libc::S_IFIFO | libc::S_IFSOCK)
}

fn held_by(fd: RawFd, stat: &libc::stat) -> Option<NotCopied> {
    if is_stream(stat) {
        return Some(NotCopied::Pipe);
    }
    if stat.st_mode & libc::S_IFMT != libc::S_IFREG {
        return None;
    }
    let about = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap_or_default();
    about.lines().any(|line| line.starts_with("lock:")).then_some(NotCopied::LockedFile)
}

/// Pages of memory that this process has.
fn resident_pages() -> u64 {
    let sizes = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    sizes.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0)
}

/// `fork`, but the child is the keeper's. Answers 0 in the child.
fn clone_as_sibling() -> io::Result<u32> {
    let flags = libc::CLONE_PARENT | libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID | libc::SIGCHLD;
    let mut thread_id: *mut libc::pid_t = std::ptr::null_mut();
    // SAFETY: this process has one thread (`unfit`), so no lock of the C library is held. The child gets no stack of its
    // own, as with `fork`, and the C library's note of the thread's id is brought up to date as `fork` does it; where
    // that is not to be found, it is only used to tell owners of C's recursive locks apart.
    let answer = unsafe {
        let keeper = libc::getppid();
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

/// Sends the session its end of a copy's line, behind one byte (unix(7), `SCM_RIGHTS`).
pub(crate) fn send_line(over: &UnixStream, line: UnixStream) -> io::Result<()> {
    let mut byte = 0u8;
    let mut part = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let mut control = [0u64; 4];
    // SAFETY: `message` points to locals that outlive the call; the control buffer is aligned for a `cmsghdr` and has
    // room for one with a descriptor.
    let sent = unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(size_of::<RawFd>() as u32) as _;
        let head = libc::CMSG_FIRSTHDR(&message);
        (*head).cmsg_level = libc::SOL_SOCKET;
        (*head).cmsg_type = libc::SCM_RIGHTS;
        (*head).cmsg_len = libc::CMSG_LEN(size_of::<RawFd>() as u32) as _;
        libc::CMSG_DATA(head).cast::<RawFd>().write_unaligned(line.as_raw_fd());
        libc::sendmsg(over.as_raw_fd(), &message, libc::MSG_NOSIGNAL)
    };
    if sent == 1 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The session's side of `send_line`.
pub(crate) fn receive_line(over: &UnixStream) -> io::Result<UnixStream> {
    use std::os::fd::FromRawFd;
    let mut byte = 0u8;
    let mut part = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let mut control = [0u64; 4];
    // SAFETY: as above; the buffer is read only as far as the system says that it filled it, and the descriptor in it is
    // new and ours.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control) as _;
        if libc::recvmsg(over.as_raw_fd(), &mut message, libc::MSG_CMSG_CLOEXEC) < 0 {
            return Err(io::Error::last_os_error());
        }
        let head = libc::CMSG_FIRSTHDR(&message);
        if head.is_null() || (*head).cmsg_type != libc::SCM_RIGHTS {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(OwnedFd::from_raw_fd(libc::CMSG_DATA(head).cast::<RawFd>().read_unaligned()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_sent_over_another() {
        let (here, there) = UnixStream::pair().expect("a pair");
        let (near, mut far) = UnixStream::pair().expect("a pair");
        send_line(&here, near).expect("sent");
        let mut near = receive_line(&there).expect("received");
        io::Write::write_all(&mut near, b"x").expect("written");
        let mut byte = [0];
        io::Read::read_exact(&mut far, &mut byte).expect("read");
        assert_eq!(&byte, b"x");
    }

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
        assert_eq!(unfit(&HashSet::new()), Some(NotCopied::Threads));
        let held = |fd: &dyn AsRawFd| held_by(fd.as_raw_fd(), &status(fd.as_raw_fd()).expect("it is open"));
        let (near, _far) = UnixStream::pair().expect("a pair");
        assert_eq!(held(&near), Some(NotCopied::Pipe));
        let file = tempfile::tempfile().expect("a file");
        assert_eq!(held(&file), None);
        // SAFETY: a lock on a descriptor of ours.
        assert_eq!(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) }, 0);
        assert_eq!(held(&file), Some(NotCopied::LockedFile));
    }
}
