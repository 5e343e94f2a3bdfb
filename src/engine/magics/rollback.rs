//! `%rollback`, `%restart` and `:restart`: earlier states of the worker. What they take is the session's, which has the copies.

use super::spec::{Action, Body, Kind, Replacement, Spec};
use crate::engine::rejection::UsageError;

const NOT_ALONE: &str = "`%rollback` and `%restart` need a cell of their own";

pub(super) const ROLLBACK: Spec = Spec {
    kind: Kind::Line,
    name: "rollback",
    usage: "",
    help: "makes the variables what they were before the last cell",
    body: Body::Line,
    action: Action::InPlaceOfCell {
        not_alone: NOT_ALONE,
        replace: |rest, _| without_arguments(rest, Replacement::Rollback),
    },
};

pub(super) const RESTART: Spec = Spec {
    kind: Kind::Line,
    name: "restart",
    usage: "",
    help: "ends the worker and begins with a new one, with nothing defined",
    body: Body::Line,
    action: Action::InPlaceOfCell {
        not_alone: NOT_ALONE,
        replace: |rest, _| without_arguments(rest, Replacement::Restart),
    },
};

pub(super) const RESTART_COMMAND: Spec = Spec { kind: Kind::Command, help: "the same as %restart", ..RESTART };

fn without_arguments(rest: &str, replacement: Replacement) -> Result<Replacement, UsageError> {
    if rest.is_empty() { Ok(replacement) } else { Err(NOT_ALONE.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::tests::{acts, replacement};

    #[test]
    fn each_needs_a_cell_of_its_own() {
        assert_eq!(replacement(" %rollback\n"), Some(Ok(Replacement::Rollback)));
        assert_eq!(replacement("%restart"), Some(Ok(Replacement::Restart)));
        assert_eq!(replacement(":restart"), Some(Ok(Replacement::Restart)));
        assert_eq!(replacement("%restart 1"), Some(Err(NOT_ALONE.into())));
        assert_eq!(replacement("%rollback\n1 + 1"), None);
        assert_eq!(acts("%rollback\n1 + 1"), Err(NOT_ALONE.into()));
    }
}
