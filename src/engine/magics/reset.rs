//! `%reset` and `:clear`: forget variables, or everything that is defined.

use super::spec::{Act, Action, Body, Context, Kind, Line, Spec};
use crate::engine::rejection::UsageError;
use crate::engine::scope::Why;
use crate::events::CellId;

pub(super) const LINE: Spec = Spec {
    kind: Kind::Line,
    name: "reset",
    usage: "[-f] [NAME…]",
    help: "forgets these variables, or all",
    body: Body::Line,
    action: Action::InCell(reset),
};

pub(super) const COMMAND: Spec = Spec {
    kind: Kind::Command,
    name: "clear",
    usage: "",
    help: "forgets all variables, items and imports",
    body: Body::Line,
    action: Action::InCell(clear),
};

fn reset(line: &Line, Context { scope, .. }: &mut Context) -> Result<Option<Act>, UsageError> {
    let mut names: Vec<String> =
        line.rest.split_whitespace().filter(|word| *word != "-f").map(str::to_string).collect();
    if let Some(name) = names.iter().find(|name| !scope.variables.contains_key(*name)) {
        return Err(UsageError(format!("`%reset` found no variable `{name}`; `%who` lists them")));
    }
    if names.is_empty() {
        names = scope.variables.keys().cloned().collect();
    }
    let cell = scope.history.last().map_or(CellId(0), |(cell, _)| *cell);
    **scope = scope.without(names.iter().cloned(), cell, Why::Reset);
    Ok(Some(Act::forget(&names)))
}

fn clear(_: &Line, Context { scope, .. }: &mut Context) -> Result<Option<Act>, UsageError> {
    let names: Vec<String> = scope.variables.keys().cloned().collect();
    **scope = scope.cleared();
    Ok(Some(Act::forget(&names)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::tests::effect_in;
    use crate::engine::scope::{Scope, Variable};

    fn scope() -> Scope {
        let mut scope = Scope::default();
        for name in ["a", "b"] {
            let variable = Variable {
                ty: "i32".into(),
                mutable: false,
                cell: CellId(1),
                rebuilt: false,
                small: false,
                frozen: None,
            };
            scope.variables.insert_mut(name.into(), variable);
        }
        scope
    }

    #[test]
    fn variables_are_forgotten_here_and_in_the_worker() {
        for (source, left, forgotten) in [("%reset -f a", vec!["b"], "a"), ("%reset", vec![], "a\", \"b")] {
            let effect = effect_in(&scope(), source).expect("a reset");
            assert_eq!(effect.scope.variables.keys().collect::<Vec<_>>(), left);
            assert_eq!(effect.acts, [Act::Call(format!("::threadbook::store::forget(&[\"{forgotten}\"]); "))]);
            assert_eq!(effect.scope.lost["a"].why, Why::Reset);
        }
        let message = effect_in(&scope(), "%reset x").expect_err("no such variable");
        assert_eq!(message.0, "`%reset` found no variable `x`; `%who` lists them");
    }

    #[test]
    fn all_is_cleared_but_settings() {
        let mut scope = scope();
        scope.timing = true;
        let effect = effect_in(&scope, ":clear").expect("cleared");
        assert!(effect.scope.variables.is_empty() && effect.scope.lost.is_empty() && effect.scope.timing);
    }
}
