//! The worker's side of the ring: which lane each thread is, and the records that say what it did.
//!
//! Everything here may run in any thread, in a signal handler or in a forked child: it takes no lock but the
//! ring's own and allocates nothing.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};

use crate::sys::{clock, descriptor, thread};
use crate::worker::abi::record::{HEAD, Head, Kind};
use crate::worker::abi::ring::{MAX_RECORD, Ring};
use crate::worker::abi::schedule::{Policy, Schedule};
use crate::worker::child::schedule::Decisions;
use crate::worker::host;

static RING: AtomicPtr<Ring> = AtomicPtr::new(std::ptr::null_mut());
/// The cell that is running; 0 between cells.
static RUNNING: AtomicU32 = AtomicU32::new(0);
/// The cell that runs or, between cells, the one that ran last. Threads that crates have made work for this cell.
static NEWEST: AtomicU32 = AtomicU32::new(0);
/// The last `N` of `Thread-N`. A forked child goes on counting from its parent's, as in CPython.
static THREADS: AtomicU32 = AtomicU32::new(0);
/// The id of this process, kept since asking for it is a system call.
static PID: AtomicU32 = AtomicU32::new(0);
/// The schedule of the cell that runs: see `scheduling_point`.
static SCHEDULE: CellSchedule = CellSchedule {
    perturbed: AtomicBool::new(false),
    seed: AtomicU64::new(0),
    last_lane: AtomicU32::new(0),
    cells: AtomicU32::new(0),
};
/// When the last record was written, in nanoseconds of `CLOCK_MONOTONIC`. `barrier` reads it.
static LAST: AtomicU64 = AtomicU64::new(0);

/// What a thread works for: a lane, and the cell that the lane belongs to. A handle of the host table holds both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Here {
    pub lane: u32,
    pub cell: u32,
}

/// The `cell` of a lane that always belongs to the cell that runs.
const FOLLOWS: u32 = 0;

impl Here {
    const NOWHERE: Here = Here { lane: 0, cell: 0 };

    pub(crate) fn to_handle(self) -> u64 {
        u64::from(self.cell) << 32 | u64::from(self.lane)
    }

    pub(crate) fn from_handle(handle: u64) -> Here {
        Here { lane: handle as u32, cell: (handle >> 32) as u32 }
    }
}

thread_local! {
    static HERE: Cell<Here> = const { Cell::new(Here::NOWHERE) };
    /// The handle of the lane that the next thread or child of this thread will be; 0 if none was declared for it.
    static ADOPTED: Cell<u64> = const { Cell::new(0) };
    static TID: Cell<u32> = const { Cell::new(0) };
    /// The decisions of this thread as a lane during a cell: see `scheduling_point`.
    static DECISIONS: Cell<Option<(u32, u32, Decisions)>> = const { Cell::new(None) };
    /// The `N` of this thread while its name is `Thread-N`, else 0.
    static NUMBER: Cell<u32> = const { Cell::new(0) };
    /// True from the start of a thread that was declared with its full name until std has told the system the name, cut to
    /// 15 bytes.
    static DECLARED: Cell<bool> = const { Cell::new(false) };
}

/// The lane of the thread that runs cells, in every worker of a session.
pub(crate) const MAIN: u32 = 1;

/// Starts capturing. The calling thread is the one that will run cells.
pub(crate) fn begin(ring: &'static Ring) {
    PID.store(std::process::id(), Ordering::Relaxed);
    RING.store(std::ptr::from_ref(ring).cast_mut(), Ordering::Release);
    HERE.set(Here { lane: MAIN, cell: 0 });
    declare_as(HERE.get(), host::THREAD, 0, b"MainThread");
}

/// The ring, once capturing has begun in this process.
pub(crate) fn ring() -> Option<&'static Ring> {
    // SAFETY: null, or the `&'static Ring` given to `begin`.
    unsafe { RING.load(Ordering::Acquire).as_ref() }
}

