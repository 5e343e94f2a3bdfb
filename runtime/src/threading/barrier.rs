//! `Barrier`: a number of threads that wait until all of them are there, again and again. Owns the count and
//! nothing of the threads.

use crate::host::BARRIER;
use crate::time::Seconds;
use crate::wait::{Monitor, deadline, lock};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The barrier was aborted or reset, or one of those who waited ran out of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenBarrierError;

impl fmt::Display for BrokenBarrierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the barrier is broken")
    }
}

impl std::error::Error for BrokenBarrierError {}

/// Lets threads go on when `parties` of them have come. Clones are the same barrier.
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
    /// How many of this round are in the barrier.
    inside: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Threads come in; the last one runs the action.
    #[default]
    Filling,
    /// The last one has come and runs the action; nobody comes in.
    Acting,
    /// All go out again; nobody comes in.
    Draining,
    /// Those who wait go out with an error; nobody comes in.
    Resetting,
    Broken,
}

impl Barrier {
    /// # Panics
    /// `parties` is 0.
    pub fn new(parties: usize) -> Barrier {
        Barrier::build(parties, None, || {})
    }

    /// One of the threads runs `action` when all have come, before any goes on. A panic in it breaks the barrier.
    ///
    /// # Panics
    /// `parties` is 0.
    pub fn with_action(parties: usize, action: impl FnMut() + Send + 'static) -> Barrier {
        Barrier::build(parties, None, action)
    }

    /// Every `wait` ends after `timeout`, and breaks the barrier.
    ///
    /// # Panics
    /// `parties` is 0.
    pub fn with_timeout(parties: usize, timeout: impl Seconds) -> Barrier {
        Barrier::build(parties, Some(timeout.duration()), || {})
    }

    fn build(parties: usize, timeout: Option<Duration>, action: impl FnMut() + Send + 'static) -> Barrier {
        assert!(parties > 0, "parties must be > 0");
        let action = Mutex::new(Box::new(action) as _);
        Barrier(Arc::new(Inner { parties, timeout, action, state: Monitor::default() }))
    }

    /// Waits for the others. The answer, from 0 to `parties - 1`, differs for each thread of a round.
    ///
    /// # Errors
    /// The barrier is broken, or breaks while the thread waits.
    pub fn wait(&self) -> Result<usize, BrokenBarrierError> {
        self.wait_until(self.0.timeout.and_then(deadline))
    }

    /// The same; after `timeout` the barrier is broken for all.
    ///
    /// # Errors
    /// As [`wait`](Barrier::wait).
    pub fn wait_timeout(&self, timeout: impl Seconds) -> Result<usize, BrokenBarrierError> {
        self.wait_until(deadline(timeout.duration()))
    }

    fn wait_until(&self, deadline: Option<Instant>) -> Result<usize, BrokenBarrierError> {
        let place = self.0.state.wait(|state| state.enter(self.0.parties))?;
        let outcome = match place + 1 == self.0.parties {
            true => self.run_action(),
            false => self.wait_for_last(deadline),
        };
        self.0.state.change(State::go_out);
        outcome.map(|()| place)
    }

    fn run_action(&self) -> Result<(), BrokenBarrierError> {
        let ended = catch_unwind(AssertUnwindSafe(|| (lock(&self.0.action))()));
        let phase = if ended.is_ok() { Phase::Draining } else { Phase::Broken };
        let broken = self.0.state.change(|state| {
            let broken = state.phase != Phase::Acting;
            if !broken {
                state.phase = phase;
            }
            broken
        });
        if let Err(panic) = ended {
            self.0.state.change(State::go_out);
            resume_unwind(panic);
        }
        if broken { Err(BrokenBarrierError) } else { Ok(()) }
    }

    fn wait_for_last(&self, deadline: Option<Instant>) -> Result<(), BrokenBarrierError> {
        let released = |state: &mut State| match state.phase {
            Phase::Filling | Phase::Acting => None,
            Phase::Draining => Some(Ok(())),
            Phase::Resetting | Phase::Broken => Some(Err(BrokenBarrierError)),
        };
        // Once all have come, time no longer counts.
        self.0.state.wait_for(BARRIER, deadline, released).unwrap_or_else(|| {
            self.0.state.change(State::run_out_of_time);
            self.0.state.wait(released)
        })
    }

    /// Breaks the barrier: all who wait or come later get an error, until it is reset.
    pub fn abort(&self) {
        self.0.state.change(|state| state.phase = Phase::Broken);
    }

    /// Makes the barrier empty and whole again; those who wait get an error.
    pub fn reset(&self) {
        self.0.state.change(|state| {
            state.phase = if state.inside > 0 { Phase::Resetting } else { Phase::Filling };
        });
    }

    /// Whether the barrier is broken.
    pub fn broken(&self) -> bool {
        self.0.state.lock().phase == Phase::Broken
    }

    pub fn parties(&self) -> usize {
        self.0.parties
    }

    /// How many threads are waiting for the others.
    pub fn n_waiting(&self) -> usize {
        let state = self.0.state.lock();
        if state.phase == Phase::Filling { state.inside } else { 0 }
    }
}

impl State {
    /// One more comes in, when nobody is on the way out any more.
    fn enter(&mut self, parties: usize) -> Option<Result<usize, BrokenBarrierError>> {
        match self.phase {
            Phase::Acting | Phase::Draining | Phase::Resetting => None,
            Phase::Broken => Some(Err(BrokenBarrierError)),
            Phase::Filling => {
                self.inside += 1;
                if self.inside == parties {
                    self.phase = Phase::Acting;
                }
                Some(Ok(self.inside - 1))
            }
        }
    }

    fn run_out_of_time(&mut self) {
        if self.phase == Phase::Filling {
            self.phase = Phase::Broken;
        }
    }

    fn go_out(&mut self) {
        self.inside -= 1;
        if self.inside == 0 && matches!(self.phase, Phase::Draining | Phase::Resetting) {
            self.phase = Phase::Filling;
        }
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state.lock();
        f.debug_struct("Barrier")
            .field("parties", &self.0.parties)
            .field("inside", &state.inside)
            .field("phase", &state.phase)
            .finish()
    }
}
