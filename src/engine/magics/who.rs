//! `%who`, `%whos` and `:vars`: the variables of the session.

use std::fmt::Write;

use super::spec::{Act, Action, Body, Kind, Spec};
use crate::engine::scope::{Scope, Variable};

pub(super) const WHO: Spec = Spec {
    kind: Kind::Line,
    name: "who",
    usage: "",
    help: "the names of the variables",
    body: Body::Line,
    action: Action::InCell(|_, context| Ok(Some(Act::Say(names(context.scope))))),
};

pub(super) const WHOS: Spec = Spec {
    kind: Kind::Line,
    name: "whos",
    usage: "",
    help: "the variables in a table, with their types",
    body: Body::Line,
    action: Action::InCell(|_, context| Ok(Some(Act::Say(table(context.scope))))),
};

pub(super) const VARS: Spec = Spec {
    kind: Kind::Command,
    name: "vars",
    usage: "",
    help: "the variables of the session, with their types",
    body: Body::Line,
    action: Action::InCell(|_, context| Ok(Some(Act::Say(declarations(context.scope))))),
};

fn declarations(scope: &Scope) -> String {
    let line =
        |(name, v): (&String, &Variable)| format!("{}{name}: {}\n", if v.mutable { "mut " } else { "" }, v.ty);
    scope.variables.iter().map(line).collect()
}

fn names(scope: &Scope) -> String {
    let names: Vec<&str> = scope.variables.keys().map(String::as_str).collect();
    match names.len() {
        0 => "Interactive namespace is empty.\n".into(),
        _ => format!("{}\n", names.join("\t")),
    }
}

fn table(scope: &Scope) -> String {
    if scope.variables.is_empty() {
        return names(scope);
    }
    let longest = |lengths: &mut dyn Iterator<Item = usize>, least: usize| lengths.max().unwrap_or(0).max(least);
    let names = longest(&mut scope.variables.keys().map(|name| name.chars().count()), "Variable".len());
    let types = longest(&mut scope.variables.values().map(|v| v.ty.chars().count()), "Type".len());
    let mut text = format!("{:names$}   {:types$}   Cell\n", "Variable", "Type");
    text += &format!("{}\n", "-".repeat(names + types + 10));
    for (name, variable) in &scope.variables {
        let _ = writeln!(text, "{name:names$}   {:types$}   {}", variable.ty, variable.cell);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::tests::{acts, effect_in};
    use crate::events::CellId;

    #[test]
    fn variables_are_listed_in_three_ways() {
        let mut scope = Scope::default();
        let variable = Variable {
            ty: "i32".into(),
            mutable: true,
            cell: CellId(2),
            rebuilt: false,
            small: false,
            frozen: None,
        };
        scope.variables.insert_mut("a".into(), variable);
        let said = |source| match &effect_in(&scope, source).expect("a list").acts[..] {
            [Act::Say(text)] => text.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(said("%who"), "a\n");
        assert_eq!(said("%whos").lines().last(), Some("a          i32    In[2]"));
        assert_eq!(said(":vars"), "mut a: i32\n");
        assert_eq!(acts("%whos"), Ok(vec![Act::Say("Interactive namespace is empty.\n".into())]));
    }
}
