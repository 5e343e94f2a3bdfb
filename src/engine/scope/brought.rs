//! The crate that comes without a `:dep`: tokio, for a cell that names it, as in evcxr. Decides by names alone; never builds
//! anything.

use proc_macro2::{TokenStream, TokenTree};

use crate::engine::scope::{Scope, request};
use crate::engine::text::cell::Parts;
use crate::engine::text::tokens::is_punct;

const NAME: &str = "tokio";

/// What `:dep` is to be followed by for a runtime of Tokio.
pub(crate) const TOKIO: &str = "tokio = { version = \"1\", features = [\"full\"] }";

/// Asks for tokio if the cell names it, and nothing of this name is in the session or in the cell. `rust` is the cell's text
/// without magics. Returns whether it asked.
pub(crate) fn bring(scope: &mut Scope, rust: &str, parts: &Parts) -> bool {
    let is_own = || parts.items.iter().flat_map(|item| &item.names).any(|name| name.ident == NAME);
    if !may_come(scope, rust) || is_own() || !rust.parse().is_ok_and(names_tokio) {
        return false;
    }
    let Ok(asked) = request::parse(TOKIO) else { return false };
    scope.wanted.insert(asked.name, asked.table);
    true
}

/// Whether this text may be one of a cell that tokio comes with.
pub(crate) fn may_come(scope: &Scope, text: &str) -> bool {
    let is_tokio = |(name, table): (&String, &toml::Table)| {
        name == NAME || table.get("package").and_then(toml::Value::as_str) == Some(NAME)
    };
    text.contains(NAME)
        && !scope.wanted.iter().any(is_tokio)
        && !scope.crates.as_ref().is_some_and(|crates| crates.externs.contains_key(NAME))
        && scope.item_named(NAME).is_none()
        && !scope.imports.iter().any(|import| import.name.as_deref() == Some(NAME))
}

/// Whether a path begins with tokio, with or without `::` before it.
fn names_tokio(tokens: TokenStream) -> bool {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is_colon = |at: usize| is_punct(tokens.get(at), ':');
    let goes_on_a_path = |at: usize| {
        let before = at.checked_sub(1).map(|before| &tokens[before]);
        let is_name = |token: &TokenTree| matches!(token, TokenTree::Ident(_)) || is_punct(Some(token), '>');
        is_punct(before, '.') || (at >= 3 && is_colon(at - 1) && is_colon(at - 2) && is_name(&tokens[at - 3]))
    };
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Group(group) => names_tokio(group.stream()),
        TokenTree::Ident(ident) => ident == NAME && is_colon(at + 1) && is_colon(at + 2) && !goes_on_a_path(at),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::text::cell::Cell;

    fn brings(scope: &Scope, source: &str) -> bool {
        let cell = Cell::parse(source);
        bring(&mut scope.clone(), source, &cell.parts.expect("Rust"))
    }

    #[test]
    fn a_cell_that_names_tokio_brings_it() {
        for (source, expected) in [
            ("tokio::time::sleep(d).await;", true),
            ("use tokio::time::sleep;", true),
            ("#[tokio::main]\nasync fn main() {}", true),
            ("let x = vec![f(::tokio::spawn(async {}))];", true),
            ("let tokio: u8 = 1; tokio", false),
            ("println!(\"tokio::spawn\");", false),
            ("my::tokio::spawn();", false),
            ("mod tokio { pub fn f() {} }\ntokio::f()", false),
            ("f().await", false),
        ] {
            assert_eq!(brings(&Scope::default(), source), expected, "{source}");
        }
        let mut scope = Scope::default();
        let asked = request::parse("tokio = \"0.2\"").expect("a crate");
        scope.wanted.insert(asked.name, asked.table);
        assert!(!brings(&scope, "tokio::spawn(f());"));
    }
}
