//! Tells which code is brief: short, without a loop, a closure or recursion, and calling only what is brief itself. A brief
//! function becomes `#[inline]`, because the cells that call it are crates of their own. A loop over brief code does not
//! check for an interrupt at each turn.

use std::collections::BTreeSet;

use quote::ToTokens;
use syn::visit::{self, Visit};

use super::attributes::after_attributes;
use super::mention;

/// Expressions in a brief function. A longer one gains little where it is inlined, and would be compiled in each cell that
/// calls it.
const SHORT: usize = 80;

/// Functions and methods of std that take constant time, or nearly so.
const LIGHT: &[&str] = &[
    "abs",
    "abs_diff",
    "abs_sub",
    "acos",
    "asin",
    "as_bytes",
    "as_deref",
    "as_mut",
    "as_ref",
    "as_slice",
    "as_str",
    "atan",
    "atan2",
    "cbrt",
    "ceil",
    "checked_add",
    "checked_div",
    "checked_mul",
    "checked_rem",
    "checked_sub",
    "clamp",
    "clone",
    "cmp",
    "copied",
    "copysign",
    "cos",
    "cosh",
    "count_ones",
    "count_zeros",
    "default",
    "div_ceil",
    "div_euclid",
    "eq",
    "exp",
    "exp2",
    "expect",
    "first",
    "floor",
    "fract",
    "from",
    "ge",
    "get",
    "get_mut",
    "get_unchecked",
    "gt",
    "hypot",
    "into",
    "is_alphabetic",
    "is_alphanumeric",
    "is_ascii_alphabetic",
    "is_ascii_digit",
    "is_ascii_lowercase",
    "is_ascii_punctuation",
    "is_ascii_uppercase",
    "is_ascii_whitespace",
    "is_digit",
    "is_empty",
    "is_err",
    "is_finite",
    "is_lowercase",
    "is_multiple_of",
    "is_nan",
    "is_negative",
    "is_none",
    "is_numeric",
    "is_ok",
    "is_positive",
    "is_power_of_two",
    "is_some",
    "is_uppercase",
    "is_whitespace",
    "isqrt",
    "last",
    "le",
    "leading_zeros",
    "len",
    "ln",
    "log",
    "log10",
    "log2",
    "lt",
    "max",
    "min",
    "mul_add",
    "ne",
    "new",
    "ok",
    "or",
    "overflowing_add",
    "overflowing_mul",
    "overflowing_sub",
    "partial_cmp",
    "pop",
    "pow",
    "powf",
    "powi",
    "push",
    "recip",
    "rem_euclid",
    "replace",
    "reverse_bits",
    "rotate_left",
    "rotate_right",
    "round",
    "saturating_add",
    "saturating_mul",
    "saturating_sub",
    "signum",
    "sin",
    "sin_cos",
    "sinh",
    "sqrt",
    "swap",
    "swap_bytes",
    "take",
    "tan",
    "tanh",
    "to_ascii_lowercase",
    "to_ascii_uppercase",
    "to_bits",
    "from_bits",
    "to_degrees",
    "to_radians",
    "total_cmp",
    "trailing_zeros",
    "trunc",
    "try_from",
    "try_into",
    "unsigned_abs",
    "unwrap",
    "unwrap_or",
    "unwrap_or_default",
    "wrapping_add",
    "wrapping_mul",
    "wrapping_neg",
    "wrapping_shl",
    "wrapping_shr",
    "wrapping_sub",
];

/// Macros whose expansion is as brief as their arguments. The arguments are not looked at.
const LIGHT_MACROS: &[&str] = &["matches", "panic", "unreachable", "todo", "unimplemented"];

/// What is known of a function or method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub brief: bool,
    /// Whether it has type parameters, its own or its `impl`'s: it is then compiled in the crates that call it.
    pub generic: bool,
    pub recursive: bool,
}

/// A function or method, which is brief if all that it calls is.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub name: String,
    /// Byte at which attributes of the function can be added.
    pub at: usize,
    pub function: Function,
    /// `None` if it is not brief, whatever it calls.
    calls: Option<BTreeSet<String>>,
}

/// The functions and methods of an item.
pub(super) fn candidates(stmt: &syn::Stmt) -> Vec<Candidate> {
    match stmt {
        syn::Stmt::Item(syn::Item::Fn(f)) => {
            vec![candidate(&f.attrs, &f.sig, &f.block, after_attributes(&f.attrs, f).start)]
        }
        syn::Stmt::Item(syn::Item::Impl(item)) => {
            let method = |method: &syn::ImplItem| match method {
                syn::ImplItem::Fn(f) => {
                    let mut found = candidate(&f.attrs, &f.sig, &f.block, after_attributes(&f.attrs, f).start);
                    found.function.generic |= is_generic(&item.generics);
                    Some(found)
                }
                _ => None,
            };
            item.items.iter().filter_map(method).collect()
        }
        _ => Vec::new(),
    }
}

fn candidate(attributes: &[syn::Attribute], sig: &syn::Signature, body: &syn::Block, at: usize) -> Candidate {
    let harmless = |a: &syn::Attribute| ["doc", "allow", "must_use"].iter().any(|name| a.path().is_ident(name));
    let plain = attributes.iter().all(harmless) && sig.abi.is_none() && sig.asyncness.is_none();
    let calls = calls_of(|code| code.visit_block(body)).filter(|_| plain);
    let name = sig.ident.to_string();
    let inputs = sig.inputs.to_token_stream();
    let function = Function {
        brief: false,
        generic: is_generic(&sig.generics) || mention::of_tokens(inputs).contains("impl"),
        recursive: mention::of_tokens(body.to_token_stream()).contains(&name),
    };
    Candidate { name, at, function, calls }
}

