//! `%run`: runs the text of a file as the cell.

use super::arguments::read;
use super::spec::{Action, Body, Kind, Replacement, Spec, Surroundings};
use crate::engine::rejection::UsageError;

const NOT_ALONE: &str = "`%run` needs a cell of its own: `%run FILE.rs`";

pub(super) const LINE: Spec = Spec {
    kind: Kind::Line,
    name: "run",
    usage: "FILE.rs",
    help: "runs the text of a file as the cell",
    body: Body::Line,
    action: Action::InPlaceOfCell { not_alone: NOT_ALONE, replace: run },
};

fn run(file: &str, surroundings: &Surroundings) -> Result<Replacement, UsageError> {
    match file {
        "" => Err(NOT_ALONE.into()),
        file => Ok(Replacement::Run { text: read(file, surroundings.directory)?, said: String::new() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::tests::replacement;

    #[test]
    fn a_file_is_run() {
        let text = "one\ntwo\nthree\nfour".to_string();
        assert_eq!(replacement("%run a b.rs"), Some(Ok(Replacement::Run { text, said: String::new() })));
        assert_eq!(replacement("%run"), Some(Err(NOT_ALONE.into())));
        for other in ["%running", "%run a\n1", "let x = 1;"] {
            assert_eq!(replacement(other), None);
        }
    }
}
