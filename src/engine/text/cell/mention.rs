//! Which names a piece of Rust mentions, binds and assigns. Reads tokens and syntax only, never types. In doubt a name
//! counts as mentioned: to take one variable too many costs nothing.

use std::collections::BTreeSet;

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::{self, Visit};

/// A name that a top-level `let` binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binding {
    pub name: String,
    pub mutable: bool,
}

/// The name that an identifier has in a scope. A raw identifier that is no keyword is the same name as the plain one.
pub(super) fn name_of(ident: &Ident) -> String {
    let name = ident.to_string();
    match name.strip_prefix("r#") {
        Some(plain) if syn::parse_str::<Ident>(plain).is_ok() => plain.to_string(),
        _ => name,
    }
}

/// Every identifier in these tokens, including those inside macro calls and those that format strings capture
/// (`"{name}"`).
pub(super) fn of_tokens(tokens: TokenStream) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect(tokens, &mut names);
    names
}

fn collect(tokens: TokenStream, names: &mut BTreeSet<String>) {
    for tree in tokens {
        match tree {
            TokenTree::Ident(ident) => {
                names.insert(name_of(&ident));
            }
            TokenTree::Group(group) => collect(group.stream(), names),
            TokenTree::Literal(literal) => captured(&literal.to_string(), names),
            TokenTree::Punct(_) => {}
        }
    }
}

/// The identifiers in these tokens that may name an item by themselves: all but fields, methods, further segments of
/// a path and names of functions that are being defined. `crate::name`, `self::name` and `super::name` count as `name`.
pub(super) fn reads_of_tokens(tokens: TokenStream) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect_reads(tokens, false, &mut names);
    names
}

/// `inside_path`: whether the tokens are a group behind `::`, as in `use a::{b, c}`.
fn collect_reads(tokens: TokenStream, inside_path: bool, names: &mut BTreeSet<String>) {
    // What stands before the token: a dot of one character, `::` behind an ordinary name, the keyword `fn`.
    let (mut dots, mut colons, mut after_path_root, mut after_fn) = (0, 0, false, false);
    for tree in tokens {
        let behind_path = colons == 2 && !after_path_root;
        match tree {
            TokenTree::Ident(ident) => {
                let ident = name_of(&ident);
                after_path_root = ["crate", "self", "super"].contains(&ident.as_str());
                let is_part = dots == 1 || behind_path || after_fn || (inside_path && colons == 0);
                after_fn = ident == "fn";
                if !is_part {
                    names.insert(ident);
                }
                (dots, colons) = (0, 0);
                continue;
            }
            TokenTree::Group(group) => collect_reads(group.stream(), behind_path, names),
            TokenTree::Literal(literal) => captured(&literal.to_string(), names),
            TokenTree::Punct(punct) => {
                let character = punct.as_char();
                dots = if character == '.' { dots + 1 } else { 0 };
                colons = if character == ':' { colons + 1 } else { 0 };
                after_path_root &= character == ':';
                after_fn = false;
                continue;
            }
        }
        (dots, colons, after_path_root, after_fn) = (0, 0, false, false);
    }
}

/// Adds the names in braces of a string literal. Width and precision (`{:w$}`, `{:.p$}`) can be names as well.
fn captured(literal: &str, names: &mut BTreeSet<String>) {
    if !literal.contains('"') || !literal.contains('{') {
        return;
    }
    for inside in literal.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
        for word in inside.split(|c: char| !c.is_alphanumeric() && c != '_') {
            if word.starts_with(|c: char| c.is_alphabetic() || c == '_') {
                // A format string has raw identifiers without `r#`.
                let is_keyword = syn::parse_str::<Ident>(word).is_err();
                names.insert(if is_keyword { format!("r#{word}") } else { word.to_string() });
            }
        }
    }
}

