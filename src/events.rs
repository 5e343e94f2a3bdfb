//! The events of a session, each with its origin, and the one trait that front ends implement to take them.
//!
//! This file never makes events (the worker does) and never shows them (the kernel, the notebook runner and the
//! terminal do). There is no "current cell" anywhere: an event that belongs to a cell names it.

#[cfg(test)]
pub(crate) mod fixture;

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The number in `In[n]`: the execution count of one run of one cell. It is never reused within a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CellId(pub u32);

impl std::fmt::Display for CellId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "In[{}]", self.0)
    }
}

/// One lane of a session: a thread, a pool task or a process. The number is never reused within a session, not even
/// by the worker's forked children. `LaneId::MAIN` is the thread that runs cells.
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
    /// The stream's name in nbformat and in the [Jupyter
    /// protocol](https://jupyter-client.readthedocs.io/en/stable/messaging.html#streams-stdout-stderr-etc).
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
    /// A thread of the worker, or of one of the worker's forked children.
    Thread,
    /// One task submitted to a pool. It runs on a thread, which `Event::Started` names.
    Task,
    /// A forked child of the worker, or a program that the worker started.
    Process,
}

/// The object of `threadbook::threading` that a lane waits for.
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

/// A lane as it was declared. `Event::Renamed` may rename it later.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// The lane's id, which later events name.
    pub id: LaneId,
    /// What the lane is.
    pub kind: LaneKind,
    /// The name. For a thread: its own (`MainThread`, `Thread-3`, `ThreadPoolExecutor-0_1`, or a name that the user
    /// gave). For a task: the name of the function, or `task` if that is unknown. For a process: its own
    /// (`Process-1`), or that of its program.
    pub name: String,
    /// The lane that made this one. `None` for the main thread.
    pub parent: Option<LaneId>,
    /// The cell that made this lane. The lane's output belongs to that cell, also after the cell has ended.
    pub cell: CellId,
    /// The process that declared the lane.
    pub pid: u32,
    /// Time since the start of the session, by the monotonic clock.
    pub at: Duration,
}

/// The origin of a piece of output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Origin {
    /// The cell that this output belongs to: the one that made the lane.
    pub cell: CellId,
    /// The cell that was running when this was written. `None` if no cell was.
    pub running: Option<CellId>,
    /// The lane that wrote it.
    pub lane: LaneId,
    /// The process that wrote it.
    pub pid: u32,
    /// The thread that wrote it (gettid(2)); the process id where only the process is known.
    pub tid: u32,
    /// Time since the start of the session, by the monotonic clock.
    pub at: Duration,
}

/// Representations of one value by MIME type, like `data` in the protocol's
/// [`display_data`](https://jupyter-client.readthedocs.io/en/stable/messaging.html#display-data).
pub type MimeBundle = serde_json::Map<String, serde_json::Value>;

/// A failure, with the fields of the protocol's
/// [`error`](https://jupyter-client.readthedocs.io/en/stable/messaging.html#execution-errors) message.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The kind of failure: `CompileError`, `Panic`, `Error`, `WorkerLost`, …
    pub ename: String,
    /// The message.
    pub evalue: String,
    /// Lines of text, with ANSI colours.
    pub traceback: Vec<String>,
}

/// What a cell or a front end does with a comm, named after the protocol's [`comm_open`, `comm_msg` and
/// `comm_close`](https://jupyter-client.readthedocs.io/en/stable/messaging.html#custom-messages).
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

/// One thing that a session reports. Events of one lane keep their order. Events of different lanes come in the order
/// in which their records were written.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    missing_docs,
    reason = "each variant says what its fields are; `lane`, `origin`, `cell` and `at` are those of `Lane`"
)]
pub enum Event {
    /// The lane exists from here on. Everything that its parent did before it made this lane was reported earlier.
    Lane(Lane),
    /// The lane has this name from here on.
    Renamed { lane: LaneId, name: String },
    /// The lane runs as this process. Its parent declared it before, under the parent's own process id.
    Process { lane: LaneId, pid: u32 },
    /// The task `lane` began to run on the thread `on`.
    Started { lane: LaneId, on: LaneId, at: Duration },
    /// The lane has ended and writes nothing more.
    Ended { lane: LaneId, at: Duration },
    /// The lane `by` has seen the end of `lane`: it joined the thread, or took the task's result.
    Joined { by: LaneId, lane: LaneId, at: Duration },
    /// The lane waits from here on, because what it asked for was not free.
    Waits { lane: LaneId, what: Awaited, at: Duration },
    /// The lane waits no longer.
    Woke { lane: LaneId, at: Duration },
    /// The lane wrote this on a stream.
    Text { origin: Origin, stream: Stream, text: String },
    /// A cell shows a value (`display_data`).
    Display {
        origin: Origin,
        data: MimeBundle,
        metadata: MimeBundle,
        /// The display id. This output replaces all earlier output that was shown under the same id.
        id: Option<String>,
        /// Whether this output only replaces earlier output and is not shown once more ([`update_display_data`][u]).
        ///
        /// [u]: https://jupyter-client.readthedocs.io/en/stable/messaging.html#update-display-data
        update: bool,
    },
    /// The cell's output so far is removed; with `wait`, only once the cell puts out something new
    /// ([`clear_output`](https://jupyter-client.readthedocs.io/en/stable/messaging.html#clear-output)).
    Clear { origin: Origin, wait: bool },
    /// The value of the cell's tail expression ([`execute_result`][r]).
    ///
    /// [r]: https://jupyter-client.readthedocs.io/en/stable/messaging.html#code-execution-result-execute-result
    Result { cell: CellId, data: MimeBundle },
    /// The cell waits for a line of input, and all its output up to here was reported before. The front end answers
    /// with this event's number. Reported only if the session was told to ask for input.
    Input { origin: Origin, number: u64, prompt: String, password: bool },
    /// The cell acts on a comm.
    Comm { origin: Origin, id: String, act: CommAct, data: serde_json::Value },
    /// The front end puts this text in the place of the cell's text, or into the next cell (the payload
    /// [`set_next_input`](https://jupyter-client.readthedocs.io/en/stable/messaging.html#payloads-deprecated)).
    NextInput { cell: CellId, text: String, replace: bool },
    /// Text about the cell that none of its lanes wrote: rendered compiler warnings, with ANSI colours, and notices
    /// about output that is left out.
    Warning { cell: CellId, rendered: String },
    /// The cell did not come to its end.
    Failed { cell: CellId, failure: Failure },
}

/// Takes a session's events. The session calls it from its own threads, one call at a time, in the order of the
/// events.
pub trait Sink: Send {
    /// Takes the next event. It must not wait for the session, which waits for it.
    fn event(&mut self, event: Event);
}
