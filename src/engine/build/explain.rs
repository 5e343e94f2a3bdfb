//! Why a cell does not compile, in words for its user: rustc's errors, with help about names that the session knows and rustc
//! does not.

use crate::engine::diagnostics::{self, Diagnostic};
use crate::engine::rejection::Rejection;
use crate::engine::scope::{Scope, lost_names};
use crate::engine::text::cell::Parts;
use crate::engine::text::source_map::SourceMap;

/// The errors about a cell with these parts.
pub(super) fn rejection(scope: &Scope, parts: &Parts, mut errors: Vec<Diagnostic>, map: &SourceMap) -> Rejection {
    let mentions = parts.free_names();
    for error in &mut errors {
        let about_name = lost_names::about(scope, &error.message, error.code.as_deref());
        let twins = error.name_of_two_types();
        let about_types = twins.iter().flat_map(|name| lost_names::about_two_types(scope, name, &mentions));
        let helps: Vec<String> = about_name.into_iter().chain(about_types).collect();
        helps.into_iter().for_each(|help| error.add_help(help));
    }
    plain_rejection(&errors, map)
}

/// The errors with places in cells instead of generated files.
pub(super) fn plain_rejection(errors: &[Diagnostic], map: &SourceMap) -> Rejection {
    let rendered = diagnostics::render(errors, map, true);
    let evalue = errors.first().map_or_else(|| "this is not Rust".to_string(), |error| error.message_in_cells(map));
    Rejection { ename: "CompileError", evalue, rendered }
}
