//! Owns the link to the worker: the attached `Host`, and which task the calling thread works for. Every call to
//! the worker goes through here. Never prints, starts or waits for anything itself.

use crate::host::{Host, INPUT_LINE, VERSION};
use crate::sys;
use std::cell::Cell;
use std::ffi::c_void;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

static HOST: AtomicPtr<Host> = AtomicPtr::new(std::ptr::null_mut());
/// The worker's `Interrupt::asked`, for code that is inlined into cells.
static ASKED: AtomicPtr<AtomicU32> = AtomicPtr::new((&raw const stand_in::INTERRUPT.asked).cast_mut());
/// The process that runs cells; 0 until a worker has attached.
static CELLS_PID: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// The lane of the task that this thread works for; 0 for none.
    static TASK: Cell<u64> = const { Cell::new(0) };
}

/// Takes the worker's table, which stays valid and unchanged for the rest of the process. This process is the one that
/// runs cells from here on.
pub(crate) fn attach(host: &'static Host) {
    HOST.store(std::ptr::from_ref(host).cast_mut(), Ordering::Release);
    ASKED.store((&raw const host.interrupt.asked).cast_mut(), Ordering::Release);
    CELLS_PID.store(std::process::id(), Ordering::Relaxed);
}

pub(crate) fn is_forked_child() -> bool {
    let cells = CELLS_PID.load(Ordering::Relaxed);
    cells != 0 && cells != std::process::id()
}

pub(crate) fn host() -> &'static Host {
    let attached = HOST.load(Ordering::Acquire);
    // SAFETY: null or the reference that `attach` was given.
    unsafe { attached.as_ref() }.unwrap_or(&stand_in::HOST)
}

/// Whether an interrupt has been asked for since the cell began.
#[inline(always)]
pub(crate) fn is_interrupted() -> bool {
    // Both loads are relaxed, since `attach` comes before every thread that runs code of cells. After an acquire load LLVM
    // forgets what it knows of the cell's variables, and does not unroll a loop over a vector of known length.
    // SAFETY: the field of a static, or of the table that `attach` was given.
    unsafe { (*ASKED.load(Ordering::Relaxed)).load(Ordering::Relaxed) != 0 }
}

/// Writes `text` to `STDOUT` or `STDERR` as one record.
pub(crate) fn text(stream: u32, text: &str) {
    // SAFETY: pointer and length describe `text`.
    unsafe { (host().text)(stream, text.as_ptr(), text.len()) }
}

/// Declares a new lane as a child of the caller's.
pub(crate) fn declare(kind: u32, name: &str) -> u64 {
    // SAFETY: pointer and length describe `name`.
    unsafe { (host().declare)(kind, name.as_ptr(), name.len()) }
}

/// Declares a new lane as a child of lane `of`.
pub(crate) fn declare_in(kind: u32, of: u64, name: &str) -> u64 {
    // SAFETY: pointer and length describe `name`.
    unsafe { (host().declare_in)(kind, of, name.as_ptr(), name.len()) }
}

/// The lane that the calling thread works for.
pub(crate) fn here() -> u64 {
    (host().here)()
}

/// Makes `lane` the one for which the calling thread speaks; returns the one before.
pub(crate) fn act_as(lane: u64) -> u64 {
    (host().act_as)(lane)
}

/// Makes the next thread or process of the calling thread `lane`.
pub(crate) fn adopt(lane: u64) {
    (host().adopt)(lane)
}

pub(crate) fn rename(name: &str) {
    // SAFETY: pointer and length describe `name`.
    unsafe { (host().rename)(name.as_ptr(), name.len()) }
}

pub(crate) fn next_thread_number() -> u32 {
    (host().next_thread_number)()
}

/// Runs `work` as task `lane`. `work` must not unwind.
pub(crate) fn within(lane: u64, work: impl FnOnce()) {
    let before = TASK.replace(lane);
    let previous = (host().enter)(lane);
    work();
    (host().leave)(previous);
    TASK.set(before);
}

/// Tells the worker that `lane` was declared and will never run.
pub(crate) fn never_run(lane: u64) {
    (host().end)(lane)
}

/// Shows a value, which is JSON as `Host::display` takes it.
pub(crate) fn display(json: &str) {
    // SAFETY: pointer and length describe `json`.
    unsafe { (host().display)(json.as_ptr(), json.len()) }
}

