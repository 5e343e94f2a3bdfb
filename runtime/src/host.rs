//! The one table of functions through which this crate speaks to the worker that loaded it.
//!
//! The worker and this crate are built by different compilers, each with its own std: nothing but C types
//! crosses here, and both sides check `VERSION` first. Without a worker (this crate's own tests) a stand-in
//! writes plain text to fd 1 and 2 and counts lanes.

use std::ffi::c_void;
use std::sync::atomic::{AtomicPtr, AtomicU32};

/// Raised with every change of `Host`.
pub const VERSION: u32 = 4;

pub const STDOUT: u32 = 1;
pub const STDERR: u32 = 2;
/// Added to `STDERR`: the worker keeps this text and prints it only if this process ends before the cell does and has not
/// printed the same text itself. It keeps one such text; the next takes its place.
pub const UNSAID: u32 = 0x80;

/// Kinds of lanes, as `Host::declare` takes them.
pub const THREAD: u32 = 1;
pub const TASK: u32 = 2;
pub const PROCESS: u32 = 3;
/// Added to `THREAD`: the session does not wait for this thread to end (a pool's worker, a daemon thread).
pub const DAEMON: u32 = 0x80;

/// What a thread waits for, as `Host::waits` takes it.
pub const LOCK: u32 = 1;
pub const RLOCK: u32 = 2;
pub const SEMAPHORE: u32 = 3;
pub const CONDITION: u32 = 4;
pub const EVENT: u32 = 5;
pub const BARRIER: u32 = 6;

/// What a worker offers. Every function may be called from any thread and from a forked child; none panics,
/// none allocates in the caller's name, and none waits for a lock that a thread lost by a fork may hold.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Host {
    pub version: u32,
    /// Writes text to `STDOUT` or `STDERR` as one record of the calling thread's lane.
    pub text: unsafe extern "C" fn(stream: u32, bytes: *const u8, len: usize),
    /// The next `N` of `Thread-N`; counted from 1, shared by every unnamed thread of the session.
    pub next_thread_number: extern "C" fn() -> u32,
    /// Declares a lane of kind `THREAD`, `TASK` or `PROCESS` as a child of the caller's lane; returns its handle,
    /// which is never 0.
    pub declare: unsafe extern "C" fn(kind: u32, name: *const u8, len: usize) -> u64,
    /// The lane that the calling thread works for.
    pub here: extern "C" fn() -> u64,
    /// As `declare`, for a lane that is a child of lane `of` and belongs to its cell.
    pub declare_in: unsafe extern "C" fn(kind: u32, of: u64, name: *const u8, len: usize) -> u64,
    /// What the calling thread says is `lane`'s from here on; returns the lane that it spoke for before. Unlike `enter`, this
    /// is no event: a task that is polled speaks between others.
    pub act_as: extern "C" fn(lane: u64) -> u64,
    /// The next thread or forked child that the calling thread makes *is* this declared lane.
    pub adopt: extern "C" fn(lane: u64),
    /// Gives the calling thread's own lane its full name (`pthread_setname_np` cuts names at 15 bytes).
    pub rename: unsafe extern "C" fn(name: *const u8, len: usize),
    /// The calling thread works for task `lane` from here on; returns the lane that it worked for before.
    pub enter: extern "C" fn(lane: u64) -> u64,
    /// Ends the task that the calling thread works for and goes back to `previous`, which `enter` returned.
    pub leave: extern "C" fn(previous: u64),
    /// A declared lane will never run (a cancelled task) or runs no more (a child that was reaped).
    pub end: extern "C" fn(lane: u64),
    /// The calling lane has seen the end of `lane`: joined its thread or process, took its task's result.
    pub join: extern "C" fn(lane: u64),
    /// One `display_data`: JSON `{"data": {...}, "metadata": {...}, "transient": {"display_id": ...}}` in UTF-8, all
    /// values strings; with `"update": true` an `update_display_data`. Or `{"clear_output": {"wait": ...}}`.
    /// Or a message on a comm: `{"comm": {"act": "open", "id": ..., "target": ..., "data": ...}}`, `message` or `close`
    /// without a target; the data is JSON in a string.
    pub display: unsafe extern "C" fn(json: *const u8, len: usize),
    /// The value of the cell's tail expression: JSON `{"data": {...}}` in UTF-8.
    pub result: unsafe extern "C" fn(json: *const u8, len: usize),
    /// Asks the front end for a line, with this prompt, and waits. Returns `INPUT_LINE` after one call of
    /// `take(to, line)`, and otherwise the reason why there is no line.
    pub input:
        unsafe extern "C" fn(prompt: *const u8, len: usize, password: bool, take: Take, to: *mut c_void) -> u32,
    /// The calling thread waits for a `LOCK`, … from here on.
    pub waits: extern "C" fn(what: u32),
    /// The wait of the calling thread has ended.
    pub woke: extern "C" fn(),
    pub interrupt: &'static Interrupt,
}

