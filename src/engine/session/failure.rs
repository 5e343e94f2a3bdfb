//! Failures of cells as front ends show them: `ename`, `evalue` and the traceback in colours.

use crate::engine::rejection::Rejection;
use crate::engine::scope::brought;
use crate::events::Failure;

/// What tokio panics with where a thread is not in the context of a runtime. It may be a crate that uses tokio.
const NO_REACTOR: &str = "there is no reactor running, must be called from the context of a Tokio 1.x runtime";

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
    let lines = std::iter::once(head).chain(message.lines().map(str::to_string));
    let help = message
        .contains(NO_REACTOR)
        .then(|| format!("help: a runtime of Tokio comes with `:dep {}`", brought::TOKIO));
    let traceback = lines.chain(help).collect();
    Failure { ename: "Panic".into(), evalue: message, traceback }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_for_want_of_a_reactor_names_the_remedy() {
        let failure = panicked(NO_REACTOR.to_string(), "In[3]:1:1");
        assert_eq!(
            failure.traceback[2],
            "help: a runtime of Tokio comes with `:dep tokio = { version = \"1\", features = [\"full\"] }`"
        );
        assert_eq!(panicked("other".into(), "").traceback.len(), 2);
    }
}
