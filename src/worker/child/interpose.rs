//! What the executable defines in place of functions of the C library, so that every library loaded into the worker
//! (libstd, dependencies, C code) calls ours: `read`, `readv`, `write`, `writev`, `pthread_create`, `pthread_join`,
//! `pthread_setname_np`, `clock_nanosleep`, `fork`, `posix_spawn`, `posix_spawnp`. Outside a worker each does just what
//! the real one does.
//!
//! Here they have Rust's names: a program that links the library keeps the C library's functions. Only the executable
//! gives them C's names (`src/interpose.rs`); one that is added here must be added there and in `build.rs`.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use super::{caller, input, interrupt};
use crate::sys::{descriptor, futex};
use crate::worker::child::capture::{self, Here};
use crate::worker::child::threads::{self, Ended};

/// The inodes of the sockets that are the worker's fd 1 and 2: a descriptor that user code has pointed elsewhere
/// is not captured.
static STREAMS: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

/// Remembers what fd 1 and 2 are.
pub(crate) fn begin() {
    for (index, stream) in STREAMS.iter().enumerate() {
        stream.store(inode(index as c_int + 1).unwrap_or(0), Ordering::Relaxed);
    }
}

fn inode(fd: c_int) -> Option<u64> {
    descriptor::status(fd).map(|status| status.inode)
}

/// 1 or 2 if `fd` is still the captured stream of that number.
fn captured(fd: c_int) -> Option<u8> {
    if !(1..=2).contains(&fd) || capture::ring().is_none() {
        return None;
    }
    (inode(fd)? == STREAMS[fd as usize - 1].load(Ordering::Relaxed)).then_some(fd as u8)
}

/// POSIX `read`.
///
/// # Safety
/// As the C library's: `bytes` points to `len` writable bytes.
pub unsafe extern "C" fn read(fd: c_int, bytes: *mut c_void, len: usize) -> isize {
    if fd == libc::STDIN_FILENO && capture::ring().is_some() && !bytes.is_null() {
        // SAFETY: the caller promises `len` writable bytes.
        match input::read(unsafe { std::slice::from_raw_parts_mut(bytes.cast(), len) }) {
            Some(Ok(length)) => return length as isize,
            Some(Err(errno)) => {
                // SAFETY: the calling thread's own errno.
                unsafe { *libc::__errno_location() = errno };
                return -1;
            }
            None => {}
        }
    }
    // SAFETY: the system checks the arguments; the answer and errno are those of `read`.
    unsafe { libc::syscall(libc::SYS_read, fd, bytes, len) as isize }
}

/// POSIX `readv`. Of fd 0, as much as the first buffer that is not empty takes: a read may always answer less.
///
/// # Safety
/// As the C library's: `parts` points to `count` valid `iovec`s.
pub unsafe extern "C" fn readv(fd: c_int, parts: *const libc::iovec, count: c_int) -> isize {
    if fd == libc::STDIN_FILENO && capture::ring().is_some() && !parts.is_null() && count > 0 {
        // SAFETY: the caller promises `count` iovecs, each describing writable bytes.
        unsafe {
            let parts = std::slice::from_raw_parts(parts, count as usize);
            if let Some(part) = parts.iter().find(|part| part.iov_len > 0) {
                return read(fd, part.iov_base, part.iov_len);
            }
        }
    }
    // SAFETY: the system checks the arguments.
    unsafe { libc::syscall(libc::SYS_readv, fd, parts, count) as isize }
}

/// POSIX `write`.
///
/// # Safety
/// As the C library's: `bytes` points to `len` readable bytes.
pub unsafe extern "C" fn write(fd: c_int, bytes: *const c_void, len: usize) -> isize {
    if let Some(stream) = captured(fd)
        && !bytes.is_null()
        // SAFETY: the caller promises `len` readable bytes.
        && capture::text(stream, unsafe { std::slice::from_raw_parts(bytes.cast(), len) })
    {
        return len as isize;
    }
    // SAFETY: the system checks the arguments; the answer and errno are those of `write`.
    unsafe { libc::syscall(libc::SYS_write, fd, bytes, len) as isize }
}

