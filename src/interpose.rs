//! The names in the C library of what `threadbook::worker::hooks` defines. They stand in the executable and not in the
//! library, so that a test or another program that links the library keeps the C library's own functions.
//!
//! `build.rs` exports these names; one that is added here must be added there.

use std::ffi::{c_char, c_int, c_void};

use libc::{iovec, pid_t, posix_spawn_file_actions_t, posix_spawnattr_t, pthread_attr_t, pthread_t, timespec};
use threadbook::worker::hooks;

macro_rules! replace {
    ($(fn $name:ident($($argument:ident: $of:ty),*) -> $result:ty;)*) => { $(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($argument: $of),*) -> $result {
            // SAFETY: the function asks of its caller what the C library's asks of ours.
            unsafe { hooks::$name($($argument),*) }
        }
    )* };
}

replace! {
    fn read(fd: c_int, bytes: *mut c_void, len: usize) -> isize;
    fn readv(fd: c_int, parts: *const iovec, count: c_int) -> isize;
    fn write(fd: c_int, bytes: *const c_void, len: usize) -> isize;
    fn writev(fd: c_int, parts: *const iovec, count: c_int) -> isize;
    fn pthread_create(
        thread: *mut pthread_t,
        attributes: *const pthread_attr_t,
        routine: extern "C" fn(*mut c_void) -> *mut c_void,
        argument: *mut c_void
    ) -> c_int;
    fn pthread_join(thread: pthread_t, result: *mut *mut c_void) -> c_int;
    fn pthread_setname_np(thread: pthread_t, name: *const c_char) -> c_int;
    fn clock_nanosleep(clock: libc::clockid_t, flags: c_int, time: *const timespec, left: *mut timespec) -> c_int;
    fn fork() -> pid_t;
    fn posix_spawn(
        pid: *mut pid_t,
        path: *const c_char,
        actions: *const posix_spawn_file_actions_t,
        attributes: *const posix_spawnattr_t,
        arguments: *const *mut c_char,
        environment: *const *mut c_char
    ) -> c_int;
    fn posix_spawnp(
        pid: *mut pid_t,
        path: *const c_char,
        actions: *const posix_spawn_file_actions_t,
        attributes: *const posix_spawnattr_t,
        arguments: *const *mut c_char,
        environment: *const *mut c_char
    ) -> c_int;
}
