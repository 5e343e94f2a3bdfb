//! `ProcessPoolExecutor`: tasks run by forked copies of this process.
//!
//! A closure cannot be sent to a process that exists already, so each task (each chunk of a `map`) has a child of
//! its own, forked when the task begins, never more than `max_workers` at a time. It has all that the session had at
//! that moment and sends back one thing, the result. For each child one thread of the pool forks it, receives
//! the outcome and reaps it; a child that dies without sending one fails its own future and no other. What a thread cannot
//! take along is a lock: a task must not wait for one that another thread of the session may hold.

use super::future::{Future, FutureError};
use super::map::Map;
use super::pool::{Pool, task_name};
use super::thread::{name_of, run};
use crate::error::RuntimeError;
use crate::fork::{Forked, fork_with_line, leave};
use crate::host::PROCESS;
use crate::multiprocessing::{Transfer, describe_exit};
use crate::wait;
use std::fmt;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::available_parallelism;

/// A pool of at most so many processes at a time. Dropped, it waits for all that was submitted, as Python's `with`
/// does at its end; not so in an interrupted cell, where tasks that have not begun are cancelled instead.
///
/// ```
/// # use threadbook::{concurrent::futures::ProcessPoolExecutor, os};
/// let pool = ProcessPoolExecutor::new(2);
/// assert_ne!(pool.submit(os::getpid)?.result()?, os::getpid());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ProcessPoolExecutor(Pool);

impl ProcessPoolExecutor {
    /// A pool of at most `max_workers` processes.
    ///
    /// # Panics
    /// `max_workers` is 0.
    ///
    /// ```
    /// # use threadbook::concurrent::futures::ProcessPoolExecutor;
    /// let pool = ProcessPoolExecutor::new(2);
    /// ```
    pub fn new(max_workers: usize) -> Self {
        ProcessPoolExecutor(Pool::new("ProcessPoolExecutor".to_owned(), max_workers))
    }

    /// Hands over a task, whose result travels back as [`Transfer`] writes it.
    ///
    /// # Errors
    /// The pool was shut down.
    ///
    /// ```
    /// # use threadbook::concurrent::futures::ProcessPoolExecutor;
    /// let pool = ProcessPoolExecutor::new(2);
    /// assert_eq!(pool.submit(|| "x".repeat(3))?.result(), Ok("xxx".into()));
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn submit<T: Transfer + Send + 'static>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Future<T>, RuntimeError> {
        self.submit_as(name_of(&task), task)
    }

    fn submit_as<T: Transfer + Send + 'static>(
        &self,
        name: &str,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Future<T>, RuntimeError> {
        self.0.submit(PROCESS, name, |lane, future: &Future<T>| future.finish(run_in_child(lane, task)))
    }

    /// Hands over one task for each item, at once; the results come in the order of the items.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    ///
    /// ```
    /// # use threadbook::concurrent::futures::ProcessPoolExecutor;
    /// let pool = ProcessPoolExecutor::new(2);
    /// let squares: Result<Vec<i32>, _> = pool.map(|n| n * n, [1, 2, 3])?.collect();
    /// assert_eq!(squares, Ok(vec![1, 4, 9]));
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn map<A, T, F>(&self, function: F, items: impl IntoIterator<Item = A>) -> Result<Map<T>, RuntimeError>
    where
        A: Send + 'static,
        T: Transfer + Send + 'static,
        F: Fn(A) -> T + Send + Sync + 'static,
    {
        self.map_chunks(function, items, 1)
    }

    /// As [`map`](Self::map) with one task for each `chunk_size` items: less forking where each item is little work.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    ///
    /// # Panics
    /// `chunk_size` is 0.
    ///
    /// ```
    /// # use threadbook::concurrent::futures::ProcessPoolExecutor;
    /// let pool = ProcessPoolExecutor::new(2);
    /// let sum: i32 = pool.map_chunks(|n| n * n, 0..100, 50)?.map(|square| square.unwrap()).sum();
    /// assert_eq!(sum, 328_350);
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn map_chunks<A, T, F>(
        &self,
        function: F,
        items: impl IntoIterator<Item = A>,
        chunk_size: usize,
    ) -> Result<Map<T>, RuntimeError>
    where
        A: Send + 'static,
        T: Transfer + Send + 'static,
        F: Fn(A) -> T + Send + Sync + 'static,
    {
        assert!(chunk_size > 0, "chunksize must be >= 1.");
        let (function, mut items) = (Arc::new(function), items.into_iter());
        let chunks = std::iter::from_fn(|| {
            let chunk: Vec<A> = items.by_ref().take(chunk_size).collect();
            (!chunk.is_empty()).then_some(chunk)
        });
        let submit = |chunk: Vec<A>| {
            let function = function.clone();
            let task = move || chunk.into_iter().map(|item| function(item)).collect::<Vec<T>>();
            self.submit_as(task_name::<F>(), task)
        };
        Map::collect(chunks.map(submit))
    }

    /// Takes no more tasks, and waits for those submitted if `wait`.
    ///
    /// ```
    /// # use threadbook::concurrent::futures::ProcessPoolExecutor;
    /// let pool = ProcessPoolExecutor::new(1);
    /// pool.shutdown(true);
    /// assert!(pool.submit(|| ()).is_err());
    /// ```
    pub fn shutdown(&self, wait: bool) {
        self.0.shutdown(wait, false);
    }

    /// As [`shutdown`](Self::shutdown), and cancels the tasks that have not begun.
    ///
    /// ```
    /// # use threadbook::concurrent::futures::ProcessPoolExecutor;
    /// let pool = ProcessPoolExecutor::new(1);
    /// pool.shutdown_now(true);
    /// assert!(pool.submit(|| ()).is_err());
    /// ```
    pub fn shutdown_now(&self, wait: bool) {
        self.0.shutdown(wait, true);
    }

    /// Runs `body` with the pool and waits for all that it submitted: Python's `with … as pool:`.
    ///
    /// ```
    /// # use threadbook::concurrent::futures::ProcessPoolExecutor;
    /// let future = ProcessPoolExecutor::new(1).with(|pool| pool.submit(|| 1))?;
    /// assert!(future.done());
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn with<R>(self, body: impl FnOnce(&Self) -> R) -> R {
        body(&self)
    }
}

