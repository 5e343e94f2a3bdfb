//! Decides whether a cell's statements are optimised where the user has not said it: by their heat, which their text tells,
//! and by what the scope knows of the variables and functions that they use.

use std::collections::BTreeSet;

use crate::engine::scope::{Scope, Variable};
use crate::engine::text::cell::{Function, Heat};

/// Whether statements of this heat are optimised.
pub(super) fn is_hot(scope: &Scope, heat: &Heat) -> bool {
    let large = |names: &BTreeSet<String>| names.iter().any(|name| !is_small(scope, name));
    let works_here = |function: &Function| function.generic && !function.brief;
    heat.hot
        || large(&heat.sizes)
        || heat.calls.iter().any(|(name, called)| {
            scope.functions_named(name).any(|f| {
                f.recursive && (called.often || f.generic) || works_here(f) && called.few.as_ref().is_none_or(large)
            })
        })
}

/// Whether this name of an earlier cell stands for something small: a variable that is known to be, or no variable at all,
/// as `None` and functions are not.
pub(super) fn is_small(scope: &Scope, name: &str) -> bool {
    match scope.variables.get(name) {
        Some(variable) => variable.small,
        None => !scope.item_named(name).is_some_and(|item| {
            let is =
                |keyword: &str| item.tokens.starts_with(keyword) || item.tokens.contains(&format!(" {keyword}"));
            item.functions.is_empty() && (is("const ") || is("static "))
        }),
    }
}

/// Notes which of the variables that a cell binds or changes are small after it. `before` is the scope that it found.
pub(super) fn note_sizes(after: &mut Scope, before: &Scope, heat: &Heat) {
    for (name, few) in &heat.after {
        let small = few.as_ref().is_some_and(|of| of.iter().all(|name| is_small(before, name)));
        if let Some(variable) = after.variables.get(name).filter(|variable| variable.small != small).cloned() {
            after.variables.insert_mut(name.clone(), Variable { small, ..variable });
        }
    }
}
