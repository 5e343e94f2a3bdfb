//! Explains names in rustc's errors by what the scope knows and rustc does not, such as why a variable of an earlier
//! cell is gone. Only adds help to errors; never changes the scope.

use std::collections::BTreeSet;

use crate::engine::rustc_text::codes::{Matter, matter};
use crate::engine::rustc_text::wording;
use crate::engine::scope::module::{Home, homes_in, is_word};
use crate::engine::scope::{Lost, Scope, Variable, Why};
use crate::engine::text::cell::{Name, Space};

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

/// The help notes to add to an error about two types of the name `ident`: which of the variables and
/// functions that the cell mentions go by a type of this name that a later cell has defined again.
pub(crate) fn about_two_types(scope: &Scope, ident: &str, mentions: &BTreeSet<String>) -> Vec<String> {
    let ident = ident.rsplit("::").next().unwrap_or(ident);
    let name = Name { space: Space::Type, ident: ident.to_string() };
    let Some(now) = scope.home_of(&name) else { return Vec::new() };
    let of_old = |(variable, Variable { ty, cell, .. }): (&String, &Variable)| {
        let is_old =
            |(home, rest): &(Home, &str)| *home != now && rest.split(|c: char| !is_word(c)).next() == Some(ident);
        let (old, _) = homes_in(ty).find(is_old).filter(|_| mentions.contains(variable))?;
        let (then, now) = (old.cell, now.cell);
        Some(format!(
            "`{variable}` has the type `{ident}` of {then}, and {now} has defined another one; run the cell that makes `{variable}` ({cell}) again"
        ))
    };
    let by_old = |mention: &String| {
        let value = Name { space: Space::Value, ident: mention.clone() };
        let (old, cell) = scope
            .uses_of(&value)?
            .find(|(of, home)| *of == name && *home != now)
            .map(|(_, home)| (home.cell, scope.home_of(&value)))?;
        let (now, cell) = (now.cell, cell?.cell);
        Some(format!(
            "`{mention}` of {cell} is for the type `{ident}` of {old}, since it does not fit the one of {now}; change it and run {cell} again"
        ))
    };
    scope.variables.iter().filter_map(of_old).chain(mentions.iter().filter_map(by_old)).collect()
}

fn why_lost(name: &str, lost: &Lost) -> String {
    let cell = lost.cell;
    match &lost.why {
        Why::Moved => format!("`{name}` was moved away in {cell}; clone it there (`{name}.clone()`) to keep it"),
        Why::PartlyMoved(part) => {
            let part = if part == "value" { "a part of it".to_string() } else { format!("`{part}`") };
            format!(
                "{part} was moved out of `{name}` in {cell}, and what is left cannot be kept; take it apart there, as in `let (a, b) = {name};`, which keeps all parts, or clone what is taken"
            )
        }
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
        Why::Unnameable(ty) if ty.contains("{async") => format!(
            "`{name}` was not kept after {cell}: its type `{}` cannot be written by a later cell; box each future there by `Box::pin(…)`, as a `Pin<Box<dyn Future<Output = …>>>`",
            without_places(ty)
        ),
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

/// The type without places of closures and futures: `{closure@cell.rs:1:2: 1:3}` names a file that the user never sees.
fn without_places(ty: &str) -> String {
    let mut short = String::new();
    let mut rest = ty;
    while let Some((before, after)) = rest.split_once('@') {
        short += before;
        let end = after.find('}').unwrap_or(after.len());
        rest = &after[end..];
    }
    short + rest
}
