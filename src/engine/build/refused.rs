//! Why a cell cannot be run, with what of it goes into the session all the same. Decides nothing.

use crate::error::Error;
use crate::worker::Places;

use crate::engine::rejection::{PrepareError, Rejection};
use crate::engine::scope::Scope;

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
