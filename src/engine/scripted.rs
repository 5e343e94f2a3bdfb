//! An engine for the tests of front ends. A script says what each cell puts out and how it ends; every call is noted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::engine::api::{
    Answerer, Checkpoint, Completions, Engine, Inspection, Interrupter, NoCheckpoint, Outcome, Provider, Reply,
};
use crate::error::Error;
use crate::events::{CellId, Event, LaneId, Sink};
use crate::worker::{Comm, Input, Policy, Schedule};

/// A cell that is to run.
pub(crate) struct Asked<'a> {
    pub cell: CellId,
    pub source: &'a str,
    /// The sources of the cells that led to the state in which this one runs, the oldest first.
    pub before: &'a [String],
}

/// What a cell does.
pub(crate) struct Play {
    pub events: Vec<Event>,
    /// What comes only once it is waited for.
    pub late: Vec<Event>,
    /// Lanes that still run after a wait.
    pub running: Vec<LaneId>,
    pub outcome: Result<Outcome, Error>,
}

impl Play {
    pub(crate) fn of(events: Vec<Event>) -> Play {
        Play { events, late: Vec::new(), running: Vec::new(), outcome: Ok(Outcome::Ok) }
    }
}

/// The calls that an engine has had, one line each. Clones are of the same engine.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<Vec<String>>>);

impl Calls {
    fn note(&self, call: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(crate) struct Scripted {
    sink: Box<dyn Sink>,
    script: Box<dyn FnMut(Asked) -> Play>,
    calls: Calls,
    before: Vec<String>,
    late: Vec<Event>,
    running: Vec<LaneId>,
    /// Why no state can be kept; `None` if it can.
    pub no_checkpoint: Option<&'static str>,
}

impl Scripted {
    pub(crate) fn new(sink: Box<dyn Sink>, calls: Calls, script: impl FnMut(Asked) -> Play + 'static) -> Scripted {
        let script = Box::new(script);
        let (before, late, running) = (Vec::new(), Vec::new(), Vec::new());
        Scripted { sink, script, calls, before, late, running, no_checkpoint: None }
    }
}

impl Engine for Scripted {
    fn execute(&mut self, cell: CellId, source: &str, ahead: &[&str]) -> Result<Outcome, Error> {
        self.calls.note(format!("{cell} {source} then {ahead:?}"));
        let play = (self.script)(Asked { cell, source, before: &self.before });
        self.before.push(source.to_owned());
        play.events.into_iter().for_each(|event| self.sink.event(event));
        self.late.extend(play.late);
        self.running.extend(play.running);
        play.outcome
    }

    fn comm(&mut self, comm: Comm) -> Result<Outcome, Error> {
        self.calls.note(format!("comm {}", comm.id));
        Ok(Outcome::Ok)
    }

    fn set_input(&mut self, input: Input) {
        self.calls.note(format!("input {input:?}"));
    }

    fn set_schedule(&mut self, schedule: Schedule) {
        if schedule.policy != Policy::Free {
            self.calls.note(format!("seed {}", schedule.seed));
        }
    }

    fn settle(&mut self, _: Duration) -> Result<Vec<LaneId>, Error> {
        self.calls.note("settle".into());
        self.late.drain(..).for_each(|event| self.sink.event(event));
        Ok(std::mem::take(&mut self.running))
    }

    fn checkpoint(&mut self) -> Result<Checkpoint, NoCheckpoint> {
        match self.no_checkpoint {
            None => Ok(Checkpoint::new(self.before.clone())),
            Some(why) => Err(NoCheckpoint(why.into())),
        }
    }

    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<(), NoCheckpoint> {
        self.calls.note("restore".into());
        let before =
            checkpoint.state::<Vec<String>>().ok_or_else(|| NoCheckpoint("another engine made it".into()))?;
        self.before.clone_from(before);
        Ok(())
    }

    fn names(&self) -> Arc<dyn Provider> {
        Arc::new(Unknown)
    }

    fn interrupter(&self) -> Interrupter {
        Interrupter::new(|| false)
    }

    fn answerer(&self) -> Answerer {
        Answerer::new(|_, _| false)
    }
}

/// Knows no name.
struct Unknown;

impl Provider for Unknown {
    fn complete(&self, _: &str, cursor: usize, reply: Reply<Completions>) {
        reply.send(Completions { range: cursor..cursor, candidates: Vec::new() });
    }

    fn inspect(&self, _: &str, _: usize, _: bool, reply: Reply<Option<Inspection>>) {
        reply.send(None);
    }

    fn help(&self, _: &str) -> Option<String> {
        None
    }
}