/// Shows the value of the cell's tail expression, which is JSON as `Host::result` takes it.
pub(crate) fn result(json: &str) {
    // SAFETY: pointer and length describe `json`.
    unsafe { (host().result)(json.as_ptr(), json.len()) }
}

/// Asks the front end for a line. The error is one of the reasons of `Host::input`.
pub(crate) fn input(prompt: &str, password: bool) -> Result<Vec<u8>, u32> {
    unsafe extern "C" fn take(to: *mut c_void, bytes: *const u8, len: usize) {
        // SAFETY: `to` is the vector below, and the worker passes pointer and length of its text.
        unsafe { (*to.cast::<Vec<u8>>()).extend_from_slice(std::slice::from_raw_parts(bytes, len)) }
    }
    let mut line = Vec::new();
    // SAFETY: pointer and length describe `prompt`; `line` outlives the call.
    match unsafe { (host().input)(prompt.as_ptr(), prompt.len(), password, take, (&raw mut line).cast()) } {
        INPUT_LINE => Ok(line),
        why => Err(why),
    }
}

/// Tells the worker that the calling thread waits for a lock of this kind, until the returned value is dropped.
pub(crate) fn waiting(what: u32) -> Waiting {
    (host().waits)(what);
    Waiting
}

pub(crate) struct Waiting;

impl Drop for Waiting {
    fn drop(&mut self) {
        (host().woke)();
    }
}

/// Tells the worker that the caller has learnt the end of `lane`. A task that asks for its own end (in a callback) learns
/// nothing.
pub(crate) fn ended(lane: u64) {
    if TASK.get() != lane {
        (host().join)(lane)
    }
}

/// A worker for tests, which only writes down what this crate tells it.
#[cfg(test)]
pub(crate) mod record {
    use super::*;
    use crate::host::{DAEMON, PROCESS, THREAD};
    use std::sync::{Mutex, MutexGuard, Once, PoisonError};
    use std::thread::{self, ThreadId};

    #[derive(Clone, Debug, PartialEq)]
    pub(crate) enum Told {
        Text(u32, String),
        Declare(u32, u64, String),
        Adopt(u64),
        Rename(String),
        Enter(u64),
        Leave(u64),
        End(u64),
        Join(u64),
        Waits(u32),
        Woke,
        ActAs(u64),
    }

    /// The lane of every thread, as far as it is asked for.
    pub(crate) const HERE: u64 = 7;

    static TOLD: Mutex<Vec<(ThreadId, Told)>> = Mutex::new(Vec::new());
    pub(crate) static RECORDER: Host = Host {
        version: VERSION,
        text,
        next_thread_number: stand_in::HOST.next_thread_number,
        declare,
        here,
        declare_in,
        act_as,
        adopt,
        rename,
        enter,
        leave,
        end,
        join,
        display: rename,
        result: rename,
        input: stand_in::HOST.input,
        waits,
        woke,
        interrupt: stand_in::HOST.interrupt,
    };

    /// From here on, and in all tests, everything that this process tells is written down.
    pub(crate) fn attach() {
        static ONCE: Once = Once::new();
        // Not `threadbook_attach`: no thread of a test is the main one.
        ONCE.call_once(|| super::attach(&RECORDER));
    }

    fn written() -> MutexGuard<'static, Vec<(ThreadId, Told)>> {
        TOLD.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What thread `by` told, in order.
    pub(crate) fn told_by(by: ThreadId) -> Vec<Told> {
        written().iter().filter(|(id, _)| *id == by).map(|(_, told)| told.clone()).collect()
    }

    /// What the calling thread told, in order.
    pub(crate) fn told() -> Vec<Told> {
        told_by(thread::current().id())
    }

    /// The lanes that the calling thread declared with this name.
    pub(crate) fn lanes(name: &str) -> Vec<u64> {
        let declared = |told: Told| match told {
            Told::Declare(_, lane, called) if called == name => Some(lane),
            _ => None,
        };
        told().into_iter().filter_map(declared).collect()
    }

    fn note(told: Told) {
        // No host may make a forked child wait for a lock that a lost thread holds.
        if !is_forked_child() {
            written().push((thread::current().id(), told));
        }
    }

