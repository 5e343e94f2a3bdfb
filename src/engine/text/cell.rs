//! Parses the Rust of a cell: its items, its statements and its tail expression. Never looks at the history, the
//! session or the magics.
//!
//! Every range is in bytes of the cell's own text. Parsing never fails: text that is not Rust is kept as it is and
//! given to rustc, whose message is better than the parser's.

mod association;
mod attributes;
mod awaits;
mod brief;
mod call;
mod depth;
mod expansion;
mod heat;
mod import;
mod item;
mod measure;
mod mention;
mod movable;
mod statics;
mod turn;
mod unended;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use syn::parse::Parser;
use syn::spanned::Spanned;

use expansion::Definitions;

pub(crate) use brief::Function;
pub(crate) use depth::with_room;
pub(crate) use heat::Heat;
pub(crate) use import::{By, Import};
pub(crate) use item::{Edit, Expansion, Item, Kind, MacroCall, Name, Space};
pub(crate) use measure::{Flags, Mark, Measured};
pub(crate) use mention::Binding;
pub(crate) use movable::tells_types_apart;
pub(crate) use statics::{LocalKey, Locals};
pub(crate) use turn::{Form, Over, Turns};

/// One parsed cell.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub source: Arc<str>,
    /// `Err` if the text is not Rust. It holds where and why, but rustc's own message is better.
    pub parts: Result<Parts, SyntaxError>,
}

#[derive(Clone, Debug)]
pub(crate) struct SyntaxError {
    /// Whether some bracket has no partner. Such text can be given to rustc only as a whole file.
    pub unbalanced: bool,
    /// Whether the text was not parsed because it nests too deeply. rustc would not survive such text either.
    pub too_deep: bool,
}

/// The Rust of a cell, sorted by how the engine treats it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    /// Inner attributes (`#![…]`), which must stand before everything else.
    pub attributes: Vec<Range<usize>>,
    pub items: Vec<Item>,
    pub statements: Vec<Statement>,
    /// The last expression, whose value is the cell's result. `None` if the cell has no result.
    pub tail: Option<Range<usize>>,
    /// Whether the cell calls `main`: it defines items only, and `fn main` is one of them.
    pub runs_main: bool,
    /// Groups of statements that magics measure, in order.
    pub measured: Vec<Measured>,
    /// Calls that magics make in the worker.
    pub calls: Vec<Call>,
    /// What the text says of how long the statements may run.
    pub heat: Heat,
}

/// A magic that does something in the worker: Rust code of the engine's own, which takes the place of the magic's
/// line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub line: Range<usize>,
    pub rust: String,
}

/// A statement. The tail expression is listed as one too.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub range: Range<usize>,
    pub binds: Vec<Binding>,
    /// Identifiers that this statement may read: all of them except those in its own pattern.
    pub mentions: BTreeSet<String>,
    /// Names that the statement assigns as a whole (`x = …`).
    pub assigns: BTreeSet<String>,
    /// Whether a magic times this statement.
    pub timed: bool,
    /// Its outermost loops.
    pub turns: Vec<Turns>,
    /// Whether it awaits, so that it can run only as part of a future.
    pub awaits: bool,
    /// `None` if it is no macro call.
    pub call: Option<MacroCall>,
}

impl Cell {
    pub(crate) fn parse(source: &str) -> Cell {
        Cell::with_marks(source, source, &[])
    }

    /// Parses a cell with magics. `rust` is the cell's text with the magics blanked out, so that every byte keeps its
    /// place; `marks` are what the magics say about the Rust.
    pub(crate) fn with_marks(source: &str, rust: &str, marks: &[Mark]) -> Cell {
        Cell { source: source.into(), parts: parse_rust(rust, marks) }
    }

    /// Turns calls of macros into the items that they make. `of_session` returns the text of a macro of an earlier cell.
    pub(crate) fn expand(&mut self, of_session: Definitions<'_>) {
        let Ok(parts) = &mut self.parts else { return };
        let has_call = parts.statements.iter().any(|statement| statement.call.is_some())
            || parts.items.iter().any(|item| item.call.is_some());
        if !has_call {
            return;
        }
        let source = self.source.clone();
        let own: Vec<Item> = parts.items.iter().filter(|item| item.kind == Kind::Macro).cloned().collect();
        parts.expand(&|name| {
            let own = own.iter().rev().find(|item| item.names.iter().any(|own| own.ident == name));
            own.map(|item| source[item.range.clone()].to_string()).or_else(|| of_session(name))
        });
    }
}

