//! `Map`: the results of a `map` call, in the order of its items. Never asks for a result before it is wanted.

use super::future::{Future, FutureError};
use crate::error::RuntimeError;
use crate::time::Seconds;
use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;
use std::vec;

/// Gives the results of a `map` call one by one, waiting for each. After the first error there are no more, and
/// tasks that have not begun are cancelled; so they are when a `Map` is dropped half-way.
///
/// ```
/// # use threadbook::concurrent::futures::ThreadPoolExecutor;
/// let pool = ThreadPoolExecutor::new(2);
/// let squares: Result<Vec<i32>, _> = pool.map(|n| n * n, [1, 2, 3])?.collect();
/// assert_eq!(squares, Ok(vec![1, 4, 9]));
/// # Ok::<(), threadbook::RuntimeError>(())
/// ```
#[must_use = "the results are waited for only when they are asked for"]
pub struct Map<T> {
    chunks: VecDeque<Future<Vec<T>>>,
    ready: vec::IntoIter<T>,
    called: Instant,
    deadline: Option<Instant>,
    begun: bool,
}

impl<T> Map<T> {
    pub(super) fn collect(
        chunks: impl Iterator<Item = Result<Future<Vec<T>>, RuntimeError>>,
    ) -> Result<Map<T>, RuntimeError> {
        let called = Instant::now();
        let chunks = chunks.collect::<Result<_, _>>()?;
        Ok(Map { chunks, ready: Vec::new().into_iter(), called, deadline: None, begun: false })
    }

    /// Sets when all results must be there, counted from the call of `map`: the first that is not gives `TimedOut`.
    ///
    /// ```
    /// # use threadbook::concurrent::futures::ThreadPoolExecutor;
    /// let pool = ThreadPoolExecutor::new(2);
    /// for square in pool.map(|n| n * n, [1, 2, 3])?.timeout(60) {
    ///     println!("{}", square?);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn timeout(mut self, timeout: impl Seconds) -> Map<T> {
        self.deadline = self.called.checked_add(timeout.duration());
        self
    }

    fn cancel_rest(&mut self) {
        for future in self.chunks.drain(..) {
            future.cancel();
        }
    }
}

impl<T> Iterator for Map<T> {
    type Item = Result<T, FutureError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.begun = true;
        loop {
            if let Some(result) = self.ready.next() {
                return Some(Ok(result));
            }
            match self.chunks.front()?.take_until(self.deadline) {
                Ok(chunk) => self.ready = chunk.into_iter(),
                Err(error) => {
                    self.cancel_rest();
                    return Some(Err(error));
                }
            }
            self.chunks.pop_front();
        }
    }
}

impl<T> Drop for Map<T> {
    fn drop(&mut self) {
        // A map that nobody has iterated (`pool.map(…)?;`, for the effects) lets its tasks run, as Python's does.
        if self.begun {
            self.cancel_rest();
        }
    }
}

impl<T> fmt::Debug for Map<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").field("waiting_for", &self.chunks).finish()
    }
}
