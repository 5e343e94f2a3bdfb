use super::*;
use crate::engine::scope::module::Build;
use crate::engine::scope::{Library, Variable};
use crate::engine::text::cell::Cell;

/// The scope after cells with these items, numbered from 1 on, with every redefinition bound late. A cell whose items are
/// all there already builds nothing.
fn after(cells: &[&str]) -> Scope {
    cells.iter().fold(Scope::default(), |scope, source| with(&scope, source, Binding::Late))
}

fn with(scope: &Scope, source: &str, binding: Binding) -> Scope {
    let cell = Cell::parse(source);
    let items = cell.parts.expect("Rust").items;
    let mut scope = scope.clone();
    scope.remember(CellId(scope.history.len() as u32 + 1), source);
    let id = CellId(scope.history.len() as u32);
    let addition = scope.addition(id, &cell.source, &items);
    if !addition.needs_crate() {
        return scope.with_imports(&items);
    }
    let (mut scope, number) = addition.grown_over_chain().unwrap_or_else(|| addition.grown(binding));
    let modules = scope.modules_of(number);
    let mut externs = scope.externs(modules.flat_map(|module| module.uses()), "");
    externs.insert(number);
    let library = Library { key: number.to_string(), path: "p".into() };
    let loads = [number].into();
    let build = Build { library, code: 400, externs, loads, homes: [].into(), locals: false, crates: None };
    scope.builds.insert_mut(number, Arc::new(build));
    scope
}

fn holding(mut scope: Scope, name: &str, ty: &str) -> Scope {
    let variable = Variable { ty: ty.into(), mutable: false, cell: CellId(9), rebuilt: false, small: false };
    scope.variables.insert_mut(name.into(), variable);
    scope
}

fn meaning(scope: &Scope, ident: &str) -> Vec<String> {
    let ident = [ident.to_string()].into();
    scope
        .meaning(&ident, &ident)
        .into_iter()
        .map(|(name, home)| format!("{}::{}", home.path(), name.ident))
        .collect()
}

/// The path of each item in force, and of each of its uses.
fn items(scope: &Scope) -> Vec<String> {
    let of = |module: &Arc<Module>| {
        let line = |(index, live): (&usize, &Live)| {
            let item = &module.items[*index];
            let name = match &item.kind {
                Kind::Impl { key, .. } => format!("impl {}", key.trim_start()),
                _ => item.names[0].ident.clone(),
            };
            let own = |(name, home): &&(Name, Home)| *home != module.home || !item.names.contains(name);
            let used: BTreeSet<String> = live
                .uses
                .iter()
                .filter(own)
                .map(|(name, home)| format!("{}@{}", name.ident, home.number))
                .collect();
            format!("{}: {name} {}", module.home.number, used.into_iter().collect::<Vec<_>>().join(" "))
        };
        module.live.iter().map(line).collect::<Vec<_>>()
    };
    scope.modules.values().flat_map(of).map(|line| line.trim_end().to_string()).collect()
}

#[test]
fn a_name_means_its_latest_item() {
    let scope = after(&["fn f() {}", "fn f() { g() }\nfn g() {}"]);
    assert_eq!(meaning(&scope, "f"), ["session_2::cell_2::f"]);
    assert_eq!(items(&scope), ["2: f g@2", "2: g"]);
}

#[test]
fn what_uses_a_replaced_item_is_compiled_again_and_nothing_else() {
    let scope = after(&[
        "fn f() {}\nfn other() {}",
        "fn g() { f() }",
        "fn h() { g() }\nfn i() { other() }",
        "fn f() { 1; }",
    ]);
    assert_eq!(items(&scope), ["1: other", "3: i other@1", "4: g f@4", "4: h g@4", "4: f"]);
    assert_eq!(meaning(&scope, "h"), ["session_4::cell_3::h"]);
}

#[test]
fn bound_early_they_keep_what_they_have() {
    let scope = with(&after(&["fn f() {}\nfn g() { f() }"]), "fn f() { 1; }", Binding::Early);
    assert_eq!(items(&scope), ["1: f", "1: g f@1", "2: f"]);
}

#[test]
fn fields_and_methods_of_the_same_name_use_nothing() {
    let scope = after(&["fn size() {}", "struct A { size: u8 }\nfn g(a: &A) { a.size; a.size(); A::size(); }"]);
    assert_eq!(items(&scope)[2], "2: g A@2");
}

#[test]
fn the_same_items_again_change_nothing() {
    let scope = after(&["struct A;\nfn f(a: A) {}", "fn f(a: A) {}", "struct A;"]);
    assert_eq!(items(&scope), ["1: A", "1: f A@1"]);
    // The same text, but a name in it means something else.
    let scope = after(&["fn f() {}\nfn g() { f() }", "fn f() { 1; }\nfn g() { f() }"]);
    assert_eq!(items(&scope), ["2: f", "2: g f@2"]);
}

#[test]
fn an_older_text_again_is_a_redefinition() {
    let scope = after(&["fn f() {}\nfn g() { f() }", "fn f() { 1; }", "fn f() {}"]);
    assert_eq!(items(&scope), ["3: g f@3", "3: f"]);
}

