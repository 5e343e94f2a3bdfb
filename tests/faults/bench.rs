//! A session to break, and what its cells show.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use threadbook::engine::{Engine, Limits, Options, Outcome, Session};
use threadbook::error::Error;
use threadbook::events::{CellId, Event, Sink, Stream};

use crate::left;

pub(crate) const THREADBOOK: &str = env!("CARGO_BIN_EXE_threadbook");

/// A failure, not a wait: what is waited for is on its way.
const PATIENCE: Duration = Duration::from_secs(60);

/// The cell that most tests begin with, and the one that shows that its variable is as it was.
pub(crate) const KEEP: &str = "let mut kept = vec![1, 2, 3];";
pub(crate) const SHOW: &str = "println!(\"{kept:?}\");";

pub(crate) struct Bench {
    pub session: Session,
    events: Events,
    next: u32,
}

/// What a cell has put out, and how it ended.
#[derive(Debug)]
pub(crate) struct Cell {
    pub outcome: Outcome,
    pub stdout: String,
    pub stderr: String,
    /// `ename: evalue`
    pub error: String,
}

#[derive(Clone, Default)]
struct Events(Arc<(Mutex<Vec<Event>>, Condvar)>);

impl Sink for Events {
    fn event(&mut self, event: Event) {
        self.0.0.lock().expect("no poison").push(event);
        self.0.1.notify_all();
    }
}

impl Events {
    fn text(&self, cell: CellId, stream: Stream) -> String {
        text(&self.0.0.lock().expect("no poison"), cell, stream)
    }

    /// Waits until the cell has printed this.
    fn wait_for(&self, cell: CellId, said: &str) {
        let (events, changed) = &*self.0;
        let waits = |events: &mut Vec<Event>| !text(events, cell, Stream::Stdout).contains(said);
        let events = events.lock().expect("no poison");
        let (events, waited) = changed.wait_timeout_while(events, PATIENCE, waits).expect("no poison");
        drop(events);
        assert!(!waited.timed_out(), "the cell has not printed {said:?}");
    }
}

