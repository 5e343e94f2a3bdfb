//! Prepares the cells that will probably be run next, one after the other, while others run: each in the scope that the
//! one before it leaves if it comes to its end. One thread; nothing of it is seen until a cell is asked for.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use crate::events::CellId;

use crate::engine::build::compile::Compiler;
use crate::engine::build::prepare::{Prepared, may_be_ahead, prepare};
use crate::engine::rejection::PrepareError;
use crate::engine::scope::Scope;

/// Cells that are prepared beyond the one that runs, at most. Further cells are compiled when their turn comes. Enough
/// to use a long sleep, few enough to waste little when a cell fails.
const MOST: usize = 32;

/// Bytes of stack of the thread: parsing recurses with the depth of a cell's text, and this is what a main thread has.
const STACK: usize = 8 << 20;

pub(super) struct Precompiler {
    /// Cells that have not been asked for, in order.
    cells: VecDeque<(CellId, String)>,
    prepared: Receiver<Result<Prepared, PrepareError>>,
    given_up: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Precompiler {
    /// Starts to prepare these cells, numbered from `first` on. `None` if there are none, or no thread can be started:
    /// each cell is then prepared when its turn comes.
    pub(super) fn start(
        compiler: Arc<Compiler>,
        scope: Scope,
        first: CellId,
        sources: &[&str],
    ) -> Option<Precompiler> {
        let ids = (first.0..).map(CellId);
        let cells: VecDeque<_> = ids.zip(sources.iter().take(MOST).map(|source| source.to_string())).collect();
        if cells.is_empty() {
            return None;
        }
        let given_up = Arc::new(AtomicBool::new(false));
        let (sender, prepared) = channel();
        let (stop, mut scope, queue) = (given_up.clone(), scope, cells.clone());
        let work = move || {
            for (cell, source) in queue {
                if stop.load(Ordering::Relaxed) || !may_be_ahead(&scope, &source) {
                    return;
                }
                let prepared = prepare(&compiler, &scope, cell, &source, &|_| {});
                let next = prepared.as_ref().ok().map(|prepared| prepared.after.clone());
                let wanted = sender.send(prepared).is_ok();
                match next.filter(|_| wanted) {
                    Some(after) => scope = after,
                    None => return,
                }
            }
        };
        let thread = std::thread::Builder::new().name("compile ahead".into()).stack_size(STACK).spawn(work).ok()?;
        Some(Precompiler { cells, prepared, given_up, thread: Some(thread) })
    }

    /// Returns what was prepared for this cell, and waits until it is ready. `None` if another cell was expected next.
    pub(super) fn take(&mut self, cell: CellId, source: &str) -> Option<Result<Prepared, PrepareError>> {
        if self.given_up.load(Ordering::Relaxed) {
            return None;
        }
        let (id, text) = self.cells.pop_front()?;
        if (id, text.as_str()) != (cell, source) {
            return None;
        }
        self.prepared.recv().ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Prepares no more cells and hands none out: they rest on a scope that the running cell does not leave.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }
}

/// Waits for the compilation that is under way: two compilations of one cell would write the same files.
impl Drop for Precompiler {
    fn drop(&mut self) {
        self.give_up();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed, and its result is not needed.
            let _ = thread.join();
        }
    }
}
