//! What processes and the machine use of processors and memory (proc(5)). Whatever the system does not say is 0.

use std::collections::HashMap;
use std::fs;

use crate::sys::linux::process::{Stat, stat};

/// Every process of the machine that this one may see, by its id.
pub(crate) fn processes() -> HashMap<u32, Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, stat(pid)?))).collect()
}

/// Bytes that a process has resident. A page that several processes share counts in part for each (`Pss`) where the
/// system says so.
pub(crate) fn memory_of(pid: u32) -> u64 {
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    kilobytes(&read("smaps_rollup"), "Pss").or_else(|| kilobytes(&read("status"), "VmRSS")).unwrap_or(0)
}

/// Clock ticks of all processors since the machine started.
#[derive(Clone, Copy)]
pub(crate) struct Ticks {
    pub busy: u64,
    pub all: u64,
}

/// What the processors have done.
pub(crate) fn ticks() -> Ticks {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = line.split_whitespace().skip(1).take(8).filter_map(|tick| tick.parse().ok()).collect();
    let all = ticks.iter().sum();
    // `idle` and `iowait`.
    let idle: u64 = ticks.iter().skip(3).take(2).sum();
    Ticks { busy: all - idle, all }
}

/// The machine's name.
pub(crate) fn host_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

/// The machine's memory: bytes by the names of `/proc/meminfo` (proc_meminfo(5)).
pub(crate) struct Memory(String);

/// What the memory is used for now.
pub(crate) fn memory() -> Memory {
    Memory(fs::read_to_string("/proc/meminfo").unwrap_or_default())
}

impl Memory {
    /// Bytes, such as of `MemTotal`.
    pub(crate) fn bytes(&self, name: &str) -> u64 {
        kilobytes(&self.0, name).unwrap_or(0)
    }
}

/// The value of a line `Key:   12 kB`, in bytes; None if there is no such line.
fn kilobytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_kilobytes_is_read() {
        assert_eq!(kilobytes("MemTotal:  12 kB\nActive(anon): 3 kB\nActive: 4 kB", "Active"), Some(4096));
        assert_eq!(kilobytes("x: y", "x"), None);
    }

    #[test]
    fn this_process_and_its_machine_are_seen() {
        let own = std::process::id();
        assert_eq!(processes().get(&own).map(|stat| stat.parent), Some(std::os::unix::process::parent_id()));
        assert!(memory_of(own) > 1 << 20 && memory().bytes("MemTotal") > memory_of(own));
        let ticks = ticks();
        assert!(ticks.all > ticks.busy && ticks.busy > 0);
    }
}
