//! A trial: whether a cell compiles and runs on this machine.

use crate::error::{Error, ExitCode};
use crate::events::{CellId, Event, Sink};

use crate::engine::api::{Engine, Outcome};
use crate::engine::session::{Options, Session};

/// Drops every event.
struct Discard;

impl Sink for Discard {
    fn event(&mut self, _: Event) {}
}

/// Starts a session, compiles and runs one small cell, and ends the session.
pub fn try_out() -> Result<(), Error> {
    let mut session = Session::start(Options::default(), Box::new(Discard))?;
    match session.execute(CellId(1), "let x = 1 + 1; assert_eq!(x, 2);", &[])? {
        Outcome::Ok => Ok(()),
        outcome => {
            let message = format!(
                "a trial cell did not run ({outcome:?}); check `rustc` and the linker with a small program"
            );
            Err(Error::new(ExitCode::Environment, message))
        }
    }
}
