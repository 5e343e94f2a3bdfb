//! Finds where a statement mentions variables that the generated code has by reference, so that each mention can be written
//! as the place behind the reference: `(*name)`. Reads syntax only, never types, and follows the scopes of names.
//!
//! A macro of std is read as what it is given: expressions. Another macro is read so if its text looks like expressions; a
//! name that is an argument by itself stays as it is there, because the macro may want a name.

use std::collections::BTreeSet;
use std::ops::Range;

use proc_macro2::TokenStream;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::Visit;

use super::{depth, mention};
use crate::engine::text::tokens::MACROS_OF_EXPRESSIONS;

/// A mention of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Bytes of the cell.
    pub range: Range<usize>,
    /// Whether it is a field of the same name as well, as in `Point { x }`.
    pub is_field: bool,
}

/// The places in the statement at `range` of a cell's text where one of these variables is mentioned, in order.
pub(crate) fn places(source: &str, range: &Range<usize>, names: &BTreeSet<String>) -> Vec<Place> {
    let text = &source[range.clone()];
    let Ok(tokens) = text.parse::<TokenStream>() else { return Vec::new() };
    let found = depth::with_room(tokens, || {
        let Ok(statements) = syn::Block::parse_within.parse_str(text) else { return Vec::new() };
        let mut places = Places { names: names.clone(), found: Vec::new() };
        places.statements(&statements);
        places.found
    });
    let mut found = found.unwrap_or_default();
    for place in &mut found {
        place.range = place.range.start + range.start..place.range.end + range.start;
    }
    found.sort_by_key(|place| place.range.start);
    found.dedup();
    found
}

struct Places {
    /// The variables, without those whose names mean something else where the visitor is.
    names: BTreeSet<String>,
    found: Vec<Place>,
}

impl Places {
    fn hide(&mut self, pattern: &syn::Pat) {
        for binding in mention::bindings(pattern) {
            self.names.remove(&binding.name);
        }
    }

    /// Visits a scope: names that are bound within it end with it.
    fn scope(&mut self, visit: impl FnOnce(&mut Places)) {
        let outside = self.names.clone();
        visit(self);
        self.names = outside;
    }

    fn statements(&mut self, statements: &[syn::Stmt]) {
        for statement in statements {
            let syn::Stmt::Item(item) = statement else { continue };
            let name = match item {
                syn::Item::Fn(item) => &item.sig.ident,
                syn::Item::Const(item) => &item.ident,
                syn::Item::Static(item) => &item.ident,
                _ => continue,
            };
            self.names.remove(&name.to_string());
        }
        statements.iter().for_each(|statement| self.visit_stmt(statement));
    }

    fn mentioned(&mut self, path: &syn::Path) -> bool {
        path.get_ident().is_some_and(|ident| self.names.contains(&ident.to_string()))
    }

    fn expressions(&mut self, tokens: &TokenStream, name: &str) {
        let of_std = MACROS_OF_EXPRESSIONS.contains(&name);
        let list = |input: ParseStream| Punctuated::<syn::Expr, syn::Token![,]>::parse_terminated(input);
        let repeated = |input: ParseStream| {
            let value = input.parse::<syn::Expr>()?;
            input.parse::<syn::Token![;]>()?;
            Ok(vec![value, input.parse()?])
        };
        // `matches!(value, pattern)`
        let first = |input: ParseStream| {
            let value = input.parse::<syn::Expr>()?;
            input.parse::<syn::Token![,]>()?;
            input.parse::<TokenStream>()?;
            Ok(vec![value])
        };
        let parsed = match name {
            "matches" => first.parse2(tokens.clone()),
            _ => {
                let parsed = list.parse2(tokens.clone()).map(|list| list.into_iter().collect());
                parsed.or_else(|_| repeated.parse2(tokens.clone()))
            }
        };
        for expression in parsed.unwrap_or_default() {
            match &expression {
                syn::Expr::Path(_) if !of_std => {}
                // A named argument of a format string.
                syn::Expr::Assign(named) if matches!(*named.left, syn::Expr::Path(_)) => {
                    self.visit_expr(&named.right);
                }
                expression => self.visit_expr(expression),
            }
        }
    }
}

impl<'ast> Visit<'ast> for Places {
    fn visit_block(&mut self, block: &'ast syn::Block) {
        self.scope(|places| places.statements(&block.stmts));
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if let Some(init) = &local.init {
            self.visit_expr(&init.expr);
            if let Some((_, diverge)) = &init.diverge {
                self.visit_expr(diverge);
            }
        }
        self.hide(&local.pat);
    }

    fn visit_expr_let(&mut self, node: &'ast syn::ExprLet) {
        self.visit_expr(&node.expr);
        self.hide(&node.pat);
    }

