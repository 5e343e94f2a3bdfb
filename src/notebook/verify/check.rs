//! How often a cell is run, and when it counts as matched.
//!
//! A cell with one lane has one outcome and is run once. Only where the scheduler may decide is a cell run again, a bounded
//! number of times, and each time from the state before the cell; an outcome that does not appear by then is a difference.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::cells::RecordedCell;
use super::result::{CellResult, TwinResult};
use crate::engine::{Checkpoint, Engine, NoCheckpoint, Outcome, Policy, Schedule};
use crate::error::Error;
use crate::events::{CellId, Event, Failure, Sink};
use crate::lanes::log::Log;
use crate::lanes::matching::match_streams;
use crate::lanes::run::Run;
use crate::lanes::verdict::{Difference, compare};
use crate::notebook::twin::{TwinOutput, Twins};

/// Longest wait for threads and processes that outlive their cell. The cell is then compared as it is, and once more at
/// the end of the notebook.
const PATIENCE: Duration = Duration::from_secs(10);

/// Time between two looks at whether a cell's last lanes have ended, while lanes of other cells may still run.
const LOOK: Duration = Duration::from_millis(200);

/// Runs of ours, and texts of the twin, that are kept while a cell is repeated against its twin. Older ones are dropped.
const KEPT: usize = 20;

/// The sink of the engine, which the check reads.
#[derive(Clone)]
pub(super) struct SharedLog(Arc<Mutex<Log>>);

impl SharedLog {
    pub(super) fn new(log: Log) -> SharedLog {
        SharedLog(Arc::new(Mutex::new(log)))
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for SharedLog {
    fn event(&mut self, event: Event) {
        self.lock().event(event);
    }
}

/// Where the seeds of a run come from. The nth try of each cell has the nth seed, so that a run is repeated by its first
/// seed, and one try by its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seeds {
    /// Every second try is disturbed: what a scheduler may do with delays it may do without.
    From(u64),
    /// The user's: every try is disturbed.
    Given(u64),
}

impl Seeds {
    /// The schedule of the nth try, counted from 1.
    fn schedule(self, number: u32) -> Schedule {
        let (first, policy) = match self {
            Seeds::From(first) if number % 2 == 1 => (first, Policy::Free),
            Seeds::From(first) | Seeds::Given(first) => (first, Policy::Perturbed),
        };
        Schedule { seed: first.wrapping_add(u64::from(number) - 1), policy }
    }
}

/// The live runs of CPython that a cell is compared with.
pub(super) trait Twin {
    fn run(&mut self, id: &str) -> Result<Option<TwinOutput>, Error>;
}

impl Twin for Twins {
    fn run(&mut self, id: &str) -> Result<Option<TwinOutput>, Error> {
        Twins::run(self, id)
    }
}

/// Runs the cells of one notebook, in order, and compares them.
pub(super) struct Checker {
    engine: Box<dyn Engine>,
    log: SharedLog,
    seeds: Seeds,
    /// How often a cell is run at most.
    tries: u32,
    last: CellId,
}

/// One try of one cell.
struct Try {
    id: CellId,
    millis: u128,
    run: Run,
    /// Whether lanes of the cell still ran when it was read.
    open: bool,
}

/// The state before a cell, to which each try after the first returns.
struct Before {
    checkpoint: Result<Checkpoint, NoCheckpoint>,
    /// Why a try did not begin with that state.
    why_not: Option<NoCheckpoint>,
}

impl Checker {
    pub(super) fn new(engine: Box<dyn Engine>, log: SharedLog, seeds: Seeds, tries: u32) -> Checker {
        Checker { engine, log, seeds, tries: tries.max(1), last: CellId(0) }
    }

    /// Checks one cell. Returns the run that was judged too, if more of it may still come: some of its lanes still ran, or
    /// its text differs, and a child that was forked last may not have been heard of yet.
    pub(super) fn cell(
        &mut self,
        cell: &RecordedCell,
        ahead: &[&str],
        twins: Option<&mut dyn Twin>,
    ) -> Result<(CellResult, Option<CellId>), Error> {
        let mut result = CellResult::new(cell);
        if cell.skip {
            return Ok((result, None));
        }
        let mut before = Before { checkpoint: self.engine.checkpoint(), why_not: None };
        let mut runs = Vec::new();
        let mut unsettled = None;
        for number in 1..=self.tries {
            if number > 1 {
                self.restore(&mut before);
            }
            let schedule = self.seeds.schedule(number);
            let this = self.run(cell, ahead, schedule)?;
            (result.tries, result.millis) = (number, this.millis);
            result.seed = (schedule.policy != Policy::Free).then_some(schedule.seed);
            let difference = judge(cell, &this.run);
            let again = difference.is_some() && this.run.concurrent && number < self.tries;
            result.judge(cell, difference);
            let may_go_on = this.open || matches!(result.difference, Some(Difference::Stream(_)));
            unsettled = Some(this.id).filter(|_| may_go_on && !again);
            if unsettled.is_none() {
                self.log.lock().forget(this.id);
            }
            if twins.is_some() {
                keep(&mut runs, this.run);
            }
            if !again {
                break;
            }
        }
        if let Some(twins) = twins {
            result.twin = self.twin(cell, ahead, twins, runs, &mut before)?;
        }
        result.no_checkpoint = before.why_not.map(|why| why.to_string());
        Ok((result, unsettled))
    }

