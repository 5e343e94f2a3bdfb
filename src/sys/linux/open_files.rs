//! The descriptors that this process has open (proc_pid_fd(5)).

use std::os::fd::RawFd;

use crate::sys::descriptor::{Status, status};

/// Each open descriptor and what it stands for.
pub(crate) fn all() -> impl Iterator<Item = (RawFd, Status)> {
    let entries = std::fs::read_dir("/proc/self/fd").into_iter().flatten();
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers.filter_map(|number| Some((number, status(number)?)))
}

/// Whether this process holds a lock of the descriptor's file.
pub(crate) fn is_locked(number: RawFd) -> bool {
    let about = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
    about.lines().any(|line| line.starts_with("lock:"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn an_open_file_is_listed_and_its_lock_is_seen() {
        let file = tempfile::tempfile().expect("a file");
        let number = file.as_raw_fd();
        assert!(all().any(|(other, about)| other == number && Some(about) == status(number)));
        assert!(!is_locked(number));
        file.lock().expect("nobody else has it");
        assert!(is_locked(number));
    }
}
