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

/// Starts a session, compiles and runs one small cell and another one that asks for its variable, and ends the session.
pub(crate) fn try_out() -> Result<(), Error> {
    let mut session = Session::start(Options::default(), Box::new(Discard))?;
    for (cell, source) in [(CellId(1), "let x = 1 + 1;"), (CellId(2), "assert_eq!(x, 2);")] {
        let outcome = session.execute(cell, source, &[])?;
        if outcome != Outcome::Ok {
            let message = format!("the trial cell `{source}` did not run ({outcome:?})");
            return Err(Error::new(ExitCode::Environment, message)
                .advise("check `rustc` and the linker with a small program"));
        }
    }
    session.check_compiler()
}