impl Parts {
    /// Whether its code may tell types of the same text apart.
    pub(crate) fn tells_types_apart(&self) -> bool {
        let of_items = self.items.iter().map(|item| &item.mentions);
        let mut mentions = of_items.chain(self.statements.iter().map(|statement| &statement.mentions));
        mentions.any(|mentions| tells_types_apart(mentions.iter().map(String::as_str)))
    }

    /// Names that the statements read before they bind them. These are the variables that the cell takes from the
    /// session.
    pub(crate) fn free_names(&self) -> BTreeSet<String> {
        let mut bound = BTreeSet::new();
        let mut free = BTreeSet::new();
        for statement in &self.statements {
            free.extend(statement.mentions.difference(&bound).cloned());
            bound.extend(statement.binds.iter().map(|b| b.name.clone()));
        }
        free
    }

    /// Variables that the cell's top-level `let`s have bound at its end. If a name is bound more than once, the last
    /// binding counts.
    pub(crate) fn bindings(&self) -> Vec<Binding> {
        let mut bindings: Vec<Binding> = Vec::new();
        for bind in self.statements.iter().filter(|s| !self.is_local(s)).flat_map(|s| &s.binds) {
            bindings.retain(|b| b.name != bind.name);
            bindings.push(bind.clone());
        }
        bindings
    }

    /// Whether the variables of this statement end with a measurement, so that later cells do not see them.
    fn is_local(&self, statement: &Statement) -> bool {
        self.measured.iter().any(|measured| measured.within.contains(&statement.range.start))
    }

    /// Whether the cell has nothing to run.
    pub(crate) fn is_idle(&self) -> bool {
        self.statements.is_empty() && self.calls.is_empty() && !self.runs_main
    }

    /// Stores which statements are measured. The value of a measured expression is not the cell's result.
    fn note_measured(&mut self, marks: &[Mark]) {
        for mark in marks {
            let Mark::Measured(measured) = mark else { continue };
            if self.tail.as_ref().is_some_and(|tail| measured.within.contains(&tail.start)) {
                self.tail = None;
            }
            if self.statements.iter().any(|statement| measured.body.contains(&statement.range.start)) {
                self.measured.push(measured.clone());
            }
        }
    }

    fn expand(&mut self, definition: Definitions<'_>) {
        let mut made: Vec<Item> = Vec::new();
        let mut stays = |call: &Option<MacroCall>, range: &Range<usize>| {
            let items = call.as_ref().and_then(|call| expansion::items_of(call, range, definition));
            let stays = items.is_none();
            made.extend(items.into_iter().flatten());
            stays
        };
        self.statements.retain(|statement| stays(&statement.call, &statement.range));
        self.items.retain(|item| stays(&item.call, &item.range));
        if made.is_empty() {
            return;
        }
        let is_item = |tail: &Range<usize>| made.iter().any(|item| item.range.contains(&tail.start));
        self.tail = self.tail.take().filter(|tail| !is_item(tail));
        self.items.extend(made);
        self.items.sort_by_key(|item| item.range.start);
        self.note_main();
    }

    /// Notes whether the cell runs `main`.
    fn note_main(&mut self) {
        let is_main = |item: &Item| item.names.iter().any(|n| n.ident == "main" && n.space == Space::Value);
        self.runs_main = self.statements.is_empty() && self.items.iter().any(is_main);
    }

    pub(crate) fn assigns(&self, name: &str) -> bool {
        self.statements.iter().any(|s| s.assigns.contains(name))
    }
}

fn parse_rust(rust: &str, marks: &[Mark]) -> Result<Parts, SyntaxError> {
    let tokens: proc_macro2::TokenStream =
        rust.parse().map_err(|_| SyntaxError { unbalanced: true, too_deep: false })?;
    let parsed = with_room(tokens, || parse_tokens(rust, marks));
    parsed.unwrap_or(Err(SyntaxError { unbalanced: false, too_deep: true }))
}

