//! `%history`: the cells of the session.

use std::fmt::Write;

use super::spec::{Act, Action, Body, Context, Kind, Line, Spec};
use crate::engine::rejection::UsageError;

pub(super) const LINE: Spec = Spec {
    kind: Kind::Line,
    name: "history",
    usage: "[-n]",
    help: "the cells of this session; -n numbers them",
    body: Body::Line,
    action: Action::InCell(history),
};

/// The text as it was run, as IPython shows it.
fn history(line: &Line, context: &mut Context) -> Result<Option<Act>, UsageError> {
    let numbers = match line.rest.as_str() {
        "" => false,
        "-n" => true,
        other => return Err(UsageError(format!("`%history` takes `-n` or nothing, not `{other}`"))),
    };
    let mut text = String::new();
    for (cell, source) in &context.scope.history {
        if numbers {
            let separator = if source.trim_end().contains('\n') { '\n' } else { ' ' };
            let _ = write!(text, "{:>4}:{separator}", cell.0);
        }
        text += source.trim_end();
        text.push('\n');
    }
    Ok(Some(Act::Say(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::tests::{acts, effect_in};
    use crate::engine::scope::Scope;
    use crate::events::CellId;

    #[test]
    fn cells_are_shown_with_and_without_numbers() {
        let mut scope = Scope::default();
        scope.remember(CellId(1), "a\nb\n");
        scope.remember(CellId(12), "c");
        for (source, text) in [("%history", "a\nb\nc\n"), ("%history -n", "   1:\na\nb\n  12: c\n")] {
            assert_eq!(effect_in(&scope, source).expect("cells").acts, [Act::Say(text.into())]);
        }
        assert_eq!(acts("%history 3"), Err("`%history` takes `-n` or nothing, not `3`".into()));
    }
}