/// Notes that `cell` runs on the calling thread from here on, or with 0 that no cell does.
pub(crate) fn running(cell: u32) {
    RUNNING.store(cell, Ordering::Relaxed);
    if cell != 0 {
        NEWEST.store(cell, Ordering::Relaxed);
        HERE.set(Here { cell, ..HERE.get() });
    }
}

pub(crate) fn here() -> Here {
    HERE.get()
}

pub(crate) fn tid() -> u32 {
    if TID.get() == 0 {
        TID.set(thread::id());
    }
    TID.get()
}

fn emit(kind: Kind, detail: u8, here: Here, other: u32, payload: &[u8]) -> bool {
    emit_at(now(), kind, detail, here, other, payload)
}

/// As `emit`, at a time that the caller has just read: reading the clock is a third of the cost of a print.
fn emit_at(nanos: u64, kind: Kind, detail: u8, here: Here, other: u32, payload: &[u8]) -> bool {
    let Some(ring) = ring() else { return false };
    let tid = tid();
    let head = Head {
        kind,
        detail,
        length: payload.len() as u32,
        lane: here.lane,
        other,
        cell: if here.cell == FOLLOWS { NEWEST.load(Ordering::Relaxed) } else { here.cell },
        running: RUNNING.load(Ordering::Relaxed),
        pid: PID.load(Ordering::Relaxed),
        tid,
        nanos,
    };
    LAST.store(nanos, Ordering::Relaxed);
    ring.write(tid, &head.to_bytes(), payload)
}

pub(crate) fn now() -> u64 {
    clock::monotonic_nanos()
}

/// Records text of the calling thread on stdout (1) or stderr (2). Returns false if that is not possible, since the thread
/// is in a signal handler that interrupted its own write: the caller then writes to the descriptor.
pub(crate) fn text(stream: u8, bytes: &[u8]) -> bool {
    let nanos = now();
    barrier(nanos, stream);
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(MAX_RECORD - HEAD));
        if !emit_at(nanos, Kind::Text, stream, here(), 0, piece) {
            return false;
        }
        rest = after;
    }
    scheduling_point();
    true
}

/// Atomics, since a signal handler may read them.
struct CellSchedule {
    perturbed: AtomicBool,
    seed: AtomicU64,
    /// The last lane before the cell: its own lanes are counted from there.
    last_lane: AtomicU32,
    /// How many cells have been given a schedule; a thread's decisions are made for one cell.
    cells: AtomicU32,
}

/// Sets the schedule of the cells that follow.
pub(crate) fn schedule(schedule: Schedule) {
    SCHEDULE.seed.store(schedule.seed, Ordering::Relaxed);
    SCHEDULE.last_lane.store(ring().map_or(0, Ring::last_lane), Ordering::Relaxed);
    SCHEDULE.cells.fetch_add(1, Ordering::Relaxed);
    SCHEDULE.perturbed.store(schedule.policy == Policy::Perturbed, Ordering::Release);
}

/// A place where the schedule may delay the calling thread, as the operating system could have done.
fn scheduling_point() {
    if !SCHEDULE.perturbed.load(Ordering::Acquire) {
        return;
    }
    let (lane, cell) = (here().lane, SCHEDULE.cells.load(Ordering::Relaxed));
    let mut decisions = match DECISIONS.get() {
        Some((of, during, decisions)) if (of, during) == (lane, cell) => decisions,
        _ => {
            let schedule = Schedule { seed: SCHEDULE.seed.load(Ordering::Relaxed), policy: Policy::Perturbed };
            let nth = if lane == MAIN { 0 } else { lane.wrapping_sub(SCHEDULE.last_lane.load(Ordering::Relaxed)) };
            Decisions::new(schedule, nth)
        }
    };
    let delay = decisions.delay();
    DECISIONS.set(Some((lane, cell, decisions)));
    if !delay.is_zero() {
        let rest = libc::timespec { tv_sec: 0, tv_nsec: delay.subsec_nanos().into() };
        // SAFETY: reads a local.
        unsafe { libc::nanosleep(&rest, std::ptr::null_mut()) };
    }
}

