//! `Barrier`: a number of threads that wait until all of them are there, again and again. Owns the count and
//! nothing of the threads.

use crate::host::BARRIER;
use crate::interrupt::Cancelled;
use crate::sync::Mutex;
use crate::time::Seconds;
use crate::wait::{Monitor, deadline, lock};
use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The barrier was aborted or reset, or the time of one of the waiting threads was over.
///
/// ```
/// # use threadbook::threading::{Barrier, BrokenBarrierError};
/// let barrier = Barrier::new(2);
/// barrier.abort();
/// assert_eq!(barrier.wait(), Err(BrokenBarrierError));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenBarrierError;

impl fmt::Display for BrokenBarrierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the barrier is broken")
    }
}

impl std::error::Error for BrokenBarrierError {}

/// Lets threads go on when `parties` of them have come. A thread that is interrupted while it waits has not come: the next
/// one takes its place. Clones are the same barrier.
///
/// ```
/// # use threadbook::threading::{Barrier, Thread};
/// let start = Barrier::new(2);
/// let other = start.clone();
/// Thread::new(move || other.wait()).start()?;
/// start.wait()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Barrier(Arc<Inner>);

struct Inner {
    parties: usize,
    timeout: Option<Duration>,
    action: Mutex<Box<dyn FnMut() + Send>>,
    state: Monitor<State>,
}

#[derive(Default)]
struct State {
    phase: Phase,
    /// Which places of this round are taken, by threads that are in the barrier.
    places: Vec<bool>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Threads come in; the last one runs the action.
    #[default]
    Filling,
    /// The last thread has come and runs the action; nobody comes in.
    Acting,
    /// All go out again; nobody comes in.
    Draining,
    /// The waiting threads go out with an error; nobody comes in.
    Resetting,
    Broken,
}

/// Why a thread that was in the barrier is not let go on.
enum NotReleased {
    Broken,
    Cancelled(Cancelled),
    /// By the action.
    Panicked(Box<dyn Any + Send>),
}

impl From<Cancelled> for NotReleased {
    fn from(cancelled: Cancelled) -> NotReleased {
        NotReleased::Cancelled(cancelled)
    }
}

impl NotReleased {
    fn into_error(self) -> BrokenBarrierError {
        match self {
            NotReleased::Broken => BrokenBarrierError,
            NotReleased::Cancelled(cancelled) => cancelled.unwind(),
            NotReleased::Panicked(panic) => resume_unwind(panic),
        }
    }
}

impl Barrier {
    /// A barrier for so many threads.
    ///
    /// # Panics
    /// `parties` is 0.
    ///
    /// ```
    /// # use threadbook::threading::Barrier;
    /// assert_eq!(Barrier::new(1).wait(), Ok(0));
    /// ```
    pub fn new(parties: usize) -> Barrier {
        Barrier::build(parties, None, || {})
    }

    /// A barrier at which one of the threads runs `action` when all have come, before any goes on. A panic in it breaks the
    /// barrier.
    ///
    /// # Panics
    /// `parties` is 0.
    ///
    /// ```
    /// # use threadbook::threading::Barrier;
    /// let barrier = Barrier::with_action(1, || println!("all are here"));
    /// barrier.wait()?;
    /// # Ok::<(), threadbook::threading::BrokenBarrierError>(())
    /// ```
    pub fn with_action(parties: usize, action: impl FnMut() + Send + 'static) -> Barrier {
        Barrier::build(parties, None, action)
    }

    /// A barrier at which every `wait` ends after `timeout`, and breaks the barrier.
    ///
    /// # Panics
    /// `parties` is 0.
    ///
    /// ```
    /// # use threadbook::threading::Barrier;
    /// let barrier = Barrier::with_timeout(2, 0.001);
    /// assert!(barrier.wait().is_err());
    /// ```
    pub fn with_timeout(parties: usize, timeout: impl Seconds) -> Barrier {
        Barrier::build(parties, Some(timeout.duration()), || {})
    }

    fn build(parties: usize, timeout: Option<Duration>, action: impl FnMut() + Send + 'static) -> Barrier {
        assert!(parties > 0, "parties must be > 0");
        let action = Mutex::new(Box::new(action) as _);
        Barrier(Arc::new(Inner { parties, timeout, action, state: Monitor::default() }))
    }

