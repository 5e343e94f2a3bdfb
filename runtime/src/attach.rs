//! What the worker calls when it loads this crate: the entry through which the two come to know each other.

use crate::host::{Host, VERSION};
use crate::{link, panic_hook, threading};

/// Called by the worker on the thread that will run cells, before the first cell, and again by a snapshot that
/// takes over from a lost worker. A host of another version is not taken. Returns this crate's version.
///
/// # Safety
/// `host` points to a `Host` that stays valid and unchanged for the rest of the process.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn threadbook_attach(host: *const Host) -> u32 {
    // SAFETY: the caller vouches for the pointer; `version` is the first field in every version of the table.
    if unsafe { (*host).version } == VERSION {
        // SAFETY: as above, and the version says that all of it is a `Host` as this crate knows it.
        link::attach(unsafe { &*host });
        threading::current::become_main();
        panic_hook::install();
    }
    VERSION
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::record;
    use crate::multiprocessing::{Process, pipe};
    use crate::threading::{current_thread, enumerate};

    #[test]
    fn a_worker_attaches_on_the_main_thread_and_again_from_its_snapshot() {
        record::attach();
        let (ours, theirs) = pipe().unwrap();
        // In a process of its own, where no other test has threads.
        let snapshot = Process::new(move || {
            let before = link::is_forked_child();
            // SAFETY: a static.
            let version = unsafe { threadbook_attach(&record::RECORDER) };
            let main = (current_thread().name(), enumerate().len());
            theirs.send((before, version, main, link::is_forked_child())).unwrap();
        });
        snapshot.start().unwrap();
        assert_eq!(ours.recv().unwrap(), (true, VERSION, ("MainThread".to_owned(), 1), false));
        snapshot.join().unwrap();
    }

    #[test]
    fn a_host_of_another_version_is_not_taken() {
        static OTHER: Host = Host { version: VERSION + 1, ..record::RECORDER };
        // SAFETY: a static.
        assert_eq!(unsafe { threadbook_attach(&OTHER) }, VERSION);
        assert_eq!(link::host().version, VERSION);
    }
}
