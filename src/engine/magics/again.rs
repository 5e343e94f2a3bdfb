//! `%rerun` and `%recall`: earlier cells of this session, to be run again or to be edited.

use std::sync::Arc;

use super::instead::Instead;
use crate::engine::rejection::UsageError;
use crate::events::CellId;

pub(super) const RERUN_ALONE: &str = "`%rerun` needs a cell of its own: `%rerun [FIRST[-LAST]]`";
pub(super) const RECALL_ALONE: &str = "`%recall` needs a cell of its own: `%recall [FIRST[-LAST]]`";

type Cells = [(CellId, Arc<str>)];

/// As IPython: says what is run.
pub(super) fn rerun(rest: &str, cells: &Cells) -> Result<Instead, UsageError> {
    let text = earlier("%rerun", rest, cells)?;
    let said = format!("=== Executing: ===\n{text}=== Output: ===\n");
    Ok(Instead::Run { text, said })
}

pub(super) fn recall(rest: &str, cells: &Cells) -> Result<Instead, UsageError> {
    Ok(Instead::Show { text: earlier("%recall", rest, cells)?, replace: false })
}

/// The texts of `4` or `2-5`, or of the last cell; each ends with a line.
fn earlier(magic: &str, rest: &str, cells: &Cells) -> Result<String, UsageError> {
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

fn bad(magic: &str, rest: &str) -> String {
    format!("`{magic}` takes the number of a cell or a range such as 2-5, not `{rest}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_cells_are_found_by_number() {
        let cells = [(CellId(1), "let a = 1;".into()), (CellId(2), "a\n".into()), (CellId(4), "a + 1".into())];
        for (rest, text) in [("", "a + 1\n"), ("2", "a\n"), ("1-2", "let a = 1;\na\n"), ("2 - 9", "a\na + 1\n")] {
            assert_eq!(earlier("%rerun", rest, &cells).as_deref(), Ok(text));
        }
        for (rest, part) in [("3", "no cell 3 in"), ("x", "not `x`"), ("1-x", "not `1-x`"), ("-1", "not `-1`")] {
            assert!(earlier("%rerun", rest, &cells).is_err_and(|error| error.0.contains(part)), "{rest}");
        }
        assert!(earlier("%recall", "", &[]).is_err_and(|error| error.0.contains("no cell before")));
    }
}
