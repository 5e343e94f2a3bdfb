//! Threads by the ids that the system gives them.

use std::os::unix::fs::MetadataExt;

/// The calling thread (gettid(2)).
pub(crate) fn id() -> u32 {
    rustix::thread::gettid().as_raw_pid() as u32
}

/// Whether a thread with this id exists, in any process that this one may see.
pub(crate) fn exists(thread: u32) -> bool {
    // SAFETY: signal 0 only asks whether the thread is there (tkill(2)).
    let result = unsafe { libc::syscall(libc::SYS_tkill, thread, 0) };
    result == 0 || std::io::Error::last_os_error().raw_os_error() != Some(libc::ESRCH)
}

/// Gives the calling thread, and the programs that it starts, a lower priority (setpriority(2)). 19 is the lowest: beside
/// others that want its processor, such a thread gets a seventieth. It cannot be raised again without a privilege.
pub(crate) fn lower_priority(nice: i32) {
    // It fails if the priority is lower already.
    let _ = rustix::process::setpriority_process(None, nice);
}

/// How many threads this process has.
pub(crate) fn count() -> u64 {
    // A directory has two links, and one more for each directory in it.
    std::fs::metadata("/proc/self/task").map_or(1, |tasks| tasks.nlink() - 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_known_while_it_runs() {
        assert!(exists(id()));
        let before = count();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || stopped.recv().is_err());
        assert!(count() >= 2 && before >= 1);
        drop(stop);
        assert!(thread.join().expect("no panic"));
        // No thread id is this large: the system's limit is 2^22.
        assert!(!exists(1 << 30));
    }
}