#[test]
fn an_impl_takes_its_type_along_and_all_that_uses_it() {
    let scope = after(&["struct A;\nstruct B;", "fn f(a: &A) {}\nfn g(b: &B) {}", "impl A { fn m() {} }"]);
    assert_eq!(items(&scope), ["1: B", "2: g B@1", "3: A", "3: f A@3", "3: impl for A A@3"]);
}

#[test]
fn an_impl_needs_one_of_its_own_only() {
    for (cells, last) in [
        (["trait T {}", "struct A;\nimpl T for A {}"], "2: impl T for A A@2 T@1"),
        (["struct A;", "trait T {}\nimpl T for A {}"], "2: impl T for A A@1 T@2"),
        (["struct A;", "struct B;\nimpl From<B> for A {}"], "2: impl From < B > for A A@1 B@2"),
        (["trait T {}", "impl T for Vec<u8> {}"], "2: impl T for Vec < u8 > T@2"),
    ] {
        assert_eq!(items(&after(&cells)).last().expect("an impl"), last);
    }
}

#[test]
fn an_impl_again_replaces_the_methods_it_has() {
    let scope = after(&["struct A;", "impl A { fn f() {} fn g() {} }", "impl A { fn g() { 1; } }"]);
    assert_eq!(items(&scope), ["3: A", "3: impl for A A@3", "3: impl for A A@3"]);
    let hidden: Vec<_> = scope.modules.values().flat_map(|module| module.hidden_methods.iter().copied()).collect();
    assert_eq!(hidden, [(0, 1)]);
    let scope = after(&["struct A;", "impl Clone for A { }", "impl Clone for A { fn clone() {} }"]);
    assert_eq!(items(&scope), ["3: A", "3: impl Clone for A A@3"]);
}

#[test]
fn a_variable_follows_its_type() {
    let scope = holding(after(&["struct A(u8);\nstruct B(A);"]), "v", "std::vec::Vec<session_1::cell_1::B>");
    let scope = with(&scope, "impl A { fn m(&self) {} }", Binding::Late);
    let variable = &scope.variables["v"];
    assert_eq!((variable.ty.as_str(), variable.rebuilt), ("std::vec::Vec<session_2::cell_1::B>", true));
}

#[test]
fn a_variable_keeps_a_type_whose_text_or_parts_change() {
    for (last, left) in [("struct A(u16);", "2: B A@2"), ("struct B(A, u8);", "2: B A@1")] {
        let scope = holding(after(&["struct A(u8);\nstruct B(A);"]), "v", "session_1::cell_1::B");
        let scope = with(&scope, last, Binding::Late);
        assert_eq!(
            (scope.variables["v"].ty.as_str(), scope.variables["v"].rebuilt),
            ("session_1::cell_1::B", false)
        );
        assert!(items(&scope).contains(&left.to_string()), "{:?}", items(&scope));
    }
    // The text of a function says nothing about layouts.
    let scope = holding(
        after(&["fn f() {}\nmod m { pub struct A; fn g() { super::f() } }"]),
        "v",
        "session_1::cell_1::m::A",
    );
    let scope = with(&scope, "fn f() { 1; }", Binding::Late);
    assert_eq!(scope.variables["v"].ty, "session_2::cell_1::m::A");
}

#[test]
fn statics_stay_where_they_are() {
    let statics = |scope: &Scope| {
        let lives = |module: &Arc<Module>| module.live.values().map(|live| live.statics).collect::<Vec<_>>();
        scope.modules.values().flat_map(lives).collect::<Vec<_>>()
    };
    let cells = ["fn f() {}", "static N: u8 = 1;\nfn g() { f(); static M: u8 = 2; }", "fn f() { 1; }"];
    assert_eq!(statics(&after(&cells)), [None, Some(2), None]);
    let cells = ["struct A(u8);", "static N: Vec<A> = Vec::new();", "struct A(u16);"];
    assert_eq!(statics(&after(&cells)), [None, None], "its type is another one");
}

#[test]
fn the_last_of_an_import_and_an_item_of_one_name_counts() {
    let scope = after(&["struct Map;", "use std::collections::HashMap as Map;"]);
    assert!(meaning(&scope, "Map").is_empty());
    let scope = after(&["use std::collections::HashMap as Map;", "struct Map;"]);
    assert!(scope.imports.is_empty());
    assert_eq!(meaning(&scope, "Map"), ["session_1::cell_2::Map", "session_1::cell_2::Map"]);
}

#[test]
fn a_trait_is_used_by_who_may_call_its_methods() {
    let scope = after(&["trait T { fn area(&self); }"]);
    assert_eq!(meaning(&scope, "area"), ["session_1::cell_1::T"]);
    assert!(meaning(&scope, "volume").is_empty());
}

#[test]
fn what_an_import_brings_in_uses_the_item_that_it_starts_at() {
    let scope = after(&["enum Kind { Round, Flat }", "use Kind::*;", "fn f() { Round; }\nfn g() {}"]);
    assert_eq!(items(&scope)[1..], ["2: f Kind@1", "2: g"]);
}

