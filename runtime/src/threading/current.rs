//! Which thread is the calling one, and the table of those that are alive. A thread of std's or of a dependency
//! is known only to itself: its `Life` is made when it asks, and it is never in the table.

use super::life::Life;
use crate::sync::{Mutex, MutexGuard, thread_local};
use crate::wait::lock;
use crate::{link, print};
use std::cell::RefCell;
use std::sync::Arc;

thread_local! {
    static CURRENT: RefCell<Option<Arc<Life>>> = const { RefCell::new(None) };
}

static TABLE: Mutex<Table> = Mutex::new(Table { main: None, started: Vec::new() });

/// The threads that are alive: the main one, and those started by `Thread::start`.
pub(crate) struct Table {
    main: Option<Arc<Life>>,
    started: Vec<Arc<Life>>,
}

impl Table {
    pub(super) fn remove(&mut self, life: &Arc<Life>) {
        self.started.retain(|other| !Arc::ptr_eq(other, life));
    }

    /// In a forked child: no other thread came along, and the calling one is the main one now.
    pub(crate) fn keep_only_current(&mut self) {
        let current = current();
        let was_main = self.main.as_ref().is_some_and(|main| Arc::ptr_eq(main, &current));
        for life in std::mem::take(&mut self.started) {
            if !Arc::ptr_eq(&life, &current) {
                life.lose();
            }
        }
        if !was_main {
            self.main.replace(current).iter().for_each(|main| main.lose());
        }
    }
}

/// The table, for as long as the guard lives.
pub(crate) fn table() -> MutexGuard<'static, Table> {
    lock(&TABLE)
}

/// The calling thread is the main one from here on, and the only one.
pub(crate) fn become_main() {
    let main = Life::of_calling_thread("MainThread".to_owned());
    set_current(&main);
    print::lane_is_named();
    *table() = Table { main: Some(main), started: Vec::new() };
}

/// The calling thread is this one, which has just begun.
pub(super) fn become_thread(life: &Arc<Life>) {
    set_current(life);
    table().started.push(life.clone());
}

/// Does nothing while the thread's locals are destroyed.
fn set_current(life: &Arc<Life>) {
    let _ = CURRENT.try_with(|current| current.replace(Some(life.clone())));
}

fn known() -> Option<Arc<Life>> {
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

/// The calling thread. One that was not started by this module has the name that std knows, or `Dummy-N`.
pub(crate) fn current() -> Arc<Life> {
    known().unwrap_or_else(|| {
        let foreign = Life::of_calling_thread(foreign_name());
        set_current(&foreign);
        foreign
    })
}

/// The daemon flag that a thread made by the calling one starts with.
pub(super) fn is_daemon() -> bool {
    known().is_some_and(|current| current.is_daemon())
}

fn foreign_name() -> String {
    if let Some(name) = std::thread::current().name() {
        return name.to_owned();
    }
    let name = format!("Dummy-{}", link::next_thread_number());
    link::rename(&name);
    name
}

/// The main thread. Without a worker nothing runs cells; the first thread to ask is then taken for it.
pub(super) fn main() -> Arc<Life> {
    let main = table().main.clone();
    main.unwrap_or_else(|| {
        let current = current();
        table().main.get_or_insert(current).clone()
    })
}

/// The threads that are alive, the main one first.
pub(super) fn alive() -> Vec<Arc<Life>> {
    let main = main();
    std::iter::once(main).chain(table().started.iter().cloned()).collect()
}
