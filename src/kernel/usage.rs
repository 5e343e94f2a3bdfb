//! `usage_request`: what the kernel and its processes take of the machine, from `/proc`
//! (<https://man7.org/linux/man-pages/man5/proc.5.html>).

use std::collections::HashMap;
use std::fs;
use std::time::Instant;

use super::protocol::control::{HostMemory, UsageReply};
use crate::sys::process;

/// Keeps what was read last, since shares of the processor are differences.
#[derive(Default)]
pub(super) struct Usage {
    last: Option<Reading>,
}

#[derive(Clone, Copy)]
struct Reading {
    at: Instant,
    /// Ticks of the kernel's processes, and of the machine: busy and all.
    own: u64,
    busy: u64,
    all: u64,
}

/// The kernel and everything below it.
#[derive(Default)]
struct Family {
    ticks: u64,
    bytes: u64,
}

impl Usage {
    pub(super) fn read(&mut self) -> UsageReply {
        let family = Family::read(std::process::id());
        let (busy, all) = machine_ticks();
        let now = Reading { at: Instant::now(), own: family.ticks, busy, all };
        let last = self.last.replace(now);
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 * 100.0 };
        let kernel = last.map_or(0.0, |last| {
            let own = now.own.saturating_sub(last.own);
            share(own, now.all.saturating_sub(last.all)) * cores as f64
        });
        let host =
            last.map_or(0.0, |last| share(now.busy.saturating_sub(last.busy), now.all.saturating_sub(last.all)));
        let hostname = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        UsageReply {
            hostname: hostname.trim().to_owned(),
            pid: std::process::id(),
            kernel_cpu: round(kernel),
            kernel_memory: family.bytes,
            cpu_count: cores,
            host_cpu_percent: round(host),
            host_virtual_memory: host_memory(),
            interval: last.map_or(0.0, |last| now.at.duration_since(last.at).as_secs_f64()),
        }
    }
}

fn round(percent: f64) -> f64 {
    (percent * 10.0).round() / 10.0
}

impl Family {
    fn read(root: u32) -> Family {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        // pid → parent, ticks
        let all: HashMap<u32, (u32, u64)> = pids.filter_map(|pid| Some((pid, process(pid)?))).collect();
        let is_ours = |pid: u32| {
            let mut at = Some(pid);
            // A tree of processes is never as deep as it is large.
            for _ in 0..all.len() {
                match at {
                    Some(pid) if pid == root => return true,
                    Some(pid) => at = all.get(&pid).map(|(parent, _)| *parent),
                    None => return false,
                }
            }
            false
        };
        let ours = all.iter().filter(|(pid, _)| is_ours(**pid));
        ours.fold(Family::default(), |sum, (pid, (_, ticks))| Family {
            ticks: sum.ticks + ticks,
            bytes: sum.bytes + memory(*pid),
        })
    }
}

/// Bytes resident. A page that several processes share, as worker and copy do, counts in part for each (`Pss`).
fn memory(pid: u32) -> u64 {
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    kilobytes(&read("smaps_rollup"), "Pss").or_else(|| kilobytes(&read("status"), "VmRSS")).unwrap_or(0)
}

/// The process's parent and the clock ticks that it has used. `None` if it has ended.
fn process(pid: u32) -> Option<(u32, u64)> {
    let stat = process::stat(pid)?;
    Some((stat.parent, stat.ticks))
}

/// Clock ticks of all processors: busy, and all.
fn machine_ticks() -> (u64, u64) {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = line.split_whitespace().skip(1).take(8).filter_map(|tick| tick.parse().ok()).collect();
    let all = ticks.iter().sum();
    let idle: u64 = ticks.iter().skip(3).take(2).sum();
    (all - idle, all)
}

fn host_memory() -> HostMemory {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let bytes = |key: &str| kilobytes(&info, key).unwrap_or(0);
    let (total, available) = (bytes("MemTotal"), bytes("MemAvailable"));
    let used = total.saturating_sub(available);
    HostMemory {
        total,
        available,
        percent: if total == 0 { 0.0 } else { round(used as f64 / total as f64 * 100.0) },
        used,
        free: bytes("MemFree"),
        active: bytes("Active"),
        inactive: bytes("Inactive"),
        buffers: bytes("Buffers"),
        cached: bytes("Cached"),
        shared: bytes("Shmem"),
        slab: bytes("Slab"),
    }
}

/// The value of a line `Key:   12 kB`, in bytes. `None` if there is no such line.
fn kilobytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_that_front_ends_show_are_read() {
        let mut usage = Usage::default();
        usage.read();
        let read = usage.read();
        assert_eq!(read.pid, std::process::id());
        assert!(read.kernel_memory > 1 << 20, "{read:?}");
        assert!(read.host_virtual_memory.total > read.host_virtual_memory.free);
        assert!(read.kernel_cpu >= 0.0 && read.host_cpu_percent >= 0.0);
    }

    #[test]
    fn a_line_of_kilobytes_is_read() {
        assert_eq!(kilobytes("MemTotal:  12 kB\nActive(anon): 3 kB\nActive: 4 kB", "Active"), Some(4096));
        assert_eq!(kilobytes("x: y", "x"), None);
    }
}
