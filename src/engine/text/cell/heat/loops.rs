//! How often loops run, as far as their text tells.

use std::collections::BTreeSet;

use quote::ToTokens;
use syn::visit::{self, Visit};

use super::Code;
use super::methods;
use super::size::{Size, UNKNOWN};
use crate::engine::text::cell::mention;

/// The turns that a loop counts as if it divides, or spends its time elsewhere.
const SOME: u64 = 1000;

impl Code {
    pub(super) fn for_loop(&mut self, node: &syn::ExprForLoop) -> Size {
        let over = self.expr(&node.expr);
        self.bind(&node.pat, &over.element());
        let turns = if over.len > SOME && waits_each_turn(&node.body) { SOME } else { over.len };
        if !waits_each_turn(&node.body) {
            self.depends_on(&over);
        }
        let each = over.each;
        self.repeat(turns, |code| {
            code.spend(each);
            code.block(&node.body);
        });
        Size::default()
    }

    /// How often a `while` loop runs.
    pub(super) fn turns_of_while(&mut self, condition: &syn::Expr, body: &syn::Block) -> u64 {
        if waits_each_turn(body) || waits(&condition.to_token_stream()) {
            return SOME;
        }
        if let syn::Expr::Let(node) = condition
            && let syn::Expr::MethodCall(call) = &*node.expr
            && let syn::Expr::Path(path) = &*call.receiver
            && let Some(name) = path.path.get_ident()
        {
            // `while let Some(x) = stack.pop()`. What the loop itself adds comes on top.
            let size = self.path(path);
            self.depends_on(&size);
            let grows = changes(body, &name.to_string(), &["push", "push_back", "insert", "extend", "push_front"]);
            return if grows { size.len.max(SOME) } else { size.len };
        }
        self.turns_until(condition, body).unwrap_or(UNKNOWN)
    }

    pub(super) fn turns_of_loop(&mut self, body: &syn::Block) -> u64 {
        if waits_each_turn(body) {
            return SOME;
        }
        let exit = body.stmts.iter().find_map(|stmt| match stmt {
            syn::Stmt::Expr(syn::Expr::If(node), _) if mentions(&node.then_branch, "break") => Some(&*node.cond),
            _ => None,
        });
        exit.and_then(|condition| self.turns_until(condition, body)).unwrap_or(UNKNOWN)
    }

    /// How often a loop runs that goes on while, or until, this condition holds. `None` if nothing tells.
    fn turns_until(&mut self, condition: &syn::Expr, body: &syn::Block) -> Option<u64> {
        let names = mention::of_tokens(condition.to_token_stream());
        let changed = Changed::of(body);
        if names.iter().any(|name| changed.divided.contains(name)) || names.contains("abs") {
            return Some(SOME);
        }
        if names.iter().any(|name| changed.counted.contains(name)) {
            let size = self.comparison(condition)?;
            self.depends_on(&size);
            return Some(size.value.saturating_add(1));
        }
        None
    }

    /// The larger of what a condition compares.
    fn comparison(&mut self, condition: &syn::Expr) -> Option<Size> {
        match condition {
            syn::Expr::Binary(binary) => match binary.op {
                syn::BinOp::And(_) => self.comparison(&binary.left).or_else(|| self.comparison(&binary.right)),
                syn::BinOp::Or(_) => None,
                _ => {
                    let mut sides = Size::default();
                    self.apart(|code| sides = code.expr(&binary.left).or(code.expr(&binary.right)));
                    Some(sides)
                }
            },
            syn::Expr::Paren(paren) => self.comparison(&paren.expr),
            _ => None,
        }
    }
}

fn mentions(node: &impl ToTokens, name: &str) -> bool {
    node.to_token_stream().to_string().split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
}

fn waits(tokens: &proc_macro2::TokenStream) -> bool {
    mention::of_tokens(tokens.clone()).iter().any(|name| methods::waits(name))
}

/// Whether each turn prints, waits or starts something: in a statement of the body, not only in some case.
fn waits_each_turn(body: &syn::Block) -> bool {
    let in_each_case = |expr: &syn::Expr| match expr {
        syn::Expr::If(node) => {
            let other = node.else_branch.as_ref().map(|(_, other)| other.to_token_stream());
            waits_each_turn(&node.then_branch) && other.is_some_and(|other| waits(&other))
        }
        syn::Expr::Match(node) => node.arms.iter().all(|arm| waits(&arm.body.to_token_stream())),
        syn::Expr::ForLoop(_) | syn::Expr::While(_) | syn::Expr::Loop(_) => false,
        other => waits(&other.to_token_stream()),
    };
    body.stmts.iter().any(|stmt| match stmt {
        syn::Stmt::Expr(expr, _) => in_each_case(expr),
        syn::Stmt::Item(_) => false,
        stmt => waits(&stmt.to_token_stream()),
    })
}

/// Whether one of these methods is called on this variable.
fn changes(body: &syn::Block, name: &str, calls: &[&str]) -> bool {
    let text: String = body.to_token_stream().to_string().split_whitespace().collect();
    calls.iter().any(|call| text.contains(&format!("{name}.{call}(")))
}

/// The variables that the body of a loop counts up or down, and those that it divides.
#[derive(Default)]
struct Changed {
    counted: BTreeSet<String>,
    divided: BTreeSet<String>,
}

impl Changed {
    fn of(body: &syn::Block) -> Changed {
        let mut changed = Changed::default();
        changed.visit_block(body);
        changed
    }
}

impl<'ast> Visit<'ast> for Changed {
    fn visit_expr_binary(&mut self, node: &'ast syn::ExprBinary) {
        use syn::BinOp::{AddAssign, DivAssign, MulAssign, ShrAssign, SubAssign};
        let names = || mention::of_tokens(node.left.to_token_stream());
        match node.op {
            AddAssign(_) | SubAssign(_) | MulAssign(_) => self.counted.extend(names()),
            DivAssign(_) | ShrAssign(_) => self.divided.extend(names()),
            _ => {}
        }
        visit::visit_expr_binary(self, node);
    }
    fn visit_expr_assign(&mut self, node: &'ast syn::ExprAssign) {
        let (names, value) = (mention::of_tokens(node.left.to_token_stream()), &node.right);
        let text = value.to_token_stream().to_string();
        // As Euclid does; by a literal it is a generator of random numbers, which goes on.
        let by_variable =
            text.split('%').skip(1).any(|after| after.trim_start().starts_with(|c: char| c.is_alphabetic()));
        match () {
            () if text.contains('/') || text.contains(">>") || by_variable => self.divided.extend(names),
            () if text.contains('+') || text.contains('-') => self.counted.extend(names),
            () => {}
        }
        visit::visit_expr_assign(self, node);
    }
}
