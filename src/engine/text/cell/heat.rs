//! Decides which cells are optimised when nobody says it (`:opt auto`).
//!
//! The rule: a cell's statements are optimised if their own code may do more work than compiling it at level 2 costs. Work
//! is counted in expressions that are evaluated, from the text alone:
//!
//! - A loop, a consumed iterator, a sort, or an allocation does its work as often as there are turns or elements. Literals
//!   tell how many, also through variables of the cell: `let v = vec![3, 1, 2]; v.sort()` is little. What is not told is
//!   taken for many.
//! - A variable of an earlier cell is few if that cell's text told so, which the scope remembers.
//! - A closure works when it is called, or for each element of the iterator that it is given to.
//! - A function of the session is optimised with its own cell, so calling it is one expression. One with type parameters is
//!   compiled in the calling cell: it counts as a loop if it is not brief and its arguments are not few.
//!   A recursive one that is called often counts too: what it makes is dropped by code of the cell.
//! - A loop that prints, waits or starts something at each turn spends its time elsewhere: it counts as a thousand turns.
//! - A `while` that counts up or down has as many turns as it counts; one that divides, few.
//! - Whatever `%time`, `%%time` or `%timeit` measures is optimised.
//!
//! Only sizes are guessed, so a wrong guess costs time and never a result.

mod calls;
mod loops;
mod methods;
mod size;

use std::collections::{BTreeMap, BTreeSet};

use quote::ToTokens;

use super::mention;
use size::{SMALL, Size, UNKNOWN};

/// Expressions evaluated from which optimising pays. An expression costs about 5 ns at level 0, and optimising a small cell
/// costs about 20 ms.
const WORTH: u64 = 4_000_000;

/// Calls of a function that are often.
const OFTEN: u64 = 50;

/// The bound up to which a variable is small for later cells, which may add to it.
const STILL_SMALL: u64 = 10 * SMALL;

/// Work for each element of an iterator, and each turn of a loop, beside what is done with it.
const STEP: u64 = 3;

/// What the text of a cell's statements says of how long they may run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heat {
    /// Whether they are optimised in any case.
    pub hot: bool,
    /// Variables of earlier cells, of which none may be large if the cell is not to be hot.
    pub sizes: BTreeSet<String>,
    /// Functions that are called.
    pub calls: BTreeMap<String, Called>,
    /// The variables that the cell binds or changes, each with those variables of earlier cells that have to be small for
    /// it to be. `None`: it is not small.
    pub after: BTreeMap<String, Option<BTreeSet<String>>>,
}

/// How a function is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Called {
    /// The variables that have to be small for its arguments to be. `None`: they are not small.
    pub few: Option<BTreeSet<String>>,
    pub often: bool,
}

/// The heat of a cell's statements, in order.
pub(super) fn of_statements<'a>(statements: impl IntoIterator<Item = &'a syn::Stmt>) -> Heat {
    let mut code = Code::default();
    for stmt in statements {
        code.statement(stmt);
    }
    let small = |size: Size| (size.most() <= STILL_SMALL).then_some(size.of);
    code.heat.after =
        std::mem::take(&mut code.variables).into_iter().map(|(name, size)| (name, small(size))).collect();
    code.heat.hot |= code.work > WORTH;
    code.heat
}

#[derive(Default)]
struct Code {
    heat: Heat,
    work: u64,
    /// How often the code that is looked at runs.
    rounds: u64,
    /// For how many elements the closure that is looked at is called.
    elements: u64,
    /// Variables that the cell binds or changes.
    variables: BTreeMap<String, Size>,
    /// The work of one call of a closure that the cell binds.
    closures: BTreeMap<String, u64>,
}

impl Code {
    fn spend(&mut self, work: u64) {
        self.work = self.work.saturating_add(work.saturating_mul(self.rounds.max(1)));
    }

    /// Notes that work depends on this size.
    fn depends_on(&mut self, size: &Size) {
        self.heat.sizes.extend(size.of.iter().cloned());
    }

    fn statement(&mut self, stmt: &syn::Stmt) {
        match stmt {
            syn::Stmt::Local(local) => {
                let Some(init) = &local.init else { return };
                if let (syn::Pat::Ident(name), syn::Expr::Closure(closure)) = (&local.pat, &*init.expr) {
                    let (work, _) = self.closure(closure, &Size::unknown());
                    self.closures.insert(name.ident.to_string(), work);
                    return;
                }
                let size = self.expr(&init.expr);
                self.bind(&local.pat, &size);
                if let Some((_, diverge)) = &init.diverge {
                    self.expr(diverge);
                }
            }
            syn::Stmt::Expr(expr, _) => drop(self.expr(expr)),
            syn::Stmt::Macro(call) => drop(self.call_macro(&call.mac)),
            // A function in a block is compiled with the cell.
            syn::Stmt::Item(syn::Item::Fn(f)) => {
                let name = f.sig.ident.to_string();
                self.heat.hot |= mention::of_tokens(f.block.to_token_stream()).contains(&name);
                self.apart(|code| drop(code.block(&f.block)));
            }
            syn::Stmt::Item(_) => {}
        }
    }

