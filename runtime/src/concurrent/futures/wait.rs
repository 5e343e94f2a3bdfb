//! `wait` and `as_completed`: many futures at once. A caller counts as having seen the end of those futures
//! that it is given as done, and of no others.

use super::future::{Completion, Completions, Future, FutureError};
use crate::time::Seconds;
use crate::wait::deadline;
use std::fmt;
use std::time::{Duration, Instant};

/// When [`wait`] returns before its time.
///
/// ```
/// # use threadbook::concurrent::futures::ReturnWhen;
/// assert_eq!(ReturnWhen::default(), ReturnWhen::AllCompleted);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReturnWhen {
    /// One is done.
    FirstCompleted,
    /// One has panicked or lost its process, or all are done.
    FirstException,
    /// All are done.
    #[default]
    AllCompleted,
}

/// What [`wait`] returns, each list in the order of its argument.
///
/// ```
/// # use threadbook::concurrent::futures::*;
/// let Waited { done, not_done } = wait::<i32>(&[], None, ReturnWhen::AllCompleted);
/// assert!(done.is_empty() && not_done.is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct Waited<T> {
    /// The futures that are done.
    pub done: Vec<Future<T>>,
    /// The others.
    pub not_done: Vec<Future<T>>,
}

/// Waits for `futures`, for at most `timeout` if there is one.
///
/// ```
/// # use threadbook::concurrent::futures::{ReturnWhen, ThreadPoolExecutor, wait};
/// let pool = ThreadPoolExecutor::new(2);
/// let futures = [pool.submit(|| 1)?, pool.submit(|| 2)?];
/// assert_eq!(wait(&futures, None, ReturnWhen::AllCompleted).done.len(), 2);
/// # Ok::<(), threadbook::RuntimeError>(())
/// ```
pub fn wait<T>(futures: &[Future<T>], timeout: Option<Duration>, return_when: ReturnWhen) -> Waited<T> {
    let completions = watch(futures);
    completions.wait_until(timeout.and_then(deadline), |done| {
        let early = match return_when {
            ReturnWhen::FirstCompleted => !done.is_empty(),
            ReturnWhen::FirstException => done.iter().any(|completion| completion.failed),
            ReturnWhen::AllCompleted => false,
        };
        (early || done.len() == futures.len()).then_some(())
    });
    let mut finished = vec![false; futures.len()];
    completions.lock().iter().for_each(|completion| finished[completion.number] = true);
    let (mut done, mut not_done) = (Vec::new(), Vec::new());
    for (future, finished) in futures.iter().zip(finished) {
        if finished { &mut done } else { &mut not_done }.push(future.clone());
    }
    done.iter().for_each(Future::tell_ended);
    Waited { done, not_done }
}

/// Gives the futures as they are done, those first that are done already.
///
/// ```
/// # use threadbook::concurrent::futures::{ThreadPoolExecutor, as_completed};
/// let pool = ThreadPoolExecutor::new(2);
/// let futures = [pool.submit(|| 1)?, pool.submit(|| 2)?];
/// for future in as_completed(&futures) {
///     println!("{}", future.result()?);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn as_completed<T>(futures: &[Future<T>]) -> impl Iterator<Item = Future<T>> + use<T> {
    // Without a deadline no item is an error.
    AsCompleted::new(futures, None).flatten()
}

/// As [`as_completed`] for at most `timeout`, counted from this call: then comes one `TimedOut`, and no more.
///
/// ```
/// # use threadbook::concurrent::futures::{ThreadPoolExecutor, as_completed_timeout};
/// let pool = ThreadPoolExecutor::new(2);
/// for future in as_completed_timeout(&[pool.submit(|| 1)?], 60) {
///     println!("{}", future?.result()?);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn as_completed_timeout<T>(futures: &[Future<T>], timeout: impl Seconds) -> AsCompleted<T> {
    AsCompleted::new(futures, deadline(timeout.duration()))
}

/// What [`as_completed_timeout`] returns: an iterator over the futures.
///
/// ```
/// # use threadbook::concurrent::futures::{AsCompleted, as_completed_timeout};
/// let none: AsCompleted<i32> = as_completed_timeout(&[], 1);
/// assert_eq!(none.count(), 0);
/// ```
pub struct AsCompleted<T> {
    futures: Vec<Future<T>>,
    completions: Completions,
    given: usize,
    deadline: Option<Instant>,
}

impl<T> AsCompleted<T> {
    fn new(futures: &[Future<T>], deadline: Option<Instant>) -> Self {
        AsCompleted { futures: futures.to_vec(), completions: watch(futures), given: 0, deadline }
    }
}

impl<T> Iterator for AsCompleted<T> {
    type Item = Result<Future<T>, FutureError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.given == self.futures.len() {
            return None;
        }
        let given = self.given;
        match self.completions.wait_until(self.deadline, |done| done.get(given).copied()) {
            Some(Completion { number, .. }) => {
                self.given += 1;
                self.futures[number].tell_ended();
                Some(Ok(self.futures[number].clone()))
            }
            None => {
                self.given = self.futures.len();
                Some(Err(FutureError::TimedOut))
            }
        }
    }
}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("futures", &self.futures).field("given", &self.given).finish()
    }
}

fn watch<T>(futures: &[Future<T>]) -> Completions {
    let completions = Completions::default();
    for (number, future) in futures.iter().enumerate() {
        future.watch(&completions, number);
    }
    completions
}
