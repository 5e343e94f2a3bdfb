//! Points C's `stdout` and `stderr` at the capture, so that `printf` in C code is known by its thread, and `stdin` at
//! what the session answers. Inside the C library a `FILE` reads and writes by internal calls that no symbol can replace,
//! but a `FILE` with functions of its own (fopencookie(3), a GNU extension) can be put in its place.

use std::ffi::{c_char, c_int, c_void};

use crate::worker::child::interpose;

#[repr(C)]
struct CookieFunctions {
    read: Option<unsafe extern "C" fn(*mut c_void, *mut c_char, usize) -> isize>,
    write: Option<unsafe extern "C" fn(*mut c_void, *const c_char, usize) -> isize>,
    seek: Option<unsafe extern "C" fn(*mut c_void, *mut i64, c_int) -> c_int>,
    close: Option<unsafe extern "C" fn(*mut c_void) -> c_int>,
}

unsafe extern "C" {
    fn fopencookie(cookie: *mut c_void, mode: *const c_char, functions: CookieFunctions) -> *mut libc::FILE;
    fn clearerr(file: *mut libc::FILE);
    static mut stdin: *mut libc::FILE;
    static mut stdout: *mut libc::FILE;
    static mut stderr: *mut libc::FILE;
}

/// Writes to the descriptor whose number the cookie is.
unsafe extern "C" fn write_cookie(cookie: *mut c_void, bytes: *const c_char, len: usize) -> isize {
    // SAFETY: the C library passes `len` readable bytes.
    unsafe { interpose::write(cookie as usize as c_int, bytes.cast(), len) }
}

/// Reads from the descriptor whose number the cookie is.
unsafe extern "C" fn read_cookie(cookie: *mut c_void, bytes: *mut c_char, len: usize) -> isize {
    // SAFETY: the C library passes `len` writable bytes.
    unsafe { interpose::read(cookie as usize as c_int, bytes.cast(), len) }
}

fn stream(fd: usize, buffering: c_int) -> Option<*mut libc::FILE> {
    let functions = CookieFunctions { read: Some(read_cookie), write: Some(write_cookie), seek: None, close: None };
    let mode = if fd == 0 { c"r" } else { c"w" };
    // SAFETY: the functions live for ever and the cookie is a number; `setvbuf` comes before any use.
    unsafe {
        let file = fopencookie(fd as *mut c_void, mode.as_ptr(), functions);
        if file.is_null() {
            return None;
        }
        libc::setvbuf(file, std::ptr::null_mut(), buffering, 4096);
        Some(file)
    }
}

/// Replaces the streams: stdin and stdout by the line, stderr unbuffered, as on a terminal. A read of stdin writes out
/// what stdout holds, which may be a prompt.
pub(crate) fn begin() {
    // SAFETY: called once, before any library of the user's is loaded, so nobody holds the old values.
    unsafe {
        let streams = (stream(0, libc::_IOLBF), stream(1, libc::_IOLBF), stream(2, libc::_IONBF));
        if let (Some(input), Some(out), Some(err)) = streams {
            stdin = input;
            stdout = out;
            stderr = err;
        }
    }
}

/// Writes out what C code has left in its buffers.
pub(crate) fn flush() {
    // SAFETY: null means every open stream.
    unsafe { libc::fflush(std::ptr::null_mut()) };
}

/// Lets C code read again after the end of input, which was that of an earlier cell.
pub(crate) fn forget_end() {
    // SAFETY: a stream that stays open; the C library takes its lock.
    unsafe { clearerr(stdin) };
}
