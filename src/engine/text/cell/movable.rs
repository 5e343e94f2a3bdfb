//! Tells which code may be compiled again, in another crate, without that a program can notice. In doubt, code may not.

use proc_macro2::{TokenStream, TokenTree};

use crate::engine::text::tokens::{MACROS_OF_EXPRESSIONS, is_punct};

/// Other macros of std that neither have state nor tell in which crate they are.
const PLAIN_MACROS: [&str; 5] = ["cfg", "column", "concat", "line", "stringify"];

/// Keywords before which an expression may end and `!` begin another: `if !(a)`.
const BEFORE_NOT: [&str; 8] = ["if", "while", "return", "match", "in", "else", "break", "move"];

/// Words of code that has state or symbols of its own, or that names its crate.
const FIXED: [&str; 10] = [
    "static",
    "crate",
    "extern",
    "no_mangle",
    "export_name",
    "link_section",
    "used",
    "macro_rules",
    "global_asm",
    "proc_macro",
];

/// Whether an item of these tokens means the same in another crate.
pub(super) fn is_movable(tokens: TokenStream) -> bool {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let is_punct = |index: usize, character| is_punct(trees.get(index), character);
    trees.iter().enumerate().all(|(index, tree)| match tree {
        TokenTree::Group(group) => is_movable(group.stream()),
        TokenTree::Ident(ident) => {
            let word = ident.to_string();
            let is_lifetime = index > 0 && is_punct(index - 1, '\'');
            let calls = is_punct(index + 1, '!') && matches!(trees.get(index + 2), Some(TokenTree::Group(_)));
            let word = word.as_str();
            let is_plain =
                MACROS_OF_EXPRESSIONS.contains(&word) || PLAIN_MACROS.contains(&word) || BEFORE_NOT.contains(&word);
            is_lifetime || !FIXED.contains(&word) && (!calls || is_plain)
        }
        _ => true,
    })
}

/// Whether code with these words may tell types of the same text apart, or keep values whose types nobody knows, such as
/// `Box<dyn Error>`, and ask for their types later.
pub(crate) fn tells_types_apart<'a>(words: impl Iterator<Item = &'a str>) -> bool {
    let (mut objects, mut errors) = (false, false);
    for word in words {
        match word {
            "Any" | "TypeId" | "type_id" | "type_name" | "type_name_of_val" | "module_path" | "panic_any"
            | "resume_unwind" => return true,
            word if word.starts_with("downcast") => return true,
            "dyn" => objects = true,
            "Error" => errors = true,
            _ => {}
        }
    }
    objects && errors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn movable(item: &str) -> bool {
        is_movable(item.parse().expect("tokens"))
    }

    #[test]
    fn code_without_state_is_movable() {
        for item in [
            "fn f(x: &'static str) -> String { if !(x == \"a\") && x != \"b\" { format!(\"{x}\") } else { panic!() } }",
            "#[derive(Debug, Clone)] struct A<T: Ord> { items: Vec<T> }",
            "impl Iterator for A { type Item = u8; fn next(&mut self) -> Option<u8> { vec![1].pop() } }",
        ] {
            assert!(movable(item), "{item}");
        }
    }

    #[test]
    fn what_may_have_state_or_names_its_crate_is_not() {
        for item in [
            "fn f() { static N: u8 = 1; }",
            "mod m { pub static mut N: u8 = 1; }",
            "fn f() { thread_local!(static N: u8 = 1); }",
            "fn f() { once!() }",
            "fn f() { std::include_str!(\"a\"); }",
            "fn f() { module_path!(); }",
            "fn f() { crate::g() }",
            "#[unsafe(no_mangle)] fn f() {}",
            "extern \"C\" { fn f(); }",
            "fn f() { macro_rules! m { () => {} } }",
        ] {
            assert!(!movable(item), "{item}");
        }
    }

    #[test]
    fn types_are_told_apart_by_any_and_by_errors_whose_type_is_not_known() {
        let tells = |text: &str| tells_types_apart(text.split(' '));
        assert!(tells("Box dyn Any") && tells("e downcast_ref A") && tells("Box dyn std error Error"));
        assert!(!tells("impl Error for A") && !tells("Box dyn Shape"));
    }
}
