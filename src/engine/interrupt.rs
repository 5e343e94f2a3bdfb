//! Stops what a session does, from any thread: the compiler's processes while a cell is prepared, the cell while it
//! runs. Asking while nothing runs does nothing: a later cell is not touched.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::events::CellId;
use crate::sys::process;
use crate::worker::Stopper;

/// What one session is doing that can be stopped. Clones are of the same session.
#[derive(Clone, Default)]
pub(super) struct Interrupter {
    state: Arc<Mutex<State>>,
    work: Work,
}

/// What compilers work for; clones are the same work. True once it is given up: no compiler starts for it then.
#[derive(Clone, Default)]
struct Work(Arc<AtomicBool>);

#[derive(Default)]
struct State {
    phase: Phase,
    asked: bool,
    /// Stops the cell that runs.
    running: Option<(CellId, Stopper)>,
    /// Compilers that run, also those of cells that are compiled ahead.
    compilers: Vec<Compiler>,
}

struct Compiler {
    child: Arc<Mutex<Child>>,
    work: Work,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Idle,
    Preparing,
    Running,
}

/// Compilers and the programs that they have started, by process id, with the clock ticks of processor time that each has
/// used.
pub(super) type Progress = BTreeMap<u32, u64>;

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
            _ => state.compilers.iter().for_each(Compiler::kill),
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

    /// The interrupter of the same session for other work, which can be given up while the session goes on.
    pub(super) fn of_other_work(&self) -> Interrupter {
        Interrupter { state: self.state.clone(), work: Work::default() }
    }

    /// Kills the compilers of this work, and starts no more of them. Whoever waits for one sees it fail.
    pub(super) fn give_up(&self) {
        let state = self.state();
        self.work.0.store(true, Ordering::Relaxed);
        state.of(&self.work).for_each(Compiler::kill);
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.work.0.load(Ordering::Relaxed)
    }

    /// What the compilers of this work that run now have used of the processors.
    pub(super) fn progress(&self) -> Progress {
        let compilers: Vec<u32> = self.state().of(&self.work).map(Compiler::id).collect();
        let family = compilers.into_iter().flat_map(process::family);
        family.filter_map(|pid| Some((pid, process::ticks(pid)?))).collect()
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
            if state.asked && state.phase == Phase::Preparing || self.is_given_up() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            process::end_with_this_thread(&mut command);
            // In a group of its own, the processes that it starts (Cargo's rustc, rustc's linker) are killed with it.
            command.process_group(0);
            let mut child = command.stderr(Stdio::piped()).spawn()?;
            let pipe = child.stderr.take();
            let child = Arc::new(Mutex::new(child));
            state.compilers.push(Compiler { child: child.clone(), work: self.work.clone() });
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
        self.state().compilers.retain(|other| !Arc::ptr_eq(&other.child, &child));
        let status = child.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).wait()?;
        read?;
        Ok(Said { status, stderr })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl State {
    /// The compilers of this work.
    fn of(&self, work: &Work) -> impl Iterator<Item = &Compiler> {
        self.compilers.iter().filter(|compiler| Arc::ptr_eq(&compiler.work.0, &work.0))
    }
}

impl Compiler {
    fn kill(&self) {
        process::kill_group(self.id());
    }

    fn id(&self) -> u32 {
        self.child.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).id()
    }
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
    fn work_that_is_given_up_ends_and_other_work_goes_on() {
        let own = Interrupter::default();
        let ahead = own.of_other_work();
        let compile = |interrupter: &Interrupter| {
            let interrupter = interrupter.clone();
            std::thread::spawn(move || interrupter.compile(sleeper()))
        };
        let (of_own, of_ahead) = (compile(&own), compile(&ahead));
        while own.state().compilers.len() < 2 {
            std::thread::yield_now();
        }
        ahead.give_up();
        assert_eq!(of_ahead.join().expect("no panic").expect("it ran").status.signal(), Some(9));
        assert!(ahead.compile(sleeper()).is_err());
        assert_eq!((own.progress().len(), ahead.progress().len()), (1, 0));
        own.give_up();
        assert_eq!(of_own.join().expect("no panic").expect("it ran").status.signal(), Some(9));
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
