//! Other processes: how they end with this one, how this one learns of their end, and how they are killed.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The program is killed when the thread that starts it ends, by whatever means.
pub fn end_with_this_thread(command: &mut Command) {
    // SAFETY: between fork and exec only a system call that is safe there.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
}

/// The user that this process acts as.
pub fn user() -> u32 {
    // SAFETY: takes no arguments, touches no memory, cannot fail.
    unsafe { libc::geteuid() }
}

/// What `work` makes lacks these permission bits. They are the process's: no other thread should make files meanwhile.
pub fn with_umask<R>(mask: u32, work: impl FnOnce() -> R) -> R {
    // SAFETY: sets a number of this process and answers the one before; touches no memory.
    let set = |mask| unsafe { libc::umask(mask) };
    let before = set(mask);
    let answer = work();
    set(before);
    answer
}

/// Waits until a process has ended that need not be a child; at once if there is none.
pub fn wait_for_end(pid: u32) -> io::Result<()> {
    match pidfd_open(pid) {
        Ok(process) => {
            while !poll(&[process.as_fd()])[0] {}
            Ok(())
        }
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Kills a process that leads a group, and the children that stayed in it.
pub fn kill_group(leader: u32) {
    signal_group(leader, libc::SIGKILL);
}

/// Interrupts them, as the terminal's Ctrl-C would.
pub(crate) fn interrupt_group(leader: u32) {
    signal_group(leader, libc::SIGINT);
}

fn signal_group(leader: u32, signal: libc::c_int) {
    if leader != 0 {
        // SAFETY: sends a signal; touches no memory.
        unsafe { libc::kill(-(leader as libc::pid_t), signal) };
    }
}

/// The parent of any process.
pub fn parent_of(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()
}

pub(crate) fn pidfd_open(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: asks for a descriptor of a process; touches no memory.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the system just gave us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) })
}

/// Waits until one of the descriptors can be read or has ended; says for each whether it is one.
pub(crate) fn poll(fds: &[BorrowedFd]) -> Vec<bool> {
    poll_for(fds, -1)
}

/// The same without waiting.
pub(crate) fn poll_now(fds: &[BorrowedFd]) -> Vec<bool> {
    poll_for(fds, 0)
}

pub(crate) fn is_readable(fd: &impl AsFd) -> bool {
    poll_now(&[fd.as_fd()])[0]
}

fn poll_for(fds: &[BorrowedFd], milliseconds: libc::c_int) -> Vec<bool> {
    let mut polled: Vec<libc::pollfd> =
        fds.iter().map(|fd| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 }).collect();
    // SAFETY: the array and its length belong together. An interrupted wait leaves every answer at 0.
    unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, milliseconds) };
    polled.iter().map(|fd| fd.revents != 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_has_ended_is_not_waited_for() {
        let mut done = Command::new("true").spawn().expect("it starts");
        done.wait().expect("it ends");
        wait_for_end(done.id()).expect("known");
    }

    #[test]
    fn the_parent_of_a_process_is_known() {
        assert_eq!(parent_of(std::process::id()), Some(std::os::unix::process::parent_id()));
    }

    #[test]
    fn a_program_ends_with_its_thread() {
        let pid = std::thread::spawn(|| {
            let mut command = Command::new("sleep");
            end_with_this_thread(command.arg("600"));
            command.spawn().expect("it starts").id()
        });
        wait_for_end(pid.join().expect("no panic")).expect("known");
    }
}
