//! Types, read from the MIR that rustc writes beside a library (`--emit=mir`), whose form it changes as it likes.
//!
//! A variable is stored by way of a local of type `Option<T>` whose name is ours (`storage_local`) and whose address is
//! taken, so that it stands in the MIR at every optimisation level.

/// The local by way of which the cell stores its new variable `name`.
pub(crate) fn storage_local(name: &str) -> String {
    format!("threadbook_put_{}", name.trim_start_matches("r#"))
}

/// The type of each variable of `names`, as rustc spells it, in full paths. `Err` holds the first name for which the MIR
/// says none: its form is not the one that is read here.
pub(crate) fn stored_types(mir: &str, names: &[String]) -> Result<Vec<(String, String)>, String> {
    let stored = |name: &String| match stored_type(mir, name) {
        Some(ty) => Ok((name.clone(), ty.to_string())),
        None => Err(name.clone()),
    };
    names.iter().map(stored).collect()
}

/// Reads `debug threadbook_put_NAME => _5;`, and then `let mut _5: std::option::Option<TYPE>;` of the same function.
fn stored_type<'a>(mir: &'a str, name: &str) -> Option<&'a str> {
    let debug = format!("debug {} => ", storage_local(name));
    let found = mir.find(&debug)?;
    let local = mir[found + debug.len()..].split(';').next()?;
    let function = &mir[mir[..found].rfind("\nfn ").unwrap_or(0)..];
    let declared = [format!("let mut {local}: "), format!("let {local}: ")]
        .iter()
        .find_map(|head| function.find(head.as_str()).map(|at| &function[at + head.len()..]))?;
    let ty = declared.split(";\n").next()?;
    ty.strip_prefix("std::option::Option<")?.strip_suffix('>')
}

/// Whether a later cell could write this type: closures, futures, opaque types and functions themselves have no name.
pub(crate) fn is_nameable(ty: &str) -> bool {
    // Each of them is printed in braces: `{closure@…}`, `{async block@…}`, `fn(i32) -> i32 {name}`.
    !ty.contains('{') && !ty.contains("impl ")
}

/// The pointer type of a function itself, whose own type rustc prints as `fn(i32) -> i32 {name}`. None if it is no
/// function.
pub(crate) fn function_pointer(ty: &str) -> Option<&str> {
    let (pointer, _) = ty.split_once(" {")?;
    let heads = ["fn(", "unsafe fn(", "extern ", "for<"];
    heads.iter().any(|head| pointer.starts_with(head)).then_some(pointer)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From rustc 1.95.0.
    const RECORDED: &str = "fn threadbook_cell::{closure#0}(_1: X) -> Y {\n    let mut _0: Y;\n    scope 1 {\n        \
        let mut _5: std::option::Option<std::vec::Vec<session::cell_1::A>>;\n        scope 2 {\n            \
        debug threadbook_put_v => _5;\n        }\n    }\n}\n";

    fn types(mir: &str, names: &[&str]) -> Result<Vec<(String, String)>, String> {
        stored_types(mir, &names.iter().map(|name| name.to_string()).collect::<Vec<_>>())
    }

    #[test]
    fn types_are_read_from_declarations() {
        let expected = ("v".to_string(), "std::vec::Vec<session::cell_1::A>".to_string());
        assert_eq!(types(RECORDED, &["v"]), Ok(vec![expected]));
        assert_eq!(types(RECORDED, &[]), Ok(Vec::new()));
    }

    /// What a later rustc may write instead must be an error with the variable's name, never a variable less.
    #[test]
    fn another_form_is_an_error_that_names_the_variable() {
        for other in [
            RECORDED.replace("debug threadbook_put_v => _5", "debug(threadbook_put_v, _5)"),
            RECORDED.replace("let mut _5: ", "local _5 as "),
            RECORDED.replace("std::option::Option<", "core::option::Option<"),
            RECORDED.replace(";\n", ",\n"),
            String::new(),
        ] {
            assert_eq!(types(&other, &["v"]), Err("v".to_string()), "{other}");
        }
        assert_eq!(types(RECORDED, &["v", "w"]), Err("w".to_string()));
    }

    #[test]
    fn closures_and_functions_themselves_cannot_be_named() {
        for ty in [
            "{closure@cell.rs:1:2: 1:3}",
            "{async block@cell.rs:1:2: 1:3}",
            "fn(i32) -> i32 {f}",
            "std::iter::Map<A, {closure@x}>",
            "impl std::fmt::Debug",
        ] {
            assert!(!is_nameable(ty), "{ty}");
        }
        assert!(is_nameable("std::boxed::Box<dyn std::ops::Fn(i32) -> i32>"));
    }

    #[test]
    fn a_function_itself_has_a_pointer_type() {
        assert_eq!(function_pointer("fn(i32) -> i32 {f}"), Some("fn(i32) -> i32"));
        assert_eq!(function_pointer("for<'a> fn(&'a u8) {g}"), Some("for<'a> fn(&'a u8)"));
        assert_eq!(function_pointer("fn(i32) -> i32"), None);
        assert_eq!(function_pointer("{closure@cell.rs:1:2: 1:3}"), None);
    }
}