/// Names that a statement may read. A `let`'s own pattern only binds names; the paths in it are not variables.
pub(super) fn of_statement(stmt: &syn::Stmt) -> BTreeSet<String> {
    let syn::Stmt::Local(local) = stmt else { return of_tokens(stmt.to_token_stream()) };
    let mut names = of_tokens(local.pat.to_token_stream());
    for bind in bindings(&local.pat) {
        names.remove(&bind.name);
    }
    if let Some(init) = &local.init {
        collect(init.expr.to_token_stream(), &mut names);
        if let Some((_, diverge)) = &init.diverge {
            collect(diverge.to_token_stream(), &mut names);
        }
    }
    names
}

/// The names that a pattern binds, in order. Constants and unit variants such as `None` look like bindings, and only
/// rustc can tell. A name that starts with a capital letter is therefore taken for one of those.
pub(super) fn bindings(pat: &syn::Pat) -> Vec<Binding> {
    struct Names(Vec<Binding>);
    impl<'ast> Visit<'ast> for Names {
        fn visit_pat_ident(&mut self, pat: &'ast syn::PatIdent) {
            let name = name_of(&pat.ident);
            if pat.subpat.is_some() || !name.starts_with(char::is_uppercase) {
                self.0.push(Binding { name, mutable: pat.mutability.is_some() });
            }
            visit::visit_pat_ident(self, pat);
        }
        fn visit_expr(&mut self, _: &'ast syn::Expr) {}
    }
    let mut names = Names(Vec::new());
    names.visit_pat(pat);
    names.0
}

/// Names that a statement assigns as a whole. An assignment can give a variable that was moved out of a value again.
pub(super) fn assigned(stmt: &syn::Stmt) -> BTreeSet<String> {
    struct Assigned(BTreeSet<String>);
    impl<'ast> Visit<'ast> for Assigned {
        fn visit_expr_assign(&mut self, assign: &'ast syn::ExprAssign) {
            self.0.extend(of_tokens(assign.left.to_token_stream()));
            visit::visit_expr_assign(self, assign);
        }
    }
    let mut assigned = Assigned(BTreeSet::new());
    assigned.visit_stmt(stmt);
    assigned.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn stmt(source: &str) -> syn::Stmt {
        syn::parse_str(source).expect("a statement")
    }

    #[test]
    fn format_strings_capture_names() {
        let names = of_statement(&stmt(r#"println!("{a} {b:?} {{c}} {:w$.p$}", x);"#));
        for name in ["a", "b", "w", "p", "x"] {
            assert!(names.contains(name), "{name} in {names:?}");
        }
    }

    #[test]
    fn a_raw_identifier_is_the_plain_one_unless_that_is_a_keyword() {
        let names = of_statement(&stmt(r#"r#type + r#name + format!("{type} {self}").len();"#));
        assert!(names.contains("r#type") && names.contains("name") && !names.contains("r#name"), "{names:?}");
        let syn::Stmt::Local(local) = stmt("let (r#fn, r#a) = x;") else { panic!("a let") };
        let names: Vec<String> = bindings(&local.pat).into_iter().map(|binding| binding.name).collect();
        assert_eq!(names, ["r#fn", "a"]);
    }

    #[test]
    fn a_pattern_binds_and_does_not_mention() {
        let local = stmt("let (a, Some(mut b), Point { c, .. }) = f(d) else { return };");
        let syn::Stmt::Local(pattern) = &local else { panic!("a let") };
        let names: Vec<_> = bindings(&pattern.pat).into_iter().map(|b| (b.name, b.mutable)).collect();
        assert_eq!(names, [("a".into(), false), ("b".into(), true), ("c".into(), false)]);
        assert!(of_statement(&local).contains("d"));
        assert!(!of_statement(&local).contains("b"));
    }

    #[test]
    fn assignments_to_a_whole_name_are_seen() {
        assert!(assigned(&stmt("{ x = f(x); }")).contains("x"));
        assert!(!assigned(&stmt("x += 1;")).contains("x"));
    }
}
