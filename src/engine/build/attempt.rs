//! The ways in which code of a cell is compiled. Code that seems not to need the crates of `:dep` is compiled without them
//! and without imports from them first, which is faster, and with them only if rustc refuses that. Never runs rustc
//! itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use proc_macro2::TokenStream;

use crate::engine::build::compile::{Compiler, Identity};
use crate::engine::build::storage_plan::Plan;
use crate::engine::build::unit::Unit;
use crate::engine::rejection::PrepareError;
use crate::engine::scope::crate_use::CrateNames;
use crate::engine::scope::{List, Scope};
use crate::engine::text::cell::{Import, Kind, Parts};

/// One way to compile a unit.
pub(super) struct Attempt {
    /// What its code can mention.
    pub scope: Scope,
    pub unit: Unit,
    pub identity: Identity,
}

/// All ways to compile what `unit` writes, the one to try first at the start, the one with the whole scope at the end.
pub(super) fn all(
    compiler: &Compiler,
    scope: &Scope,
    without_crates: Option<Scope>,
    unit: impl Fn(&Scope) -> Unit,
) -> Vec<Attempt> {
    let attempt = |scope: Scope| {
        let unit = unit(&scope);
        let identity = compiler.identify(&unit, scope.optimization);
        Attempt { scope, unit, identity }
    };
    // An item that the code uses may link to crates, and so must the code then.
    let first = without_crates.map(attempt).filter(|first| first.unit.crates.is_none());
    first.into_iter().chain([attempt(scope.clone())]).collect()
}

/// The first attempt that compiles, with what `compile` returns for it. If none does, what the last one was rejected for.
pub(super) fn first_that_compiles<T>(
    attempts: &[Attempt],
    compile: impl Fn(&Attempt) -> Result<T, PrepareError>,
) -> Result<(T, &Attempt), PrepareError> {
    let Some((last, others)) = attempts.split_last() else { unreachable!("`all` returns one at least") };
    for attempt in others {
        match compile(attempt) {
            Err(PrepareError::Rejected(_)) => {}
            compiled => return compiled.map(|compiled| (compiled, attempt)),
        }
    }
    compile(last).map(|compiled| (compiled, last))
}

/// The scope in which a cell's statements are compiled first. `None` if they may need a crate, or if there are none.
pub(super) fn statements_without_crates(scope: &Scope, source: &str, parts: &Parts, plan: &Plan) -> Option<Scope> {
    let crates = scope.crates.as_ref()?;
    let names = CrateNames::new(crates, &scope.imports);
    let uses = parts.items.iter().filter(|item| matches!(item.kind, Kind::Use(_))).map(|item| &item.mentions);
    let mentions: BTreeSet<String> =
        parts.statements.iter().map(|statement| &statement.mentions).chain(uses).flatten().cloned().collect();
    let code = parts.statements.iter().filter_map(|statement| source[statement.range.clone()].parse().ok());
    let code: TokenStream = code.collect::<Vec<TokenStream>>().into_iter().collect();
    let known = |name: &str| is_known(scope, &names, name);
    if names.may_be_needed(&code, &mentions, &plan.types(), known) {
        return None;
    }
    let mut without = scope.clone();
    without.imports = others(&scope.imports, &names);
    without.crates = None;
    Some(without)
}

/// The scope in which the session crate with this number is compiled first. `None` if its items may need a crate of
/// `:dep`, or if there are none.
pub(super) fn items_without_crates(scope: &Scope, number: u32) -> Option<Scope> {
    let crates = scope.crates.as_ref()?;
    let mut without = scope.clone();
    for module in scope.modules_of(number) {
        let names = CrateNames::new(crates, &module.imports);
        let uses = module.items.iter().filter(|item| matches!(item.kind, Kind::Use(_)));
        let items = || module.live().map(|(_, item)| item).chain(uses.clone());
        let mentions: BTreeSet<String> = items().flat_map(|item| item.mentions.iter().cloned()).collect();
        let code: Vec<TokenStream> = items().filter_map(|item| item.tokens.parse().ok()).collect();
        let known = |name: &str| is_known(scope, &names, name);
        if names.may_be_needed(&code.into_iter().collect(), &mentions, "", known) {
            return None;
        }
        let mut lean = (**module).clone();
        lean.imports = others(&module.imports, &names);
        without.put_module(Arc::new(lean));
    }
    without.imports = others(&scope.imports, &CrateNames::new(crates, &scope.imports));
    without.crates = None;
    Some(without)
}

fn others(imports: &List<Import>, names: &CrateNames<'_>) -> List<Import> {
    imports.iter().filter(|import| !names.has(import)).cloned().collect()
}

/// Whether the session gives this name to something that is in no crate of `:dep`.
fn is_known(scope: &Scope, names: &CrateNames<'_>, name: &str) -> bool {
    let imported = |import: &Import| import.name.as_deref() == Some(name) && !names.has(import);
    scope.variables.contains_key(name)
        || scope.item_named(name).is_some()
        || scope.imports.iter().any(imported)
        || scope.functions_named(name).next().is_some()
}
