//! The C library calls that std does not offer, declared by hand (this crate has no dependencies) and made safe.
//! All platform code is here: Linux, as the worker. Retries for its caller only after a
//! signal (`EINTR`), which may have come to interrupt the cell.

use std::ffi::{c_char, c_int, c_long, c_short, c_uint, c_ulong, c_void};
use std::fs::File;
use std::io::{self, Error, ErrorKind, Write};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use crate::interrupt;

pub(crate) const SIGKILL: c_int = 9;
pub(crate) const SIGTERM: c_int = 15;

const WNOHANG: c_int = 1;
const POLLIN: c_short = 1;
const MFD_CLOEXEC: c_uint = 1;
const EFD_CLOEXEC: c_int = 0o2000000;
const EFD_NONBLOCK: c_int = 0o4000;
const EFD_SEMAPHORE: c_int = 1;
const CLOCK_MONOTONIC: c_int = 1;
const CLOCK_PROCESS_CPUTIME_ID: c_int = 2;
#[cfg(target_arch = "x86_64")]
const SYS_FUTEX: c_long = 202;
/// As on aarch64, and on every processor that Linux came to later.
#[cfg(not(target_arch = "x86_64"))]
const SYS_FUTEX: c_long = 98;
const FUTEX_WAIT_PRIVATE: c_int = 128;
const FUTEX_WAKE_PRIVATE: c_int = 129;
/// What `ctime_r` asks of its buffer.
const CTIME_BYTES: usize = 26;

#[repr(C)]
struct PollFd {
    fd: c_int,
    events: c_short,
    revents: c_short,
}

#[repr(C)]
struct Timespec {
    seconds: c_long,
    nanoseconds: c_long,
}

unsafe extern "C" {
    safe fn pthread_self() -> c_ulong;
    #[link_name = "fork"]
    fn libc_fork() -> c_int;
    fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    #[link_name = "kill"]
    safe fn libc_kill(pid: c_int, signal: c_int) -> c_int;
    safe fn _exit(code: c_int) -> !;
    #[link_name = "poll"]
    fn libc_poll(fds: *mut PollFd, count: c_ulong, milliseconds: c_int) -> c_int;
    fn read(fd: c_int, into: *mut c_void, len: usize) -> isize;
    fn syscall(number: c_long, ...) -> c_long;
    safe fn eventfd(initial: c_uint, flags: c_int) -> c_int;
    fn memfd_create(name: *const c_char, flags: c_uint) -> c_int;
    fn ctime_r(time: *const c_long, into: *mut c_char) -> *mut c_char;
    fn clock_gettime(clock: c_int, into: *mut Timespec) -> c_int;
}

/// The calling thread's `pthread_t` as a number: what CPython's `Thread.ident` is.
pub(crate) fn thread_ident() -> u64 {
    pthread_self()
}

/// `fork(2)`: the child's pid, and 0 in the child.
pub(crate) fn fork() -> io::Result<i32> {
    // SAFETY: the callers of this function (`fork.rs`) hold every lock of this crate that a child needs; a child
    // that waits for a lock of the user's own is the user's, as in C.
    succeed(unsafe { libc_fork() })
}

/// Ends the process at once: no destructors, no `atexit`.
pub(crate) fn exit(code: i32) -> ! {
    _exit(code)
}

pub(crate) fn kill(pid: i32, signal: i32) -> io::Result<()> {
    succeed(libc_kill(pid, signal)).map(drop)
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Code(i32),
    Signal(i32),
}

/// Waits for child `pid` and reaps it; always `Some` or an error.
pub(crate) fn wait(pid: i32) -> io::Result<Option<Exit>> {
    reap(pid, 0)
}

/// Reaps child `pid` if it has ended.
pub(crate) fn try_wait(pid: i32) -> io::Result<Option<Exit>> {
    reap(pid, WNOHANG)
}

fn reap(pid: i32, options: c_int) -> io::Result<Option<Exit>> {
    let mut status = 0;
    // SAFETY: `status` is valid for the call.
    let ended = retry(|| unsafe { waitpid(pid, &mut status, options) })?;
    // The layout of a wait status is that of Linux's <bits/waitstatus.h>.
    let exit = match status & 0x7f {
        0 => Exit::Code((status >> 8) & 0xff),
        signal => Exit::Signal(signal),
    };
    Ok((ended != 0).then_some(exit))
}

/// Waits until `fd` has something to read (or its other end is closed); false once `deadline` has passed.
pub(crate) fn readable(fd: BorrowedFd<'_>, deadline: Option<Instant>) -> io::Result<bool> {
    loop {
        let mut entry = PollFd { fd: fd.as_raw_fd(), events: POLLIN, revents: 0 };
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // SAFETY: one valid entry, as counted.
        match succeed(unsafe { libc_poll(&mut entry, 1, poll_milliseconds(left)) }) {
            Ok(0) if left == Some(Duration::ZERO) => return Ok(false),
            Ok(0) => {}
            Ok(_) => return Ok(true),
            Err(error) if error.kind() == ErrorKind::Interrupted => interrupt::check(),
            Err(error) => return Err(error),
        }
    }
}

