//! Finds a cell's own outermost loops, which check whether the cell was interrupted. Says what each is made of and whether
//! its turns are brief; does not know how it checks.

use std::collections::BTreeSet;
use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::brief;

/// An outermost loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Turns {
    /// Bytes of the loop, from its label on.
    pub range: Range<usize>,
    /// Bytes of its body, braces included.
    pub body: Range<usize>,
    pub form: Form,
    /// The functions that a turn calls. `None` if a turn may take long whatever these are.
    pub calls: Option<BTreeSet<String>>,
    /// Whether it is worth finding out, while it runs, how long its turns take: not if they contain a macro, such as
    /// `println!`, or wait.
    pub may_be_short: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    For {
        iterator: Range<usize>,
        over: Over,
    },
    /// `lets`: whether the condition contains a `let`.
    While {
        condition: Range<usize>,
        lets: bool,
    },
    /// `breaks`: whether a `break` stands in it.
    Loop {
        breaks: bool,
    },
}

/// What a `for` loop goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// A range of literals, or an array, with at most `FEW` turns.
    Few,
    /// A range that is written as one.
    Range,
    Any,
}

/// Turns of a brief loop that needs no check.
const FEW: u128 = 4096;

/// The outermost loops of a statement, in order.
pub(super) fn of_statement(stmt: &syn::Stmt) -> Vec<Turns> {
    let mut loops = Loops { found: Vec::new(), closures: 0 };
    loops.visit_stmt(stmt);
    loops.found
}

struct Loops {
    found: Vec<Turns>,
    /// How many closures are around what is looked at.
    closures: usize,
}

impl Loops {
    fn add(&mut self, node: &impl Spanned, attributes: &[syn::Attribute], body: &syn::Block, form: Form) {
        // No code may stand before an inner attribute.
        if attributes.iter().any(|attribute| matches!(attribute.style, syn::AttrStyle::Inner(_))) {
            return;
        }
        let calls = brief::calls_of(|code| code.visit_block(body)).filter(|_| attributes.is_empty());
        let mut long = Long(false);
        long.visit_block(body);
        // rustc does not know that a strip which `break` ends is the last one: it refuses what is moved before the `break`.
        let breaks = !matches!(form, Form::Loop { .. }) && Breaks::within(body);
        // A closure may be called at each turn of another loop, and finding out would cost more than the loop.
        let may_be_short = attributes.is_empty() && !long.0 && !breaks && self.closures == 0;
        let body = body.span().byte_range();
        self.found.push(Turns { range: node.span().byte_range(), body, form, calls, may_be_short });
    }
}

