use super::*;
use crate::engine::scope::{Binding, Scope, Variable};
use crate::engine::text::cell::Cell;
use crate::events::CellId;

const ITEMS: &str = "\
/// A point.
struct Point { x: i32, y: Vec<u8> }
impl Point { fn new() -> Point { panic!() } fn length(&self) -> f64 { 0.0 } }
enum Colour { Red, Green(u8) }
fn point_at(x: i32) -> Point { panic!() }
macro_rules! points { () => {} }
";

fn names() -> Names {
    let cell = Cell::parse(ITEMS);
    let items = cell.parts.expect("Rust").items;
    let (mut scope, _) = Scope::default().addition(CellId(1), &cell.source, &items).grown(Binding::Late);
    for (name, ty) in [("origin", "session_1::cell_1::Point"), ("poem", "std::string::String")] {
        let variable =
            Variable { ty: ty.into(), mutable: false, cell: CellId(2), rebuilt: false, small: false, frozen: None };
        scope.variables.insert_mut(name.into(), variable);
    }
    Names(scope)
}

fn texts(source: &str) -> Vec<String> {
    complete(&names(), source, source.len()).candidates.into_iter().map(|candidate| candidate.text).collect()
}

#[test]
fn a_word_becomes_any_name_in_scope() {
    assert_eq!(texts("let a = po"), ["poem", "point_at", "points!"]);
    assert_eq!(texts("Po"), ["Point"]);
    assert_eq!(texts("whi"), ["while"]);
    assert_eq!(texts("eprint"), ["eprint!", "eprintln!"]);
}

#[test]
fn members_are_those_of_the_variables_type() {
    assert_eq!(texts("origin."), ["length", "x", "y"]);
    assert_eq!(texts("f(origin.l"), ["length"]);
    assert!(texts("poem.").is_empty());
    assert!(texts("0..po").contains(&"poem".to_string()));
}

#[test]
fn a_path_goes_on_with_what_the_type_has() {
    assert_eq!(texts("Colour::"), ["Green", "Red"]);
    assert_eq!(texts("Point::"), ["length", "new"]);
}

#[test]
fn magics_stand_at_the_start_of_a_line() {
    assert_eq!(texts("%%t"), ["%%threads", "%%time", "%%timeit"]);
    assert!(texts("%t").contains(&"%time".to_string()));
    assert!(texts("let x = 1;\n:").contains(&":vars".to_string()));
    assert!(!texts("a %t").contains(&"%time".to_string()));
}

#[test]
fn candidates_have_a_kind_and_a_signature() {
    let found = |source: &str| complete(&names(), source, source.len()).candidates.remove(0);
    assert_eq!(found("orig"), candidate("origin", "variable", "session_1::cell_1::Point"));
    assert_eq!(found("point_a"), candidate("point_at", "function", "fn point_at(x: i32) -> Point"));
    assert_eq!(found("origin.le"), candidate("length", "method", "fn length(&self) -> f64"));
    assert_eq!(found("origin.y"), candidate("y", "field", "Vec<u8>"));
}

#[test]
fn the_word_before_the_cursor_is_replaced() {
    let source = "\u{1f980} poe + 1";
    let completions = complete(&names(), source, 8);
    assert_eq!(completions.range, 5..8);
}

#[test]
fn members_are_inspected_as_such() {
    let inspect = |source: &str| super::super::inspect::inspect(&names(), source, source.len(), false);
    assert_eq!(inspect("origin.length").expect("found").head, "fn length(&self) -> f64");
    assert_eq!(inspect("Colour::Green").expect("found").head, "Green(u8)");
    assert_eq!(inspect("println").expect("found").origin, "macro");
}