fn parse_tokens(rust: &str, marks: &[Mark]) -> Result<Parts, SyntaxError> {
    let file = |input: syn::parse::ParseStream| {
        Ok((input.call(syn::Attribute::parse_inner)?, input.call(syn::Block::parse_within)?))
    };
    let ended = || file.parse_str(&unended::with_ends(rust)?).ok();
    let (attributes, stmts) =
        file.parse_str(rust).ok().or_else(ended).ok_or(SyntaxError { unbalanced: false, too_deep: false })?;
    let mut parts =
        Parts { attributes: attributes.iter().map(|a| a.span().byte_range()).collect(), ..Parts::default() };
    let (mut functions, mut owners) = (Vec::new(), Vec::new());
    parts.heat = heat::of_statements(stmts.iter().filter(|stmt| item_of(stmt, rust).is_none()));
    let count = stmts.len();
    for (index, stmt) in stmts.into_iter().enumerate() {
        let range = stmt.span().byte_range();
        if let Some(item) = item_of(&stmt, rust) {
            let found = brief::candidates(&stmt);
            owners.extend(found.iter().map(|_| parts.items.len()));
            functions.extend(found);
            parts.items.push(item);
            continue;
        }
        if index + 1 == count && is_tail(&stmt) {
            parts.tail = Some(range.clone());
        }
        let timed = measure::is_timed(marks, range.start);
        let range = measure::expression(marks, &stmt).unwrap_or(range);
        parts.statements.push(statement(&stmt, range, timed));
    }
    parts.note_measured(marks);
    parts.heat.hot |= !parts.measured.is_empty() || parts.statements.iter().any(|statement| statement.timed);
    brief::judge(&mut functions);
    for (owner, found) in owners.into_iter().zip(functions) {
        parts.items[owner].note_function(found);
    }
    parts.note_main();
    Ok(parts)
}

/// The statement as an item. `None` if it is not one.
fn item_of(stmt: &syn::Stmt, source: &str) -> Option<Item> {
    match stmt {
        syn::Stmt::Item(item) => Some(item::from_item(item, source)),
        syn::Stmt::Macro(call) => call::from_call(&call.mac, call, call.semi_token.is_some(), source),
        _ => None,
    }
}

/// Whether the statement is the cell's tail. A macro call without a semicolon is one too: `vec![1]` at the end of a
/// cell is its value.
fn is_tail(stmt: &syn::Stmt) -> bool {
    match stmt {
        syn::Stmt::Expr(_, semicolon) => semicolon.is_none(),
        syn::Stmt::Macro(call) => call.semi_token.is_none(),
        _ => false,
    }
}

fn statement(stmt: &syn::Stmt, range: Range<usize>, timed: bool) -> Statement {
    let binds = match stmt {
        syn::Stmt::Local(local) => mention::bindings(&local.pat),
        _ => Vec::new(),
    };
    Statement {
        range,
        binds,
        mentions: mention::of_statement(stmt),
        assigns: mention::assigned(stmt),
        timed,
        turns: turn::of_statement(stmt),
        awaits: awaits::of_statement(stmt),
        call: if let syn::Stmt::Macro(call) = stmt { MacroCall::new(&call.mac) } else { None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(source: &str) -> Parts {
        Cell::parse(source).parts.expect("the cell is Rust")
    }

    #[test]
    fn a_cell_is_sorted_into_items_statements_and_tail() {
        let parts = parts("use std::fmt;\nstruct A;\nlet mut x = 1;\nx += 1;\nx");
        assert_eq!(parts.items.len(), 2);
        assert_eq!(parts.statements.len(), 3);
        assert_eq!(parts.tail, Some(47..48));
        assert_eq!(parts.bindings(), [Binding { name: "x".into(), mutable: true }]);
    }

    #[test]
    fn a_statement_with_a_semicolon_is_no_tail() {
        assert_eq!(parts("1 + 1;").tail, None);
        assert_eq!(parts("vec![1];").tail, None);
        assert_eq!(parts("vec![1]").tail, Some(0..7));
    }

    #[test]
    fn free_names_are_those_read_before_they_are_bound() {
        let parts = parts("let a = b; let b = a; println!(\"{c} {}\", d.e)");
        let free = parts.free_names();
        assert!(free.contains("b") && free.contains("c") && free.contains("d"), "{free:?}");
        assert!(!free.contains("a"), "{free:?}");
    }

    #[test]
    fn text_that_is_not_rust_says_whether_its_brackets_pair() {
        assert!(Cell::parse("let x = (;").parts.unwrap_err().unbalanced);
        assert!(!Cell::parse("let = 5;").parts.unwrap_err().unbalanced);
    }

    #[test]
    fn brackets_without_end_are_left_to_rustc() {
        let nested = |depth: usize| "(".repeat(depth) + "1" + &")".repeat(depth);
        assert!(Cell::parse(&nested(100)).parts.is_ok());
        assert!(Cell::parse(&nested(100_000)).parts.is_err());
    }

    #[test]
    fn only_a_cell_of_items_runs_main() {
        assert!(parts("fn main() {}").runs_main);
        assert!(!parts("fn main() {}\nlet x = 1;").runs_main);
    }
}
