//! The face that every engine has: what front ends (kernel, `run`, `verify`) ask of a session, whoever compiles and
//! runs its cells. `Session` is our engine; another one can implement `Engine` from outside of this crate, and another
//! source of completions can implement `Provider`.
//!
//! Never names a scope, a worker or a compiler.

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::events::{CellId, LaneId};
use crate::worker::{Answer, Comm, Input};

pub use crate::worker::{Policy, Schedule};

/// A session: it runs one cell at a time, on the thread that calls it, and reports what happens to the sink that it was
/// started with. Dropping it ends everything that its cells started.
pub trait Engine {
    /// Runs one cell to its end. All events of the cell have gone to the sink when this returns, except those of
    /// threads and processes that outlive the cell. `ahead` are the sources of the cells that will probably follow,
    /// numbered from `cell` on; an engine may compile them early, and may ignore them.
    ///
    /// A cell that fails is an `Outcome`. An `Error` says that the engine itself could not do its work.
    fn execute(&mut self, cell: CellId, source: &str, ahead: &[&str]) -> Result<Outcome, Error>;

    /// Hands a message of the front end on a comm to the handler that cells registered, and waits for the handler to
    /// end.
    fn comm(&mut self, comm: Comm) -> Result<Outcome, Error>;

    /// Sets who answers the cells that follow when they read their standard input. Nobody at first: it is empty.
    fn set_input(&mut self, input: Input);

    /// Sets how threads of the cells that follow are scheduled. `Schedule::default()` at first.
    fn set_schedule(&mut self, schedule: Schedule);

    /// Waits, at most `patience`, until every thread, task and process that cells started has ended and its output has
    /// gone to the sink. Returns the lanes that have not ended by then.
    fn settle(&mut self, patience: Duration) -> Result<Vec<LaneId>, Error>;

    /// Keeps the state that the next cell would find: names, variables, items. Call it between cells.
    fn checkpoint(&mut self) -> Result<Checkpoint, NoCheckpoint>;

    /// Goes back to a state of this session, as often as wanted. Threads and processes of the present state end. What
    /// cells did to files and to other programs stays. After an `Err` the present state goes on, unchanged.
    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<(), NoCheckpoint>;

    /// What can be asked about the names that the next cell will find. The value keeps its answers while cells run.
    fn names(&self) -> Arc<dyn Provider>;

    /// What stops the cell that runs, from any thread.
    fn interrupter(&self) -> Interrupter;

    /// What answers `Event::Input`, from any thread.
    fn answerer(&self) -> Answerer;
}

/// How a cell ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The cell ran to its end.
    Ok,
    /// The cell did not compile, or a magic or command in it is wrong. Nothing of it ran.
    Rejected,
    /// The cell returned an error by `?`.
    Failed,
    /// The cell panicked.
    Panicked,
    /// The cell was interrupted.
    Interrupted,
    /// The cell ran longer than it may, and was interrupted.
    TimedOut,
    /// The process that runs cells died. The session goes on with a copy of it, or with a new one.
    WorkerLost,
}

/// A state of a session that it can go back to. Only the engine that made the value can read it. It costs memory until
/// it is dropped, and cannot be restored once its session has ended.
#[derive(Clone)]
pub struct Checkpoint(Arc<dyn Any + Send + Sync>);

impl Checkpoint {
    /// A checkpoint that holds what the engine needs to go back.
    pub fn new(state: impl Any + Send + Sync) -> Checkpoint {
        Checkpoint(Arc::new(state))
    }

    /// The state, for the engine that made it. `None` if another kind of engine did.
    pub fn state<T: Any>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

/// Why a state cannot be kept, or cannot be restored: a clause that can stand behind "since".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoCheckpoint(pub String);

impl fmt::Display for NoCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoCheckpoint {}

/// Stops the cell that an engine runs, from any thread. Clones stop the cells of the same session.
#[derive(Clone)]
pub struct Interrupter(Arc<dyn Fn() -> bool + Send + Sync>);

impl Interrupter {
    /// An interrupter that calls this function, which returns whether a cell was being run.
    pub fn new(interrupt: impl Fn() -> bool + Send + Sync + 'static) -> Interrupter {
        Interrupter(Arc::new(interrupt))
    }

    /// Stops the cell that is being compiled or run, and returns whether there was one. A later cell is not touched.
    pub fn interrupt(&self) -> bool {
        (self.0)()
    }
}

/// Answers the questions of cells that read their standard input, from any thread.
#[derive(Clone)]
pub struct Answerer(Arc<dyn Fn(u64, Answer) -> bool + Send + Sync>);

impl Answerer {
    /// An answerer that calls this function with the number of the question. It returns whether that was open.
    pub fn new(answer: impl Fn(u64, Answer) -> bool + Send + Sync + 'static) -> Answerer {
        Answerer(Arc::new(answer))
    }

    /// Answers the question of this number (`Event::Input`). Returns false if it is not open: it was answered, or its
    /// cell has ended.
    pub fn answer(&self, number: u64, answer: Answer) -> bool {
        (self.0)(number, answer)
    }
}

/// Answers questions about code that is not run: what a word may become, what a name means. Asked while cells run, from
/// a thread that must not wait: an implementation that needs time returns at once and sends the reply from a thread of
/// its own. A reply that is dropped says that there is no answer.
pub trait Provider: Send + Sync {
    /// What the word before byte `cursor` of `source` may become.
    fn complete(&self, source: &str, cursor: usize, reply: Reply<Completions>);

    /// What the name at byte `cursor` of `source` means; `full` asks for definitions in full. `None` if it is unknown.
    fn inspect(&self, source: &str, cursor: usize, full: bool, reply: Reply<Option<Inspection>>);

    /// The text that a cell shows that is `name?` or `?name` and nothing else. `None` for every other cell. Returned at
    /// once, since the cell waits for it.
    fn help(&self, source: &str) -> Option<String>;
}

/// Where an answer goes. It may be sent before the question's function returns.
pub struct Reply<T>(Box<dyn FnOnce(T) + Send>);

impl<T> Reply<T> {
    /// A reply that goes to this function.
    pub fn new(take: impl FnOnce(T) + Send + 'static) -> Reply<T> {
        Reply(Box::new(take))
    }

    /// Sends the answer.
    pub fn send(self, answer: T) {
        (self.0)(answer);
    }
}

/// What a word may become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completions {
    /// The bytes of the source that a candidate replaces.
    pub range: Range<usize>,
    /// From the most to the least likely.
    pub candidates: Vec<Candidate>,
}

/// One word that the word at the cursor may become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What stands in the source if it is chosen.
    pub text: String,
    /// What it names, in a word for users: `function`, `variable`.
    pub kind: &'static str,
    /// A type or a signature; may be empty.
    pub signature: String,
}

/// What is known about one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// A signature or a type in Rust, or the usage of a magic.
    pub head: String,
    /// Whether `head` is Rust.
    pub is_rust: bool,
    /// What is said about the name, in Markdown; may be empty.
    pub documentation: String,
    /// Where the name was defined.
    pub origin: String,
}

impl Inspection {
    /// As plain text.
    pub fn plain(&self) -> String {
        let parts = [&self.head, &self.documentation, &self.origin];
        parts.into_iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join("\n\n")
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let head = if self.is_rust { format!("```rust\n{}\n```", self.head) } else { self.head.clone() };
        let origin = if self.origin.is_empty() { String::new() } else { format!("*{}*", self.origin) };
        let parts = [head, self.documentation.clone(), origin];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
    }
}
