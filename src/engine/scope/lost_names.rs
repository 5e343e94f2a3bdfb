//! Explains names in rustc's errors by what the scope knows and rustc does not, such as why a variable of an earlier
//! cell is gone. Only adds help to errors; never changes the scope.

use crate::engine::rustc_text::codes::{Matter, matter};
use crate::engine::rustc_text::wording;
use crate::engine::scope::{Lost, Scope, Why};

/// The help notes to add to an error with this message and [error code](https://doc.rust-lang.org/error_codes/).
pub(crate) fn about(scope: &Scope, message: &str, code: Option<&str>) -> Vec<String> {
    let Some(name) = wording::quoted_name(message) else { return Vec::new() };
    match matter(code) {
        Matter::UnknownValue => scope.lost.get(name).map(|lost| why_lost(name, lost)).into_iter().collect(),
        Matter::Immutable => {
            let variable = scope.variables.get(name).filter(|variable| !variable.mutable);
            let declare = |cell| {
                format!("`{name}` was declared in {cell} without `mut`; declare it there with `let mut {name}`")
            };
            variable.map(|variable| declare(variable.cell)).into_iter().collect()
        }
        Matter::UnknownPath if wording::may_be_about_a_crate(message) => {
            let is_word = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
            let ask = || format!("if `{name}` is a crate, ask for it in a line before: `:dep {name}`");
            is_word.then(ask).into_iter().collect()
        }
        Matter::UnknownPath | Matter::Moved | Matter::Other => Vec::new(),
    }
}

fn why_lost(name: &str, lost: &Lost) -> String {
    let cell = lost.cell;
    match &lost.why {
        Why::Moved => format!("`{name}` was moved away in {cell}; clone it there (`{name}.clone()`) to keep it"),
        Why::Borrows => format!(
            "`{name}` was not kept after {cell}: it borrows from a value that ends with that cell or may change later; keep an owned value instead (`.clone()`, `.to_owned()`), or borrow anew in this cell"
        ),
        Why::Unnameable(ty) if ty.starts_with("{closure") => format!(
            "`{name}` was not kept after {cell}: it is a closure, whose type has no name; box it there, as in `let {name}: Box<dyn Fn(i32) -> i32> = Box::new(…)`, or make it a `fn`"
        ),
        Why::Unnameable(ty) if ty.starts_with("fn(") || ty.starts_with("unsafe fn(") => {
            let pointer = ty.split(" {").next().unwrap_or(ty);
            format!(
                "`{name}` was not kept after {cell}: it is a function itself; make it a pointer, `let {name}: {pointer} = …`"
            )
        }
        Why::Unnameable(ty) if ty.starts_with("{async") => {
            format!(
                "`{name}` was not kept after {cell}: it is an async closure that borrows from its arguments or changes what it has captured, and no box of it can be made; make it an `async fn`"
            )
        }
        Why::Unnameable(ty) => format!(
            "`{name}` was not kept after {cell}: its type `{}` cannot be written by a later cell; collect or box it there (`.collect::<Vec<_>>()`, `Box<dyn Iterator<Item = …>>`)",
            without_places(ty)
        ),
        Why::CrateChanged(name_of_crate) => format!(
            "`{name}` was not kept after {cell}: its type may come from the crate `{name_of_crate}`, which `:dep` changed there; run the cell that defines it again"
        ),
        Why::RolledBack => {
            format!(
                "`{name}` was lost in {cell}, when variables were rolled back; run the cell that defines it again"
            )
        }
        Why::Reset => format!("`{name}` was reset in {cell}; run the cell that defines it again"),
        Why::WorkerLost => {
            format!("`{name}` was lost in {cell}, when the worker ended; run the cell that defines it again")
        }
    }
}

/// The type without places of closures: `{closure@cell.rs:1:2: 1:3}` names a file that the user never sees.
fn without_places(ty: &str) -> String {
    let mut short = String::new();
    let mut rest = ty;
    while let Some((before, after)) = rest.split_once("{closure@") {
        short += before;
        short += "{closure}";
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    short + rest
}
