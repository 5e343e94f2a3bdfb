//! Has rustc say the type of an expression (`:type`). Never runs the user's code.

use crate::events::CellId;

use crate::engine::build::compile::Compiler;
use crate::engine::build::storage_plan::Plan;
use crate::engine::build::unit;
use crate::engine::diagnostics::Diagnostic;
use crate::engine::rejection::{PrepareError, UsageError};
use crate::engine::rustc_text::wording;
use crate::engine::scope::Scope;
use crate::engine::text::cell::Cell;

/// What is said of code that nests deeper than rustc bears.
pub(super) const TOO_DEEP: &str = "this cell nests too deeply; write it in smaller parts";

/// The type of an expression in this scope. A variable's type is known already. For any other expression, rustc names
/// the type when it reports a mismatch that we provoke. Nothing is run, and nothing is moved.
pub(super) fn type_of(compiler: &Compiler, scope: &Scope, id: CellId, text: &str) -> Result<String, PrepareError> {
    if let Some(variable) = scope.variables.get(text) {
        return Ok(variable.ty.clone());
    }
    if syn::parse_str::<syn::Expr>(text).is_err() {
        return Err(UsageError(format!("`:type` needs an expression, not `{text}`")).into());
    }
    let cell = Cell::parse(&format!("match ({text}\n) {{ ::threadbook::show::TypeOf => {{}} }};"));
    let Ok(parts) = &cell.parts else { return Err(UsageError::from(TOO_DEEP).into()) };
    let unit = unit::statements(scope, id, &cell.source, parts, &Plan::new(scope, parts));
    let identity = compiler.identify(&unit, scope.optimization);
    let errors = compiler.check(&unit, &identity)?;
    let wrong = errors.iter().find(|error| error.is_error() && error.type_of_expression().is_none());
    let ty = errors.iter().find_map(Diagnostic::type_of_expression);
    let why = match (wrong, ty) {
        (None, Some(ty)) => return Ok(ty.to_string()),
        (Some(wrong), _) if !wording::is_about_type_of(&wrong.message) => wrong.message.as_str(),
        _ => "it takes the one that is asked of it; say which, as in `let name: Type = …`",
    };
    Err(UsageError(format!("`:type` found no type for `{text}`: {why}")).into())
}