/// Nanoseconds since the last record within which `barrier` does not look for raw output: too few for a thread to make
/// another process print. Prints further apart pay two system calls each.
const BURST_NANOS: u64 = 20_000;

/// Makes the session read what programs and C code have written to fd 1 and 2 themselves before it reads the record that
/// follows.
fn barrier(nanos: u64, stream: u8) {
    if nanos.saturating_sub(LAST.load(Ordering::Relaxed)) < BURST_NANOS {
        return;
    }
    if descriptor::unread_bytes(1) > 0 || descriptor::unread_bytes(2) > 0 {
        emit_at(nanos, Kind::Barrier, stream, here(), 0, b"");
    }
}

pub(crate) fn next_thread_number() -> u32 {
    THREADS.fetch_add(1, Ordering::Relaxed) + 1
}

fn declare_as(lane: Here, kind: u32, parent: u32, name: &[u8]) {
    emit(Kind::Lane, kind as u8, lane, parent, &name[..name.len().min(4096)]);
}

/// Declares a new lane as a child of lane `of`, to whose cell it belongs.
pub(crate) fn declare(kind: u32, of: Here, name: &[u8]) -> Here {
    let Some(ring) = ring() else { return Here::NOWHERE };
    let lane = Here { lane: ring.next_lane(), ..of };
    declare_as(lane, kind, of.lane, name);
    lane
}

/// Makes `lane` the one for which the calling thread speaks; returns the one before.
pub(crate) fn act_as(lane: Here) -> Here {
    HERE.replace(lane)
}

pub(crate) fn adopt(lane: Here) {
    ADOPTED.set(lane.to_handle());
}

/// Returns the lane of a thread that the calling thread is about to make, and the thread's number if it has no name yet,
/// else 0. A thread that a crate makes (as a rule a pool's worker) belongs to whichever cell runs, and no settling waits
/// for it.
pub(crate) fn for_new_thread(made_by_crate: bool) -> (Here, u32) {
    match ADOPTED.replace(0) {
        0 => {
            let number = next_thread_number();
            let mut buffer = [0u8; 24];
            let name = thread_name(number, &mut buffer);
            let lane = match (made_by_crate, ring()) {
                (true, Some(ring)) => {
                    let lane = Here { lane: ring.next_lane(), cell: FOLLOWS };
                    declare_as(lane, host::THREAD | host::DAEMON, here().lane, name);
                    lane
                }
                _ => declare(host::THREAD, here(), name),
            };
            (lane, number)
        }
        adopted => (Here::from_handle(adopted), 0),
    }
}

/// Writes `Thread-N` into the buffer, since a signal handler must not allocate.
fn thread_name(number: u32, buffer: &mut [u8; 24]) -> &[u8] {
    let mut digits = [0u8; 10];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    buffer[..7].copy_from_slice(b"Thread-");
    let length = 7 + digits.len() - at;
    buffer[7..length].copy_from_slice(&digits[at..]);
    &buffer[..length]
}

/// Makes the calling thread, which is new, this lane.
pub(crate) fn begin_thread(lane: Here, number: u32) {
    HERE.set(lane);
    NUMBER.set(number);
    DECLARED.set(number == 0);
    scheduling_point();
}

pub(crate) fn end_thread() {
    emit(Kind::End, 0, here(), 0, b"");
}

/// Records that a declared lane writes nothing more, or will never write.
pub(crate) fn end(lane: Here) {
    emit(Kind::End, 0, lane, 0, b"");
}

/// Records the name that the calling thread tells the system, unless its full name is known: only 15 bytes are left.
pub(crate) fn rename_short(name: &[u8]) {
    if !DECLARED.replace(false) {
        rename(name);
    }
}

