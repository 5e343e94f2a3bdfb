//! Other processes by their ids, and what ends with what.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, set_child_subreaper, set_parent_process_death_signal};

/// A descriptor that can be read once the process has ended (pidfd_open(2)). It stands for this process also after its
/// id is another's. `ESRCH` if there is no such process.
pub(crate) fn pidfd_open(pid: u32) -> io::Result<OwnedFd> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
    Ok(rustix::process::pidfd_open(pid, PidfdFlags::empty())?)
}

/// The program is killed when the thread that starts it ends, by whatever means.
pub(crate) fn end_with_this_thread(command: &mut Command) {
    // SAFETY: between fork and exec only a system call that is safe there.
    unsafe { command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?)) };
}

/// This process is killed when its parent ends. A parent that has ended before is not noticed: compare `parent_id`.
pub(crate) fn end_with_parent() {
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
}

/// Descendants of this process whose parent ends become its children, to be waited for.
pub(crate) fn adopt_orphans() -> io::Result<()> {
    Ok(set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// What `/proc/PID/stat` says of a process (proc_pid_stat(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub parent: u32,
    /// Clock ticks of processor time, in user and in kernel mode.
    pub ticks: u64,
}

/// None if the process has ended.
pub(crate) fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse_stat(text: &str) -> Option<Stat> {
    // The name, in parentheses, may hold parentheses and spaces itself.
    let mut fields = text.rsplit_once(") ")?.1.split(' ').skip(1);
    let parent = fields.next()?.parse().ok()?;
    let mut ticks = fields.skip(9).map_while(|field| field.parse::<u64>().ok());
    Some(Stat { parent, ticks: ticks.next()? + ticks.next()? })
}

/// The parent of any process; None if the process has ended.
pub(crate) fn parent_of(pid: u32) -> Option<u32> {
    Some(stat(pid)?.parent)
}

/// Clock ticks of processor time that a process has used; None if it has ended.
pub(crate) fn ticks(pid: u32) -> Option<u64> {
    Some(stat(pid)?.ticks)
}

/// The process and its descendants (proc_pid_task(5), `children`). Nobody if it has ended.
pub(crate) fn family(pid: u32) -> Vec<u32> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = threads.flatten().filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    let children: Vec<u32> = lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect();
    [pid].into_iter().chain(children.into_iter().flat_map(family)).collect()
}

/// A path that leads to the program that this process runs, also after its file was replaced or removed. Only within
/// this process and the one that it starts.
pub(crate) fn own_executable() -> PathBuf {
    PathBuf::from("/proc/self/exe")
}

/// A path that leads to the directory in which a process works, wherever that is by then.
pub(crate) fn working_directory(pid: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/cwd"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_of_a_process_is_known() {
        assert_eq!(parent_of(std::process::id()), Some(std::os::unix::process::parent_id()));
    }

    #[test]
    fn a_family_is_a_process_with_its_descendants() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 600 & echo $!; wait"]).stdout(std::process::Stdio::piped());
        let mut shell = shell.spawn().expect("a shell");
        let mut line = String::new();
        let said = shell.stdout.take().expect("a pipe");
        std::io::BufRead::read_line(&mut std::io::BufReader::new(said), &mut line).expect("a line");
        let child = line.trim().parse().expect("a pid");
        assert_eq!(family(shell.id()), [shell.id(), child]);
        // SAFETY: sends a signal to the shell's child.
        unsafe { libc::kill(child as libc::pid_t, libc::SIGKILL) };
        shell.wait().expect("it ends");
        assert_eq!((family(shell.id()), ticks(shell.id())), (Vec::new(), None));
    }

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        let text = "7 (a) b) (c) R 5 7 7 0 -1 4194304 1 2 3 4 30 12 0 0 20 0 1 0";
        assert_eq!(parse_stat(text), Some(Stat { parent: 5, ticks: 42 }));
        assert_eq!(parse_stat("7 (a) R x"), None);
    }
}
