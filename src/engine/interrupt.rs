//! Stops what a session does, from any thread: the compiler's processes while a cell is prepared, the cell while it
//! runs. Asking while nothing runs does nothing: a later cell is not touched.

use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::events::CellId;
use crate::sys::process;
use crate::worker::Stopper;

/// What one session is doing that can be stopped. Clones are of the same session.
#[derive(Clone, Default)]
pub(super) struct Interrupter(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    phase: Phase,
    asked: bool,
    /// Stops the cell that runs.
    running: Option<(CellId, Stopper)>,
    /// Compilers that run, also those of cells that are compiled ahead.
    compilers: Vec<Arc<Mutex<Child>>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Idle,
    Preparing,
    Running,
}

/// What a compiler left: its status and standard error.
pub(super) struct Said {
    pub status: ExitStatus,
    pub stderr: Vec<u8>,
}

impl Interrupter {
    /// Stops the cell that is being executed. Returns whether there was one.
    pub(super) fn interrupt(&self) -> bool {
        let mut state = self.state();
        match (state.phase, &state.running) {
            (Phase::Idle, _) => return false,
            (Phase::Running, Some((cell, stopper))) => stopper.stop(cell.0),
            _ => state.compilers.iter().for_each(kill),
        }
        state.asked = true;
        true
    }

    /// Notes that a cell begins: its compilers can be stopped from here on.
    pub(super) fn prepare(&self) {
        let mut state = self.state();
        (state.phase, state.asked) = (Phase::Preparing, false);
    }

    /// Notes that the cell runs from here on. Returns false if an interrupt has been asked for: the cell must not run.
    pub(super) fn run(&self, cell: CellId, stopper: Stopper) -> bool {
        let mut state = self.state();
        (state.phase, state.running) = (Phase::Running, Some((cell, stopper)));
        !state.asked
    }

    /// Notes that the cell has ended. Returns whether it was interrupted.
    pub(super) fn finish(&self) -> bool {
        let mut state = self.state();
        (state.phase, state.running) = (Phase::Idle, None);
        std::mem::take(&mut state.asked)
    }

    /// Kills the compilers that run now. Whoever waits for one sees it fail.
    pub(super) fn stop_compilers(&self) {
        self.state().compilers.iter().for_each(kill);
    }

    /// Runs a compiler to its end, or until an interrupt kills it.
    pub(super) fn compile(&self, command: Command) -> io::Result<Said> {
        self.watch(command, |_| {})
    }

    /// Does the same, and passes each line of standard error on as it comes.
    pub(super) fn watch(&self, mut command: Command, mut line: impl FnMut(&str)) -> io::Result<Said> {
        let _span = tracing::debug_span!("command", line = ?command).entered();
        let (child, pipe) = {
            let mut state = self.state();
            if state.asked && state.phase == Phase::Preparing {
                return Err(io::ErrorKind::Interrupted.into());
            }
            process::end_with_this_thread(&mut command);
            // In a group of its own, the processes that it starts (Cargo's rustc, rustc's linker) are killed with it.
            command.process_group(0);
            let mut child = command.stderr(Stdio::piped()).spawn()?;
            let pipe = child.stderr.take();
            let child = Arc::new(Mutex::new(child));
            state.compilers.push(child.clone());
            (child, pipe)
        };
        let mut stderr = Vec::new();
        let read: io::Result<()> = pipe.map_or(Ok(()), |pipe| {
            let mut pipe = BufReader::new(pipe);
            loop {
                let before = stderr.len();
                if pipe.read_until(b'\n', &mut stderr)? == 0 {
                    return Ok(());
                }
                line(&String::from_utf8_lossy(&stderr[before..]));
            }
        });
        // Nobody else waits for this child, so its process id cannot have been used again before this line.
        self.state().compilers.retain(|other| !Arc::ptr_eq(other, &child));
        let status = child.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).wait()?;
        read?;
        Ok(Said { status, stderr })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn kill(child: &Arc<Mutex<Child>>) {
    process::kill_group(child.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).id());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    fn sleeper() -> Command {
        let mut command = Command::new("sleep");
        command.arg("600");
        command
    }

    #[test]
    fn nothing_is_stopped_between_cells() {
        let interrupter = Interrupter::default();
        assert!(!interrupter.interrupt());
        interrupter.prepare();
        assert!(interrupter.run(CellId(1), Stopper::of_nothing()));
        assert!(!interrupter.finish());
    }

    #[test]
    fn a_compiler_is_killed_and_no_other_starts_for_that_cell() {
        let interrupter = Interrupter::default();
        interrupter.prepare();
        let compiling = {
            let interrupter = interrupter.clone();
            std::thread::spawn(move || interrupter.compile(sleeper()))
        };
        while interrupter.state().compilers.is_empty() {
            std::thread::yield_now();
        }
        assert!(interrupter.interrupt());
        let said = compiling.join().expect("no panic").expect("it ran");
        assert_eq!(said.status.signal(), Some(9));
        assert!(interrupter.compile(sleeper()).is_err());
        assert!(!interrupter.run(CellId(1), Stopper::of_nothing()), "an interrupted cell does not run");
        assert!(interrupter.finish());
    }

    #[test]
    fn what_a_compiler_started_is_killed_with_it() {
        let interrupter = Interrupter::default();
        interrupter.prepare();
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & echo $! >&2; wait"]);
        let mut inner = 0;
        let said = interrupter.watch(command, |line| {
            inner = line.trim().parse().expect("a process id");
            assert!(interrupter.interrupt());
        });
        assert_eq!(said.expect("it ran").status.signal(), Some(9));
        process::wait_for_end(inner).expect("known");
    }
}
