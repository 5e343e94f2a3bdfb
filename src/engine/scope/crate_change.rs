//! What another set of crates means for a scope: what goes on, what is lost, and what the user is told of it before the cell
//! runs. Never builds anything.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::engine::scope::dependency::{Crates, has_word};
use crate::engine::scope::{Scope, Why, homes_in};
use crate::engine::text::cell::Item;
use crate::events::CellId;

impl Scope {
    /// The scope with another set of crates, and a warning of what is lost with the former; empty if nothing is. Its session
    /// crates have yet to be built for the set. Variables and statics are lost if their layout may depend on a crate that
    /// has changed. Any type that a cell defined counts as such, since it may contain a type of the crate.
    pub(in crate::engine) fn with_crates(&self, crates: Arc<Crates>, cell: CellId) -> (Scope, String) {
        let changed = self.crates.as_ref().map(|before| before.changed_in(&crates)).unwrap_or_default();
        let rests_on =
            |ty: &str| changed.iter().find(|name| has_word(ty, name) || homes_in(ty).next().is_some()).cloned();
        let lost: Vec<(String, String)> =
            self.variables.iter().filter_map(|(name, v)| Some((name.clone(), rests_on(&v.ty)?))).collect();
        let linked: BTreeSet<u32> =
            self.builds.iter().filter(|(_, build)| build.crates.is_some()).map(|(number, _)| *number).collect();
        let asked = changed.iter().filter(|name| crates.externs.contains_key(*name));
        let warning = warning(
            &asked.map(String::as_str).collect::<Vec<_>>(),
            &lost.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            &self.statics_lost(&linked, !changed.is_empty()),
        );
        let mut scope = self.clone();
        for (name, crate_name) in lost {
            scope = scope.without([name], cell, Why::CrateChanged(crate_name));
        }
        scope.stale.builds.extend(linked);
        scope.stale.statics |= !changed.is_empty();
        scope.crates = Some(crates);
        (scope, warning)
    }

    /// The statics of these session crates that do not keep their values when the crates are built again: all if `all`,
    /// else those that a macro makes, which cannot be declared without a value.
    fn statics_lost(&self, linked: &BTreeSet<u32>, all: bool) -> Vec<&str> {
        let modules = linked.iter().flat_map(|number| self.modules_of(*number));
        let items = modules.flat_map(|module| module.live().map(|(_, item)| item));
        let lost = items
            .filter(|item| is_made_by_macro(item) || all && !(item.statics.is_empty() && item.locals.is_empty()));
        lost.flat_map(|item| &item.names).map(|name| name.ident.as_str()).collect()
    }
}

/// Whether `lazy_static!` or the like makes a static in the item.
fn is_made_by_macro(item: &Item) -> bool {
    item.statics.is_empty() && item.tokens.contains("static ref ")
}

/// What the user is told: the changed crates that were asked for, the variables and the statics that are lost.
fn warning(crates: &[&str], variables: &[&str], statics: &[&str]) -> String {
    let list = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let mut told = Vec::new();
    if !crates.is_empty() {
        told.push(format!("{} changed, and what it keeps itself begins anew", list(crates)));
    }
    if !variables.is_empty() {
        told.push(format!("gone, since their types may come from a crate that changed: {}", list(variables)));
    }
    if !statics.is_empty() {
        told.push(format!("with their first values again: {}", list(statics)));
    }
    match told.is_empty() {
        true => String::new(),
        false => format!("warning: `:dep` builds crates anew; {}\n", told.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_told() {
        assert_eq!(warning(&[], &[], &[]), "");
        assert_eq!(
            warning(&["log"], &["x", "y"], &["COUNT"]),
            "warning: `:dep` builds crates anew; `log` changed, and what it keeps itself begins anew; gone, since their \
             types may come from a crate that changed: `x`, `y`; with their first values again: `COUNT`\n"
        );
    }
}
