//! How a session goes on after its worker was lost or its cell stopped: from a copy of the worker, with its variables,
//! or with a new one, without them. Says what was kept and what was not.

use std::time::Duration;

use super::{Session, start_worker};
use crate::engine::api::Outcome;
use crate::engine::rejection::Rejection;
use crate::engine::session::failure;
use crate::engine::session::snapshots::{Known, Recent};
use crate::error::Error;
use crate::events::{CellId, Failure, LaneId, Stream};
use crate::worker::{Exit, Stop};

impl Session {
    /// Asks for a copy of the worker as it is now. `take_copy` must follow before the scope changes again.
    pub(super) fn ask_for_copy(&mut self) {
        self.snapshots.ask(&mut self.worker, self.options.limits.snapshot);
    }

    pub(super) fn take_copy(&mut self) {
        let (scope, told) = (&self.scope, self.told);
        self.snapshots.take(&mut self.worker, || Known::of(scope, told));
    }

    /// The outcome of a cell that was stopped and has ended by itself: variables keep what it did to them.
    pub(super) fn stopped(&self, stop: Stop) -> (Outcome, Failure) {
        let mut evalue = format!("{}; variables keep what it did to them", self.why(stop));
        evalue += &match self.worker.settle(Duration::ZERO).len() {
            0 => String::new(),
            1 => "; a thread or process goes on".into(),
            number => format!("; {number} threads or processes go on"),
        };
        (outcome(stop), failure_of(outcome(stop), evalue))
    }

    fn why(&self, stop: Stop) -> String {
        match (stop, self.options.limits.time) {
            (Stop::TimedOut, Some(limit)) => format!("the cell ran longer than {} s", limit.as_secs_f64()),
            _ => "the cell was interrupted".into(),
        }
    }

    /// Goes on after the worker ended in the middle of this cell, or was killed because the cell would not stop.
    pub(super) fn lost_while_running(
        &mut self,
        cell: CellId,
        exit: Exit,
        stop: Option<Stop>,
    ) -> Result<Outcome, Error> {
        let (outcome, why) = match stop {
            Some(stop) => (outcome(stop), format!("{} and did not end by itself", self.why(stop))),
            None => (Outcome::WorkerLost, format!("the worker ended while it ran this cell: {exit}")),
        };
        self.replace_lost_worker(cell, true, outcome, why)?;
        Ok(outcome)
    }

    /// Goes on after a cell has left the worker unable to load compiled cells, since it used up descriptors or memory.
    pub(super) fn unable_to_load(&mut self, cell: CellId, reason: &str) -> Result<Outcome, Error> {
        let why = format!("the worker cannot load compiled cells any more: {reason}");
        self.replace_lost_worker(cell, true, Outcome::WorkerLost, why)?;
        Ok(Outcome::WorkerLost)
    }

    pub(super) fn lost_between_cells(&mut self, cell: CellId, exit: Exit) -> Result<(), Error> {
        self.replace_lost_worker(
            cell,
            false,
            Outcome::WorkerLost,
            format!("the worker ended between cells: {exit}"),
        )
    }

    /// Replaces a worker that ended while it ran this cell or before: by its newest copy, or by a new worker.
    fn replace_lost_worker(&mut self, cell: CellId, ran: bool, of: Outcome, why: String) -> Result<(), Error> {
        self.spoil_ahead();
        let what_is_kept = loop {
            match self.snapshots.newest() {
                Some(recent) => {
                    if self.take_over(&recent) {
                        break self.rolled_back(cell, ran, recent);
                    }
                }
                None => break self.start_anew(cell)?,
            }
        };
        self.fail(cell, failure_of(of, format!("{why}; {what_is_kept}")));
        Ok(())
    }

    /// Makes the copy of this state the worker. Returns false if the copy has ended.
    fn take_over(&mut self, recent: &Recent) -> bool {
        recent.snapshot.take().is_some_and(|copy| self.worker.take_over(copy))
    }