    /// Waits for the others. The place that it returns, from 0 to `parties - 1`, differs for each thread of a round.
    ///
    /// # Errors
    /// The barrier is broken, or breaks while the thread waits.
    ///
    /// ```
    /// # use threadbook::threading::{Barrier, Thread};
    /// let barrier = Barrier::new(2);
    /// let other = barrier.clone();
    /// Thread::new(move || println!("{:?}", other.wait())).start()?;
    /// if barrier.wait()? == 0 {
    ///     println!("first");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait(&self) -> Result<usize, BrokenBarrierError> {
        self.wait_until(self.0.timeout.and_then(deadline))
    }

    /// As [`wait`](Barrier::wait); after `timeout` the barrier is broken for all.
    ///
    /// # Errors
    /// As [`wait`](Barrier::wait).
    ///
    /// ```
    /// # use threadbook::threading::Barrier;
    /// let barrier = Barrier::new(2);
    /// assert!(barrier.wait_timeout(0.001).is_err() && barrier.broken());
    /// ```
    pub fn wait_timeout(&self, timeout: impl Seconds) -> Result<usize, BrokenBarrierError> {
        self.wait_until(deadline(timeout.duration()))
    }

    fn wait_until(&self, deadline: Option<Instant>) -> Result<usize, BrokenBarrierError> {
        let (place, is_last) = self.0.state.wait(|state| state.enter(self.0.parties))?;
        let outcome = if is_last { self.run_action() } else { self.wait_for_last(deadline) };
        self.0.state.change(|state| state.go_out(place));
        outcome.map(|()| place).map_err(NotReleased::into_error)
    }

    fn run_action(&self) -> Result<(), NotReleased> {
        let ended = catch_unwind(AssertUnwindSafe(|| (lock(&self.0.action))()));
        let phase = if ended.is_ok() { Phase::Draining } else { Phase::Broken };
        let broken = self.0.state.change(|state| {
            let broken = state.phase != Phase::Acting;
            if !broken {
                state.phase = phase;
            }
            broken
        });
        match ended {
            Err(panic) => Err(NotReleased::Panicked(panic)),
            Ok(()) if broken => Err(NotReleased::Broken),
            Ok(()) => Ok(()),
        }
    }

    fn wait_for_last(&self, deadline: Option<Instant>) -> Result<(), NotReleased> {
        let released = |state: &mut State| match state.phase {
            Phase::Filling | Phase::Acting => None,
            Phase::Draining => Some(Ok(())),
            Phase::Resetting | Phase::Broken => Some(Err(NotReleased::Broken)),
        };
        let wait = |deadline| self.0.state.wait_for_or_cancelled(BARRIER, deadline, released);
        if let Some(outcome) = wait(deadline)? {
            return outcome;
        }
        self.0.state.change(State::run_out_of_time);
        // Once all have come, time no longer counts.
        wait(None)?.expect("a wait without a deadline ends only when it is ready")
    }

    /// Breaks the barrier: all who wait or come later get an error, until it is reset.
    ///
    /// ```
    /// # use threadbook::threading::Barrier;
    /// let barrier = Barrier::new(2);
    /// barrier.abort();
    /// assert!(barrier.wait().is_err());
    /// ```
    pub fn abort(&self) {
        self.0.state.change(|state| state.phase = Phase::Broken);
    }

    /// Makes the barrier empty and whole again; the waiting threads get an error.
    ///
    /// ```
    /// # use threadbook::threading::Barrier;
    /// let barrier = Barrier::new(1);
    /// barrier.abort();
    /// barrier.reset();
    /// assert!(barrier.wait().is_ok());
    /// ```
    pub fn reset(&self) {
        self.0.state.change(|state| {
            state.phase = if state.inside() > 0 { Phase::Resetting } else { Phase::Filling };
        });
    }

    /// Whether the barrier is broken.
    ///
    /// ```
    /// # use threadbook::threading::Barrier;
    /// assert!(!Barrier::new(2).broken());
    /// ```
    pub fn broken(&self) -> bool {
        self.0.state.lock().phase == Phase::Broken
    }

    /// How many threads a round has.
    ///
    /// ```
    /// # use threadbook::threading::Barrier;
    /// assert_eq!(Barrier::new(2).parties(), 2);
    /// ```
    pub fn parties(&self) -> usize {
        self.0.parties
    }

    /// How many threads are waiting for the others.
    ///
    /// ```
    /// # use threadbook::threading::Barrier;
    /// assert_eq!(Barrier::new(2).n_waiting(), 0);
    /// ```
    pub fn n_waiting(&self) -> usize {
        let state = self.0.state.lock();
        if state.phase == Phase::Filling { state.inside() } else { 0 }
    }
}

impl State {
    /// How many of this round are in the barrier.
    fn inside(&self) -> usize {
        self.places.iter().filter(|taken| **taken).count()
    }

    /// Takes the lowest free place, and says whether it is the last of the round. `None` while those of the round before
    /// are on their way out.
    fn enter(&mut self, parties: usize) -> Option<Result<(usize, bool), BrokenBarrierError>> {
        match self.phase {
            Phase::Acting | Phase::Draining | Phase::Resetting => None,
            Phase::Broken => Some(Err(BrokenBarrierError)),
            Phase::Filling => {
                let place = self.places.iter().position(|taken| !taken).unwrap_or(self.places.len());
                self.places.resize(self.places.len().max(place + 1), false);
                self.places[place] = true;
                let is_last = self.inside() == parties;
                if is_last {
                    self.phase = Phase::Acting;
                }
                Some(Ok((place, is_last)))
            }
        }
    }

    fn run_out_of_time(&mut self) {
        if self.phase == Phase::Filling {
            self.phase = Phase::Broken;
        }
    }

    fn go_out(&mut self, place: usize) {
        self.places[place] = false;
        if self.inside() == 0 && matches!(self.phase, Phase::Draining | Phase::Resetting) {
            self.phase = Phase::Filling;
        }
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state.lock();
        f.debug_struct("Barrier")
            .field("parties", &self.0.parties)
            .field("inside", &state.inside())
            .field("phase", &state.phase)
            .finish()
    }
}
