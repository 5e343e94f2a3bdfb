//! What a session puts out: events, each with its origin, and the one trait that front ends implement.
//!
//! Nothing here knows how events are made (the worker) or shown (kernel, notebook, terminal). There is no
//! "current cell" anywhere: an event that belongs to a cell says so itself.

#[cfg(test)]
pub(crate) mod fixture;

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The number in `In[n]`: the execution count of one run of one cell. Never reused within a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CellId(pub u32);

impl std::fmt::Display for CellId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "In[{}]", self.0)
    }
}

/// One lane of a session: a thread, a pool task or a process. Never reused within a session, also not by the
/// forked children of its worker. `LaneId::MAIN` is the thread that runs cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneId(pub u32);

impl LaneId {
    /// The thread that runs cells.
    pub const MAIN: LaneId = LaneId(1);
}

/// One of the two output streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// The standard output.
    Stdout,
    /// The standard error.
    Stderr,
}

impl Stream {
    /// nbformat's and the Jupyter protocol's name of the stream.
    pub fn name(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }
}

/// What a lane is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LaneKind {
    /// A thread of the worker (or of one of its forked children).
    Thread,
    /// One task submitted to a pool; it runs on a thread, and `Event::Started` says on which.
    Task,
    /// A forked child, or a program that the worker started.
    Process,
}

/// What of `threadbook::threading` a lane waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Awaited {
    /// `Lock`
    Lock,
    /// `RLock`
    RLock,
    /// `Semaphore` or `BoundedSemaphore`
    Semaphore,
    /// `Condition`
    Condition,
    /// `Event`
    Event,
    /// `Barrier`
    Barrier,
}

/// A lane as it was declared. It may be renamed later (`Event::Renamed`).
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// The lane's id, which later events name.
    pub id: LaneId,
    /// What the lane is.
    pub kind: LaneKind,
    /// The thread's name (`MainThread`, `Thread-3`, `ThreadPoolExecutor-0_1`, the user's own). For a task: the
    /// name of the function or, where none is known, `task`. For a process: its name (`Process-1`) or its program's.
    pub name: String,
    /// The lane that made this one; none for the main thread.
    pub parent: Option<LaneId>,
    /// The cell that made this lane: its output belongs to that cell also after the cell has ended.
    pub cell: CellId,
    /// The process that declared the lane.
    pub pid: u32,
    /// Since the start of the session, by the monotonic clock.
    pub at: Duration,
}

/// Where a piece of output came from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Origin {
    /// The cell that this output belongs to: the one that made the lane.
    pub cell: CellId,
    /// The cell that was running when this was written, if one was.
    pub running: Option<CellId>,
    /// The lane that wrote it.
    pub lane: LaneId,
    /// The process that wrote it.
    pub pid: u32,
    /// The thread that wrote it (gettid(2)); the process id where only the process is known.
    pub tid: u32,
    /// Since the start of the session, by the monotonic clock.
    pub at: Duration,
}

/// Representations of one value, by MIME type, as in the protocol's `data`.
pub type MimeBundle = serde_json::Map<String, serde_json::Value>;

/// A failure as the Jupyter protocol's `error` message has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// `CompileError`, `Panic`, `Error`, `WorkerLost`, …
    pub ename: String,
    /// The message.
    pub evalue: String,
    /// Lines, with ANSI colours.
    pub traceback: Vec<String>,
}

/// What either side does with a comm: `comm_open`, `comm_msg`, `comm_close`
/// (<https://jupyter-client.readthedocs.io/en/stable/messaging.html#custom-messages>).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum CommAct {
    /// A comm is opened.
    Open {
        /// What the front end is to open it for.
        target: String,
    },
    /// A message is sent.
    Message,
    /// The comm is closed.
    Close,
}

/// Everything that a session reports, in order. Events of one lane keep their order; the order between lanes is
/// the order in which their records were written.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    missing_docs,
    reason = "each variant says what its fields are; `lane`, `origin`, `cell` and `at` are those of `Lane`"
)]
pub enum Event {
    /// The lane exists from here on; its parent had got this far.
    Lane(Lane),
    /// The lane has this name from here on.
    Renamed { lane: LaneId, name: String },
    /// The lane runs as this process; it was declared by its parent, under the parent's pid.
    Process { lane: LaneId, pid: u32 },
    /// A task began to run on thread `on`.
    Started { lane: LaneId, on: LaneId, at: Duration },
    /// The lane writes nothing more.
    Ended { lane: LaneId, at: Duration },
    /// `by` has seen the end of `lane`: it joined the thread, or took the task's result.
    Joined { by: LaneId, lane: LaneId, at: Duration },
    /// The lane waits from here on, since what it asked for was not free.
    Waits { lane: LaneId, what: Awaited, at: Duration },
    /// It waits no longer.
    Woke { lane: LaneId, at: Duration },
    /// The lane wrote this on a stream.
    Text { origin: Origin, stream: Stream, text: String },
    /// A cell shows a value (`display_data`).
    Display {
        origin: Origin,
        data: MimeBundle,
        metadata: MimeBundle,
        /// The display id: what is shown with it now takes the place of what was shown with it before.
        id: Option<String>,
        /// It only takes that place, and is not shown again (`update_display_data`).
        update: bool,
    },
    /// What the cell has put out so far is taken away; with `wait` only once it puts out something new.
    Clear { origin: Origin, wait: bool },
    /// The value of the cell's tail expression (`execute_result`).
    Result { cell: CellId, data: MimeBundle },
    /// The cell waits for a line of input, and all that it had put out by then has been told. The front end answers
    /// by this number. Told only if the session was told to ask.
    Input { origin: Origin, number: u64, prompt: String, password: bool },
    /// The cell says something on a comm.
    Comm { origin: Origin, id: String, act: CommAct, data: serde_json::Value },
    /// The front end shows this text in the place of the cell's, or in the next cell (the payload `set_next_input`).
    NextInput { cell: CellId, text: String, replace: bool },
    /// What is said about the cell by no lane of it: rendered compiler warnings, with ANSI colours, and how much of its
    /// output is left out.
    Warning { cell: CellId, rendered: String },
    /// The cell did not come to its end.
    Failed { cell: CellId, failure: Failure },
}

/// Takes a session's events. Called from the session's own threads, one call at a time, in order.
pub trait Sink: Send {
    /// Takes the next event. It must not wait for the session, which waits for it.
    fn event(&mut self, event: Event);
}
