//! Owns every call of the C library that std does not offer: declared by hand, since this crate has no dependencies,
//! and made safe. All code that depends on the platform is here: Linux, as for the worker. Knows no interrupt: a call
//! that may block returns `ErrorKind::Interrupted` after a signal, and `wait` decides what follows.

use std::ffi::{c_char, c_int, c_long, c_short, c_uint, c_ulong, c_void};
use std::fs::File;
use std::io::{self, Error, ErrorKind, Read, Write};
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::AtomicU32;
use std::time::Duration;

const SIGINT: c_int = 2;
pub(crate) const SIGKILL: c_int = 9;
pub(crate) const SIGTERM: c_int = 15;

const WNOHANG: c_int = 1;
const POLLIN: c_short = 1;
const POLLOUT: c_short = 4;
const MSG_DONTWAIT: c_int = 0x40;
const MSG_NOSIGNAL: c_int = 0x4000;
const SIG_BLOCK: c_int = 0;
const SIG_SETMASK: c_int = 2;
const MFD_CLOEXEC: c_uint = 1;
const EFD_CLOEXEC: c_int = 0o2000000;
const EFD_NONBLOCK: c_int = 0o4000;
const EFD_SEMAPHORE: c_int = 1;
const CLOCK_MONOTONIC: c_int = 1;
const CLOCK_PROCESS_CPUTIME_ID: c_int = 2;
#[cfg(target_arch = "x86_64")]
const SYS_FUTEX: c_long = 202;
/// The number on aarch64, and on every processor that Linux was ported to later.
#[cfg(not(target_arch = "x86_64"))]
const SYS_FUTEX: c_long = 98;
const FUTEX_WAIT_PRIVATE: c_int = 128;
const FUTEX_WAKE_PRIVATE: c_int = 129;
/// The size in bytes that `ctime_r` asks of its buffer.
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

impl Timespec {
    fn new(time: Duration) -> Timespec {
        Timespec {
            seconds: c_long::try_from(time.as_secs()).unwrap_or(c_long::MAX),
            nanoseconds: c_long::from(time.subsec_nanos() as c_int),
        }
    }
}

/// glibc's and musl's `sigset_t`: 1,024 bits, signal N at bit N-1.
#[repr(C)]
struct SignalSet([c_ulong; 1024 / c_ulong::BITS as usize]);

impl SignalSet {
    const EMPTY: SignalSet = SignalSet([0; 1024 / c_ulong::BITS as usize]);
}

unsafe extern "C" {
    safe fn pthread_self() -> c_ulong;
    #[link_name = "fork"]
    fn libc_fork() -> c_int;
    fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    #[link_name = "kill"]
    safe fn libc_kill(pid: c_int, signal: c_int) -> c_int;
    safe fn _exit(code: c_int) -> !;
    fn ppoll(fds: *mut PollFd, count: c_ulong, left: *const Timespec, mask: *const SignalSet) -> c_int;
    fn pthread_sigmask(how: c_int, set: *const SignalSet, before: *mut SignalSet) -> c_int;
    fn recv(fd: c_int, into: *mut c_void, len: usize, flags: c_int) -> isize;
    #[link_name = "send"]
    fn libc_send(fd: c_int, from: *const c_void, len: usize, flags: c_int) -> isize;
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

/// Waits for child `pid` and reaps it: always `Some` or an error, which is `Interrupted` after a signal.
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
    let ended = succeed(unsafe { waitpid(pid, &mut status, options) })?;
    // The layout of a wait status is that of Linux's <bits/waitstatus.h>.
    let exit = match status & 0x7f {
        0 => Exit::Code((status >> 8) & 0xff),
        signal => Exit::Signal(signal),
    };
    Ok((ended != 0).then_some(exit))
}

/// What a descriptor can be waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Readiness {
    /// There is something to read, or the other end is closed.
    Readable,
    /// There is room to write, or the other end is closed.
    Writable,
}

