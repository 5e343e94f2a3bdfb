//! `%%capture`: gives what a cell has put out to the worker, as a variable. Never loses what cannot become one: it is
//! then shown after all.

use super::Session;
use crate::engine::api::Outcome;
use crate::engine::build::prepare::prepare;
use crate::engine::magics::Capture;
use crate::engine::session::capture_sink::Captured;
use crate::engine::session::failure;
use crate::error::Error;
use crate::events::{CellId, Failure};
use crate::worker::End;

impl Session {
    /// Captures what the cell puts out from here on, if its magic asks for that.
    pub(super) fn begin_capture(&self, cell: CellId, wish: Option<Capture>) {
        *self.captured.lock() = wish.map(|wish| Captured::new(cell, wish));
    }

    /// Turns what was captured of a cell that has ended into its variable. Returns the outcome of both.
    pub(super) fn end_capture(&mut self, cell: CellId, ended: Result<Outcome, Error>) -> Result<Outcome, Error> {
        let Some(kept) = self.captured.lock().take() else { return ended };
        match (ended, kept.wish.name.clone()) {
            (Ok(outcome @ (Outcome::Ok | Outcome::Failed | Outcome::Panicked)), None) => Ok(outcome),
            (Ok(outcome @ (Outcome::Ok | Outcome::Failed | Outcome::Panicked)), Some(name)) => {
                match self.keep_captured(cell, &name, &kept)? {
                    true => Ok(outcome),
                    false => Ok(Outcome::Failed),
                }
            }
            (ended, _) => {
                kept.events.into_iter().for_each(|event| self.send(event));
                ended
            }
        }
    }

    /// Binds the variable by a small program of ours, which reads its text from a file: no size makes that slow to
    /// compile. Returns whether the variable is bound.
    fn keep_captured(&mut self, cell: CellId, name: &str, kept: &Captured) -> Result<bool, Error> {
        let file = self.compiler.write_scratch("captured", &kept.file())?;
        let source = format!("let {name} = ::threadbook::Captured::read({:?})?;", file.display());
        let why = match prepare(&self.compiler, &self.scope, cell, &source, &|_| {}) {
            Err(error) => error.into_rejection()?.evalue,
            Ok(mut prepared) => {
                prepared.after.history.clone_from(&self.scope.history);
                prepared.timing.cell = false;
                // A copy of the state between the cell and its variable is no state that a user knows.
                self.take_copy();
                self.snapshots.forget_present();
                let ran = self.request(cell, &prepared).map(|run| self.worker.run(run, None));
                self.told = self.places.len();
                match ran.map(|ran| ran.end) {
                    Some(Ok(End::Returned)) => {
                        self.scope = prepared.after;
                        self.ask_for_copy();
                        return Ok(true);
                    }
                    Some(Err(exit)) => exit.to_string(),
                    _ => "its file could not be read".into(),
                }
            }
        };
        kept.events.iter().for_each(|event| self.send(event.clone()));
        let evalue = format!("failed to keep what the cell put out in `{name}`: {why}");
        let traceback = vec![failure::red("CaptureError", &evalue)];
        self.fail(cell, Failure { ename: "CaptureError".into(), evalue, traceback });
        Ok(false)
    }
}
