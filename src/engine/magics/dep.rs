//! `:dep` brings in a crate, and `:show_deps` lists the crates. What may follow it is in `scope::dependency`; Cargo builds it before the cell is compiled.

use toml::Table;

use super::spec::{Act, Action, Body, Context, Kind, Line, Spec};
use crate::engine::rejection::UsageError;
use crate::engine::scope::{Scope, dependency};

pub(super) const COMMAND: Spec = Spec {
    kind: Kind::Command,
    name: "dep",
    usage: "[CRATE]",
    help: "brings in a crate, as in a manifest: :dep rand = { version = \"0.9\", features = [\"log\"] }",
    body: Body::Line,
    action: Action::InCell(depend),
};

pub(super) const SHOW_DEPS: Spec = Spec {
    kind: Kind::Command,
    name: "show_deps",
    usage: "",
    help: "the crates of the session, as `:dep` alone",
    body: Body::Line,
    action: Action::InCell(|_, context| Ok(listed(context.scope))),
};

fn depend(line: &Line, context: &mut Context) -> Result<Option<Act>, UsageError> {
    if line.rest.is_empty() {
        return Ok(listed(context.scope));
    }
    let (name, table) = dependency::parse(&line.rest)?;
    context.scope.wanted.insert(name, table);
    Ok(Some(Act::BuildCrates))
}

/// The crates that the session has, with the version of each. `None` if there are none.
fn listed(scope: &Scope) -> Option<Act> {
    let versions = scope.crates.as_ref().map(|crates| crates.versions.clone()).unwrap_or_default();
    let line = |(name, table): (&String, &Table)| {
        let version = versions.get(name).map(|version| format!("  # {version}")).unwrap_or_default();
        format!("{}{version}\n", dependency::spelt(name, table))
    };
    let listed: String = scope.wanted.iter().map(line).collect();
    (!listed.is_empty()).then_some(Act::Say(listed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::tests::{acts, effect};

    #[test]
    fn crates_are_asked_for_and_listed() {
        let effect = effect(":dep rand = \"0.9\"\n:dep").expect("a crate");
        assert_eq!(effect.acts, [Act::BuildCrates, Act::Say("rand = \"0.9\"\n".into())]);
        assert!(effect.scope.wanted.contains_key("rand"));
        assert_eq!(acts(":dep\n:show_deps"), Ok(vec![]));
        assert!(acts(":dep a b c").is_err_and(|error| error.0.contains("one crate a line")));
    }
}
