//! Lanes of tasks that the cells' async runtime polls, on threads of its own. A task has no lane until it prints; its lane
//! then belongs to the cell that spawned it. Which task a thread polls, and which number a new task has, is asked of the
//! runtime's crate, by functions that the cell hands over.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::host::{DAEMON, TASK};
use crate::link;
use crate::sync::Mutex;
use crate::wait::lock;

/// Returns the number of the task that the calling thread polls, and 0 for none. Numbers count up.
pub(crate) type CurrentTask = fn() -> u64;

/// Lanes that are remembered. If more tasks print, a task that printed longest ago gets another lane when it prints again.
const REMEMBERED: usize = 4096;

/// The `CurrentTask` as an address; 0 until a cell hands it over.
static CURRENT: AtomicUsize = AtomicUsize::new(0);

static LANES: Mutex<Lanes> = Mutex::new(Lanes { cells: BTreeMap::new(), tasks: BTreeMap::new() });

struct Lanes {
    /// For the first task that each cell could have spawned, the lane of the cell.
    cells: BTreeMap<u64, u64>,
    /// The lane of each task that has printed.
    tasks: BTreeMap<u64, u64>,
}

thread_local! {
    /// The task for which this thread printed last, and its lane.
    static LAST: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

/// Notes that the tasks from `first` on belong to the cell that the calling thread runs, until the next cell begins.
pub(crate) fn begin_cell(first: u64, current: CurrentTask) {
    if first == 0 {
        return;
    }
    let mut lanes = lock(&LANES);
    // Another copy of the crate counts its tasks anew.
    lanes.cells.retain(|of_earlier, _| *of_earlier < first);
    lanes.tasks.retain(|earlier, _| *earlier < first);
    lanes.cells.insert(first, link::here());
    drop(lanes);
    CURRENT.store(current as usize, Ordering::Release);
}

/// Runs `speak`, which tells the worker something, in the lane of the task that the calling thread polls, if it polls one.
#[inline]
pub(crate) fn speaking(speak: impl FnOnce()) {
    match CURRENT.load(Ordering::Acquire) {
        0 => speak(),
        current => {
            // SAFETY: an address that `begin_cell` took of a function of this type.
            let current = unsafe { std::mem::transmute::<usize, CurrentTask>(current) };
            speaking_for(current(), speak);
        }
    }
}

#[inline(never)]
fn speaking_for(task: u64, speak: impl FnOnce()) {
    let Some(lane) = lane_of(task) else { return speak() };
    let before = link::act_as(lane);
    speak();
    link::act_as(before);
}

/// The lane of a task, which is declared now if this is the first time. `None` if no cell has spawned the task.
fn lane_of(task: u64) -> Option<u64> {
    // In a forked child, the lock may be held by a thread that the child does not have.
    if task == 0 || link::is_forked_child() {
        return None;
    }
    // A thread whose locals are being destroyed polls no task.
    let (last, lane) = LAST.try_with(Cell::get).ok()?;
    if last == task {
        return Some(lane);
    }
    let mut lanes = lock(&LANES);
    let lane = match lanes.tasks.get(&task) {
        Some(lane) => *lane,
        None => {
            let (_, cell) = lanes.cells.range(..=task).next_back()?;
            let lane = link::declare_in(TASK | DAEMON, *cell, &format!("task {task}"));
            if lanes.tasks.len() == REMEMBERED {
                lanes.tasks.pop_first();
            }
            lanes.tasks.insert(task, lane);
            lane
        }
    };
    drop(lanes);
    LAST.set((task, lane));
    Some(lane)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::STDOUT;
    use crate::link::record::{self, Told};
    use std::thread;

    thread_local!(static POLLED: Cell<u64> = const { Cell::new(0) });

    #[test]
    fn what_a_task_prints_is_in_its_own_lane() {
        record::attach();
        begin_cell(10, || POLLED.get());
        let print = |task, text: &'static str| {
            POLLED.set(task);
            speaking(|| link::text(STDOUT, text));
        };
        let told = thread::spawn(move || {
            print(0, "no task\n");
            print(3, "an unknown cell's task\n");
            print(12, "one\n");
            print(12, "two\n");
            record::told()
        });
        let told = told.join().unwrap();
        let text = |text: &str| Told::Text(STDOUT, text.to_owned());
        let declared = told.iter().find_map(|told| match told {
            Told::Declare(kind, lane, name) if name == "task 12" => Some((*kind, *lane)),
            _ => None,
        });
        let (kind, lane) = declared.expect("declared");
        assert_eq!(kind, TASK | DAEMON);
        let act = Told::ActAs(lane);
        let back = Told::ActAs(record::HERE);
        let expected = [
            text("no task\n"),
            text("an unknown cell's task\n"),
            Told::Declare(kind, lane, "task 12".into()),
            act.clone(),
            text("one\n"),
            back.clone(),
            act,
            text("two\n"),
            back,
        ];
        assert_eq!(told, expected);
    }
}
