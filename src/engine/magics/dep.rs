//! `:dep` and `%%cargo` bring in crates, `:show_deps` lists them. What may follow them is in `scope::request`; Cargo builds
//! the crates before the cell is compiled.

use toml::Table;

use super::spec::{Act, Action, Body, Context, Kind, Line, Spec};
use crate::engine::rejection::UsageError;
use crate::engine::scope::{Scope, dependency, request};

pub(super) const COMMAND: Spec = Spec {
    kind: Kind::Command,
    name: "dep",
    usage: "[CRATE]",
    help: "brings in a crate, as in a manifest: :dep rand = { version = \"0.9\", features = [\"log\"] }",
    body: Body::Lines { is_whole: request::is_whole },
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

pub(super) const MANIFEST: Spec = Spec {
    kind: Kind::Cell,
    name: "cargo",
    usage: "",
    help: "brings in the crates of the cell, a piece of a manifest: [dependencies], [patch.crates-io]",
    body: Body::Text,
    action: Action::InCell(depend_on_all),
};

fn depend(line: &Line, context: &mut Context) -> Result<Option<Act>, UsageError> {
    if line.rest.is_empty() {
        return Ok(listed(context.scope));
    }
    let request = request::parse(&line.rest)?;
    if !(request.bare && context.scope.wanted.contains_key(&request.name)) {
        context.scope.wanted.insert(request.name, request.table);
    }
    Ok(Some(Act::BuildCrates))
}

/// Adds a piece of a manifest to what the session wants. A crate that is there already is asked for anew, as by `:dep`.
fn depend_on_all(line: &Line, context: &mut Context) -> Result<Option<Act>, UsageError> {
    let mut snippet = request::manifest(line.text_below()?)?;
    context.scope.wanted.append(&mut snippet.crates);
    for (source, mut crates) in snippet.patches {
        context.scope.patches.entry(source).or_default().append(&mut crates);
    }
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
    use crate::engine::magics::{
        self,
        tests::{acts, effect},
    };

    #[test]
    fn crates_are_asked_for_and_listed() {
        let effect = effect(":dep rand = \"0.9\"\n:dep").expect("a crate");
        assert_eq!(effect.acts, [Act::BuildCrates, Act::Say("rand = \"0.9\"\n".into())]);
        assert!(effect.scope.wanted.contains_key("rand"));
        assert_eq!(acts(":dep\n:show_deps"), Ok(vec![]));
        assert!(acts(":dep a b c").is_err_and(|error| error.0.contains("one crate a line")));
    }

    #[test]
    fn a_name_alone_leaves_what_was_asked_before() {
        let effect =
            effect(":dep rand = \"0.9\"\n:dep rand\n:dep log = \"0.3\"\n:dep log = 0.4\n").expect("crates");
        let asked = effect.scope.wanted.iter().map(|(name, table)| dependency::spelt(name, table));
        assert_eq!(asked.collect::<Vec<_>>(), ["log = \"0.4\"", "rand = \"0.9\""]);
    }

    #[test]
    fn a_request_goes_on_until_its_brackets_are_closed() {
        let source = ":dep a = {\n  version = \"1\",\n}\nlet x = 1;\n";
        let effect = effect(source).expect("a crate");
        assert!(effect.scope.wanted.contains_key("a"));
        assert_eq!(magics::parse(source).rust.trim(), "let x = 1;");
        assert!(acts(":dep a = {\n  version = \"1\",\n").is_err_and(|error| error.0.contains("cannot be read")));
    }

    #[test]
    fn a_piece_of_a_manifest_is_added() {
        let source =
            ":dep b = \"1\"\n%%cargo\n[dependencies]\na = \"1\"\n[patch.crates-io]\nb = { path = \"b\" }\n";
        let effect = effect(source).expect("crates");
        assert_eq!(effect.acts, [Act::BuildCrates, Act::BuildCrates]);
        assert_eq!(effect.scope.wanted.len(), 2);
        assert!(effect.scope.patches["crates-io"].contains_key("b"));
        assert!(acts("%%cargo\n").is_err_and(|error| error.0.contains("is empty")));
    }
}
