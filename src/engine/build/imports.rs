//! What imports ask for before a cell is compiled: the crates that `extern crate` names, and that a `use` resolves.
//!
//! Checks the imports of a cell that has nothing else to compile: a wrong one is the error of the cell that has it, not of
//! those that come later.

use std::ops::Range;
use std::sync::Arc;

use crate::events::CellId;

use crate::engine::build::attempt;
use crate::engine::build::compile::{Compiler, Kept, source_map};
use crate::engine::build::storage_plan::{Marker, Plan};
use crate::engine::build::unit::{self, Unit};
use crate::engine::diagnostics::Diagnostic;
use crate::engine::rejection::PrepareError;
use crate::engine::scope::{Scope, request};
use crate::engine::text::cell::{Import, Kind, Parts};
use crate::engine::text::source_map::SourceMap;

/// Crates that need no `:dep`: those of the toolchain, and our own.
const ALWAYS_THERE: [&str; 6] = ["std", "core", "alloc", "test", "proc_macro", "threadbook"];

/// Has the scope want the crates that the cell's `extern crate` items name, in any version, as evcxr does. Returns whether
/// there is one that is not there.
pub(super) fn want_extern_crates(scope: &mut Scope, parts: &Parts) -> bool {
    let imports = parts.items.iter().flat_map(|item| match &item.kind {
        Kind::Use(imports) => imports.as_slice(),
        _ => &[],
    });
    let mut wants = false;
    for name in imports.filter_map(Import::extern_crate) {
        let is_wanted = scope.wanted.keys().any(|wanted| wanted.replace('-', "_") == name);
        if !is_wanted && !ALWAYS_THERE.contains(&name) {
            let Ok(asked) = request::parse(name) else { continue };
            scope.wanted.insert(asked.name, asked.table);
            wants = true;
        }
    }
    wants
}

/// What rustc says of the cell's imports in this scope, which has not got them yet. `None` if nothing: that is kept, so a
/// cell is checked once.
pub(super) fn errors(
    compiler: &Compiler,
    scope: &Scope,
    cell: CellId,
    source: &Arc<str>,
    parts: &Parts,
) -> Result<Option<(Vec<Diagnostic>, SourceMap)>, PrepareError> {
    if !parts.is_idle() || !parts.items.iter().any(|item| matches!(item.kind, Kind::Use(_))) {
        return Ok(None);
    }
    let check = |scope: &Scope| resolve(compiler, scope.clone(), cell, source, parts);
    if let Some(lean) = attempt::statements_without_crates(scope, source, parts, &Plan::default())
        && check(&lean)?.is_none()
    {
        return Ok(None);
    }
    check(scope)
}

fn resolve(
    compiler: &Compiler,
    mut scope: Scope,
    cell: CellId,
    source: &Arc<str>,
    parts: &Parts,
) -> Result<Option<(Vec<Diagnostic>, SourceMap)>, PrepareError> {
    loop {
        let unit = unit::statements(&scope, cell, source, parts, &Plan::default());
        let identity = compiler.identify(&unit, scope.optimization);
        let _turn = compiler.turn(&identity.key);
        if compiler.cached::<()>(&identity.key).is_some() {
            return Ok(None);
        }
        let errors = compiler.check(&unit, &identity)?;
        let gone = of_earlier_cells(&unit, &errors, &identity.root);
        if !gone.is_empty() {
            scope.imports = scope.imports.iter().filter(|import| !gone.contains(&import.path)).cloned().collect();
        } else if errors.is_empty() {
            // The cache keeps a library for each key. Here it is an empty file, which nobody loads.
            let nothing = compiler.write_scratch(&format!("checked-{}", identity.key), b"")?;
            compiler.keep(&identity.key, &nothing, &Kept { about: (), stderr: String::new() })?;
            return Ok(None);
        } else {
            return Ok(Some((errors, source_map(&unit, &identity.root))));
        }
    }
}

/// The paths of earlier cells' imports that do not resolve any more. An error may be about several imports at once.
fn of_earlier_cells(unit: &Unit, errors: &[Diagnostic], root: &str) -> Vec<String> {
    let is_wrong = |range: &Range<usize>| errors.iter().any(|error| error.primary_touches(root, range));
    let path = |(marker, range): &(Marker, Range<usize>)| match marker {
        Marker::Import(path) if is_wrong(range) => Some(path.clone()),
        _ => None,
    };
    unit.markers.iter().filter_map(path).collect()
}