impl Default for ProcessPoolExecutor {
    /// A pool of as many processes as there are processors.
    fn default() -> Self {
        Self::new(available_parallelism().map_or(1, usize::from))
    }
}

impl fmt::Debug for ProcessPoolExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessPoolExecutor").field("max_workers", &self.0.max_workers()).finish()
    }
}

/// Forks a child that runs `task`, and waits for the outcome that it sends and for its end.
fn run_in_child<T: Transfer>(lane: u64, task: impl FnOnce() -> T) -> Result<T, FutureError> {
    match fork_with_line(lane) {
        Err(error) => Err(FutureError::BrokenProcessPool(format!("fork failed: {error}"))),
        Ok(Forked::Child { line }) => send_outcome(line, run(task)),
        Ok(Forked::Parent { child, line }) => {
            let outcome = receive_outcome(line);
            let exit = wait::for_child(child);
            outcome.unwrap_or_else(|| {
                let how = exit.ok().flatten().map_or("reaped by another".to_owned(), describe_exit);
                Err(FutureError::BrokenProcessPool(how))
            })
        }
    }
}

/// Sends the outcome of the task to the parent, and ends the child.
fn send_outcome<T: Transfer>(mut line: UnixStream, outcome: Result<T, FutureError>) -> ! {
    let outcome = outcome.map_err(|error| match error {
        FutureError::Panicked(message) => message,
        other => other.to_string(),
    });
    let mut answer = vec![0; 8];
    outcome.write(&mut answer);
    let len = answer.len() as u64 - 8;
    answer[..8].copy_from_slice(&len.to_le_bytes());
    // A parent that has gone needs no outcome, and there is nobody else to tell of the failure.
    let _ = line.write_all(&answer);
    leave(0)
}

/// The outcome that a child has sent; `None` if it ended first.
fn receive_outcome<T: Transfer>(mut line: UnixStream) -> Option<Result<T, FutureError>> {
    let mut len = [0; 8];
    line.read_exact(&mut len).ok()?;
    let mut answer = Vec::new();
    line.take(u64::from_le_bytes(len)).read_to_end(&mut answer).ok()?;
    let outcome = Result::<T, String>::read(&mut answer.as_slice()).ok()?;
    Some(outcome.map_err(FutureError::Panicked))
}