    fn block(&mut self, block: &syn::Block) -> Size {
        let (last, rest) = match block.stmts.split_last() {
            Some((syn::Stmt::Expr(last, None), rest)) => (Some(last), rest),
            _ => (None, block.stmts.as_slice()),
        };
        rest.iter().for_each(|stmt| self.statement(stmt));
        last.map_or_else(Size::default, |last| self.expr(last))
    }

    fn bind(&mut self, pat: &syn::Pat, size: &Size) {
        let size = match pat {
            syn::Pat::Ident(_) | syn::Pat::Type(_) => size.clone(),
            _ => Size { len: size.most(), value: size.most(), ..size.clone() },
        };
        for binding in mention::bindings(pat) {
            self.closures.remove(&binding.name);
            self.variables.insert(binding.name, size.clone());
        }
    }

    /// Looks at code that runs once for each call of something. Returns the work of one call.
    fn apart(&mut self, look: impl FnOnce(&mut Code)) -> u64 {
        let (work, rounds) = (std::mem::take(&mut self.work), std::mem::replace(&mut self.rounds, 1));
        look(self);
        self.rounds = rounds;
        std::mem::replace(&mut self.work, work)
    }

    /// The work of one call of the closure and the size of what it returns. `argument` is the size of its arguments.
    fn closure(&mut self, closure: &syn::ExprClosure, argument: &Size) -> (u64, Size) {
        closure.inputs.iter().for_each(|pat| self.bind(pat, argument));
        let mut size = Size::default();
        let work = self.apart(|code| size = code.expr(&closure.body));
        (work, size)
    }

    /// Looks at a body that runs this often.
    fn repeat(&mut self, turns: u64, body: impl FnOnce(&mut Code)) {
        let outer = self.rounds.max(1);
        self.rounds = outer.saturating_mul(turns);
        self.spend(STEP);
        body(self);
        self.rounds = outer;
    }

