//! Processes: who this one is, how others are signalled and waited for, and what a program is started with.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Resource, Rlimit, Signal, WaitOptions, getrlimit, kill_process_group, setrlimit};

pub(crate) use crate::sys::linux::process::{
    adopt_orphans, end_with_parent, end_with_this_thread, family, own_executable, parent_of, pidfd_open, ticks,
    working_directory,
};
use crate::sys::poll::poll;

/// The user that this process acts as (geteuid(2)).
pub(crate) fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Waits until a process has ended, which need not be a child. Returns at once if there is no such process.
#[cfg_attr(not(feature = "kernel"), allow(dead_code, reason = "only the kernel asks for it"))]
pub(crate) fn wait_for_end(pid: u32) -> io::Result<()> {
    match pidfd_open(pid) {
        Ok(process) => {
            while !poll(&[process.as_fd()])[0] {}
            Ok(())
        }
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Waits for the next child that ends. Returns its process id and its status as waitpid(2) has it; None if this
/// process has no child left.
pub(crate) fn wait_for_any_child() -> Option<(u32, i32)> {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) => return Some((pid.as_raw_pid() as u32, status.as_raw())),
            Err(rustix::io::Errno::INTR) => {}
            Ok(None) | Err(_) => return None,
        }
    }
}

/// Kills the processes of the group that `leader` leads.
pub(crate) fn kill_group(leader: u32) {
    signal_group(leader, Signal::KILL);
}

/// Sends the group `SIGINT`, as a terminal does at Ctrl-C.
pub(crate) fn interrupt_group(leader: u32) {
    signal_group(leader, Signal::INT);
}

fn signal_group(leader: u32, signal: Signal) {
    if let Some(leader) = pid(leader) {
        // Its one error that comes up is that the group has ended.
        let _ = kill_process_group(leader, signal);
    }
}

/// Sends `SIGINT` to a process.
pub(crate) fn interrupt(process: u32) {
    if let Some(process) = pid(process) {
        let _ = rustix::process::kill_process(process, Signal::INT);
    }
}

/// Makes this process the leader of a new group.
pub(crate) fn lead_group() {
    // It fails for a process that leads a session, which leads its group already.
    let _ = rustix::process::setpgid(None, None);
}

/// The command will run at the lowest priority (setpriority(2)): beside others that want its processor it gets a
/// seventieth.
pub(crate) fn run_when_idle(command: &mut Command) {
    // SAFETY: between fork and exec only a system call that is safe there. It cannot fail: the priority is lowered.
    unsafe {
        command.pre_exec(|| {
            libc::setpriority(libc::PRIO_PROCESS, 0, 19);
            Ok(())
        })
    };
}

/// Ends this process at once: nothing that a program has registered for its end is run.
pub(crate) fn leave(code: i32) -> ! {
    // SAFETY: takes a number and does not return.
    unsafe { libc::_exit(code) }
}

/// The program gets these descriptors under the numbers that they have here, which are returned. They are open in
/// this process until the command is dropped.
pub(crate) fn pass_descriptors<const N: usize>(command: &mut Command, descriptors: [OwnedFd; N]) -> [RawFd; N] {
    let numbers = descriptors.each_ref().map(AsRawFd::as_raw_fd);
    let pass = move || descriptors.iter().try_for_each(|descriptor| Ok(fcntl_setfd(descriptor, FdFlags::empty())?));
    // SAFETY: between fork and exec only system calls that are safe there.
    unsafe { command.pre_exec(pass) };
    numbers
}

/// The program's main thread has a stack of at least so many bytes, as far as the hard limit allows.
pub(crate) fn raise_stack_limit(command: &mut Command, bytes: u64) {
    let raise = move || {
        let limit = getrlimit(Resource::Stack);
        match limit.current {
            Some(current) if current < bytes => set_limit(Resource::Stack, limit, bytes),
            _ => Ok(()),
        }
    };
    // SAFETY: between fork and exec only system calls that are safe there.
    unsafe { command.pre_exec(raise) };
}

/// The program may ask for at most so many bytes of memory (getrlimit(2), `RLIMIT_DATA`); beyond that allocations
/// fail.
pub(crate) fn limit_memory(command: &mut Command, bytes: u64) {
    let lower = move || set_limit(Resource::Data, getrlimit(Resource::Data), bytes);
    // SAFETY: between fork and exec only system calls that are safe there.
    unsafe { command.pre_exec(lower) };
}

fn set_limit(resource: Resource, before: Rlimit, bytes: u64) -> io::Result<()> {
    let current = before.maximum.map_or(bytes, |maximum| bytes.min(maximum));
    Ok(setrlimit(resource, Rlimit { current: Some(current), ..before })?)
}

/// None if no process can have this number.
fn pid(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
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
    fn a_number_that_no_process_can_have_is_signalled_to_nobody() {
        // As a number with a sign these are 0, which is the group of the caller, and -1, which is everybody.
        kill_group(0);
        kill_group(u32::MAX);
        assert!(pidfd_open(u32::MAX).is_err());
    }

    #[test]
    fn a_program_ends_with_the_thread_that_started_it() {
        let pid = std::thread::spawn(|| {
            let mut command = Command::new("sleep");
            end_with_this_thread(command.arg("600"));
            command.spawn().expect("it starts").id()
        });
        wait_for_end(pid.join().expect("no panic")).expect("known");
    }

    #[test]
    fn a_program_has_the_descriptors_and_limits_that_it_was_given() {
        let mut file = tempfile::tempfile().expect("a file");
        io::Write::write_all(&mut file, b"passed\n").expect("written");
        io::Seek::rewind(&mut file).expect("a file");
        let mut command = Command::new("sh");
        let [number] = pass_descriptors(&mut command, [file.into()]);
        limit_memory(&mut command, 1 << 40);
        let text = command.args(["-c", &format!("cat <&{number}; ulimit -d")]).output().expect("it runs").stdout;
        assert_eq!(String::from_utf8_lossy(&text), format!("passed\n{}\n", 1 << 30));
    }
}
