//! `%rerun` and `%recall`: earlier cells of this session, to be run again or to be edited.

use super::spec::{Action, Body, Kind, Replacement, Spec, Surroundings};
use crate::engine::rejection::UsageError;
use crate::engine::scope::Scope;

pub(super) const RERUN: Spec = Spec {
    kind: Kind::Line,
    name: "rerun",
    usage: "[N[-M]]",
    help: "runs earlier cells again, or the last",
    body: Body::Line,
    action: Action::InPlaceOfCell {
        not_alone: "`%rerun` needs a cell of its own: `%rerun [FIRST[-LAST]]`",
        replace: rerun,
    },
};

pub(super) const RECALL: Spec = Spec {
    kind: Kind::Line,
    name: "recall",
    usage: "[N[-M]]",
    help: "puts the text of earlier cells, or of the last, in the next cell",
    body: Body::Line,
    action: Action::InPlaceOfCell {
        not_alone: "`%recall` needs a cell of its own: `%recall [FIRST[-LAST]]`",
        replace: recall,
    },
};

/// Says what is run, as IPython does.
fn rerun(rest: &str, surroundings: &Surroundings) -> Result<Replacement, UsageError> {
    let text = earlier("%rerun", rest, surroundings.scope)?;
    let said = format!("=== Executing: ===\n{text}=== Output: ===\n");
    Ok(Replacement::Run { text, said })
}

fn recall(rest: &str, surroundings: &Surroundings) -> Result<Replacement, UsageError> {
    Ok(Replacement::Show { text: earlier("%recall", rest, surroundings.scope)?, replace: false })
}

/// The texts of the cells that `4` or `2-5` means, or of the last cell. A line break ends each.
fn earlier(magic: &str, rest: &str, scope: &Scope) -> Result<String, UsageError> {
    let cells = &scope.history;
    let number = |text: &str| text.trim().parse::<u32>().map_err(|_| bad(magic, rest));
    let (first, last) = match (rest.split_once('-'), cells.last()) {
        (Some((first, last)), _) => (number(first)?, number(last)?),
        (None, Some((last, _))) if rest.is_empty() => (last.0, last.0),
        (None, None) if rest.is_empty() => {
            return Err(UsageError(format!("`{magic}` found no cell before this one")));
        }
        (None, _) => (number(rest)?, number(rest)?),
    };
    let chosen = cells.iter().filter(|(cell, _)| (first..=last).contains(&cell.0));
    let text: String = chosen.map(|(_, text)| format!("{}\n", text.trim_end())).collect();
    match text.is_empty() {
        true => {
            Err(UsageError(format!("`{magic}` found no cell {rest} in this session; `%history -n` shows them")))
        }
        false => Ok(text),
    }
}

fn bad(magic: &str, rest: &str) -> UsageError {
    UsageError(format!("`{magic}` takes the number of a cell or a range such as 2-5, not `{rest}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::tests::replacement;
    use crate::events::CellId;

    #[test]
    fn earlier_cells_are_found_by_number() {
        let mut scope = Scope::default();
        for (cell, source) in [(1, "let a = 1;"), (2, "a\n"), (4, "a + 1")] {
            scope.remember(CellId(cell), source);
        }
        for (rest, text) in [("", "a + 1\n"), ("2", "a\n"), ("1-2", "let a = 1;\na\n"), ("2 - 9", "a\na + 1\n")] {
            assert_eq!(earlier("%rerun", rest, &scope).as_deref(), Ok(text));
        }
        for (rest, part) in [("3", "no cell 3 in"), ("x", "not `x`"), ("1-x", "not `1-x`"), ("-1", "not `-1`")] {
            assert!(earlier("%rerun", rest, &scope).is_err_and(|error| error.0.contains(part)), "{rest}");
        }
    }

    #[test]
    fn the_first_cell_has_none_before_it() {
        for magic in ["%rerun", "%recall"] {
            let error = replacement(magic).expect("one of these").expect_err("no cell");
            assert_eq!(error.0, format!("`{magic}` found no cell before this one"));
        }
    }
}
