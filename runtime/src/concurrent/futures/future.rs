//! `Future`: the result of a task to come. Owns the one change from pending over running to done, and the list of
//! those who are told of it. Never runs the task (`pool.rs`).

use crate::link;
use crate::time::Seconds;
use crate::wait::{Monitor, deadline};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

/// Why a future has no result.
///
/// ```
/// # use threadbook::concurrent::futures::{FutureError, ThreadPoolExecutor};
/// let pool = ThreadPoolExecutor::new(1);
/// let future = pool.submit(|| -> i32 { panic!("no luck") })?;
/// assert_eq!(future.result(), Err(FutureError::Panicked("no luck".into())));
/// # Ok::<(), threadbook::RuntimeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FutureError {
    /// The task was cancelled before it ran.
    Cancelled,
    /// The task is not done yet; it may be later.
    TimedOut,
    /// The task panicked, with this message.
    Panicked(String),
    /// The result was moved out before, by [`Future::take`].
    Taken,
    /// The initializer of the pool's threads panicked.
    BrokenThreadPool,
    /// The process that ran the task died before it sent a result; the text says of what.
    BrokenProcessPool(String),
}

impl fmt::Display for FutureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FutureError::Cancelled => f.write_str("the future was cancelled"),
            FutureError::TimedOut => f.write_str("the future is not done in time"),
            FutureError::Panicked(message) => write!(f, "the task panicked: {message}"),
            FutureError::Taken => f.write_str("the result of the future was taken before"),
            FutureError::BrokenThreadPool => {
                f.write_str("a thread initializer failed, the thread pool is not usable anymore")
            }
            FutureError::BrokenProcessPool(how) => {
                write!(f, "the process of the task ended without a result: {how}")
            }
        }
    }
}

impl std::error::Error for FutureError {}

/// The result of a task to come. Clones are the same future.
///
/// ```
/// # use threadbook::concurrent::futures::ThreadPoolExecutor;
/// let pool = ThreadPoolExecutor::new(1);
/// let future = pool.submit(|| 6 * 7)?;
/// assert_eq!(future.result(), Ok(42));
/// # Ok::<(), threadbook::RuntimeError>(())
/// ```
pub struct Future<T>(Arc<Shared<T>>);

struct Shared<T> {
    lane: u64,
    state: Monitor<State<T>>,
}

struct State<T> {
    phase: Phase<T>,
    /// Lists of completions that are told before the callbacks, each by the number that it asked for.
    watchers: Vec<(Completions, usize)>,
    callbacks: Vec<Callback<T>>,
}

enum Phase<T> {
    Pending,
    Running,
    Done(Result<T, FutureError>),
}

type Callback<T> = Box<dyn FnOnce(&Future<T>) + Send>;

/// The futures that are done, in the order in which they were.
pub(super) type Completions = Arc<Monitor<Vec<Completion>>>;

#[derive(Clone, Copy)]
pub(super) struct Completion {
    pub(super) number: usize,
    /// The task ended with an error, and was not cancelled.
    pub(super) failed: bool,
}

impl<T> Future<T> {
    pub(super) fn new(lane: u64) -> Future<T> {
        let state = State { phase: Phase::Pending, watchers: Vec::new(), callbacks: Vec::new() };
        Future(Arc::new(Shared { lane, state: Monitor::new(state) }))
    }

