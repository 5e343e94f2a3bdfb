//! `wait` and `as_completed`: many futures at once. A caller sees the end of exactly those futures that it is given
//! as done.

use super::future::{Completion, Completions, Future, FutureError};
use crate::time::Seconds;
use crate::wait::deadline;
use std::fmt;
use std::time::{Duration, Instant};

/// When [`wait`] comes back before its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReturnWhen {
    FirstCompleted,
    /// One has panicked or lost its process; else as `AllCompleted`.
    FirstException,
    #[default]
    AllCompleted,
}

/// What [`wait`] answers, each in the order of its argument.
#[derive(Clone, Debug)]
pub struct Waited<T> {
    pub done: Vec<Future<T>>,
    pub not_done: Vec<Future<T>>,
}

/// Waits for `futures`, for at most `timeout` if there is one.
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
pub fn as_completed<T>(futures: &[Future<T>]) -> impl Iterator<Item = Future<T>> + use<T> {
    // Without a deadline no item is an error.
    AsCompleted::new(futures, None).flatten()
}

/// The same for at most `timeout`, counted from this call: then comes one `TimedOut`, and no more.
pub fn as_completed_timeout<T>(futures: &[Future<T>], timeout: impl Seconds) -> AsCompleted<T> {
    AsCompleted::new(futures, deadline(timeout.duration()))
}

/// What [`as_completed_timeout`] gives.
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