/// -1 (for ever) for no limit; rounded up, so that a poll never comes back just before the deadline.
fn poll_milliseconds(left: Option<Duration>) -> c_int {
    left.map_or(-1, |left| c_int::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(c_int::MAX))
}

/// Sleeps while `word` is `seen`, at most `left`; a signal ends it too (futex(2)).
pub(crate) fn futex_wait(word: &AtomicU32, seen: u32, left: Option<Duration>) {
    let left = left.map(|left| Timespec {
        seconds: c_long::try_from(left.as_secs()).unwrap_or(c_long::MAX),
        nanoseconds: c_long::from(left.subsec_nanos() as c_int),
    });
    let limit = left.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the word and the limit outlive the call.
    unsafe { syscall(SYS_FUTEX, word.as_ptr(), FUTEX_WAIT_PRIVATE, seen, limit) };
}

/// Wakes up to `count` threads of this process that sleep on `word`.
pub(crate) fn futex_wake(word: &AtomicU32, count: u32) {
    // SAFETY: the word outlives the call.
    unsafe { syscall(SYS_FUTEX, word.as_ptr(), FUTEX_WAKE_PRIVATE, count.min(c_int::MAX as u32)) };
}

/// The name of a signal that commonly ends a process.
pub(crate) fn signal_name(number: i32) -> Option<&'static str> {
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        SIGKILL => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        SIGTERM => "SIGTERM",
        24 => "SIGXCPU",
        31 => "SIGSYS",
        _ => return None,
    })
}

/// A counter shared with forked children: a semaphore without a timeout of its own (`eventfd(2)`).
#[derive(Debug)]
pub(crate) struct SharedSemaphore(File);

impl SharedSemaphore {
    pub(crate) fn new(initial: u32) -> io::Result<Self> {
        let fd = succeed(eventfd(initial, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE))?;
        // SAFETY: a descriptor just made, owned by nobody else.
        Ok(SharedSemaphore(unsafe { File::from_raw_fd(fd) }))
    }

    /// Takes one; false if there was none until `deadline`.
    pub(crate) fn acquire(&self, deadline: Option<Instant>) -> io::Result<bool> {
        use std::os::fd::AsFd;
        let mut one = [0u8; 8];
        loop {
            // SAFETY: `one` has the eight bytes that an eventfd answers with.
            match retry(|| unsafe { read(self.0.as_raw_fd(), one.as_mut_ptr().cast(), one.len()) as c_int }) {
                Ok(_) => return Ok(true),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if !readable(self.0.as_fd(), deadline)? {
                return Ok(false);
            }
        }
    }

    pub(crate) fn release(&self) -> io::Result<()> {
        (&self.0).write_all(&1u64.to_ne_bytes())
    }
}

/// A file in memory that forked children share.
pub(crate) fn shared_file() -> io::Result<File> {
    // SAFETY: the name is a C string.
    let fd = succeed(unsafe { memfd_create(c"threadbook".as_ptr(), MFD_CLOEXEC) })?;
    // SAFETY: a descriptor just made, owned by nobody else.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// Writes to a descriptor that stays open; what cannot be written is lost, as by `print!` on a closed stream.
pub(crate) fn write_all(fd: i32, bytes: &[u8]) {
    // SAFETY: used for this one call and never closed (`ManuallyDrop`).
    let file = ManuallyDrop::new(unsafe { File::from_raw_fd(fd) });
    let _ = (&*file).write_all(bytes);
}

/// `ctime(3)` without its newline: `Sat Apr 11 11:47:38 2020`, in the local time zone.
pub(crate) fn ctime(seconds: i64) -> Option<String> {
    let mut buffer = [0u8; CTIME_BYTES];
    // SAFETY: `ctime_r` writes at most the 26 bytes that it asks for, and only for years of four digits.
    let written = unsafe { ctime_r(&seconds, buffer.as_mut_ptr().cast()) };
    let text = buffer.split(|&byte| byte == b'\n' || byte == 0).next()?;
    (!written.is_null()).then(|| String::from_utf8_lossy(text).into_owned())
}

pub(crate) fn monotonic() -> Duration {
    clock(CLOCK_MONOTONIC)
}

pub(crate) fn process_time() -> Duration {
    clock(CLOCK_PROCESS_CPUTIME_ID)
}

fn clock(id: c_int) -> Duration {
    let mut now = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: `now` is valid for the call; both clocks exist on every Linux, so the call cannot fail.
    unsafe { clock_gettime(id, &mut now) };
    Duration::new(now.seconds as u64, now.nanoseconds as u32)
}

fn succeed(answer: c_int) -> io::Result<c_int> {
    if answer < 0 { Err(Error::last_os_error()) } else { Ok(answer) }
}

fn retry(mut call: impl FnMut() -> c_int) -> io::Result<c_int> {
    loop {
        match succeed(call()) {
            Err(error) if error.kind() == ErrorKind::Interrupted => interrupt::check(),
            other => return other,
        }
    }
}