#[test]
fn macros_bring_the_macros_and_items_that_they_use() {
    let scope =
        after(&["macro_rules! a { () => { b!() } }", "macro_rules! b { () => { helper() } }", "fn helper() {}"]);
    assert_eq!(meaning(&scope, "a"), ["session_3::cell_3::helper", "session_1::cell_1::a", "session_2::cell_2::b"]);
}

#[test]
fn stale_crates_are_compiled_again_together() {
    let mut scope = after(&["fn f() {}", "fn g() { f() }", "struct A;"]);
    scope.retire_builds();
    assert_eq!(items(&with(&scope, "", Binding::Late)), ["4: f", "4: g f@4", "4: A"]);
}

/// A chain of this many cells, the `n`th with the item that `item` writes.
fn chain(cells: usize, item: impl Fn(usize) -> String) -> Scope {
    let cells: Vec<String> = (0..cells).map(item).collect();
    after(&cells.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A function that calls the one of the cell before.
fn link(n: usize) -> String {
    match n {
        0 => "fn f0() -> u8 { 0 }".into(),
        n => format!("fn f{n}() -> u8 {{ f{}() }}", n - 1),
    }
}

/// The number of crates behind the last one.
fn behind(scope: &Scope) -> usize {
    scope.builds.last().map_or(0, |(_, build)| build.externs.len() - 1)
}

#[test]
fn a_long_chain_is_compiled_again_as_one_crate() {
    let scope = chain(26, link);
    assert_eq!(behind(&scope), 0);
    assert!(items(&scope).iter().all(|line| line.starts_with("26: ")), "{:?}", items(&scope));
    assert_eq!(meaning(&scope, "f3"), ["session_26::cell_4::f3"]);
    // A link and 24 crates of one cell, or of 25.
    assert!((1..100).map(|cells| behind(&chain(cells, link))).all(|behind| behind <= 24 + 4));
}

#[test]
fn a_variable_follows_its_type_out_of_a_chain() {
    let link = |n: usize| match n {
        0 => "struct A(u8);\nfn f0() -> A { A(0) }".into(),
        n => link(n).replace("u8", "A"),
    };
    let scope = holding(chain(25, link), "v", "session_1::cell_1::A");
    let scope = with(&scope, &link(25), Binding::Late);
    assert_eq!((scope.variables["v"].ty.as_str(), scope.variables["v"].rebuilt), ("session_26::cell_1::A", true));
}

#[test]
fn what_has_state_keeps_its_crate_and_what_is_before_it() {
    let stateful = |at: usize| {
        move |n: usize| match n == at {
            true => link(n).replace("{ ", "{ static N: u8 = 0; "),
            false => link(n),
        }
    };
    let scope = chain(40, stateful(10));
    assert_eq!(meaning(&scope, "f10"), ["session_11::cell_11::f10"]);
    assert_eq!(meaning(&scope, "f9"), ["session_10::cell_10::f9"], "it could not go without its caller");
    assert_eq!(meaning(&scope, "f11"), ["session_37::cell_12::f11"]);
    assert_eq!(meaning(&chain(40, stateful(30)), "f10"), ["session_26::cell_11::f10"]);
}

#[test]
fn a_chain_stays_where_a_program_could_tell_the_difference() {
    let scope = |ty: &str| with(&holding(chain(25, link), "v", ty), &link(25), Binding::Late);
    assert_eq!(behind(&scope("std::boxed::Box<dyn Shape>")), 0);
    assert_eq!(behind(&scope("std::boxed::Box<dyn std::any::Any>")), 25);
    let mut scope = chain(25, link);
    scope.chains_stay = true;
    assert_eq!(behind(&with(&scope, &link(25), Binding::Late)), 25);
}

#[test]
fn a_crate_with_much_code_is_not_compiled_again() {
    let mut scope = chain(25, link);
    let large = Build { code: 1 << 20, ..Build::clone(&scope.builds[&25]) };
    scope.builds.insert_mut(25, Arc::new(large));
    assert_eq!(behind(&with(&scope, &link(25), Binding::Late)), 25);
}

#[test]
fn functions_are_found_by_name_while_a_cell_that_defines_them_is_in_force() {
    let count = |scope: &Scope, name: &str| scope.functions_named(name).count();
    let scope = after(&["fn f() {}\nstruct A;\nimpl A { fn f(&self) {} }", "fn g() {}\nfn fg() {}"]);
    assert_eq!([count(&scope, "f"), count(&scope, "g"), count(&scope, "h")], [2, 1, 0]);
    // The method is compiled again beside the new one, from the same cell, whose `f` stays.
    let scope = with(&scope, "impl A { fn g(&self) {} }", Binding::Late);
    assert_eq!((scope.modules.size(), count(&scope, "g")), (4, 2));
    let scope = after(&["fn f() {}", "fn f() { 1; }"]);
    assert_eq!(count(&scope, "f"), 1, "the first is gone");
}
