//! What becomes of a cell that is prepared: a program that is ready to run, or the reason why there is none. Only data.

use std::path::PathBuf;

use crate::error::Error;
use crate::worker::{Places, Timing};

use crate::engine::magics::{Capture, Picture};
use crate::engine::rejection::{PrepareError, Rejection};
use crate::engine::scope::Scope;

/// A cell that compiled and is ready to run.
pub(crate) struct Prepared {
    /// The scope to go on with if the cell runs to its end.
    pub after: Scope,
    /// The scope to go on with if the cell fails: without its new variables, and without those that its code may have
    /// moved away.
    pub after_failure: Scope,
    /// `None` if there is nothing to run: the cell has only items, imports or commands.
    pub program: Option<Program>,
    /// The generated files of this cell, by which the place of a panic is shown as a place in the cell.
    pub places: Vec<Places>,
    /// The text that its magics print before it runs.
    pub said: String,
    pub warnings: String,
    pub timing: Timing,
    pub picture: Option<Picture>,
    pub capture: Option<Capture>,
}

/// Why a cell cannot be run, and what of it goes into the session all the same.
pub(crate) struct Refused {
    pub error: PrepareError,
    /// `None` if the cell has no items, or if they do not compile.
    pub items: Option<Box<SoundItems>>,
}

/// The items of a cell whose statements do not compile.
pub(crate) struct SoundItems {
    pub scope: Scope,
    pub places: Vec<Places>,
}

impl Refused {
    /// The rejection; `Err` if it is none.
    pub(crate) fn into_rejection(self) -> Result<Rejection, Error> {
        self.error.into_rejection()
    }
}

impl<E: Into<PrepareError>> From<E> for Refused {
    fn from(error: E) -> Refused {
        Refused { error: error.into(), items: None }
    }
}

/// The libraries that the worker loads to run a cell.
pub(crate) struct Program {
    pub library: PathBuf,
    /// The library of all crates, if a later set of crates may use its code and statics (`Crates::may_be_shared`).
    pub shared: Option<PathBuf>,
    /// Libraries that `library` links to, in the order in which they must be loaded: crates that may not be shared, session
    /// crates.
    pub needs: Vec<PathBuf>,
}

impl Prepared {
    /// Whether all libraries of its program can still be read. The cache may have lost one since the cell was prepared.
    pub(crate) fn is_there(&self) -> bool {
        let is_there = |file: &PathBuf| std::fs::File::open(file).is_ok();
        self.program
            .iter()
            .all(|program| program.shared.iter().chain(&program.needs).chain([&program.library]).all(is_there))
    }
}

impl Prepared {
    pub(super) fn without_program(after: Scope) -> Prepared {
        Prepared {
            after_failure: after.clone(),
            after,
            program: None,
            places: Vec::new(),
            said: String::new(),
            warnings: String::new(),
            timing: Timing::default(),
            picture: None,
            capture: None,
        }
    }
}
