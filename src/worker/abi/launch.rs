//! How an executable is started as a worker, and how it knows that it was.

use std::ffi::{OsStr, OsString};
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::sys::process;

/// In the environment of a process that is started as a worker: the numbers of its descriptors. The worker takes it out
/// again before anything else, so no cell sees it. A process that still has it is an executable that knows nothing of
/// workers: it would start itself for ever. The numbers are not arguments, because cells see those as their own.
const DESCRIPTORS: &str = "THREADBOOK_WORKER";

/// The name of the worker's program, which is all that cells find in `std::env::args()`.
const NAME: &str = "threadbook";

/// Says to crates such as charton that they run in a notebook whose kernel takes evcxr's lines.
const IS_RUNTIME: (&str, &str) = ("EVCXR_IS_RUNTIME", "1");

/// Asks the C library for huge pages where a heap is large: a copy of the worker then costs a fraction. It reads this
/// when a program starts; the worker takes it out again, so that programs which cells run do not have it.
const TUNABLES: (&str, &str) = ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1");

/// Whether the executable of this process has asked `descriptors`, so that it can be started as a worker.
static KNOWS_WORKERS: AtomicBool = AtomicBool::new(false);

/// Starts the executable with these descriptors: control socket, ring, the ring's wake-up, and the keeper's reports.
pub(crate) fn command(executable: &OsStr, descriptors: impl FnOnce(&mut Command) -> [RawFd; 4]) -> Command {
    let mut command = Command::new(executable);
    let numbers = descriptors(&mut command).map(|number| number.to_string());
    command.arg0(NAME).env(DESCRIPTORS, numbers.join(",")).env(IS_RUNTIME.0, IS_RUNTIME.1);
    if std::env::var_os(TUNABLES.0).is_none() {
        command.env(TUNABLES.0, TUNABLES.1);
    }
    command
}

/// The descriptors of this process, as text that nobody has checked. `None` if it was not started as a worker. From here
/// on a session in this process may start the process's own executable.
pub(crate) fn descriptors() -> Option<OsString> {
    KNOWS_WORKERS.store(true, Ordering::Relaxed);
    std::env::var_os(DESCRIPTORS)
}

/// Takes out of the environment what only this process was to see.
///
/// # Safety
/// No other thread runs.
pub(crate) unsafe fn clean_environment() {
    // SAFETY: promised by the caller.
    unsafe {
        std::env::remove_var(DESCRIPTORS);
        if std::env::var(TUNABLES.0).is_ok_and(|value| value == TUNABLES.1) {
            std::env::remove_var(TUNABLES.0);
        }
    }
}

/// The executable that a session in this process starts its workers from: the one that was named, or the process's
/// own if that knows workers. The error says what the program that wants a session has to do.
pub(crate) fn executable(named: Option<PathBuf>) -> Result<PathBuf, String> {
    if std::env::var_os(DESCRIPTORS).is_some() {
        let message = "this process was started as a worker and must not start a session itself; \
                       set Options::executable to the path of the `threadbook` executable";
        return Err(message.into());
    }
    let own = || KNOWS_WORKERS.load(Ordering::Relaxed).then(process::own_executable);
    named.or_else(own).ok_or_else(|| {
        "a session starts its workers from the `threadbook` executable; set Options::executable to its path".into()
    })
}
