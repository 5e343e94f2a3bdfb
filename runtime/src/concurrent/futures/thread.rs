//! `ThreadPoolExecutor`: tasks run by threads of this process. Owns the numbering of its pools.

use super::future::{Future, FutureError};
use super::map::Map;
use super::pool::{Pool, task_name};
use crate::error::RuntimeError;
use crate::fork::panic_message;
use crate::host::TASK;
use crate::link;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::available_parallelism;

/// The next `K` of `ThreadPoolExecutor-K`.
static POOLS: AtomicU32 = AtomicU32::new(0);

/// A pool of at most so many threads, each started when a task comes and no thread is idle. Dropped, it waits for
/// all that was submitted, as Python's `with` does at its end; not so in an interrupted cell, where tasks that have not
/// begun are cancelled instead.
///
/// ```
/// # use threadbook::concurrent::futures::ThreadPoolExecutor;
/// let pool = ThreadPoolExecutor::new(4);
/// let future = pool.submit(|| 6 * 7)?;
/// assert_eq!(future.result(), Ok(42));
/// # Ok::<(), threadbook::RuntimeError>(())
/// ```
pub struct ThreadPoolExecutor(Pool);

impl ThreadPoolExecutor {
    /// A pool whose threads are named `ThreadPoolExecutor-K_J`.
    ///
    /// # Panics
    /// `max_workers` is 0.
    ///
    /// ```
    /// # use threadbook::concurrent::futures::ThreadPoolExecutor;
    /// let pool = ThreadPoolExecutor::new(4);
    /// ```
    pub fn new(max_workers: usize) -> Self {
        let number = POOLS.fetch_add(1, Ordering::Relaxed);
        Self::named(format!("ThreadPoolExecutor-{number}"), max_workers)
    }

    /// A pool whose threads are named `<prefix>_J`; it takes no number.
    ///
    /// # Panics
    /// `max_workers` is 0.
    ///
    /// ```
    /// # use threadbook::{concurrent::futures::ThreadPoolExecutor, threading::current_thread};
    /// let pool = ThreadPoolExecutor::named("worker", 1);
    /// assert_eq!(pool.submit(|| current_thread().name())?.result(), Ok("worker_0".into()));
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn named(prefix: impl Into<String>, max_workers: usize) -> Self {
        ThreadPoolExecutor(Pool::new(prefix.into(), max_workers))
    }

    /// Has each thread run `initializer` before its first task. If it panics, the pool is broken.
    ///
    /// ```
    /// # use threadbook::concurrent::futures::ThreadPoolExecutor;
    /// let pool = ThreadPoolExecutor::new(2).initializer(|| println!("a thread begins"));
    /// ```
    pub fn initializer(self, initializer: impl Fn() + Send + Sync + 'static) -> Self {
        self.0.set_initializer(Arc::new(initializer));
        self
    }

    /// Hands over a task.
    ///
    /// # Errors
    /// The pool was shut down, or is broken.
    ///
    /// ```
    /// # use threadbook::concurrent::futures::ThreadPoolExecutor;
    /// fn action(n: u32) -> u32 {
    ///     n + 1
    /// }
    /// let pool = ThreadPoolExecutor::new(1);
    /// assert_eq!(pool.submit(|| action(10))?.result(), Ok(11));
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn submit<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Future<T>, RuntimeError> {
        self.submit_as(name_of(&task), task)
    }

    fn submit_as<T: Send + 'static>(
        &self,
        name: &str,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Future<T>, RuntimeError> {
        self.0.submit(TASK, name, |lane, future: &Future<T>| {
            // The callbacks are run by `finish`, and belong to the task.
            link::within(lane, || future.finish(run(task)));
        })
    }

    /// Hands over one task for each item, at once; the results come in the order of the items.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    ///
    /// ```
    /// # use threadbook::concurrent::futures::ThreadPoolExecutor;
    /// let pool = ThreadPoolExecutor::new(2);
    /// for length in pool.map(str::len, ["a", "bb"])? {
    ///     println!("{}", length?);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map<A, T, F>(&self, function: F, items: impl IntoIterator<Item = A>) -> Result<Map<T>, RuntimeError>
    where
        A: Send + 'static,
        T: Send + 'static,
        F: Fn(A) -> T + Send + Sync + 'static,
    {
        let function = Arc::new(function);
        let submit = |item| {
            let function = function.clone();
            self.submit_as(task_name::<F>(), move || vec![function(item)])
        };
        Map::collect(items.into_iter().map(submit))
    }

    /// Takes no more tasks, and waits for those submitted if `wait`.
    ///
    /// ```
    /// # use threadbook::concurrent::futures::ThreadPoolExecutor;
    /// let pool = ThreadPoolExecutor::new(1);
    /// pool.shutdown(true);
    /// assert!(pool.submit(|| ()).is_err());
    /// ```
    pub fn shutdown(&self, wait: bool) {
        self.0.shutdown(wait, false);
    }

    /// As [`shutdown`](Self::shutdown), and cancels the tasks that have not begun.
    ///
    /// ```
    /// # use threadbook::concurrent::futures::ThreadPoolExecutor;
    /// let pool = ThreadPoolExecutor::new(1);
    /// pool.shutdown_now(true);
    /// assert!(pool.submit(|| ()).is_err());
    /// ```
    pub fn shutdown_now(&self, wait: bool) {
        self.0.shutdown(wait, true);
    }

    /// Runs `body` with the pool and waits for all that it submitted: Python's `with … as pool:`.
    ///
    /// ```
    /// # use threadbook::concurrent::futures::ThreadPoolExecutor;
    /// let future = ThreadPoolExecutor::new(1).with(|pool| pool.submit(|| 1))?;
    /// assert!(future.done());
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn with<R>(self, body: impl FnOnce(&Self) -> R) -> R {
        body(&self)
    }
}

impl Default for ThreadPoolExecutor {
    /// A pool of as many threads as there are processors and 4 more, but at most 32.
    fn default() -> Self {
        Self::new((available_parallelism().map_or(1, usize::from) + 4).min(32))
    }
}

impl fmt::Debug for ThreadPoolExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPoolExecutor").field("max_workers", &self.0.max_workers()).finish()
    }
}

/// The result of `task`, or its panic.
pub(super) fn run<T>(task: impl FnOnce() -> T) -> Result<T, FutureError> {
    catch_unwind(AssertUnwindSafe(task)).map_err(|panic| FutureError::Panicked(panic_message(panic)))
}

pub(super) fn name_of<F>(_task: &F) -> &'static str {
    task_name::<F>()
}
