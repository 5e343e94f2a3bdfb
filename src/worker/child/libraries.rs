//! Owns which libraries this process has loaded: std, the runtime, crates, items, and a library for each cell. None is ever
//! unloaded, since values, threads and statics may go on using its code. A copy of the process has what it had.

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::worker::abi::protocol::Run;
use crate::worker::child::caller;

/// Libraries by path. Here a library that is loaded already costs a look-up; the C library would compare its name with those
/// of all others, which in a long session are thousands.
#[derive(Default)]
pub(crate) struct Libraries(HashMap<PathBuf, Library>);

/// A loaded library.
#[derive(Clone, Copy)]
pub(crate) struct Library(*mut c_void);

impl Libraries {
    /// Loads a library, whose symbols are visible only to libraries that link to it.
    pub(crate) fn load(&mut self, path: &Path) -> Result<Library, String> {
        self.open(path, libc::RTLD_LOCAL)
    }

    /// Loads what a cell needs, then the cell itself. Returns its entry point.
    pub(crate) fn load_cell(&mut self, run: &Run) -> Result<*mut c_void, String> {
        if let Some(shared) = &run.shared {
            self.open(shared, libc::RTLD_GLOBAL)?;
        }
        for library in &run.needs {
            self.load(library)?;
        }
        self.load(&run.library)?.symbol(c"threadbook_cell")
    }

    fn open(&mut self, path: &Path, scope: libc::c_int) -> Result<Library, String> {
        if let Some(library) = self.0.get(path) {
            return Ok(*library);
        }
        caller::loads(path);
        let name = CString::new(path.as_os_str().as_bytes()).map_err(|_| "a path with a zero byte".to_string())?;
        // SAFETY: loading runs the library's initialisers: it is one that we or the user's rustc made.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | scope) };
        if handle.is_null() {
            return Err(load_error());
        }
        self.0.insert(path.to_path_buf(), Library(handle));
        Ok(Library(handle))
    }
}

impl Library {
    /// The address of a symbol.
    pub(crate) fn symbol(self, name: &CStr) -> Result<*mut c_void, String> {
        // SAFETY: a handle that `dlopen` returned, never closed.
        let found = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        if found.is_null() { Err(load_error()) } else { Ok(found) }
    }
}

fn load_error() -> String {
    // SAFETY: null, or a C string that lives until the next call of the `dl` family on this thread.
    unsafe {
        let message = libc::dlerror();
        if message.is_null() { "unknown".into() } else { CStr::from_ptr(message).to_string_lossy().into_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_looked_for_once() {
        let mut libraries = Libraries::default();
        let missing = Path::new("/nonexistent/library.so");
        let error = libraries.load(missing).err().expect("not there");
        assert!(error.contains("/nonexistent/library.so"), "{error}");
        // Under a name that the system's library is not found by, unless it is known already.
        let known = libraries.load(Path::new("libc.so.6")).expect("every process has it");
        libraries.0.insert(missing.to_path_buf(), known);
        let found = libraries.load(missing).expect("known").symbol(c"getpid").expect("the C library has it");
        assert_eq!(found, libc::getpid as *mut c_void);
    }
}
