//! `%%time`, `%time` and `:timing`: how long a cell or a statement takes.

use super::spec::{Act, Action, Body, Context, Kind, Line, Spec};
use crate::engine::rejection::UsageError;
use crate::engine::text::cell::Mark;
use crate::worker::TimeFormat;

pub(super) const CELL: Spec = Spec {
    kind: Kind::Cell,
    name: "time",
    usage: "[--wall]",
    help: "times the cell: CPU times, wall time, and the compiler's over 0.1 s",
    body: Body::Line,
    action: Action::InCell(cell),
};

pub(super) const LINE: Spec = Spec {
    kind: Kind::Line,
    name: "time",
    usage: "STATEMENT",
    help: "times one statement",
    body: Body::Rust { own: |_| 0, mark: |line, _| Mark::Timed(line.own.end..line.line.end) },
    // Its mark says all.
    action: Action::InCell(|_, _| Ok(None)),
};

pub(super) const COMMAND: Spec = Spec {
    kind: Kind::Command,
    name: "timing",
    usage: "",
    help: "times each cell, or no longer",
    body: Body::Line,
    action: Action::InCell(toggle),
};

fn cell(line: &Line, _: &mut Context) -> Result<Option<Act>, UsageError> {
    match line.rest.as_str() {
        "" => Ok(Some(Act::Time(TimeFormat::Full))),
        "--wall" => Ok(Some(Act::Time(TimeFormat::Wall))),
        other => Err(UsageError(format!("`%%time` takes `--wall` or nothing, not `{other}`"))),
    }
}

/// Times the cells that follow, not this one.
fn toggle(_: &Line, context: &mut Context) -> Result<Option<Act>, UsageError> {
    context.scope.timing = !context.scope.timing;
    let now = if context.scope.timing { "timing: on\n" } else { "timing: off\n" };
    Ok(Some(Act::Say(now.into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::{parse, tests::acts};

    #[test]
    fn a_cell_is_timed_in_full_or_by_the_wall_clock() {
        assert_eq!(acts("%%time\n1"), Ok(vec![Act::Time(TimeFormat::Full)]));
        assert_eq!(acts("%%time --wall\n1"), Ok(vec![Act::Time(TimeFormat::Wall)]));
        assert_eq!(acts("%%time x"), Err("`%%time` takes `--wall` or nothing, not `x`".into()));
    }

    #[test]
    fn the_statement_on_its_line_is_timed_and_no_other() {
        let parts = parse("let a = 1;\n%time let x = f();\nx").cell.parts.expect("Rust");
        let timed: Vec<bool> = parts.statements.iter().map(|statement| statement.timed).collect();
        assert_eq!(timed, [false, true, false]);
    }

    #[test]
    fn timing_is_switched_on_and_off() {
        let said = |text: &str| Act::Say(text.into());
        assert_eq!(acts(":timing\n:timing"), Ok(vec![said("timing: on\n"), said("timing: off\n")]));
    }
}
