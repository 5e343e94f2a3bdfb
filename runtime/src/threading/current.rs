//! Which thread is the calling one, and the table of those that are alive. A thread of std's or of a dependency
//! is known only to itself: its handle is made when it asks, and it is never in the table.

use super::thread::Thread;
use crate::wait::lock;
use crate::{link, print};
use std::cell::RefCell;
use std::sync::{Mutex, MutexGuard};

thread_local! {
    static CURRENT: RefCell<Option<Thread>> = const { RefCell::new(None) };
}

static TABLE: Mutex<Table> = Mutex::new(Table { main: None, started: Vec::new() });

/// The threads that are alive: the main one, and those started by `Thread::start`.
pub(crate) struct Table {
    main: Option<Thread>,
    started: Vec<Thread>,
}

impl Table {
    pub(super) fn remove(&mut self, thread: &Thread) {
        self.started.retain(|other| !other.is(thread));
    }

    /// In a forked child: no other thread came along, and the calling one is the main one now.
    pub(crate) fn keep_only_current(&mut self) {
        let current = current_thread();
        let was_main = self.main.as_ref().is_some_and(|main| main.is(&current));
        for thread in std::mem::take(&mut self.started) {
            if !thread.is(&current) {
                thread.lose();
            }
        }
        if !was_main {
            self.main.replace(current).iter().for_each(Thread::lose);
        }
    }
}

/// The table, for as long as the guard lives.
pub(crate) fn table() -> MutexGuard<'static, Table> {
    lock(&TABLE)
}

/// The calling thread is the main one from here on, and the only one.
pub(crate) fn become_main() {
    let main = Thread::running("MainThread".to_owned()).daemon(false);
    CURRENT.set(Some(main.clone()));
    print::lane_is_named();
    *table() = Table { main: Some(main), started: Vec::new() };
}

/// The calling thread is `thread`, which has just begun.
pub(super) fn become_thread(thread: &Thread) {
    CURRENT.set(Some(thread.clone()));
    table().started.push(thread.clone());
}

/// The calling thread. A thread that was not started by this module has the name that std knows, or `Dummy-N`.
pub fn current_thread() -> Thread {
    let known = CURRENT.try_with(|current| current.borrow().clone()).ok().flatten();
    known.unwrap_or_else(|| {
        let foreign = Thread::running(foreign_name());
        let _ = CURRENT.try_with(|current| current.replace(Some(foreign.clone())));
        foreign
    })
}

/// The daemon flag that a thread made by the calling one starts with.
pub(super) fn is_daemon() -> bool {
    CURRENT.try_with(|current| current.borrow().as_ref().is_some_and(Thread::is_daemon)).unwrap_or(false)
}

fn foreign_name() -> String {
    if let Some(name) = std::thread::current().name() {
        return name.to_owned();
    }
    let name = format!("Dummy-{}", link::next_thread_number());
    link::rename(&name);
    name
}

/// The thread that runs cells (in a forked child: its first one).
pub fn main_thread() -> Thread {
    let main = table().main.clone();
    // Without a worker nothing runs cells; the first to ask is taken for the main thread.
    main.unwrap_or_else(|| {
        let current = current_thread();
        table().main.get_or_insert(current).clone()
    })
}

/// The threads that are alive, the main one first.
pub fn enumerate() -> Vec<Thread> {
    let main = main_thread();
    std::iter::once(main).chain(table().started.iter().cloned()).collect()
}

/// How many threads are alive: the length of [`enumerate`].
pub fn active_count() -> usize {
    enumerate().len()
}
