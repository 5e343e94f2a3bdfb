//! Why rustc refuses a cell, as the user sees it: its errors with places in cells, and with help about what the scope knows
//! and rustc does not.

use crate::engine::diagnostics::{self, Diagnostic};
use crate::engine::rejection::Rejection;
use crate::engine::rustc_text::codes::{Matter, matter};
use crate::engine::rustc_text::wording;
use crate::engine::scope::{Edition, Scope, lost_names};
use crate::engine::text::cell::Parts;
use crate::engine::text::source_map::SourceMap;

/// rustc's errors as the user sees them: with places in cells instead of generated files.
pub(super) fn of(errors: &[Diagnostic], map: &SourceMap) -> Rejection {
    let rendered = diagnostics::render(errors, map, true);
    let evalue = errors.first().map_or_else(|| "this is not Rust".to_string(), |error| error.message_in_cells(map));
    Rejection {
        ename: "CompileError",
        evalue,
        rendered,
        reported: errors.iter().map(Diagnostic::reported).collect(),
    }
}

/// As `of`, with help about names and rules.
pub(super) fn explained(scope: &Scope, parts: &Parts, mut errors: Vec<Diagnostic>, map: &SourceMap) -> Rejection {
    for error in &mut errors {
        let about = lost_names::about(scope, &error.message, error.code.as_deref());
        // A name of the cell's own is not the variable of that name.
        let is_own = matter(error.code.as_deref()) == Matter::Immutable && error.suggests_a_change(map);
        about.into_iter().filter(|_| !is_own).for_each(|help| error.add_help(help));
        if scope.edition == Edition::E2024 && wording::is_of_edition_2024(&error.message, error.notes()) {
            error.add_help("edition 2024 has brought this rule; a line `:edition 2021` before it takes it");
        }
        let twins = error.name_of_two_types().map(str::to_string);
        let mentions = parts.free_names();
        for help in twins.iter().flat_map(|name| lost_names::about_two_types(scope, name, &mentions)) {
            error.add_help(help);
        }
    }
    of(&errors, map)
}
