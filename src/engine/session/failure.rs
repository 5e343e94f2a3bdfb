//! Failures of cells as front ends show them: `ename`, `evalue` and the traceback in colours.

use crate::engine::rejection::Rejection;
use crate::events::Failure;

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Failure {
        let traceback = rejection.rendered.trim_end().lines().map(str::to_string).collect();
        Failure { ename: rejection.ename.into(), evalue: rejection.evalue, traceback }
    }
}

/// A head line of a traceback: the name of the failure in red, then its message.
pub(super) fn red(head: &str, rest: &str) -> String {
    format!("\x1b[1;31m{head}\x1b[0m: {rest}")
}

/// The cell returned an error by `?`.
pub(super) fn returned(message: String) -> Failure {
    let traceback = red("Error", &message).lines().map(str::to_string).collect();
    Failure { ename: "Error".into(), evalue: message, traceback }
}

/// The cell panicked `at` a place: `In[3]:2:5`, one in a library, or empty if it is unknown.
pub(super) fn panicked(message: String, at: &str) -> Failure {
    let place = if at.is_empty() { String::new() } else { format!(" at {at}") };
    let head = format!("\x1b[1;31mPanic\x1b[0m{place}");
    let traceback = std::iter::once(head).chain(message.lines().map(str::to_string)).collect();
    Failure { ename: "Panic".into(), evalue: message, traceback }
}