fn is_generic(generics: &syn::Generics) -> bool {
    generics.params.iter().any(|parameter| !matches!(parameter, syn::GenericParam::Lifetime(_)))
}

/// Finds out which functions of a cell are brief. Functions that call each other in a circle are not, since each waits for
/// the other.
pub(super) fn judge(candidates: &mut [Candidate]) {
    let mut brief: BTreeSet<String> = BTreeSet::new();
    loop {
        let is_ready =
            |c: &Candidate| !c.function.brief && c.calls.as_ref().is_some_and(|calls| calls.is_subset(&brief));
        let ready: Vec<usize> = (0..candidates.len()).filter(|at| is_ready(&candidates[*at])).collect();
        if ready.is_empty() {
            return;
        }
        for at in ready {
            candidates[at].function.brief = true;
            brief.insert(candidates[at].name.clone());
        }
    }
}

/// The functions and methods that code calls, without those of std that are light. `None` if the code is not brief,
/// whatever these are.
pub(super) fn calls_of(visit: impl FnOnce(&mut Code)) -> Option<BTreeSet<String>> {
    let mut code = Code { calls: BTreeSet::new(), size: 0, brief: true };
    visit(&mut code);
    (code.brief && code.size <= SHORT).then_some(code.calls)
}

pub(super) struct Code {
    calls: BTreeSet<String>,
    size: usize,
    brief: bool,
}

impl Code {
    fn call(&mut self, name: String) {
        // What begins with a capital letter constructs a value: `Some(x)`.
        if !LIGHT.contains(&name.as_str()) && !name.starts_with(char::is_uppercase) {
            self.calls.insert(name);
        }
    }

    fn call_macro(&mut self, call: &syn::Macro) {
        self.brief &=
            call.path.segments.last().is_some_and(|last| LIGHT_MACROS.iter().any(|name| last.ident == name));
    }
}

impl<'ast> Visit<'ast> for Code {
    fn visit_expr(&mut self, node: &'ast syn::Expr) {
        use syn::Expr::{Async, Await, Closure, Const, ForLoop, Loop, Repeat, Verbatim, While, Yield};
        self.size += 1;
        self.brief &= !matches!(
            node,
            Async(_)
                | Await(_)
                | Closure(_)
                | Const(_)
                | ForLoop(_)
                | Loop(_)
                | Repeat(_)
                | Verbatim(_)
                | While(_)
                | Yield(_)
        );
        visit::visit_expr(self, node);
    }
    fn visit_expr_call(&mut self, node: &'ast syn::ExprCall) {
        match &*node.func {
            syn::Expr::Path(path) => match path.path.segments.last() {
                Some(last) => self.call(last.ident.to_string()),
                None => self.brief = false,
            },
            _ => self.brief = false,
        }
        visit::visit_expr_call(self, node);
    }
    fn visit_expr_method_call(&mut self, node: &'ast syn::ExprMethodCall) {
        self.call(node.method.to_string());
        visit::visit_expr_method_call(self, node);
    }
    fn visit_macro(&mut self, node: &'ast syn::Macro) {
        self.call_macro(node);
    }
    fn visit_item(&mut self, _: &'ast syn::Item) {
        self.brief = false;
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::text::cell::Cell;

    /// The names of a cell's brief functions.
    fn brief(source: &str) -> Vec<String> {
        let items = Cell::parse(source).parts.expect("Rust").items;
        items
            .into_iter()
            .flat_map(|item| item.functions)
            .filter(|(_, function)| function.brief)
            .map(|(name, _)| name)
            .collect()
    }

    #[test]
    fn short_code_that_calls_only_such_code_is_brief() {
        assert_eq!(
            brief("fn sq(x: f64) -> f64 { x * x }\nfn d(x: f64) -> f64 { (sq(x) + 1.0).sqrt() }"),
            ["sq", "d"]
        );
        assert_eq!(
            brief("struct P(f64);\nimpl P { fn new(x: f64) -> P { P(x) } fn all(&self) { for i in 0..3 {} } }"),
            ["new"]
        );
        assert_eq!(
            brief("fn even(n: u8) -> bool { n == 0 || odd(n - 1) }\nfn odd(n: u8) -> bool { even(n - 1) }").len(),
            0
        );
        for source in [
            "fn fib(n: u64) -> u64 { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } }",
            "fn sum(v: &[f64]) -> f64 { v.iter().sum() }",
            "fn run(f: fn()) { (f)() }",
            "fn say() { println!(\"x\") }",
            "#[inline(never)] fn f() {}",
            "extern \"C\" fn f() {}",
        ] {
            assert!(brief(source).is_empty(), "{source}");
        }
    }

    #[test]
    fn a_brief_function_is_inlined_whatever_its_visibility() {
        for (source, expected) in [
            ("fn f() {}", "#[inline] pub "),
            ("pub fn f() {}", "#[inline] "),
            ("pub(crate) fn f() {}", "#[inline] pub"),
        ] {
            let items = Cell::parse(source).parts.expect("Rust").items;
            let edits: Vec<&str> = items[0].edits.iter().map(|edit| edit.text.as_str()).collect();
            assert_eq!(edits, [expected], "{source}");
        }
    }
}
