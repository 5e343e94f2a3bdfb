//! Waiting for descriptors (poll(2)).

use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::{PollFd, PollFlags, Timespec};

/// Waits until at least one descriptor can be read or has been closed at its other end; returns for each whether it is
/// such a one. A signal may end the wait early, and then none is.
pub(crate) fn poll(descriptors: &[BorrowedFd]) -> Vec<bool> {
    poll_for(descriptors, None)
}

/// The same without waiting.
pub(crate) fn poll_now(descriptors: &[BorrowedFd]) -> Vec<bool> {
    poll_for(descriptors, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))
}

pub(crate) fn is_readable(descriptor: &impl AsFd) -> bool {
    poll_now(&[descriptor.as_fd()])[0]
}

fn poll_for(descriptors: &[BorrowedFd], limit: Option<&Timespec>) -> Vec<bool> {
    let mut polled: Vec<PollFd> =
        descriptors.iter().map(|descriptor| PollFd::from_borrowed_fd(*descriptor, PollFlags::IN)).collect();
    // Of its errors only EINTR comes up, which leaves every result empty.
    let _ = rustix::event::poll(&mut polled, limit);
    polled.iter().map(|descriptor| !descriptor.revents().is_empty()).collect()
}
