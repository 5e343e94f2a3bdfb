//! Memory that processes share, a counter that wakes whoever waits for it, and how much memory this process has.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::EventfdFlags;
use rustix::fs::MemfdFlags;

/// Memory of so many bytes, all zero, behind a descriptor to be mapped (memfd_create(2)). The name shows in `/proc` only.
pub(crate) fn shared(name: &CStr, bytes: u64) -> io::Result<OwnedFd> {
    let memory = rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC)?;
    rustix::fs::ftruncate(&memory, bytes)?;
    Ok(memory)
}

/// A descriptor that can be read after `signal` until `clear` (eventfd(2)).
pub(crate) fn event() -> io::Result<OwnedFd> {
    Ok(rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)
}

/// Makes the event readable. Never waits, calls no function of the C library, and leaves `errno` alone.
pub(crate) fn signal(event: impl AsFd) {
    // It fails only if the counter is at its end, and then the event is readable.
    let _ = rustix::io::write(event, &1u64.to_ne_bytes());
}

/// The event is not readable until the next `signal`.
pub(crate) fn clear(event: impl AsFd) {
    // It fails only if nobody has signalled.
    let _ = rustix::io::read(event, &mut [0u8; 8]);
}

/// Pages of memory that this process has resident (proc_pid_statm(5)); 0 if the system does not say.
pub(crate) fn resident_pages() -> u64 {
    let sizes = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    sizes.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::poll::is_readable;

    #[test]
    fn an_event_is_readable_between_signal_and_clear() {
        let event = event().expect("an event");
        assert!(!is_readable(&event));
        clear(&event);
        signal(&event);
        signal(&event);
        assert!(is_readable(&event));
        clear(&event);
        assert!(!is_readable(&event));
    }

    #[test]
    fn this_process_has_memory() {
        assert!(resident_pages() > 100);
    }
}