    /// Waits for lanes that outlive their cells.
    pub(super) fn settle(&mut self) -> Result<(), Error> {
        self.engine.settle(PATIENCE).map(drop)
    }

    /// Judges a cell once more, of which more may have come since it was judged first.
    pub(super) fn recheck(&self, cell: &RecordedCell, id: CellId, result: &mut CellResult) {
        result.difference = None;
        result.judge(cell, judge(cell, &self.log.lock().read(id)));
    }

    fn restore(&mut self, before: &mut Before) {
        let restored = match &before.checkpoint {
            Ok(checkpoint) => self.engine.restore(checkpoint),
            Err(why) => Err(why.clone()),
        };
        before.why_not = restored.err().or(before.why_not.take());
    }

    /// Runs a cell, and waits for what it started.
    fn run(&mut self, cell: &RecordedCell, ahead: &[&str], schedule: Schedule) -> Result<Try, Error> {
        let id = CellId(self.last.0 + 1);
        self.last = id;
        self.log.lock().watch(id);
        self.engine.set_schedule(schedule);
        let begun = Instant::now();
        let outcome = self.engine.execute(id, &cell.source, ahead)?;
        let millis = begun.elapsed().as_millis();
        let waiting = Instant::now();
        let mut open = self.is_open(id);
        while open && waiting.elapsed() < PATIENCE {
            let all_ended = self.engine.settle(LOOK)?.is_empty();
            open = !all_ended && self.is_open(id);
        }
        let mut run = self.log.lock().read(id);
        // A failure that no event reported is a failure all the same.
        if outcome != Outcome::Ok && run.failure.is_none() {
            let evalue = "the cell did not end well".to_owned();
            run.failure = Some(Failure { ename: format!("{outcome:?}"), evalue, traceback: Vec::new() });
        }
        Ok(Try { id, millis, run, open })
    }

    fn is_open(&self, id: CellId) -> bool {
        !self.log.lock().open(id).is_empty()
    }

    /// Compares a cell's runs with live runs of its twin: some run of ours has to be one of CPython's.
    fn twin(
        &mut self,
        cell: &RecordedCell,
        ahead: &[&str],
        twins: &mut dyn Twin,
        mut runs: Vec<Run>,
        before: &mut Before,
    ) -> Result<Option<TwinResult>, Error> {
        let mut texts: Vec<String> = Vec::new();
        let mut result = TwinResult::default();
        for number in 1..=self.tries {
            let Some(output) = twins.run(&cell.id)? else { return Ok(None) };
            result.tries = number;
            if let Some(error) = output.error.filter(|_| !cell.may_fail) {
                result.differs(Difference::Failure { recorded: Some(error), ours: None });
                return Ok(Some(result));
            }
            if number > 1 {
                self.restore(before);
                let this = self.run(cell, ahead, self.seeds.schedule(number))?;
                self.log.lock().forget(this.id);
                result.compare(texts.iter().map(|text| same(&this.run, text)));
                keep(&mut runs, this.run);
            }
            if !result.matched {
                result.compare(runs.iter().map(|run| same(run, &output.text)));
            }
            keep(&mut texts, output.text);
            let scheduled = runs.last().is_some_and(|run| run.concurrent);
            if result.matched || !scheduled {
                break;
            }
        }
        Ok(Some(result))
    }
}

fn judge(cell: &RecordedCell, run: &Run) -> Option<Difference> {
    if !cell.unrecorded {
        return compare(run, &cell.recorded).err();
    }
    let failure = run.failure.as_ref().filter(|_| !cell.may_fail)?;
    let ours = Some(format!("{}: {}", failure.ename, failure.evalue));
    Some(Difference::Failure { recorded: None, ours })
}

fn same(run: &Run, text: &str) -> Result<(), Difference> {
    match_streams(run, [Some(text), None]).map(drop).map_err(Difference::Stream)
}

/// Appends to the newest `KEPT`.
fn keep<T>(kept: &mut Vec<T>, new: T) {
    if kept.len() == KEPT {
        kept.remove(0);
    }
    kept.push(new);
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