    /// Whether the task has a result, panicked or was cancelled.
    ///
    /// ```
    /// # use threadbook::concurrent::futures::ThreadPoolExecutor;
    /// let pool = ThreadPoolExecutor::new(1);
    /// let future = pool.submit(|| ())?;
    /// future.result()?;
    /// assert!(future.done());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn done(&self) -> bool {
        self.ask(|outcome| outcome.is_some())
    }

    /// Whether the task is being run now.
    ///
    /// ```
    /// # use threadbook::concurrent::futures::ThreadPoolExecutor;
    /// let pool = ThreadPoolExecutor::new(1);
    /// let future = pool.submit(|| ())?;
    /// future.result()?;
    /// assert!(!future.running());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn running(&self) -> bool {
        matches!(self.0.state.lock().phase, Phase::Running)
    }

    /// Whether the task was cancelled before it ran.
    ///
    /// ```
    /// # use threadbook::concurrent::futures::ThreadPoolExecutor;
    /// let pool = ThreadPoolExecutor::new(1);
    /// let future = pool.submit(|| ())?;
    /// future.result()?;
    /// assert!(!future.cancelled());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancelled(&self) -> bool {
        self.ask(|outcome| matches!(outcome, Some(Err(FutureError::Cancelled))))
    }

    /// Cancels the task if it has not begun: whether it will never run.
    ///
    /// ```
    /// # use threadbook::{concurrent::futures::ThreadPoolExecutor, threading::Event};
    /// let (pool, go) = (ThreadPoolExecutor::new(1), Event::new());
    /// let waits = go.clone();
    /// let first = pool.submit(move || waits.wait())?;
    /// let second = pool.submit(|| println!("never"))?;
    /// assert!(second.cancel());
    /// go.set();
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn cancel(&self) -> bool {
        self.finish_from(|phase| matches!(phase, Phase::Pending), Err(FutureError::Cancelled));
        self.cancelled()
    }

    /// Waits for the result and returns a copy of it; [`take`](Future::take) moves it out.
    ///
    /// # Errors
    /// The task panicked, was cancelled or lost its process, or the result was taken.
    ///
    /// ```
    /// # use threadbook::concurrent::futures::ThreadPoolExecutor;
    /// let pool = ThreadPoolExecutor::new(1);
    /// let future = pool.submit(|| 1)?;
    /// assert_eq!((future.result(), future.result()), (Ok(1), Ok(1)));
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn result(&self) -> Result<T, FutureError>
    where
        T: Clone,
    {
        self.outcome_until(None, |outcome| outcome.clone())
    }

    /// As [`result`](Future::result) for at most `timeout`.
    ///
    /// # Errors
    /// As [`result`](Future::result), and `TimedOut`.
    ///
    /// ```
    /// # use threadbook::concurrent::futures::ThreadPoolExecutor;
    /// let pool = ThreadPoolExecutor::new(1);
    /// assert_eq!(pool.submit(|| 1)?.result_timeout(60), Ok(1));
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn result_timeout(&self, timeout: impl Seconds) -> Result<T, FutureError>
    where
        T: Clone,
    {
        self.outcome_until(deadline(timeout.duration()), |outcome| outcome.clone())
    }

    /// Waits for the result and moves it out, for types that cannot be copied. It can be taken once.
    ///
    /// # Errors
    /// As [`result`](Future::result).
    ///
    /// ```
    /// # use threadbook::concurrent::futures::{FutureError, ThreadPoolExecutor};
    /// struct NoCopy;
    /// let pool = ThreadPoolExecutor::new(1);
    /// let future = pool.submit(|| NoCopy)?;
    /// assert!(future.take().is_ok());
    /// assert_eq!(future.take().err(), Some(FutureError::Taken));
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn take(&self) -> Result<T, FutureError> {
        self.take_until(None)
    }

    pub(super) fn take_until(&self, deadline: Option<Instant>) -> Result<T, FutureError> {
        self.outcome_until(deadline, |outcome| match outcome {
            Ok(_) => std::mem::replace(outcome, Err(FutureError::Taken)),
            Err(error) => Err(error.clone()),
        })
    }

    /// Waits for the end of the task: why there is no result, or `None` if there is one.
    ///
    /// ```
    /// # use threadbook::concurrent::futures::ThreadPoolExecutor;
    /// let pool = ThreadPoolExecutor::new(1);
    /// assert_eq!(pool.submit(|| 1)?.exception(), None);
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn exception(&self) -> Option<FutureError> {
        self.outcome_until(None, |outcome| Ok(outcome.as_ref().err().cloned())).unwrap_or_else(Some)
    }

    /// As [`exception`](Future::exception) for at most `timeout`; `TimedOut` if the task is not done by then.
    ///
    /// ```
    /// # use threadbook::concurrent::futures::ThreadPoolExecutor;
    /// let pool = ThreadPoolExecutor::new(1);
    /// assert_eq!(pool.submit(|| 1)?.exception_timeout(60), None);
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn exception_timeout(&self, timeout: impl Seconds) -> Option<FutureError> {
        let failure = |outcome: &mut Result<T, FutureError>| Ok(outcome.as_ref().err().cloned());
        self.outcome_until(deadline(timeout.duration()), failure).unwrap_or_else(Some)
    }

    /// Has `callback` run when the future is done, in the thread that makes it so; at once if it is done already.
    /// Callbacks run in the order in which they were added. A panic in one is reported and otherwise without effect.
    ///
    /// ```
    /// # use threadbook::concurrent::futures::ThreadPoolExecutor;
    /// let pool = ThreadPoolExecutor::new(1);
    /// pool.submit(|| 1)?.add_done_callback(|future| println!("{:?}", future.result()));
    /// # Ok::<(), threadbook::RuntimeError>(())
    /// ```
    pub fn add_done_callback(&self, callback: impl FnOnce(&Future<T>) + Send + 'static) {
        let mut state = self.0.state.lock();
        if !matches!(state.phase, Phase::Done(_)) {
            return state.callbacks.push(Box::new(callback));
        }
        drop(state);
        self.call(callback);
    }

    /// Puts `number` on `completions` when the future is done; at once if it is done already.
    pub(super) fn watch(&self, completions: &Completions, number: usize) {
        let mut state = self.0.state.lock();
        match &state.phase {
            Phase::Done(outcome) => {
                let failed = is_failure(outcome);
                completions.change(|done| done.push(Completion { number, failed }));
            }
            _ => state.watchers.push((completions.clone(), number)),
        }
    }

    /// The task begins; false if it was cancelled, and must not.
    pub(super) fn begin(&self) -> bool {
        self.0.state.change(|state| {
            let pending = matches!(state.phase, Phase::Pending);
            if pending {
                state.phase = Phase::Running;
            }
            pending
        })
    }

    /// The task has ended.
    pub(super) fn finish(&self, outcome: Result<T, FutureError>) {
        self.finish_from(|phase| !matches!(phase, Phase::Done(_)), outcome);
    }

    fn finish_from(&self, may: impl FnOnce(&Phase<T>) -> bool, outcome: Result<T, FutureError>) {
        let failed = is_failure(&outcome);
        let told = self.0.state.change(|state| {
            may(&state.phase).then(|| {
                let before = std::mem::replace(&mut state.phase, Phase::Done(outcome));
                let began = !matches!(before, Phase::Pending);
                (began, std::mem::take(&mut state.watchers), std::mem::take(&mut state.callbacks))
            })
        });
        let Some((began, watchers, callbacks)) = told else { return };
        if !began {
            link::never_run(self.0.lane);
        }
        for (completions, number) in watchers {
            completions.change(|done| done.push(Completion { number, failed }));
        }
        callbacks.into_iter().for_each(|callback| self.call(callback));
    }

    fn call(&self, callback: impl FnOnce(&Future<T>)) {
        // Std's hook has reported the panic on stderr.
        let _ = catch_unwind(AssertUnwindSafe(|| callback(self)));
    }

    /// What the caller learns of the outcome now. A caller that learns that there is one has seen the end of the task.
    fn ask<R>(&self, question: impl FnOnce(Option<&Result<T, FutureError>>) -> R) -> R {
        let state = self.0.state.lock();
        let outcome = if let Phase::Done(outcome) = &state.phase { Some(outcome) } else { None };
        let (done, answer) = (outcome.is_some(), question(outcome));
        drop(state);
        if done {
            self.tell_ended();
        }
        answer
    }

    fn outcome_until<R>(
        &self,
        deadline: Option<Instant>,
        mut answer: impl FnMut(&mut Result<T, FutureError>) -> Result<R, FutureError>,
    ) -> Result<R, FutureError> {
        let answer = self.0.state.wait_until(deadline, |state| match &mut state.phase {
            Phase::Done(outcome) => Some(answer(outcome)),
            _ => None,
        });
        if answer.is_some() {
            self.tell_ended();
        }
        answer.unwrap_or(Err(FutureError::TimedOut))
    }

    /// The caller has learnt that the task has ended.
    pub(super) fn tell_ended(&self) {
        link::ended(self.0.lane);
    }
}

fn is_failure<T>(outcome: &Result<T, FutureError>) -> bool {
    matches!(outcome, Err(error) if *error != FutureError::Cancelled)
}

impl<T> Clone for Future<T> {
    fn clone(&self) -> Self {
        Future(self.0.clone())
    }
}

impl<T> fmt::Debug for Future<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.0.state.lock().phase {
            Phase::Pending => "pending",
            Phase::Running => "running",
            Phase::Done(Err(FutureError::Cancelled)) => "cancelled",
            Phase::Done(_) => "finished",
        };
        write!(f, "<Future state={state}>")
    }
}