/// Waits until `fd` is ready; false if it is not within `left` (`None`: without a limit). With `blocked`, `SIGINT` can
/// arrive only during this wait. The error is `Interrupted` after a signal (ppoll(2)).
pub(crate) fn poll(
    fd: BorrowedFd<'_>,
    readiness: Readiness,
    left: Option<Duration>,
    blocked: Option<&SigintBlocked>,
) -> io::Result<bool> {
    let events = match readiness {
        Readiness::Readable => POLLIN,
        Readiness::Writable => POLLOUT,
    };
    let mut entry = PollFd { fd: fd.as_raw_fd(), events, revents: 0 };
    let left = left.map(Timespec::new);
    let limit = left.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let mask = blocked.map_or(std::ptr::null(), |blocked| std::ptr::from_ref(&blocked.before));
    // SAFETY: one valid entry, as counted; the limit and the mask outlive the call.
    succeed(unsafe { ppoll(&mut entry, 1, limit, mask) }).map(|ready| ready > 0)
}

/// Keeps `SIGINT` from the calling thread while it lives; what arrives meanwhile is delivered afterwards.
pub(crate) struct SigintBlocked {
    /// The mask that the thread had, and gets back.
    before: SignalSet,
}

impl SigintBlocked {
    pub(crate) fn new() -> SigintBlocked {
        let (mut sigint, mut before) = (SignalSet::EMPTY, SignalSet::EMPTY);
        sigint.0[0] = 1 << (SIGINT - 1);
        // SAFETY: both sets have the C library's layout and outlive the call, which fails only for a wrong `how`.
        unsafe { pthread_sigmask(SIG_BLOCK, &sigint, &mut before) };
        SigintBlocked { before }
    }
}

impl Drop for SigintBlocked {
    fn drop(&mut self) {
        // SAFETY: the set that `pthread_sigmask` wrote.
        unsafe { pthread_sigmask(SIG_SETMASK, &self.before, std::ptr::null_mut()) };
    }
}

/// Takes up to `into.len()` bytes that have arrived on a socket; 0 if the other end is closed. The error is
/// `WouldBlock` if there are none.
pub(crate) fn receive(socket: BorrowedFd<'_>, into: &mut [u8]) -> io::Result<usize> {
    // SAFETY: pointer and length describe `into`.
    let received = unsafe { recv(socket.as_raw_fd(), into.as_mut_ptr().cast(), into.len(), MSG_DONTWAIT) };
    usize::try_from(received).map_err(|_| Error::last_os_error())
}

/// Puts as many of these bytes on a socket as it has room for. The error is `WouldBlock` if there is none, and
/// `BrokenPipe` if the other end is closed.
pub(crate) fn send(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: pointer and length describe `bytes`.
    let sent =
        unsafe { libc_send(socket.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), MSG_DONTWAIT | MSG_NOSIGNAL) };
    usize::try_from(sent).map_err(|_| Error::last_os_error())
}

/// Sleeps while `word` is `seen`, at most `left`; a signal ends it too (futex(2)).
pub(crate) fn futex_wait(word: &AtomicU32, seen: u32, left: Option<Duration>) {
    let left = left.map(Timespec::new);
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

/// A count that is shared with forked children (`eventfd(2)`); its waits are `wait`'s.
#[derive(Debug)]
pub(crate) struct SharedCount(File);

impl SharedCount {
    pub(crate) fn new(initial: u32) -> io::Result<Self> {
        let fd = succeed(eventfd(initial, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE))?;
        // SAFETY: a descriptor just made, owned by nobody else.
        Ok(SharedCount(unsafe { File::from_raw_fd(fd) }))
    }

    /// Takes one; false if the count is 0.
    pub(crate) fn try_take(&self) -> io::Result<bool> {
        match (&self.0).read(&mut [0; 8]) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives one back.
    pub(crate) fn give(&self) -> io::Result<()> {
        (&self.0).write_all(&1u64.to_ne_bytes())
    }
}

impl AsFd for SharedCount {
    /// Readable while the count is above 0.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
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

fn succeed(returned: c_int) -> io::Result<c_int> {
    if returned < 0 { Err(Error::last_os_error()) } else { Ok(returned) }
}