impl<'ast> Visit<'ast> for Loops {
    fn visit_expr_loop(&mut self, node: &'ast syn::ExprLoop) {
        self.add(node, &node.attrs, &node.body, Form::Loop { breaks: Breaks::within(&node.body) });
    }
    fn visit_expr_while(&mut self, node: &'ast syn::ExprWhile) {
        let condition = node.cond.span().byte_range();
        self.add(node, &node.attrs, &node.body, Form::While { condition, lets: has_let(&node.cond) });
        let calls = brief::calls_of(|code| code.visit_expr(&node.cond));
        if let Some(turns) = self.found.last_mut() {
            turns.calls = turns.calls.take().zip(calls).map(|(body, condition)| &body | &condition);
        }
    }
    fn visit_expr_for_loop(&mut self, node: &'ast syn::ExprForLoop) {
        let over = match &*node.expr {
            iterator if literal_turns(iterator).is_some_and(|turns| turns <= FEW) => Over::Few,
            syn::Expr::Range(range) if is_of_integers(range) => Over::Range,
            _ => Over::Any,
        };
        self.visit_expr(&node.expr);
        self.add(node, &node.attrs, &node.body, Form::For { iterator: node.expr.span().byte_range(), over });
    }
    fn visit_expr_closure(&mut self, node: &'ast syn::ExprClosure) {
        self.closures += 1;
        visit::visit_expr_closure(self, node);
        self.closures -= 1;
    }
    /// Skips code that the compiler may evaluate, where no check for an interrupt can be made.
    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}
    fn visit_item(&mut self, _: &'ast syn::Item) {}
    fn visit_type(&mut self, _: &'ast syn::Type) {}
    fn visit_expr_repeat(&mut self, node: &'ast syn::ExprRepeat) {
        self.visit_expr(&node.expr);
    }
}

/// Whether turns certainly take longer than a check: they contain a macro or wait.
struct Long(bool);

impl<'ast> Visit<'ast> for Long {
    fn visit_macro(&mut self, _: &'ast syn::Macro) {
        self.0 = true;
    }
    fn visit_expr_await(&mut self, _: &'ast syn::ExprAwait) {
        self.0 = true;
    }
    fn visit_ident(&mut self, ident: &'ast syn::Ident) {
        self.0 |= ["sleep", "spawn", "join", "recv", "wait", "lock"].iter().any(|name| ident == name);
    }
}

/// Whether there is a `break`. Those in macros do not count: a loop with a macro that may break is not brief.
struct Breaks(bool);

impl Breaks {
    fn within(body: &syn::Block) -> bool {
        let mut breaks = Breaks(false);
        breaks.visit_block(body);
        breaks.0
    }
}

impl<'ast> Visit<'ast> for Breaks {
    fn visit_expr_break(&mut self, _: &'ast syn::ExprBreak) {
        self.0 = true;
    }
}

fn has_let(condition: &syn::Expr) -> bool {
    match condition {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

/// Whether a range has two ends that are not characters.
fn is_of_integers(range: &syn::ExprRange) -> bool {
    let is_char = |end: &syn::Expr| matches!(end, syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Char(_), .. }));
    let ends = (range.start.as_deref(), range.end.as_deref());
    matches!(ends, (Some(start), Some(end)) if !is_char(start) && !is_char(end))
}

/// How often a `for` over this expression runs: `0..10`, `1..=5`, `(0..10).rev()`, an array. `None` if literals do
/// not tell.
fn literal_turns(expr: &syn::Expr) -> Option<u128> {
    match expr {
        syn::Expr::Range(range) => {
            let start = range.start.as_deref().map_or(Some(0), literal)?;
            Some(literal(range.end.as_deref()?)?.saturating_sub(start) + 1)
        }
        syn::Expr::Paren(paren) => literal_turns(&paren.expr),
        syn::Expr::MethodCall(call) if call.method == "rev" || call.method == "iter" => {
            literal_turns(&call.receiver)
        }
        syn::Expr::Array(array) => Some(array.elems.len() as u128),
        syn::Expr::Reference(reference) => literal_turns(&reference.expr),
        _ => None,
    }
}

/// The value of an integer literal.
fn literal(expr: &syn::Expr) -> Option<u128> {
    match expr {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(int), .. }) => int.base10_parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The loops of the first statement of a text, each as the text of its body.
    fn loops(source: &str) -> Vec<(&str, Turns)> {
        let whole = syn::parse_str::<syn::Block>(&format!("{{{source}}}")).expect("Rust");
        let found = of_statement(&whole.stmts[0]);
        found.into_iter().map(|turns| (&source[turns.body.start - 1..turns.body.end - 1], turns)).collect()
    }

    #[test]
    fn outermost_loops_are_found() {
        for (source, bodies) in [
            ("let x = loop { break 1; };", vec!["{ break 1; }"]),
            ("while a { for b in c { f(); } }", vec!["{ for b in c { f(); } }"]),
            ("for i in 0..n { s += i * i; }", vec!["{ s += i * i; }"]),
            ("for i in { loop { break 0..3 } } { f(i); }", vec!["{ break 0..3 }", "{ f(i); }"]),
            ("const { loop {} };", vec![]),
            ("loop { #![allow(unused)] f(); }", vec![]),
            ("if a { loop {} } else { while b {} }", vec!["{}", "{}"]),
            ("f(|| loop { g(); });", vec!["{ g(); }"]),
        ] {
            let found: Vec<&str> = loops(source).into_iter().map(|(body, _)| body).collect();
            assert_eq!(found, bodies, "{source}");
        }
    }

    #[test]
    fn a_loop_says_what_its_turns_may_cost() {
        let some = |calls: &[&str]| Some(calls.iter().map(|call| call.to_string()).collect());
        for (source, calls) in [
            ("for i in 0..n { s = s.wrapping_add(i ^ (i >> 3)); }", some(&[])),
            ("while f(x) { x = g(x); }", some(&["f", "g"])),
            ("while v.iter().any(|x| x > 1) { x += 1; }", None),
            ("for i in v { for j in w { s += i * j; } }", None),
            ("for i in v { println!(\"{i}\"); }", None),
            ("loop { if x > 3 { break x; } x += 1; }", some(&[])),
            ("for i in v { s += w.iter().map(|x| x * i).sum(); }", None),
            ("#[allow(unused)] for i in 0..n { s += i; }", None),
        ] {
            assert_eq!(loops(source)[0].1.calls, calls, "{source}");
        }
    }

    #[test]
    fn a_turn_that_waits_or_prints_is_not_short() {
        for (source, may_be_short) in [
            ("for i in 0..n { for j in 0..m { s += a[i][j]; } }", true),
            ("for step in &steps { x = step(x); }", true),
            ("for i in 0..n { println!(\"{i}\"); }", false),
            ("for handle in handles { handle.join().unwrap(); }", false),
            ("for i in 0..n { if f(i) { drop(v); break; } }", false),
            ("loop { if f(i) { break; } }", true),
            ("v.for_each(|x| for y in &w { s += f(x, y); });", false),
        ] {
            assert_eq!(loops(source)[0].1.may_be_short, may_be_short, "{source}");
        }
    }

    #[test]
    fn a_for_loop_says_what_it_goes_over() {
        for (source, expected) in [
            ("for i in 0..10 {}", Over::Few),
            ("for i in [1, 2] {}", Over::Few),
            ("for i in 0..10_000 {}", Over::Range),
            ("for i in a..=b {}", Over::Range),
            ("for c in 'a'..'z' {}", Over::Any),
            ("for i in 0.. {}", Over::Any),
            ("for i in (0..n).rev() {}", Over::Any),
        ] {
            let Form::For { over, .. } = &loops(source)[0].1.form else { panic!("a for loop") };
            assert_eq!(*over, expected, "{source}");
        }
    }
}
