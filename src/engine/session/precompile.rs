//! Prepares the cells that will probably be run next while others run. One thread prepares them one after the other, each
//! in the scope that the one before it leaves if it comes to its end. Since the items of a cell need no types of variables,
//! another thread compiles the items of the cells behind it, which the first then finds in the cache. Nothing of it is seen
//! until a cell is asked for.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::events::CellId;
use crate::sys::thread;

use crate::engine::build::compile::Compiler;
use crate::engine::build::prepare::{items_ahead, may_be_ahead, prepare};
use crate::engine::build::prepared::{Prepared, Refused};
use crate::engine::interrupt::Progress;
use crate::engine::scope::Scope;

/// Cells that are prepared beyond the one that runs, at most. Further cells are compiled when their turn comes. Enough
/// to use a long sleep, few enough to waste little when a cell fails.
const MOST: usize = 32;

/// Bytes of stack of a thread: parsing recurses with the depth of a cell's text, and this is what a main thread has.
const STACK: usize = 8 << 20;

/// The nice values (sched(7)) of the thread that prepares cells and of the one that compiles items, and of their compilers:
/// the cell that runs comes first, then the cells that come first.
const PREPARES: i32 = 15;
const COMPILES_ITEMS: i32 = 19;

/// How long a cell whose turn has come waits for its compilers before it looks whether they have got on.
const PATIENCE: Duration = Duration::from_millis(100);

/// Clock ticks (10 ms) of processor time that compilers use within `PATIENCE` if they get on. With less they are kept from
/// the processors by what has a higher priority, and the cell is prepared anew.
const GETS_ON: u64 = 3;

/// The priority of what is compiled ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Priority {
    /// Below the cell that runs.
    #[default]
    Low,
    /// That of the session, since something else keeps the processors busy: with a low priority, cells ahead would be ready
    /// too late.
    Own,
}

pub(super) struct Precompiler {
    /// Compiles for these cells only.
    compiler: Arc<Compiler>,
    priority: Priority,
    /// Cells that have not been asked for, in order.
    cells: VecDeque<(CellId, String)>,
    prepared: Receiver<Result<Prepared, Refused>>,
    threads: Vec<JoinHandle<()>>,
}

/// What both threads work on.
#[derive(Clone)]
struct Work {
    compiler: Arc<Compiler>,
    scope: Scope,
    cells: VecDeque<(CellId, String)>,
}

impl Precompiler {
    /// Starts to prepare these cells, numbered from `first` on. `None` if there are none, or no thread can be started:
    /// each cell is then prepared when its turn comes.
    pub(super) fn start(
        compiler: &Compiler,
        scope: Scope,
        first: CellId,
        sources: &[&str],
        priority: Priority,
    ) -> Option<Precompiler> {
        let ids = (first.0..).map(CellId);
        let cells: VecDeque<_> = ids.zip(sources.iter().take(MOST).map(|source| source.to_string())).collect();
        if cells.is_empty() {
            return None;
        }
        let compiler = Arc::new(compiler.for_cells_ahead());
        let (sender, prepared) = channel();
        let work = Work { compiler: compiler.clone(), scope, cells: cells.clone() };
        let items = work.clone();
        let mut threads = vec![start("compile ahead", priority, PREPARES, move || {
            work.each(|compiler, scope, cell, source| {
                if !may_be_ahead(scope, source) {
                    return None;
                }
                let prepared = prepare(compiler, scope, cell, source, &|_| {});
                let next = prepared.as_ref().ok().map(|prepared| prepared.after.clone());
                sender.send(prepared).ok()?;
                next
            });
        })?];
        // With one processor it would only take time from the first.
        if std::thread::available_parallelism().is_ok_and(|processors| processors.get() > 1) {
            threads.extend(start("items ahead", priority, COMPILES_ITEMS, move || items.each(items_ahead)));
        }
        Some(Precompiler { compiler, priority, cells, prepared, threads })
    }

    /// Returns what was prepared for this cell, and waits until it is ready. `None` if another cell was expected next, or if
    /// its compilers do not get on.
    pub(super) fn take(&mut self, cell: CellId, source: &str) -> Option<Result<Prepared, Refused>> {
        if self.compiler.is_given_up() {
            return None;
        }
        let (id, text) = self.cells.pop_front()?;
        if (id, text.as_str()) != (cell, source) {
            return None;
        }
        if self.priority == Priority::Own {
            return self.prepared.recv().ok();
        }
        // Nothing is looked at for a cell that is ready.
        match self.prepared.try_recv() {
            Err(TryRecvError::Empty) => {}
            prepared => return prepared.ok(),
        }
        let mut before = self.compiler.progress();
        loop {
            match self.prepared.recv_timeout(PATIENCE) {
                Err(RecvTimeoutError::Timeout) => {}
                prepared => return prepared.ok(),
            }
            let now = self.compiler.progress();
            if !get_on(&before, &now) {
                tracing::debug!(%cell, "its compilers do not get on");
                self.priority = Priority::Own;
                return None;
            }
            before = now;
        }
    }

    /// The priority for what is compiled ahead after this.
    pub(super) fn priority(&self) -> Priority {
        self.priority
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Prepares no more cells and hands none out: they rest on a scope that the running cell does not leave.
    pub(super) fn give_up(&self) {
        self.compiler.give_up();
    }
}

impl Work {
    /// Goes through the cells as long as `step` returns a scope for the next.
    fn each(self, step: impl Fn(&Compiler, &Scope, CellId, &str) -> Option<Scope>) {
        let Work { compiler, mut scope, cells } = self;
        for (cell, source) in cells {
            if compiler.is_given_up() {
                return;
            }
            match step(&compiler, &scope, cell, &source) {
                Some(next) => scope = next,
                None => return,
            }
        }
    }
}

/// `None` if the system has no thread left.
fn start(
    name: &str,
    priority: Priority,
    nice: i32,
    work: impl FnOnce() + Send + 'static,
) -> Option<JoinHandle<()>> {
    let run = move || {
        if priority == Priority::Low {
            thread::lower_priority(nice);
        }
        work();
    };
    std::thread::Builder::new().name(name.into()).stack_size(STACK).spawn(run).ok()
}

/// Whether compilers get on that have gone from the one progress to the other.
fn get_on(before: &Progress, now: &Progress) -> bool {
    let used = |progress: &Progress| progress.values().sum::<u64>();
    !before.keys().eq(now.keys()) || used(now) - used(before) >= GETS_ON
}

/// Waits until the threads have ended: two compilations of one cell would write the same files.
impl Drop for Precompiler {
    fn drop(&mut self) {
        self.give_up();
        for thread in self.threads.drain(..) {
            // A panic of the thread has been printed, and its result is not needed.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compilers_get_on_that_use_a_processor_or_start_another_program() {
        let at = |progress: &[(u32, u64)]| progress.iter().copied().collect::<Progress>();
        let before = at(&[(10, 5), (11, 5)]);
        assert!(!get_on(&before, &at(&[(10, 6), (11, 6)])), "a fifth of a processor");
        assert!(get_on(&before, &at(&[(10, 5), (11, 9)])));
        assert!(get_on(&before, &at(&[(10, 5)])) && get_on(&before, &at(&[(10, 5), (12, 0)])));
        assert!(!get_on(&at(&[]), &at(&[])));
    }
}