/// POSIX `writev`.
///
/// # Safety
/// As the C library's: `parts` points to `count` valid `iovec`s.
pub unsafe extern "C" fn writev(fd: c_int, parts: *const libc::iovec, count: c_int) -> isize {
    if captured(fd).is_none() || parts.is_null() || count < 0 {
        // SAFETY: the system checks the arguments.
        return unsafe { libc::syscall(libc::SYS_writev, fd, parts, count) as isize };
    }
    let mut written = 0;
    for index in 0..count as usize {
        // SAFETY: the caller promises `count` iovecs, each describing readable bytes.
        let answer = unsafe {
            let part = &*parts.add(index);
            write(fd, part.iov_base, part.iov_len)
        };
        if answer < 0 {
            return if written > 0 { written } else { answer };
        }
        written += answer;
    }
    written
}

/// The C library's own function of this name, looked up once.
fn real(name: &CStr, cache: &AtomicPtr<c_void>) -> *mut c_void {
    let known = cache.load(Ordering::Relaxed);
    if !known.is_null() {
        return known;
    }
    // SAFETY: a lookup by a C string.
    let found = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
    if found.is_null() {
        // SAFETY: ends the process: without the real function there is nothing to go on with.
        unsafe { libc::abort() };
    }
    cache.store(found, Ordering::Relaxed);
    found
}

type Routine = extern "C" fn(*mut c_void) -> *mut c_void;

/// What a new thread is started with: who it is, then what its maker asked for.
struct Start {
    lane: Here,
    number: u32,
    ended: Ended,
    routine: Routine,
    argument: *mut c_void,
}

extern "C" fn run_thread(start: *mut c_void) -> *mut c_void {
    // SAFETY: `pthread_create` below leaked this box for this thread alone.
    let start = *unsafe { Box::from_raw(start.cast::<Start>()) };
    capture::begin_thread(start.lane, start.number);
    let answer = (start.routine)(start.argument);
    capture::end_thread();
    start.ended.store(1, Ordering::SeqCst);
    futex::wake(&start.ended);
    answer
}

/// POSIX `pthread_create`.
///
/// # Safety
/// As the C library's.
pub unsafe extern "C" fn pthread_create(
    thread: *mut libc::pthread_t,
    attributes: *const libc::pthread_attr_t,
    routine: Routine,
    argument: *mut c_void,
) -> c_int {
    type Create =
        unsafe extern "C" fn(*mut libc::pthread_t, *const libc::pthread_attr_t, Routine, *mut c_void) -> c_int;
    static REAL: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
    // SAFETY: this is the type of the C library's `pthread_create`.
    let create: Create = unsafe { std::mem::transmute(real(c"pthread_create", &REAL)) };
    if capture::ring().is_none() {
        // SAFETY: the caller's own arguments.
        return unsafe { create(thread, attributes, routine, argument) };
    }
    let (lane, number) = capture::for_new_thread(caller::is_crate());
    let ended = Ended::default();
    let start = Box::into_raw(Box::new(Start { lane, number, ended: ended.clone(), routine, argument }));
    // SAFETY: `run_thread` takes the box; if no thread was made, nobody did, and it is ours again.
    unsafe {
        let answer = create(thread, attributes, run_thread, start.cast());
        if answer != 0 {
            drop(Box::from_raw(start));
            capture::end(lane);
        } else {
            threads::remember(*thread, lane, ended);
        }
        answer
    }
}

/// POSIX `pthread_join`.
///
/// # Safety
/// As the C library's.
pub unsafe extern "C" fn pthread_join(thread: libc::pthread_t, answer: *mut *mut c_void) -> c_int {
    type Join = unsafe extern "C" fn(libc::pthread_t, *mut *mut c_void) -> c_int;
    static REAL: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
    let known = capture::ring().and_then(|_| threads::take(thread));
    if known.as_ref().is_some_and(|(_, ended)| !interrupt::wait(ended)) {
        // std panics at this answer, which unwinds the cell; the thread goes on.
        return libc::EINTR;
    }
    // SAFETY: this is the type of the C library's function; the arguments are the caller's.
    let joined = unsafe {
        let join: Join = std::mem::transmute(real(c"pthread_join", &REAL));
        join(thread, answer)
    };
    if let (0, Some((lane, _))) = (joined, known) {
        capture::join(lane);
    }
    joined
}

