//! Tells whether a statement awaits outside of async blocks and async closures, so that its cell has to run as a future.

use crate::engine::text::tokens::is_punct;
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// Macros of tokio and futures that await what they are given. A macro that is not listed here is known from rustc's error
/// [E0728](https://doc.rust-lang.org/error_codes/E0728.html), which costs one more compilation.
const MACROS: [&str; 4] = ["join", "try_join", "select", "select_biased"];

pub(super) fn of_statement(stmt: &syn::Stmt) -> bool {
    let mut awaits = Awaits(false);
    awaits.visit_stmt(stmt);
    awaits.0
}

struct Awaits(bool);

impl<'ast> Visit<'ast> for Awaits {
    fn visit_expr_await(&mut self, _: &'ast syn::ExprAwait) {
        self.0 = true;
    }
    fn visit_macro(&mut self, node: &'ast syn::Macro) {
        let named = |name: &&str| node.path.segments.last().is_some_and(|last| last.ident == *name);
        self.0 |= MACROS.iter().any(named) || in_tokens(node.tokens.clone());
    }
    fn visit_expr_async(&mut self, _: &'ast syn::ExprAsync) {}
    /// Skips every closure: an async one is a future of its own, and in another one `.await` is an error in any cell.
    fn visit_expr_closure(&mut self, _: &'ast syn::ExprClosure) {}
    fn visit_item(&mut self, _: &'ast syn::Item) {}
    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}
    fn visit_stmt(&mut self, node: &'ast syn::Stmt) {
        if !self.0 {
            visit::visit_stmt(self, node);
        }
    }
}

/// Whether the arguments of a macro, whose grammar is not known, contain `.await` outside of `async { … }`.
fn in_tokens(tokens: TokenStream) -> bool {
    let (mut after_dot, mut after_async) = (false, false);
    for token in tokens {
        match &token {
            TokenTree::Ident(ident) if after_dot && ident == "await" => return true,
            TokenTree::Group(group) => {
                let is_block = group.delimiter() == Delimiter::Brace;
                if !(after_async && is_block) && in_tokens(group.stream()) {
                    return true;
                }
            }
            _ => {}
        }
        after_dot = is_punct(Some(&token), '.');
        after_async =
            matches!(&token, TokenTree::Ident(ident) if ident == "async" || (after_async && ident == "move"));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_await_counts_unless_it_is_in_a_future_of_its_own() {
        for (source, expected) in [
            ("let x = f().await?;", true),
            ("for x in v { if g(x).await { break; } }", true),
            ("println!(\"{}\", f(a, b.await));", true),
            ("let (a, b) = tokio::join!(f(), g());", true),
            ("let x = if a { 1 } else { futures::select! { y = b => y } };", true),
            ("let f = async { g().await };", false),
            ("let f = async move |x| g(x).await;", false),
            ("let f = |x| async move { g(x).await };", false),
            ("block_on(async { for i in 0..3 { f(i).await; } });", false),
            ("assert_eq!(block_on(async move { f().await }), 3);", false),
            ("thread.join().unwrap();", false),
            ("println!(\".await\");", false),
        ] {
            let block = syn::parse_str::<syn::Block>(&format!("{{{source}}}")).expect("Rust");
            assert_eq!(of_statement(&block.stmts[0]), expected, "{source}");
        }
    }
}