    fn visit_expr_if(&mut self, node: &'ast syn::ExprIf) {
        self.scope(|places| {
            places.visit_expr(&node.cond);
            places.visit_block(&node.then_branch);
        });
        if let Some((_, otherwise)) = &node.else_branch {
            self.visit_expr(otherwise);
        }
    }

    fn visit_expr_while(&mut self, node: &'ast syn::ExprWhile) {
        self.scope(|places| {
            places.visit_expr(&node.cond);
            places.visit_block(&node.body);
        });
    }

    fn visit_expr_for_loop(&mut self, node: &'ast syn::ExprForLoop) {
        self.visit_expr(&node.expr);
        self.scope(|places| {
            places.hide(&node.pat);
            places.visit_block(&node.body);
        });
    }

    fn visit_expr_closure(&mut self, node: &'ast syn::ExprClosure) {
        self.scope(|places| {
            node.inputs.iter().for_each(|input| places.hide(input));
            places.visit_expr(&node.body);
        });
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        self.scope(|places| {
            places.hide(&arm.pat);
            if let syn::Pat::Guard(guarded) = &arm.pat {
                places.visit_expr(&guarded.guard);
            }
            places.visit_expr(&arm.body);
        });
    }

    fn visit_expr_path(&mut self, node: &'ast syn::ExprPath) {
        if node.qself.is_none() && self.mentioned(&node.path) {
            self.found.push(Place { range: node.span().byte_range(), is_field: false });
        }
    }

    fn visit_field_value(&mut self, field: &'ast syn::FieldValue) {
        let before = self.found.len();
        self.visit_expr(&field.expr);
        if field.colon_token.is_none() {
            self.found[before..].iter_mut().for_each(|place| place.is_field = true);
        }
    }

    fn visit_macro(&mut self, node: &'ast syn::Macro) {
        let name = node.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
        self.expressions(&node.tokens, &name);
    }

    // Neither mentions a variable of the cell.
    fn visit_pat(&mut self, _: &'ast syn::Pat) {}
    fn visit_type(&mut self, _: &'ast syn::Type) {}
    fn visit_item(&mut self, _: &'ast syn::Item) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The statement with its mentions of `v` in brackets.
    #[track_caller]
    fn marked(statement: &str) -> String {
        let source = format!("é; {statement}");
        let mut marked = String::new();
        let mut at = 4;
        for place in places(&source, &(4..source.len()), &BTreeSet::from(["v".to_string()])) {
            marked += &source[at..place.range.start];
            marked += if place.is_field { "<" } else { "[" };
            marked += &source[place.range.clone()];
            marked += if place.is_field { ">" } else { "]" };
            at = place.range.end;
        }
        marked + &source[at..]
    }

    #[test]
    fn mentions_of_a_variable_are_found() {
        for (plain, statement) in [
            ("let a = v.len() + s.v + v::f(m::v);", "let a = [v].len() + s.v + v::f(m::v);"),
            ("v += 1", "[v] += 1"),
            ("for x in &v { f(v[x], S { v, w: v }); }", "for x in &[v] { f([v][x], S { <v>, w: [v] }); }"),
            ("let c = move |x| x + v;", "let c = move |x| x + [v];"),
            ("println!(\"{} {v} {n}\", v.len(), n = v);", "println!(\"{} {v} {n}\", [v].len(), n = [v]);"),
            ("let a = vec![v; 3];", "let a = vec![[v]; 3];"),
            ("assert!(matches!(v, Some(v)));", "assert!(matches!([v], Some(v)));"),
            ("ours!(v, &v, v + 1)", "ours!(v, &[v], [v] + 1)"),
            ("json!({ \"v\": v })", "json!({ \"v\": v })"),
            ("'a: while v > 1 { if v == 2 { break 'a; } }", "'a: while [v] > 1 { if [v] == 2 { break 'a; } }"),
        ] {
            assert_eq!(marked(plain), statement);
        }
    }

    #[test]
    fn names_that_mean_something_else_are_left() {
        for statement in [
            "let v = [v];",
            "{ let v = [v]; v; } [v];",
            "let f = |v| v + 1;",
            "if let Some(v) = [v] && v { v } else { [v] }",
            "while let Some(v) = [v] { v; }",
            "match [v] { Some(v) if v => v, _ => [v] }",
            "for v in [v] { v; }",
            "{ fn v() {} v(); }",
            "{ fn f(v: u8) -> u8 { v } f([v]) }",
            "let Some(x) = [v] else { [v]; return };",
        ] {
            assert_eq!(marked(&statement.replace("[v]", "v")), statement);
        }
    }
}