/// Records the name of the calling thread. The number that it took is given back if it is still the last one given out.
pub(crate) fn rename(name: &[u8]) {
    let number = NUMBER.replace(0);
    if number != 0 {
        let _ = THREADS.compare_exchange(number, number - 1, Ordering::Relaxed, Ordering::Relaxed);
    }
    emit(Kind::Rename, 0, here(), 0, &name[..name.len().min(4096)]);
}

/// Makes the calling thread work for a task; returns what it worked for before.
pub(crate) fn enter(task: Here) -> Here {
    let before = HERE.replace(task);
    emit(Kind::Start, 0, task, before.lane, b"");
    before
}

pub(crate) fn leave(before: Here) {
    emit(Kind::End, 0, here(), 0, b"");
    HERE.set(before);
}

pub(crate) fn join(lane: Here) {
    emit(Kind::Join, 0, lane, here().lane, b"");
}

/// Records that the calling thread waits for a lock of this kind from here on.
pub(crate) fn waits(what: u32) {
    emit(Kind::Wait, what as u8, here(), 0, b"");
}

pub(crate) fn woke() {
    emit(Kind::Wake, 0, here(), 0, b"");
}

/// Records a value to show, in as many records as it needs. Returns what `text` returns.
pub(crate) fn display(json: &[u8], result: bool) -> bool {
    let kind = if result { Kind::Result } else { Kind::Display };
    let mut pieces = json.chunks(MAX_RECORD - HEAD).peekable();
    while let Some(piece) = pieces.next() {
        let detail = if pieces.peek().is_some() { Head::MORE } else { 0 };
        if !emit(kind, detail, here(), 0, piece) {
            return false;
        }
    }
    true
}

/// Records that the calling thread waits for input. Returns what `text` returns.
pub(crate) fn input(detail: u8, question: &[u8]) -> bool {
    emit(Kind::Input, detail, here(), 0, question)
}

/// Returns the lane of a child that the calling thread is about to fork.
pub(crate) fn for_new_child() -> Here {
    match ADOPTED.replace(0) {
        0 => declare(host::PROCESS, here(), b"fork"),
        adopted => Here::from_handle(adopted),
    }
}

/// Makes the calling process, a forked child, this lane.
pub(crate) fn begin_child(lane: Here) {
    TID.set(0);
    PID.store(std::process::id(), Ordering::Relaxed);
    HERE.set(lane);
}

/// Notes that the calling process is a copy of the worker. Its thread stays the main thread's lane.
pub(crate) fn begin_copy() {
    TID.set(0);
    PID.store(std::process::id(), Ordering::Relaxed);
}

/// Declares the lane of a program that is about to be started.
pub(crate) fn for_new_program(path: &[u8]) -> Here {
    declare(host::PROCESS, here(), path.rsplit(|byte| *byte == b'/').next().unwrap_or(path))
}

/// Records that a declared lane runs as process `pid`. Called in the parent.
pub(crate) fn process(lane: Here, pid: u32) {
    let Some(ring) = ring() else { return };
    let head = Head {
        kind: Kind::Process,
        detail: 0,
        length: 0,
        lane: lane.lane,
        other: 0,
        cell: lane.cell,
        running: RUNNING.load(Ordering::Relaxed),
        pid,
        tid: pid,
        nanos: now(),
    };
    ring.write(tid(), &head.to_bytes(), b"");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_holds_lane_and_cell() {
        let here = Here { lane: 7, cell: 9 };
        assert_eq!(Here::from_handle(here.to_handle()), here);
    }

    #[test]
    fn thread_names_are_spelt_without_allocating() {
        for (number, name) in [(1, "Thread-1"), (40, "Thread-40"), (u32::MAX, "Thread-4294967295")] {
            assert_eq!(thread_name(number, &mut [0; 24]), name.as_bytes());
        }
    }
}