/// POSIX `fork`.
///
/// # Safety
/// As the C library's.
pub unsafe extern "C" fn fork() -> libc::pid_t {
    type Fork = unsafe extern "C" fn() -> libc::pid_t;
    static REAL: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
    // SAFETY: this is the type of the C library's function.
    let fork: Fork = unsafe { std::mem::transmute(real(c"fork", &REAL)) };
    if capture::ring().is_none() {
        // SAFETY: the caller's own call.
        return unsafe { fork() };
    }
    let lane = capture::for_new_child();
    // SAFETY: as above; what the child does before it returns allocates nothing and takes no lock.
    let child = unsafe { fork() };
    match child {
        0 => capture::begin_child(lane),
        -1 => capture::end(lane),
        pid => {
            capture::process(lane, pid as u32);
            interrupt::pass_on(pid);
        }
    }
    child
}

/// POSIX `clock_nanosleep`, by which std sleeps. In a cell that is interrupted it fails, and std panics.
///
/// # Safety
/// As the C library's.
pub unsafe extern "C" fn clock_nanosleep(
    clock: libc::clockid_t,
    flags: c_int,
    time: *const libc::timespec,
    left: *mut libc::timespec,
) -> c_int {
    type Sleep = unsafe extern "C" fn(libc::clockid_t, c_int, *const libc::timespec, *mut libc::timespec) -> c_int;
    static REAL: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
    if clock == libc::CLOCK_MONOTONIC && capture::ring().is_some() && interrupt::is_cells_thread() {
        // SAFETY: the caller's own pointer, null or to a time.
        if let Some(time) = unsafe { time.as_ref() } {
            let ended = interrupt::sleep(time, flags & libc::TIMER_ABSTIME != 0);
            return if ended { 0 } else { libc::ECANCELED };
        }
    }
    // SAFETY: this is the type of the C library's function; the arguments are the caller's.
    unsafe {
        let sleep: Sleep = std::mem::transmute(real(c"clock_nanosleep", &REAL));
        sleep(clock, flags, time, left)
    }
}

/// Linux `pthread_setname_np`.
///
/// # Safety
/// As the C library's: `name` is a C string.
pub unsafe extern "C" fn pthread_setname_np(thread: libc::pthread_t, name: *const c_char) -> c_int {
    type SetName = unsafe extern "C" fn(libc::pthread_t, *const c_char) -> c_int;
    static REAL: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
    // SAFETY: this is the type of the C library's function; the arguments are the caller's, a C string among them.
    unsafe {
        let set_name: SetName = std::mem::transmute(real(c"pthread_setname_np", &REAL));
        if capture::ring().is_some() && thread == libc::pthread_self() && !name.is_null() {
            capture::rename_short(CStr::from_ptr(name).to_bytes());
        }
        set_name(thread, name)
    }
}

type Spawn = unsafe extern "C" fn(
    *mut libc::pid_t,
    *const c_char,
    *const libc::posix_spawn_file_actions_t,
    *const libc::posix_spawnattr_t,
    *const *mut c_char,
    *const *mut c_char,
) -> c_int;

macro_rules! interpose_spawn {
    ($name:ident, $c_name:literal) => {
        /// POSIX function of this name.
        ///
        /// # Safety
        /// As the C library's.
        pub unsafe extern "C" fn $name(
            pid: *mut libc::pid_t,
            path: *const c_char,
            actions: *const libc::posix_spawn_file_actions_t,
            attributes: *const libc::posix_spawnattr_t,
            arguments: *const *mut c_char,
            environment: *const *mut c_char,
        ) -> c_int {
            static REAL: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
            let mut child: libc::pid_t = 0;
            // SAFETY: this is the type of the C library's function, called with the caller's arguments; `pid` may be
            // null and is written only if it is not; `path` is a C string.
            unsafe {
                let spawn: Spawn = std::mem::transmute(real($c_name, &REAL));
                // Declared before it runs: what it prints may be read before this call is back.
                let lane = capture::for_new_program(CStr::from_ptr(path).to_bytes());
                let answer = spawn(&mut child, path, actions, attributes, arguments, environment);
                if answer != 0 {
                    capture::end(lane);
                    return answer;
                }
                if !pid.is_null() {
                    *pid = child;
                }
                capture::process(lane, child as u32);
                interrupt::pass_on(child);
                answer
            }
        }
    };
}

interpose_spawn!(posix_spawn, c"posix_spawn");
interpose_spawn!(posix_spawnp, c"posix_spawnp");
