//! What this process and the processes that it has started hold: descriptors, processes, files.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

/// A failure, not a wait: what is waited for is on its way.
const PATIENCE_MS: libc::c_int = 30_000;

/// One line for each thing.
pub(crate) struct Left(BTreeSet<String>);

impl Left {
    /// What there is, once the processes that are ending have ended.
    pub(crate) fn now() -> Left {
        for pid in processes() {
            wait_for_end(pid);
        }
        let mut left = BTreeSet::new();
        left.extend(processes().into_iter().map(|pid| format!("process {pid} {}", command(pid))));
        left.extend(zombies().into_iter().map(|pid| format!("child {pid} that nobody has waited for")));
        left.extend(descriptors("self"));
        files(&std::env::temp_dir(), &mut left);
        let cache = std::env::var_os("THREADBOOK_CACHE").expect("it is set");
        // Entries are what the cache is for. The note of a session that was killed goes when the cache is next made smaller.
        let is_entry = |line: &String| {
            line.ends_with(".so")
                || line.ends_with(".json")
                || line.ends_with("/lock")
                || line.contains("/sessions/")
        };
        let mut in_cache = BTreeSet::new();
        files(Path::new(&cache), &mut in_cache);
        left.extend(in_cache.into_iter().filter(|line| !is_entry(line)));
        Left(left)
    }

    /// How much there is while a session lives: descriptors, processes, files; and descriptors of this one of them.
    pub(crate) fn counts(worker: u32) -> [usize; 4] {
        let mut left = BTreeSet::new();
        files(&std::env::temp_dir(), &mut left);
        [descriptors("self").len(), processes().len(), left.len(), descriptors(&worker.to_string()).len()]
    }

    pub(crate) fn beyond(self, before: &Left) -> Vec<String> {
        self.0.difference(&before.0).cloned().collect()
    }
}

/// The living processes that this one has started, and theirs, however far they have gone: their `TMPDIR` is its own, or
/// a directory in it.
pub(crate) fn processes() -> Vec<u32> {
    let mark = format!("TMPDIR={}", std::env::temp_dir().display());
    let is_ours = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry.starts_with(mark.as_bytes()))
    };
    let entries = fs::read_dir("/proc").expect("processes are listed").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| *pid != std::process::id()).filter(is_ours).collect()
}

/// Those of them that run this program.
pub(crate) fn named(name: &str) -> Vec<u32> {
    processes().into_iter().filter(|pid| command(*pid) == name).collect()
}

pub(crate) fn command(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_string()
}

/// The field of `/proc/PID/status`, a number.
pub(crate) fn status(pid: u32, field: &str) -> u32 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is there");
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).expect("the field");
    line.split_whitespace().next().expect("a value").parse().expect("a number")
}

/// Whether all of it waits for something.
pub(crate) fn is_waiting(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process is there");
    stat.rsplit(')').next().is_some_and(|fields| fields.starts_with(" S "))
}

/// Waits until a process has ended or is a zombie; fails loudly if it does not.
pub(crate) fn wait_for_end(pid: u32) {
    // SAFETY: asks for a descriptor, which is ours, and waits for it.
    unsafe {
        let fd = libc::syscall(libc::SYS_pidfd_open, pid, 0) as libc::c_int;
        if fd < 0 {
            return;
        }
        let process = OwnedFd::from_raw_fd(fd);
        let mut polled = libc::pollfd { fd: process.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        while libc::poll(&mut polled, 1, PATIENCE_MS) < 0 {}
        assert!(polled.revents != 0, "process {pid} ({}) goes on", command(pid));
    }
}

pub(crate) fn kill(pid: u32, signal: libc::c_int) {
    // SAFETY: sends a signal to a process of ours.
    assert_eq!(unsafe { libc::kill(pid as libc::pid_t, signal) }, 0, "process {pid} is there");
}

/// A pipe in the file system: whoever opens it waits for the other side.
pub(crate) fn pipe(at: &Path) {
    let name = std::ffi::CString::new(at.as_os_str().as_encoded_bytes()).expect("no zero byte");
    // SAFETY: a C string.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0, "{}", at.display());
}

fn zombies() -> Vec<u32> {
    let tasks = fs::read_dir("/proc/self/task").expect("threads are listed").flatten();
    let children = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let pids: Vec<u32> = children
        .flat_map(|list| list.split_whitespace().map(|pid| pid.parse().expect("a pid")).collect::<Vec<_>>())
        .collect();
    pids
}

fn descriptors(process: &str) -> Vec<String> {
    let fds: Vec<_> =
        fs::read_dir(format!("/proc/{process}/fd")).expect("descriptors are listed").flatten().collect();
    let open = fds.iter().filter_map(|fd| Some((fd.file_name(), fs::read_link(fd.path()).ok()?)));
    open.map(|(fd, of)| format!("descriptor {} {}", fd.display(), of.display())).collect()
}

fn files(below: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(below).into_iter().flatten().flatten() {
        let path = entry.path();
        found.insert(format!("file {}", path.display()));
        if path.is_dir() {
            files(&path, found);
        }
    }
}
