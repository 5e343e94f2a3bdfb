//! Other processes: how they end with this one, how this one learns of their end, and how they are killed.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::client::{pidfd_open, poll};

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

/// Kills a worker and the children that stayed in its process group.
pub fn kill_group(pid: u32) {
    if pid != 0 {
        // SAFETY: the worker leads a process group of its own, and its leader is reaped by its reader only.
        unsafe { libc::kill(-(pid as libc::pid_t), libc::SIGKILL) };
    }
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
    fn a_program_ends_with_its_thread() {
        let pid = std::thread::spawn(|| {
            let mut command = Command::new("sleep");
            end_with_this_thread(command.arg("600"));
            command.spawn().expect("it starts").id()
        });
        wait_for_end(pid.join().expect("no panic")).expect("known");
    }
}
