//! File descriptors: what one stands for, and which numbers are used. The umask of new files.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, fstat};
use rustix::io::fcntl_dupfd_cloexec;

/// What a descriptor stands for (fstat(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub device: u64,
    pub inode: u64,
    pub kind: Kind,
}

/// The kinds of file that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Regular,
    PipeOrSocket,
    Other,
}

/// The status of a descriptor by its number; None if no descriptor has that number.
pub(crate) fn status(number: RawFd) -> Option<Status> {
    if number < 0 {
        return None;
    }
    // SAFETY: the number is used for this one call, which changes nothing and returns EBADF if it is not open.
    let stat = fstat(unsafe { BorrowedFd::borrow_raw(number) }).ok()?;
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::Regular,
        FileType::Fifo | FileType::Socket => Kind::PipeOrSocket,
        _ => Kind::Other,
    };
    Some(Status { device: stat.st_dev, inode: stat.st_ino, kind })
}

/// The lowest number that `out_of_reach` gives: programs that use or close "all" descriptors rarely go so far.
const FAR: RawFd = 900;

/// A duplicate under a high number, closed in programs that this process starts. Under any number above fd 2 where
/// the limit on open files is lower than that (getrlimit(2), `RLIMIT_NOFILE`).
pub(crate) fn out_of_reach(descriptor: OwnedFd) -> io::Result<OwnedFd> {
    Ok(fcntl_dupfd_cloexec(&descriptor, FAR).or_else(|_| fcntl_dupfd_cloexec(&descriptor, 3))?)
}

/// Opens a regular file and refuses anything else. Never waits, as an `open` of a named pipe would for a writer.
#[cfg_attr(not(feature = "kernel"), allow(dead_code, reason = "only the kernel asks for it"))]
pub(crate) fn open_regular(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    open_with(options, path, OFlags::NONBLOCK)
}

/// As `open_regular`, and a symbolic link is an error too.
pub(crate) fn open_regular_no_link(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    open_with(options, path, OFlags::NONBLOCK | OFlags::NOFOLLOW)
}

fn open_with(options: &mut OpenOptions, path: &Path, flags: OFlags) -> io::Result<File> {
    let file = options.custom_flags(flags.bits() as i32).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is not a regular file")),
    }
}

/// Runs `work` while new files lack the permissions of `mask` (umask(2)). The mask is the whole process's: no other
/// thread should make files meanwhile.
#[cfg_attr(not(feature = "kernel"), allow(dead_code, reason = "only the kernel asks for it"))]
pub(crate) fn with_umask<R>(mask: u32, work: impl FnOnce() -> R) -> R {
    let before = rustix::process::umask(Mode::from_bits_truncate(mask));
    let result = work();
    rustix::process::umask(before);
    result
}

/// Bytes that were written to this descriptor's socket and that nobody has read yet, 0 if it is no socket
/// (`TIOCOUTQ`, unix(7)).
pub(crate) fn unread_bytes(number: RawFd) -> usize {
    if number < 0 {
        return 0;
    }
    // SAFETY: as in `status`: a number that is not open, or is no socket, returns an error.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    // SAFETY: this operation code writes an int (ioctl_tty(2)).
    let query = unsafe { rustix::ioctl::Getter::<{ libc::TIOCOUTQ as rustix::ioctl::Opcode }, libc::c_int>::new() };
    // SAFETY: the query only writes to a local of its own.
    let bytes = unsafe { rustix::ioctl::ioctl(descriptor, query) };
    bytes.ok().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn kinds_are_told_apart() {
        let file = tempfile::tempfile().expect("a file");
        let (near, _far) = UnixStream::pair().expect("a pair");
        let null = File::open("/dev/null").expect("there");
        let kind = |descriptor: &dyn AsRawFd| status(descriptor.as_raw_fd()).expect("open").kind;
        assert_eq!([kind(&file), kind(&near), kind(&null)], [Kind::Regular, Kind::PipeOrSocket, Kind::Other]);
        assert_eq!(status(-1), None);
        assert_eq!(status(RawFd::MAX), None);
    }

    #[test]
    fn a_duplicate_has_a_high_number_and_is_the_same_file() {
        let file = tempfile::tempfile().expect("a file");
        let before = status(file.as_raw_fd());
        let far = out_of_reach(file.into()).expect("a free number");
        assert!(far.as_raw_fd() >= FAR);
        assert_eq!(status(far.as_raw_fd()), before);
    }

    #[test]
    fn bytes_that_nobody_has_read_are_counted() {
        let (mut near, mut far) = UnixStream::pair().expect("a pair");
        assert_eq!(unread_bytes(near.as_raw_fd()), 0);
        near.write_all(b"text").expect("written");
        assert!(unread_bytes(near.as_raw_fd()) > 0);
        std::io::Read::read_exact(&mut far, &mut [0; 4]).expect("read");
        assert_eq!(unread_bytes(near.as_raw_fd()), 0);
        assert_eq!(unread_bytes(tempfile::tempfile().expect("a file").as_raw_fd()), 0);
    }
}
