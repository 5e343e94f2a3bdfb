//! Finds the places in a cell's own loops where the cell checks, at each turn, whether it was interrupted. Does not
//! know how it checks.

use syn::visit::{self, Visit};

/// The byte after the opening brace of each outermost loop's body. A `for` loop that only computes is left out: it
/// ends by itself, and a check at each turn would keep the optimiser from making it fast.
pub(super) fn of_statement(stmt: &syn::Stmt) -> Vec<usize> {
    let mut turns = Turns(Vec::new());
    turns.visit_stmt(stmt);
    turns.0
}

struct Turns(Vec<usize>);

impl Turns {
    /// Adds a body, unless it has inner attributes: no code may stand before those.
    fn add(&mut self, attributes: &[syn::Attribute], body: &syn::Block) {
        if attributes.iter().all(|attribute| matches!(attribute.style, syn::AttrStyle::Outer)) {
            self.0.push(body.brace_token.span.open().byte_range().end);
        }
    }
}

impl<'ast> Visit<'ast> for Turns {
    fn visit_expr_loop(&mut self, node: &'ast syn::ExprLoop) {
        self.add(&node.attrs, &node.body);
    }
    fn visit_expr_while(&mut self, node: &'ast syn::ExprWhile) {
        self.add(&node.attrs, &node.body);
    }
    fn visit_expr_for_loop(&mut self, node: &'ast syn::ExprForLoop) {
        let mut calls = Calls(false);
        calls.visit_block(&node.body);
        if calls.0 {
            self.add(&node.attrs, &node.body);
        }
    }
    /// Skips code that the compiler may evaluate, where no check for an interrupt can be made.
    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}
    fn visit_item(&mut self, _: &'ast syn::Item) {}
    fn visit_type(&mut self, _: &'ast syn::Type) {}
    fn visit_expr_repeat(&mut self, node: &'ast syn::ExprRepeat) {
        self.visit_expr(&node.expr);
    }
}

/// Whether a loop's body contains something that may take long: a call, a macro or another loop.
struct Calls(bool);

impl<'ast> Visit<'ast> for Calls {
    fn visit_expr(&mut self, node: &'ast syn::Expr) {
        use syn::Expr::{Await, Call, ForLoop, Loop, Macro, MethodCall, While};
        self.0 |= matches!(node, Await(_) | Call(_) | ForLoop(_) | Loop(_) | Macro(_) | MethodCall(_) | While(_));
        visit::visit_expr(self, node);
    }
    fn visit_stmt_macro(&mut self, _: &'ast syn::StmtMacro) {
        self.0 = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::spanned::Spanned;

    #[test]
    fn outermost_loops_are_found_where_they_may_last() {
        for (source, turns) in [
            ("let x = loop { break 1; };", vec![14]),
            ("while a { for b in c { f(); } }", vec![9]),
            ("for i in 0..n { s += i * i; }", vec![]),
            ("for i in 0..n { f(i); }", vec![15]),
            ("for i in 0..n { println!(); }", vec![15]),
            ("for i in 0..n { for j in 0..n { s += j; } }", vec![15]),
            ("const { loop {} };", vec![]),
            ("loop { #![allow(unused)] f(); }", vec![]),
            ("if a { loop {} } else { while b {} }", vec![13, 33]),
            ("f(|| loop { g(); });", vec![11]),
        ] {
            let stmt = syn::parse_str::<syn::Block>(&format!("{{{source}}}")).expect("Rust").stmts.remove(0);
            let offset = stmt.span().byte_range().start;
            let found: Vec<usize> = of_statement(&stmt).iter().map(|at| at - offset).collect();
            assert_eq!(found, turns, "{source}");
        }
    }
}
