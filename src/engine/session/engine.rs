//! A session as an `Engine`.

use std::sync::Arc;
use std::time::Duration;

use super::Session;
use crate::engine::api::{Answerer, Checkpoint, Engine, Interrupter, NoCheckpoint, Outcome, Provider};
use crate::engine::ask::names::Names;
use crate::error::Error;
use crate::events::{CellId, LaneId};
use crate::worker::{Comm, Input, Schedule};

impl Engine for Session {
    fn execute(&mut self, cell: CellId, source: &str, ahead: &[&str]) -> Result<Outcome, Error> {
        self.execute_cell(cell, source, ahead)
    }

    fn comm(&mut self, comm: Comm) -> Result<Outcome, Error> {
        self.handle_comm(comm)
    }

    fn set_input(&mut self, input: Input) {
        self.input = input;
    }

    fn set_schedule(&mut self, schedule: Schedule) {
        self.schedule = schedule;
    }

    fn settle(&mut self, patience: Duration) -> Result<Vec<LaneId>, Error> {
        Ok(self.worker.settle(patience))
    }

    fn checkpoint(&mut self) -> Result<Checkpoint, NoCheckpoint> {
        self.save().map(Checkpoint::new)
    }

    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<(), NoCheckpoint> {
        self.restore_saved(checkpoint.state().ok_or_else(|| NoCheckpoint("another engine made it".into()))?)
    }

    fn names(&self) -> Arc<dyn Provider> {
        Arc::new(Names(self.scope.clone()))
    }

    fn interrupter(&self) -> Interrupter {
        let interrupter = self.interrupter.clone();
        Interrupter::new(move || interrupter.interrupt())
    }

    fn answerer(&self) -> Answerer {
        let answerer = self.answerer.clone();
        Answerer::new(move |number, answer| answerer.answer(number, answer))
    }
}