    /// Brings the session in line with a copy that has become the worker: variables as they were then, items as they
    /// are. Returns how many cells' changes were undone.
    fn restore_variables(&mut self, cell: CellId, recent: Recent) -> u64 {
        let known = recent.known.clone();
        let undone = self.snapshots.restored(recent);
        self.told = known.told;
        self.scope = self.scope.with_variables(known.variables_in(&self.scope), cell);
        self.ask_for_copy();
        undone
    }

    /// Restores the variables of a state, and returns what the user is told of it.
    fn rolled_back(&mut self, cell: CellId, ran: bool, recent: Recent) -> String {
        let last = recent.known.last;
        let missing = self.restore_variables(cell, recent);
        let files = "what it did to files and other programs stays";
        match (missing, last) {
            (0, _) => "no variable is lost".into(),
            (1, _) if ran => format!("rolled back: every variable is as it was before this cell ({files})"),
            (_, last) => {
                let then = if last == CellId(0) { "before the first cell".into() } else { format!("after {last}") };
                let why = self.snapshots.why_not().map(|why| format!(", since {why}")).unwrap_or_default();
                format!("rolled back: every variable is as it was {then} ({files}); no later copy was held{why}")
            }
        }
    }

    /// Starts a new worker, with the session's items and without its variables.
    fn start_anew(&mut self, cell: CellId) -> Result<String, Error> {
        let variables: Vec<String> = self.scope.variables.keys().map(|name| format!("`{name}`")).collect();
        let why =
            self.snapshots.why_not().map(|why| format!("; no copy was held, since {why}")).unwrap_or_default();
        self.replace_worker()?;
        self.scope = self.scope.items_only(cell);
        Ok(match variables.len() {
            0 => "the session goes on in a new one".to_string(),
            _ => format!(
                "the session goes on in a new one, with its items but without its variables ({}): run the cells that define them again{why}",
                variables.join(", ")
            ),
        })
    }

    /// `%rollback`
    pub(super) fn rollback(&mut self, cell: CellId, source: &str) -> Outcome {
        while let Some(recent) = self.snapshots.before_last() {
            if !self.take_over(&recent) {
                continue;
            }
            let said = match recent.known.last {
                CellId(0) => "rolled back: there are no variables, as at the start\n".into(),
                last => format!("rolled back: every variable is as it was after {last}\n"),
            };
            self.restore_variables(cell, recent);
            return self.acted(cell, source, said);
        }
        let why = self.snapshots.why_not().map(|why| format!(", since {why}")).unwrap_or_default();
        let message =
            format!("`%rollback` finds no copy of an earlier state{why}; one step back is held, from cell to cell");
        self.reject(cell, source, Rejection::usage(message))
    }

    /// `%restart`
    pub(super) fn restart(&mut self, cell: CellId, source: &str) -> Result<Outcome, Error> {
        self.replace_worker()?;
        self.scope = self.scope.cleared();
        Ok(self.acted(cell, source, "restarted: nothing is defined\n".into()))
    }

    /// Ends a cell in whose place the session has acted, which changes what the next cell finds.
    fn acted(&mut self, cell: CellId, source: &str, said: String) -> Outcome {
        self.spoil_ahead();
        self.scope.remember(cell, source);
        self.say(cell, Stream::Stdout, said);
        Outcome::Ok
    }

    /// Starts a worker that has run nothing. Statics of items have their first values in it.
    fn replace_worker(&mut self) -> Result<(), Error> {
        self.snapshots.clear();
        let (sink, last) = (self.sink.clone(), LaneId(self.worker.last_lane()));
        self.worker =
            start_worker(&self.options, &self.executable, &self.compiler, sink, self.epoch, last, &self.answerer)?;
        self.told = 0;
        Ok(())
    }
}

fn outcome(stop: Stop) -> Outcome {
    match stop {
        Stop::Interrupted => Outcome::Interrupted,
        Stop::TimedOut => Outcome::TimedOut,
    }
}

fn failure_of(of: Outcome, evalue: String) -> Failure {
    let ename = match of {
        Outcome::Interrupted => "Interrupted",
        Outcome::TimedOut => "TimedOut",
        _ => "WorkerLost",
    };
    Failure { ename: ename.into(), traceback: vec![failure::red(ename, &evalue)], evalue }
}