    fn exprs<'a>(&mut self, exprs: impl IntoIterator<Item = &'a syn::Expr>) -> Size {
        let sizes: Vec<Size> = exprs.into_iter().map(|expr| self.expr(expr)).collect();
        sizes.into_iter().fold(Size::default(), Size::or)
    }

    /// Looks at an expression, and returns the size of its value.
    fn expr(&mut self, expr: &syn::Expr) -> Size {
        use syn::Expr;
        self.spend(1);
        match expr {
            Expr::Lit(lit) => literal(&lit.lit),
            Expr::Path(path) => self.path(path),
            Expr::Array(array) => self.collection(array.elems.iter()),
            Expr::Tuple(tuple) => self.exprs(&tuple.elems),
            Expr::Struct(e) => self.exprs(e.fields.iter().map(|field| &field.expr)),
            Expr::Repeat(repeat) => {
                let (element, len) = (self.expr(&repeat.expr), self.expr(&repeat.len));
                self.elements(element, &len)
            }
            Expr::Range(range) => self.range(range),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Assign(assign) => {
                let size = self.expr(&assign.right);
                self.assign(&assign.left, size);
                Size::default()
            }
            Expr::Index(index) => {
                let (whole, at) = (self.expr(&index.expr), self.expr(&index.index));
                if matches!(&*index.index, Expr::Range(_)) {
                    return Size { len: whole.len.min(at.len), ..whole };
                }
                whole.element()
            }
            Expr::MethodCall(call) => self.method(call),
            Expr::Call(call) => self.call(call),
            Expr::Macro(call) => self.call_macro(&call.mac),
            Expr::Closure(closure) => {
                // Called by whom it is given to: once, as `spawn` does.
                let (work, size) = self.closure(closure, &Size::unknown());
                self.spend(work);
                size
            }
            _ => self.control_flow(expr),
        }
    }

    fn control_flow(&mut self, expr: &syn::Expr) -> Size {
        use syn::Expr;
        match expr {
            Expr::ForLoop(node) => self.for_loop(node),
            Expr::While(node) => {
                let turns = self.turns_of_while(&node.cond, &node.body);
                self.repeat(turns, |code| {
                    code.expr(&node.cond);
                    code.block(&node.body);
                });
                Size::default()
            }
            Expr::Loop(node) => {
                let turns = self.turns_of_loop(&node.body);
                self.repeat(turns, |code| drop(code.block(&node.body)));
                Size::unknown()
            }
            Expr::Let(node) => {
                let size = self.expr(&node.expr);
                self.bind(&node.pat, &size);
                size
            }
            Expr::If(node) => {
                self.expr(&node.cond);
                let then = self.block(&node.then_branch);
                node.else_branch.iter().map(|(_, other)| self.expr(other)).fold(then, Size::or)
            }
            Expr::Match(node) => {
                let size = self.expr(&node.expr);
                let mut result = Size::default();
                for arm in &node.arms {
                    self.bind(&arm.pat, &size);
                    result = result.or(self.expr(&arm.body));
                }
                result
            }
            Expr::Block(node) => self.block(&node.block),
            Expr::Unsafe(node) => self.block(&node.block),
            Expr::Async(node) => self.block(&node.block),
            Expr::Await(node) => self.expr(&node.base),
            Expr::Paren(node) => self.expr(&node.expr),
            Expr::Group(node) => self.expr(&node.expr),
            Expr::Reference(node) => self.expr(&node.expr),
            Expr::Unary(node) => self.expr(&node.expr),
            Expr::Cast(node) => self.expr(&node.expr),
            Expr::Try(node) => self.expr(&node.expr),
            Expr::Field(node) => self.expr(&node.base),
            Expr::Break(node) => node.expr.as_deref().map_or_else(Size::default, |value| self.expr(value)),
            Expr::Return(node) => node.expr.as_deref().map_or_else(Size::default, |value| self.expr(value)),
            _ => Size::unknown(),
        }
    }

    fn path(&mut self, path: &syn::ExprPath) -> Size {
        let Some(name) = path.path.get_ident().map(ToString::to_string) else { return Size::unknown() };
        match self.variables.get(&name) {
            Some(size) => size.clone(),
            None => Size::variable(&name),
        }
    }

    fn collection<'a>(&mut self, elements: impl Iterator<Item = &'a syn::Expr>) -> Size {
        let sizes: Vec<Size> = elements.map(|expr| self.expr(expr)).collect();
        let len = sizes.len() as u64;
        let all = sizes.into_iter().fold(Size::default(), Size::or);
        let value = all.most();
        all.with_len(len).with_value(value)
    }

    /// As many elements of this size as the number `len` says, which are made one by one.
    fn elements(&mut self, element: Size, len: &Size) -> Size {
        self.depends_on(len);
        self.spend(len.value);
        let value = element.most();
        element.or(len.clone()).with_len(len.value).with_value(value)
    }

    fn range(&mut self, range: &syn::ExprRange) -> Size {
        let start = range.start.as_deref().map_or_else(Size::default, |start| self.expr(start));
        let Some(end) = range.end.as_deref().map(|end| self.expr(end)) else {
            return Size::unknown();
        };
        // Without negative starts, which a `-` shows, no more than the end says.
        let negative = matches!(range.start.as_deref(), Some(syn::Expr::Unary(_)));
        let from = if negative { start.value } else { 0 };
        let literal_start = matches!(range.start.as_deref(), Some(syn::Expr::Lit(_)));
        let len = match end.value {
            UNKNOWN => UNKNOWN,
            value if literal_start => (value + 1).saturating_sub(start.value),
            value => value.saturating_add(from),
        };
        let value = end.value;
        end.or(start).with_len(len).with_value(value)
    }

    fn binary(&mut self, binary: &syn::ExprBinary) -> Size {
        use syn::BinOp::{Add, AddAssign, Mul, MulAssign, Shl, ShlAssign};
        let (left, right) = (self.expr(&binary.left), self.expr(&binary.right));
        let value = match binary.op {
            Add(_) | AddAssign(_) => left.value.saturating_add(right.value),
            Mul(_) | MulAssign(_) => left.value.saturating_mul(right.value),
            Shl(_) | ShlAssign(_) => left.value.saturating_mul(1 << right.value.min(63)),
            _ => left.value,
        };
        let size = left.or(right).with_value(value);
        // A number that a loop adds to is no number that bounds another loop.
        if is_assignment(&binary.op) && self.rounds <= 1 {
            self.assign(&binary.left, size);
            return Size::default();
        }
        size
    }

    fn assign(&mut self, target: &syn::Expr, size: Size) {
        if let syn::Expr::Path(path) = target
            && let Some(name) = path.path.get_ident()
        {
            let before =
                self.variables.get(&name.to_string()).cloned().unwrap_or_else(|| Size::variable(&name.to_string()));
            self.variables.insert(name.to_string(), before.or(size));
        }
    }
}

fn literal(lit: &syn::Lit) -> Size {
    match lit {
        syn::Lit::Int(int) => Size::number(int.base10_parse().unwrap_or(UNKNOWN)),
        syn::Lit::Float(float) => Size::number(float.base10_parse::<f64>().map_or(0, |value| value as u64)),
        syn::Lit::Str(text) => Size::elements(text.value().len() as u64),
        syn::Lit::ByteStr(text) => Size::elements(text.value().len() as u64),
        _ => Size::default(),
    }
}

fn is_assignment(op: &syn::BinOp) -> bool {
    use syn::BinOp::*;
    matches!(
        op,
        AddAssign(_) | SubAssign(_) | MulAssign(_) | DivAssign(_) | RemAssign(_) | ShlAssign(_) | ShrAssign(_)
    )
}

#[cfg(test)]
#[path = "heat_tests.rs"]
mod tests;
