//! Brings the crates that a cell asks for into the scope. Runs Cargo only for a set that was never built.

use std::sync::Arc;

use crate::engine::build::compile::Compiler;
use crate::engine::rejection::PrepareError;
use crate::engine::scope::Scope;
use crate::events::CellId;

/// The scope with the crates that its `:dep` lines ask for, and a warning of what is lost with those of before. They are
/// built now if they are not in the cache.
pub(super) fn bring_in(
    compiler: &Compiler,
    scope: Scope,
    id: CellId,
    say: &dyn Fn(&str),
) -> Result<(Scope, String), PrepareError> {
    let set = compiler.cargo.set(&scope.wanted, &scope.patches)?;
    let crates = match compiler.cargo.kept(&set) {
        Some(crates) => crates,
        None => compiler.cargo.build(&set, scope.crates.as_deref(), say)?,
    };
    if scope.crates.as_deref() == Some(&crates) {
        return Ok((scope, String::new()));
    }
    Ok(scope.with_crates(Arc::new(crates), id))
}
