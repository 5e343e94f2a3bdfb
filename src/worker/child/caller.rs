//! Tells whose code calls a function of this executable: that of a crate from `:dep`, or the user's own.

use std::ffi::{CStr, c_void};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// The prefix that the engine gives the file names of libraries of crates.
const CRATES: &str = "libthreadbook_deps";

/// Whether a library of crates is loaded. Until then no stack need be walked.
static LOADED: AtomicBool = AtomicBool::new(false);

/// Notes that this library is being loaded.
pub(crate) fn loads(library: &Path) {
    let name = library.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with(CRATES) && !LOADED.swap(true, Ordering::Relaxed) {
        // The first walk loads the unwinder, which may allocate. Not in the middle of making a thread, therefore.
        walk(&mut [std::ptr::null_mut(); 2]);
    }
}

fn walk(frames: &mut [*mut c_void]) -> usize {
    // SAFETY: writes at most as many addresses as there is room for.
    unsafe { libc::backtrace(frames.as_mut_ptr(), frames.len() as libc::c_int) as usize }
}

/// Whether the innermost caller outside of this executable and std is a crate's code.
pub(crate) fn is_crate() -> bool {
    if !LOADED.load(Ordering::Relaxed) {
        return false;
    }
    let mut frames = [std::ptr::null_mut(); 24];
    let count = walk(&mut frames);
    let own = library_of(is_crate as *mut c_void).map(|(base, _)| base);
    let libraries = frames[..count].iter().filter_map(|frame| library_of(*frame));
    let mut others = libraries.filter(|(base, name)| Some(*base) != own && !name.starts_with("libstd-"));
    others.next().is_some_and(|(_, name)| name.starts_with(CRATES))
}

/// The address and the file name of the library that holds this code.
fn library_of(code: *mut c_void) -> Option<(usize, &'static str)> {
    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: fills the local, or answers 0; the name belongs to a library that is never unloaded.
    unsafe {
        if libc::dladdr(code, info.as_mut_ptr()) == 0 {
            return None;
        }
        let info = info.assume_init();
        let path = if info.dli_fname.is_null() { c"" } else { CStr::from_ptr(info.dli_fname) };
        let path = path.to_str().unwrap_or_default();
        Some((info.dli_fbase as usize, path.rsplit('/').next().unwrap_or(path)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_in_a_library() {
        let (base, _) = library_of(code_is_in_a_library as *mut c_void).expect("known");
        let (other, name) = library_of(libc::getpid as *mut c_void).expect("known");
        assert!(base != other && name.starts_with("libc"), "{name}");
        assert!(!is_crate());
    }
}
