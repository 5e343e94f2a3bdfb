//! Comm messages of the front end, between cells: each is handled in the worker as a small cell of its own.

use super::{INTERRUPTED, Outcome, Session};
use crate::error::Error;
use crate::output::CellId;
use crate::worker::Comm;

impl Session {
    /// Hands a comm message to the cells' handler and waits until it has ended; its output has gone to the sink by then.
    pub fn comm(&mut self, comm: Comm) -> Result<Outcome, Error> {
        let cell = CellId(comm.cell);
        self.interrupter.prepare();
        if !self.interrupter.run(self.worker.pid()) {
            self.interrupter.finish();
            return Ok(Outcome::Interrupted);
        }
        let end = self.worker.comm(comm);
        match (self.interrupter.finish(), end) {
            (false, Ok(_)) => Ok(Outcome::Ok),
            (true, _) => {
                self.lost(cell, "Interrupted", INTERRUPTED)?;
                Ok(Outcome::Interrupted)
            }
            (false, Err(exit)) => {
                self.lost(
                    cell,
                    "WorkerLost",
                    &format!("the worker ended while it handled a comm message: {exit}"),
                )?;
                Ok(Outcome::WorkerLost)
            }
        }
    }
}
