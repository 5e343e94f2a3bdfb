//! `usage_request`: what the kernel and its processes take of the machine.

use std::time::Instant;

use super::protocol::control::{HostMemory, UsageReply};
use crate::sys::machine::{self, Ticks};

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
        let Ticks { busy, all } = machine::ticks();
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
        UsageReply {
            hostname: machine::host_name(),
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
        let all = machine::processes();
        let is_ours = |pid: u32| {
            let mut at = Some(pid);
            // A tree of processes is never as deep as it is large.
            for _ in 0..all.len() {
                match at {
                    Some(pid) if pid == root => return true,
                    Some(pid) => at = all.get(&pid).map(|process| process.parent),
                    None => return false,
                }
            }
            false
        };
        let ours = all.iter().filter(|(pid, _)| is_ours(**pid));
        ours.fold(Family::default(), |sum, (pid, process)| Family {
            ticks: sum.ticks + process.ticks,
            bytes: sum.bytes + machine::memory_of(*pid),
        })
    }
}

fn host_memory() -> HostMemory {
    let memory = machine::memory();
    let bytes = |name: &str| memory.bytes(name);
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
}
