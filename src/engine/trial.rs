//! Sessions without a user: whether a cell compiles and runs on this machine, and the work of a toolchain's first session.

use crate::error::{Error, ExitCode};
use crate::events::{CellId, Event, Sink};

use crate::engine::api::{Engine, Outcome};
use crate::engine::build::cache::Cache;
use crate::engine::build::runtime_crate;
use crate::engine::build::toolchain::Toolchain;
use crate::engine::session::{Options, Session};

/// Drops every event.
struct Discard;

impl Sink for Discard {
    fn event(&mut self, _: Event) {}
}

/// How a toolchain is prepared before a session of it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Cells run, and the runtime that they link to is not optimised yet.
    Usable,
    Optimised,
}

/// Does the work of a toolchain's first session and waits for its end. It takes no time if it has been done.
pub(crate) fn warm_up() -> Result<(), Error> {
    runtime_crate::optimise_now(&Toolchain::find(None)?, &Cache::open()?)?;
    Session::start(Options::default(), Box::new(Discard))?.warm_up()
}

/// Starts a session, compiles and runs one small cell and another one that asks for its variable, and ends the session.
pub(crate) fn try_out() -> Result<Readiness, Error> {
    let mut session = Session::start(Options::default(), Box::new(Discard))?;
    for (cell, source) in [(CellId(1), "let x = 1 + 1;"), (CellId(2), "assert_eq!(x, 2);")] {
        let outcome = session.execute(cell, source, &[])?;
        if outcome != Outcome::Ok {
            let message = format!("the trial cell `{source}` did not run ({outcome:?})");
            return Err(Error::new(ExitCode::Environment, message)
                .advise("check `rustc` and the linker with a small program"));
        }
    }
    session.check_compiler()?;
    Ok(if session.is_optimised() { Readiness::Optimised } else { Readiness::Usable })
}