/// How the running cell is interrupted: by `SIGINT`, whose handler changes both fields. A wait that first stores its word here
/// and then looks at `asked` cannot miss it.
#[repr(C)]
pub struct Interrupt {
    /// Not 0 from the signal until the next cell starts.
    pub asked: AtomicU32,
    /// The word whose change the thread that runs the cell waits for, or null. The handler adds 1 to it.
    pub word: AtomicPtr<AtomicU32>,
}

impl Interrupt {
    /// No interrupt has come.
    pub const fn none() -> Interrupt {
        Interrupt { asked: AtomicU32::new(0), word: AtomicPtr::new(std::ptr::null_mut()) }
    }
}

/// Takes text, which lives during the call only.
pub type Take = unsafe extern "C" fn(to: *mut c_void, bytes: *const u8, len: usize);

/// What `Host::result` takes in the place of JSON before the cell's last expression is shown. evcxr's content that its
/// thread prints from here on is the result of the cell.
pub const TAIL_BEGINS: &str = "tail begins";
/// What `Host::result` takes when the cell has shown it.
pub const TAIL_ENDS: &str = "tail ends";

/// What `Host::input` returns: there is a line, the input has ended, the front end takes no input, or an interrupt came.
pub const INPUT_LINE: u32 = 0;
pub const INPUT_END: u32 = 1;
pub const INPUT_REFUSED: u32 = 2;
pub const INPUT_INTERRUPTED: u32 = 3;

/// How a cell's run ended, as `Frame::report` says it.
pub const FAILED: u32 = 1;
pub const PANICKED: u32 = 2;

/// The argument of a cell's entry point: where its code stands, how it is timed, and how it reports that it failed.
#[repr(C)]
pub struct Frame {
    /// Places that are new since the last cell, in UTF-8, a line for each generated file: what `panic::Location`
    /// calls the file, the name that the user sees instead (`In[3]`), and any number of `LINE COLUMN SHIFT`, separated by
    /// tabs. From this column of this line on (both count from 1), text stands SHIFT columns further right than in the cell.
    pub places: *const u8,
    pub places_len: usize,
    /// `%%time` and `%time` print the wall time only (IPython on Windows) instead of all times.
    pub wall_only: bool,
    /// The whole cell is timed.
    pub timed: bool,
    /// Seconds that compiling took, for the line `Compiler :`.
    pub compile_seconds: f64,
    /// Called at most once, with `FAILED` or `PANICKED`, a message, and for a panic where it happened.
    pub report:
        unsafe extern "C" fn(kind: u32, message: *const u8, message_len: usize, at: *const u8, at_len: usize),
}

/// The entry point of every compiled cell, under the name `threadbook_cell`.
pub type Entry = unsafe extern "C" fn(frame: *const Frame);

/// A message of the front end on a comm, as `threadbook_comm` takes it. The text lives during the call.
#[repr(C)]
pub struct Comm {
    /// `COMM_OPEN`, `COMM_MESSAGE` or `COMM_CLOSE`.
    pub kind: u32,
    pub id: *const u8,
    pub id_len: usize,
    /// The name of the target; empty unless `kind` is `COMM_OPEN`.
    pub target: *const u8,
    pub target_len: usize,
    /// JSON in UTF-8.
    pub data: *const u8,
    pub data_len: usize,
}

pub const COMM_OPEN: u32 = 1;
pub const COMM_MESSAGE: u32 = 2;
pub const COMM_CLOSE: u32 = 3;