fn text(events: &[Event], of: CellId, on: Stream) -> String {
    let texts = events.iter().filter_map(|event| match event {
        Event::Text { origin, stream, text } if origin.cell == of && *stream == on => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// With this variable of the environment, which processes that are started meanwhile have too.
pub(crate) fn with_variable<R>(name: &str, value: &Path, run: impl FnOnce() -> R) -> R {
    let before = std::env::var_os(name);
    // SAFETY: the tests run one after the other, and each reads and changes the environment on its one thread.
    unsafe { std::env::set_var(name, value) };
    let answer = run();
    // SAFETY: as above.
    unsafe {
        match before {
            Some(before) => std::env::set_var(name, before),
            None => std::env::remove_var(name),
        }
    }
    answer
}

impl Bench {
    pub(crate) fn start() -> Bench {
        Bench::with(Limits::default())
    }

    /// Does what a toolchain's first session does beside its cells.
    pub(crate) fn warm_up() {
        Bench::start().session.warm_up().expect("rustc can be read");
    }

    pub(crate) fn with(limits: Limits) -> Bench {
        let events = Events::default();
        let directory = Some(std::env::temp_dir());
        let executable = Some(PathBuf::from(THREADBOOK));
        let options = Options { directory, executable, limits, ..Options::default() };
        let session = Session::start(options, Box::new(events.clone())).expect("a session");
        Bench { session, events, next: 1 }
    }

    pub(crate) fn cell(&mut self, source: &str) -> Cell {
        self.try_cell(source).expect("the cell is run")
    }

    pub(crate) fn try_cell(&mut self, source: &str) -> Result<Cell, Error> {
        self.with_ahead(source, &[])
    }

    /// Runs each of these cells while those behind it are known.
    pub(crate) fn notebook(&mut self, cells: &[&str]) -> Vec<Cell> {
        let run = |n: usize| self.with_ahead(cells[n], &cells[n + 1..]).expect("the cell is run");
        (0..cells.len()).map(run).collect()
    }

    /// Runs a cell that these will probably follow.
    pub(crate) fn with_ahead(&mut self, source: &str, ahead: &[&str]) -> Result<Cell, Error> {
        let cell = CellId(self.next);
        self.next += 1;
        let outcome = self.session.execute(cell, source, ahead)?;
        let events = self.events.0.0.lock().expect("no poison");
        let failures = events.iter().filter_map(|event| match event {
            Event::Failed { cell: of, failure } if *of == cell => {
                Some(format!("{}: {}", failure.ename, failure.evalue))
            }
            _ => None,
        });
        let error = failures.collect::<Vec<_>>().join("\n");
        let [stdout, stderr] = [Stream::Stdout, Stream::Stderr].map(|stream| text(&events, cell, stream));
        Ok(Cell { outcome, stdout, stderr, error })
    }

    /// Runs a cell, and once it has printed `said`, does something to the process that runs it.
    pub(crate) fn cell_until(&mut self, source: &str, said: &str, then: impl FnOnce(u32) + Send) -> Cell {
        self.cell_until_with(&[], source, said, then)
    }

    /// The same of a cell that the cells `ahead` will probably follow.
    pub(crate) fn cell_until_with(
        &mut self,
        ahead: &[&str],
        source: &str,
        said: &str,
        then: impl FnOnce(u32) + Send,
    ) -> Cell {
        let (events, cell, worker) = (self.events.clone(), CellId(self.next), self.session.worker_pid());
        std::thread::scope(|scope| {
            scope.spawn(move || {
                events.wait_for(cell, said);
                then(worker);
            });
            self.with_ahead(source, ahead).expect("the cell is run")
        })
    }

    /// A cell that must come to its end; answers what it printed.
    pub(crate) fn prints(&mut self, source: &str) -> String {
        let cell = self.cell(source);
        assert_eq!((cell.outcome, cell.error.as_str()), (Outcome::Ok, ""), "{source}: {cell:?}");
        cell.stdout
    }

    /// `KEEP`'s variable is as that cell has left it.
    pub(crate) fn has_kept(&mut self) {
        assert_eq!(self.prints(SHOW), "[1, 2, 3]\n");
    }

    /// The worker, once it has been copied after its last cell and waits for the next.
    pub(crate) fn worker_that_is_copied(&self) -> u32 {
        let worker = self.session.worker_pid();
        // It works between making the copy and speaking of it.
        while self.copies().is_empty() || !left::is_waiting(worker) {
            std::thread::yield_now();
        }
        worker
    }

    pub(crate) fn keeper(&self) -> u32 {
        left::status(self.session.worker_pid(), "PPid")
    }

    /// The processes that wait to take over, from the oldest to the newest.
    pub(crate) fn copies(&self) -> Vec<u32> {
        let (worker, keeper) = (self.session.worker_pid(), self.keeper());
        let path = format!("/proc/{keeper}/task/{keeper}/children");
        let children = std::fs::read_to_string(path).expect("the keeper is there");
        children.split_whitespace().map(|pid| pid.parse().expect("a pid")).filter(|pid| *pid != worker).collect()
    }

    /// What a cell has printed by now.
    pub(crate) fn printed(&self, cell: u32) -> String {
        self.events.text(CellId(cell), Stream::Stdout)
    }
}

impl Cell {
    /// The worker was lost, and the user is told these things.
    pub(crate) fn lost(&self, words: &[&str]) {
        assert_eq!(self.outcome, Outcome::WorkerLost, "{self:?}");
        self.says(words);
    }

    pub(crate) fn says(&self, words: &[&str]) {
        words.iter().for_each(|words| assert!(self.error.contains(words), "{words:?} in {:?}", self.error));
    }
}