    unsafe fn string(bytes: *const u8, len: usize) -> String {
        // SAFETY: the callers in this file pass pointer and length of a `str`.
        String::from_utf8_lossy(unsafe { std::slice::from_raw_parts(bytes, len) }).into_owned()
    }

    unsafe extern "C" fn text(stream: u32, bytes: *const u8, len: usize) {
        // SAFETY: as `string` asks.
        note(Told::Text(stream, unsafe { string(bytes, len) }));
    }
    unsafe extern "C" fn declare(kind: u32, name: *const u8, len: usize) -> u64 {
        assert!((THREAD..=PROCESS).contains(&(kind & !DAEMON)));
        // SAFETY: as `string` asks.
        let (name, lane) = unsafe { (string(name, len), (stand_in::HOST.declare)(kind, std::ptr::null(), 0)) };
        note(Told::Declare(kind, lane, name));
        lane
    }
    extern "C" fn here() -> u64 {
        HERE
    }
    unsafe extern "C" fn declare_in(kind: u32, _of: u64, name: *const u8, len: usize) -> u64 {
        // SAFETY: as `declare`.
        unsafe { declare(kind, name, len) }
    }
    extern "C" fn act_as(lane: u64) -> u64 {
        note(Told::ActAs(lane));
        HERE
    }
    unsafe extern "C" fn rename(name: *const u8, len: usize) {
        // SAFETY: as `string` asks.
        note(Told::Rename(unsafe { string(name, len) }));
    }
    extern "C" fn adopt(lane: u64) {
        note(Told::Adopt(lane));
    }
    extern "C" fn enter(lane: u64) -> u64 {
        note(Told::Enter(lane));
        HERE
    }
    extern "C" fn leave(previous: u64) {
        note(Told::Leave(previous));
    }
    extern "C" fn end(lane: u64) {
        note(Told::End(lane));
    }
    extern "C" fn join(lane: u64) {
        note(Told::Join(lane));
    }
    extern "C" fn waits(what: u32) {
        note(Told::Waits(what));
    }
    extern "C" fn woke() {
        note(Told::Woke);
    }
}

/// The table that is used where no worker has attached: text goes to fd 1 and 2, lanes and threads are merely counted, and
/// there is no input.
mod stand_in {
    use super::*;
    use crate::host::Interrupt;
    use crate::host::{INPUT_END, Take};

    pub(super) static HOST: Host = Host {
        version: VERSION,
        text,
        next_thread_number,
        declare,
        here,
        declare_in,
        act_as: enter,
        adopt: ignore,
        rename: ignore_bytes,
        enter,
        leave: ignore,
        end: ignore,
        join: ignore,
        display: ignore_bytes,
        result: ignore_bytes,
        input,
        waits: ignore_what,
        woke: ignore_all,
        interrupt: &INTERRUPT,
    };

    pub(super) static INTERRUPT: Interrupt = Interrupt::none();
    static LANES: AtomicU64 = AtomicU64::new(2);
    static THREADS: AtomicU32 = AtomicU32::new(1);

    unsafe extern "C" fn text(stream: u32, bytes: *const u8, len: usize) {
        // SAFETY: the caller of `Host::text` vouches for pointer and length.
        sys::write_all(stream as i32, unsafe { std::slice::from_raw_parts(bytes, len) });
    }
    extern "C" fn next_thread_number() -> u32 {
        THREADS.fetch_add(1, Ordering::Relaxed)
    }
    unsafe extern "C" fn declare(_kind: u32, _name: *const u8, _len: usize) -> u64 {
        LANES.fetch_add(1, Ordering::Relaxed)
    }
    extern "C" fn here() -> u64 {
        0
    }
    unsafe extern "C" fn declare_in(_kind: u32, _of: u64, _name: *const u8, _len: usize) -> u64 {
        LANES.fetch_add(1, Ordering::Relaxed)
    }
    extern "C" fn enter(_lane: u64) -> u64 {
        0
    }
    unsafe extern "C" fn input(_: *const u8, _: usize, _: bool, _: Take, _: *mut c_void) -> u32 {
        INPUT_END
    }
    extern "C" fn ignore(_lane: u64) {}
    extern "C" fn ignore_what(_what: u32) {}
    extern "C" fn ignore_all() {}
    unsafe extern "C" fn ignore_bytes(_bytes: *const u8, _len: usize) {}
}
