//! The worker's part in a model: the table that it gives the runtime, one running cell, and its interrupt.

#![allow(dead_code)] // Not every file of tests needs all of it.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::thread::{self, JoinHandle, ThreadId};
use shuttle::{Config, Runner};
use threadbook_model::cell;
use threadbook_model::host::{Frame, Host, INPUT_END, Interrupt, Take, VERSION};
use threadbook_model::sync;

/// The number of orders in which each of two schedulers runs a model. Each fault that these tests were written for, put back
/// into the runtime, is found within 100.
const ORDERS: usize = 300;

unsafe extern "C" {
    fn threadbook_attach(host: *const Host) -> u32;
}

static HOST: Host = Host {
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
    leave,
    end,
    join: ignore,
    display: ignore_bytes,
    result: ignore_bytes,
    input,
    waits,
    woke,
    interrupt: &INTERRUPT,
};

static INTERRUPT: Interrupt = Interrupt::none();
static NEXT: AtomicU64 = AtomicU64::new(1);
/// Lanes that were declared and have not ended.
static OPEN: Mutex<BTreeSet<u64>> = Mutex::new(BTreeSet::new());

fn open() -> MutexGuard<'static, BTreeSet<u64>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

unsafe extern "C" fn text(_stream: u32, bytes: *const u8, len: usize) {
    // SAFETY: the runtime passes pointer and length of a `str`.
    eprint!("{}", String::from_utf8_lossy(unsafe { std::slice::from_raw_parts(bytes, len) }));
}
extern "C" fn next_thread_number() -> u32 {
    NEXT.fetch_add(1, Ordering::Relaxed) as u32
}
unsafe extern "C" fn declare(kind: u32, _name: *const u8, _len: usize) -> u64 {
    let lane = NEXT.fetch_add(1, Ordering::Relaxed);
    // Lanes of threads are ended by the worker, which sees the end of a thread.
    if kind == threadbook_model::host::TASK {
        open().insert(lane);
    }
    lane
}
extern "C" fn here() -> u64 {
    0
}
unsafe extern "C" fn declare_in(kind: u32, _of: u64, name: *const u8, len: usize) -> u64 {
    // SAFETY: as `declare`.
    unsafe { declare(kind, name, len) }
}
extern "C" fn enter(lane: u64) -> u64 {
    open().remove(&lane);
    0
}
extern "C" fn leave(_previous: u64) {}
extern "C" fn end(lane: u64) {
    open().remove(&lane);
}
unsafe extern "C" fn input(_: *const u8, _: usize, _: bool, _: Take, _: *mut std::ffi::c_void) -> u32 {
    INPUT_END
}
extern "C" fn ignore(_lane: u64) {}
unsafe extern "C" fn ignore_bytes(_bytes: *const u8, _len: usize) {}
extern "C" fn waits(_what: u32) {}
extern "C" fn woke() {}

/// Tasks that were declared and neither run nor ended.
pub fn open_tasks() -> usize {
    open().len()
}

/// Runs `model` in many orders. A thread that waits for ever fails it.
pub fn check(model: impl Fn() + Send + Sync + 'static) {
    // There is one host, and one running cell, in a process.
    static MODEL: Mutex<()> = Mutex::new(());
    let _one = MODEL.lock().unwrap_or_else(PoisonError::into_inner);
    let model = std::sync::Arc::new(model);
    let run = move || {
        let model = model.clone();
        move || {
            sync::begin();
            open().clear();
            INTERRUPT.asked.store(0, Ordering::SeqCst);
            INTERRUPT.word.store(std::ptr::null_mut(), Ordering::SeqCst);
            // Shuttle's hook says in which order a model fails; the runtime's has no part in a model.
            let hook = std::panic::take_hook();
            // SAFETY: a static.
            assert_eq!(unsafe { threadbook_attach(&HOST) }, VERSION);
            std::panic::set_hook(hook);
            model();
        }
    };
    Runner::new(RandomScheduler::new(ORDERS), Config::new()).run(run());
    Runner::new(PctScheduler::new(3, ORDERS), Config::new()).run(run());
}

/// A cell that is interrupted at some moment: runs `code` on a thread of its own, `after` what is passed here on. `None` if
/// it was stopped.
pub fn interrupted_cell<R: Send + 'static>(code: impl FnOnce() -> R + Send + 'static) -> JoinHandle<Option<R>> {
    let cell = thread::spawn(move || {
        let mut returned = None;
        unsafe extern "C" fn report(_: u32, _: *const u8, _: usize, _: *const u8, _: usize) {}
        let frame = Frame {
            places: "".as_ptr(),
            places_len: 0,
            wall_only: false,
            timed: false,
            compile_seconds: 0.0,
            report,
        };
        cell::run(&frame, || {
            returned = Some(code());
            Ok(())
        });
        returned
    });
    let thread = cell.thread().id();
    thread::spawn(move || sigint(thread));
    cell
}

/// What the worker's handler does.
fn sigint(cell: ThreadId) {
    sync::interrupt(cell, || {
        INTERRUPT.asked.store(1, Ordering::SeqCst);
        // SAFETY: null, or the word of a thread that is in the wait for it.
        if let Some(word) = unsafe { INTERRUPT.word.load(Ordering::SeqCst).as_ref() } {
            word.fetch_add(1, Ordering::SeqCst);
        }
    });
}

/// Whether `wait` came to its end; false if it was stopped. What the cell does next is not stopped any more.
pub fn ends(wait: impl FnOnce()) -> bool {
    let ended = catch_unwind(AssertUnwindSafe(wait)).is_ok();
    INTERRUPT.asked.store(0, Ordering::SeqCst);
    ended
}
