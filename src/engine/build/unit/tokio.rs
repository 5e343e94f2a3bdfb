//! Decides which cells run in the context of the session's Tokio runtime: those whose code may ask for it. Other cells make no
//! runtime, whose threads would keep the worker from being copied.

use std::collections::BTreeSet;

use crate::engine::scope::Scope;
use crate::engine::scope::dependency::Crates;
use crate::engine::text::cell::Import;

/// Enters the runtime, by functions of the library of all crates.
pub(super) const ENTER: &str =
    "::threadbook::task::enter(::threadbook_deps::enter_tokio, ::threadbook_deps::tokio_task); ";

/// Whether code that mentions these names and loads these session crates may reach tokio: by its name, by an import from it,
/// by an item of an earlier cell that links to crates, or by a future, whose own cell may have made it when there was another
/// worker.
pub(super) fn is_entered(
    scope: &Scope,
    crates: Option<&Crates>,
    loads: &BTreeSet<u32>,
    mentions: &BTreeSet<String>,
    awaits: bool,
) -> bool {
    let Some(tokio) = crates.and_then(|crates| crates.tokio.as_deref()) else { return false };
    let links = |number: &u32| scope.builds.get(number).is_some_and(|build| build.crates.is_some());
    if awaits || loads.iter().any(links) {
        return true;
    }
    let mut names = BTreeSet::from([tokio]);
    let mut rest: Vec<&Import> = scope.imports.iter().collect();
    // An import may start at a name that another one binds: `use tokio::time as t`, then `use t::sleep`.
    loop {
        let (found, others): (Vec<&Import>, Vec<&Import>) =
            rest.into_iter().partition(|import| first_name(import).is_some_and(|first| names.contains(first)));
        if found.iter().any(|import| import.name.is_none()) {
            return true;
        }
        if found.is_empty() {
            return mentions.iter().any(|name| names.contains(name.as_str()));
        }
        names.extend(found.iter().filter_map(|import| import.name.as_deref()));
        rest = others;
    }
}

fn first_name(import: &Import) -> Option<&str> {
    import.path.trim_start_matches("::").split([':', ' ']).next()
}
