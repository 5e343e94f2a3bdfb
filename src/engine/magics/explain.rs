//! `:explain` and `:last_error_json`: more about the errors of the last cell that did not compile.

use std::collections::BTreeSet;

use super::spec::{Act, Action, Body, Context, Kind, Line, Spec};
use crate::engine::rejection::{Reported, UsageError};

pub(super) const EXPLAIN: Spec = Spec {
    kind: Kind::Command,
    name: "explain",
    usage: "[CODE]",
    help: "explains the errors of the last cell that did not compile",
    body: Body::Line,
    action: Action::InCell(explain),
};

pub(super) const LAST_ERROR_JSON: Spec = Spec {
    kind: Kind::Command,
    name: "last_error_json",
    usage: "",
    help: "these errors as rustc's JSON",
    body: Body::Line,
    action: Action::InCell(|line, context| {
        let json = reported(line, context)?.iter().map(|error| error.json.clone() + "\n");
        Ok(Some(Act::Say(json.collect())))
    }),
};

fn explain(line: &Line, context: &mut Context) -> Result<Option<Act>, UsageError> {
    let errors = reported(line, context)?;
    let explained = |error: &Reported| Some((error.code.clone()?, error.explanation.clone()?));
    let all: BTreeSet<(String, String)> = errors.iter().filter_map(explained).collect();
    let asked = |(code, _): &&(String, String)| line.rest.is_empty() || *code == line.rest;
    let text: Vec<String> =
        all.iter().filter(asked).map(|(code, text)| format!("{code}: {}\n", text.trim())).collect();
    match text.is_empty() {
        true if line.rest.is_empty() => Err("`:explain`: rustc explains none of the last errors further".into()),
        true => Err(UsageError(format!(
            "`:explain` explains the last errors; `!rustc --explain {0}` explains {0}",
            line.rest
        ))),
        false => Ok(Some(Act::Say(text.join("\n")))),
    }
}

fn reported<'a>(line: &Line, context: &'a Context) -> Result<&'a [Reported], UsageError> {
    match &*context.scope.last_errors {
        [] => Err(UsageError(format!("`:{}` found no cell that rustc has refused", line.name))),
        errors => Ok(errors),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::tests::{acts, effect_in};
    use crate::engine::scope::Scope;

    #[test]
    fn the_last_errors_are_explained_once_each() {
        let error = Reported {
            code: Some("E0308".into()),
            explanation: Some("\nTypes differ.\n".into()),
            json: "{}".into(),
        };
        let mut scope = Scope::default();
        scope.last_errors = [error.clone(), error].into();
        let said = |source| effect_in(&scope, source).map(|effect| effect.acts);
        assert_eq!(said(":explain"), Ok(vec![Act::Say("E0308: Types differ.\n".into())]));
        assert_eq!(said(":last_error_json"), Ok(vec![Act::Say("{}\n{}\n".into())]));
        assert!(said(":explain E0001").is_err_and(|error| error.0.contains("!rustc --explain E0001")));
        assert!(acts(":explain").is_err_and(|error| error.0.contains("no cell that rustc has refused")));
    }
}
