//! The engine of both executors: a queue of jobs and up to so many threads that take them, each started when a job
//! comes and no thread is idle. Never knows what a job does, and never drops one: each is run or refused.

use super::future::{Future, FutureError};
use crate::error::RuntimeError;
use crate::threading::Thread;
use crate::wait::Monitor;
use crate::{interrupt, link};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A pool of threads named `<prefix>_J`. Dropped, it waits for all that was submitted.
pub(super) struct Pool(Arc<Shared>);

struct Shared {
    prefix: String,
    max_workers: usize,
    state: Monitor<State>,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Box<dyn Job>>,
    workers: Vec<Thread>,
    /// How many workers exist or are being started; the latter are not among `workers` yet.
    counted: usize,
    /// How many of them wait for a job.
    idle: usize,
    closing: bool,
    broken: bool,
    initializer: Option<Initializer>,
}

pub(super) type Initializer = Arc<dyn Fn() + Send + Sync>;

/// One task with its future.
trait Job: Send {
    fn run(self: Box<Self>);
    fn refuse(self: Box<Self>, why: FutureError);
}

struct Task<T, W> {
    future: Future<T>,
    work: W,
}

impl<T: Send, W: FnOnce(&Future<T>) + Send> Job for Task<T, W> {
    fn run(self: Box<Self>) {
        if self.future.begin() {
            (self.work)(&self.future);
        }
    }

    fn refuse(self: Box<Self>, why: FutureError) {
        self.future.finish(Err(why));
    }
}

impl Pool {
    /// # Panics
    /// `max_workers` is 0.
    pub(super) fn new(prefix: String, max_workers: usize) -> Pool {
        assert!(max_workers > 0, "max_workers must be greater than 0");
        Pool(Arc::new(Shared { prefix, max_workers, state: Monitor::default() }))
    }

    pub(super) fn max_workers(&self) -> usize {
        self.0.max_workers
    }

    pub(super) fn set_initializer(&self, initializer: Initializer) {
        self.0.state.lock().initializer = Some(initializer);
    }

    /// Has a worker do `work`, which must finish the future. The future's lane is declared here: of kind `kind`,
    /// as a child of the caller's. What is generic is compiled again in each cell that submits, so it is little.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        kind: u32,
        name: &str,
        work: impl FnOnce(u64, &Future<T>) + Send + 'static,
    ) -> Result<Future<T>, RuntimeError> {
        self.check_open()?;
        let lane = link::declare(kind, name);
        let future = Future::new(lane);
        let work = move |future: &Future<T>| work(lane, future);
        if let Some(index) = self.queue(lane, Box::new(Task { future: future.clone(), work }))?
            && let Err(error) = self.start_worker(index)
        {
            future.cancel();
            return Err(error);
        }
        Ok(future)
    }

    fn check_open(&self) -> Result<(), RuntimeError> {
        self.0.state.lock().check_open()
    }

    /// Queues a job, whose lane is told if it will never run. Returns the index of the worker that is to be started for it.
    fn queue(&self, lane: u64, job: Box<dyn Job>) -> Result<Option<usize>, RuntimeError> {
        let queued = self.0.state.change_for_one(|state| {
            state.check_open()?;
            state.jobs.push_back(job);
            let start = state.jobs.len() > state.idle && state.counted < self.0.max_workers;
            state.counted += usize::from(start);
            Ok(start.then(|| state.counted - 1))
        });
        queued.inspect_err(|_| link::never_run(lane))
    }

    /// Starts the worker with this index. An error says that there is no worker at all.
    fn start_worker(&self, index: usize) -> Result<(), RuntimeError> {
        let shared = self.0.clone();
        let worker = Thread::named(format!("{}_{index}", self.0.prefix), move || shared.work()).serving_tasks();
        if let Err(error) = worker.start() {
            let alone = self.0.state.change(|state| {
                state.counted -= 1;
                state.counted == 0
            });
            // With other workers there the task is done a little later; without one it never would be.
            return if alone { Err(error) } else { Ok(()) };
        }
        self.0.state.change(|state| state.workers.push(worker));
        Ok(())
    }

    /// Takes no more tasks; cancels those that have not begun if `cancel`, and waits for all others if `wait`.
    pub(super) fn shutdown(&self, wait: bool, cancel: bool) {
        let refused = self.0.state.change(|state| {
            state.closing = true;
            if cancel { std::mem::take(&mut state.jobs) } else { VecDeque::new() }
        });
        refused.into_iter().for_each(|job| job.refuse(FutureError::Cancelled));
        if wait {
            let all = |state: &mut State| (state.workers.len() == state.counted).then(|| state.workers.clone());
            for worker in self.0.state.wait(all) {
                // A pool that is dropped by one of its own tasks cannot wait for that one.
                let _ = worker.join();
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // An interrupted cell is to end now, and not with its tasks: what has begun goes on alone.
        let interrupted = interrupt::unwinds_here();
        self.shutdown(!interrupted, interrupted);
    }
}

impl Shared {
    /// The life of one worker.
    fn work(&self) {
        let initializer = self.state.lock().initializer.clone();
        if let Some(initializer) = initializer
            && catch_unwind(AssertUnwindSafe(|| initializer())).is_err()
        {
            return self.break_down();
        }
        while let Some(job) = self.next_job() {
            job.run();
        }
    }

    /// The next job; none when the pool is closing and there is nothing left to do.
    fn next_job(&self) -> Option<Box<dyn Job>> {
        let mut counted_idle = false;
        self.state.wait(|state| {
            let next = match state.jobs.pop_front() {
                Some(job) => Some(Some(job)),
                None if state.closing || state.broken => Some(None),
                None => None,
            };
            if counted_idle != next.is_none() {
                counted_idle = !counted_idle;
                state.idle = if counted_idle { state.idle + 1 } else { state.idle - 1 };
            }
            next
        })
    }

    fn break_down(&self) {
        let refused = self.state.change(|state| {
            state.broken = true;
            std::mem::take(&mut state.jobs)
        });
        refused.into_iter().for_each(|job| job.refuse(FutureError::BrokenThreadPool));
    }
}

impl State {
    fn check_open(&self) -> Result<(), RuntimeError> {
        match () {
            () if self.broken => {
                Err(RuntimeError::new("A thread initializer failed, the thread pool is not usable anymore"))
            }
            () if self.closing => Err(RuntimeError::new("cannot schedule new futures after shutdown")),
            () => Ok(()),
        }
    }
}

/// The name of the function type `F`; `task` for a closure, which has none.
pub(super) fn task_name<F>() -> &'static str {
    last_name(std::any::type_name::<F>())
}

fn last_name(path: &str) -> &str {
    // Generic arguments may hold paths of their own.
    let path = path.split('<').next().unwrap_or(path);
    match path.rsplit("::").next() {
        Some(name) if !name.is_empty() && !name.contains(['{', '(', '&', '*', '[']) => name,
        _ => "task",
    }
}
