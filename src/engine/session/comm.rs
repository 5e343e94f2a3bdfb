//! Comm messages of the front end, between cells: each is handled in the worker as a small cell of its own.

use super::Session;
use crate::engine::api::Outcome;
use crate::error::Error;
use crate::events::CellId;
use crate::worker::Comm;

impl Session {
    /// Hands a comm message to the cells' handler and waits until it has ended; its output has gone to the sink by
    /// then.
    pub(super) fn handle_comm(&mut self, comm: Comm) -> Result<Outcome, Error> {
        let cell = CellId(comm.cell);
        self.interrupter.prepare();
        self.ask_for_copy();
        self.take_copy();
        self.snapshots.begin_cell();
        let ran = self
            .interrupter
            .run(cell, self.worker.stopper())
            .then(|| self.worker.comm(comm, self.options.limits.time));
        self.interrupter.finish();
        let Some(ran) = ran else { return Ok(Outcome::Interrupted) };
        let ended = match (ran.end, ran.stop) {
            (Ok(_), None) => Ok(Outcome::Ok),
            (Ok(_), Some(stop)) => {
                let (outcome, failure) = self.stopped(stop);
                self.fail(cell, failure);
                Ok(outcome)
            }
            (Err(exit), stop) => self.lost_while_running(cell, exit, stop),
        };
        self.overflow.end(cell);
        ended
    }
}
