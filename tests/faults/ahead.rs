//! Cells that are compiled ahead while others run, and what may come between: they are wrong, they change what was there,
//! the cell that runs is interrupted or fails, the session ends, their compilers get no processor.

use std::path::{Path, PathBuf};

use threadbook::engine::{Engine, Outcome};

use crate::Test;
use crate::bench::{Bench, with_variable};
use crate::compiler::Toolchain;
use crate::left::pipe;

pub(crate) const TESTS: &[Test] = &[
    ("items_are_compiled_beside_statements", beside),
    ("an_item_is_compiled_once", once),
    ("an_error_waits_for_its_cell", error),
    ("what_is_defined_again_is_the_new_one", defined_again),
    ("an_interrupt_ends_them", interrupt),
    ("a_failed_cell_does_not_wait_for_them", failure),
    ("crates_wait_for_their_turn", crates),
    ("they_end_with_the_session", end),
    ("a_cell_whose_compilers_get_no_processor_is_compiled_anew", starved),
];

/// Whether rustc is asked for the marked cell for the first time. It may be asked again: beside other work the compilers of
/// cells ahead may get no processor, and the cell is compiled anew.
const MARKED: &str = "grep -qs marked_cell *.rs In* && mkdir {}/first 2> {}/again";

/// A session whose rustc does this first. `{}` in it is a directory for files of the test.
struct Watched {
    bench: Bench,
    directory: tempfile::TempDir,
    _toolchain: Toolchain,
}

impl Watched {
    fn new(first: &str) -> Watched {
        let (toolchain, directory) = (Toolchain::new(), tempfile::tempdir().expect("a directory"));
        toolchain.write(&first.replace("{}", &directory.path().display().to_string()));
        // Nothing that another test has compiled is there.
        let start = || with_variable("RUSTC", &toolchain.rustc(), Bench::start);
        let bench = with_variable("THREADBOOK_CACHE", &directory.path().join("cache"), start);
        Watched { bench, directory, _toolchain: toolchain }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// Waits until a compiler has opened the pipe to say that it has begun.
fn has_begun(pipe: &Path) {
    std::fs::read(pipe).expect("it has begun");
}

/// rustc does not begin with the statements of the second cell before it is asked for the items of the third.
fn beside() {
    let mut watched = Watched::new(&format!(
        "case \"$*\" in\n\
         *--crate-type=cdylib*) {MARKED} && timeout --foreground 60 cat {{}}/items > {{}}/begun;;\n\
         *--crate-type=dylib*) grep -qs marked_item *.rs In* && mkdir {{}}/items_first 2> {{}}/again &&\n\
         timeout --foreground 60 sh -c 'echo beside > {{}}/items';;\n\
         esac"
    ));
    ["items", "begun"].iter().for_each(|name| pipe(&watched.file(name)));
    let first = format!("print!(\"{{}}\", std::fs::read_to_string({:?})?);", watched.file("begun"));
    let came = watched.bench.notebook(&[&first, "let marked_cell = 1;", "fn marked_item() {}"]);
    assert_eq!(came[0].stdout, "beside\n", "{came:?}");
}

/// The first cell ends when all others have been compiled.
fn once() {
    let mut watched = Watched::new(&format!(
        "case \"$*\" in\n\
         *--crate-type=cdylib*) {MARKED} && echo > {{}}/begun;;\n\
         *--crate-type=dylib*session*) echo >> {{}}/items;;\n\
         esac"
    ));
    let begun = watched.file("begun");
    pipe(&begun);
    let items = (0..6).map(|n| format!("fn f{n}() -> i32 {{ {n} }} let v{n} = f{n}();"));
    let cells: Vec<String> = [format!("std::fs::read({begun:?})?;")]
        .into_iter()
        .chain(items)
        .chain(["let marked_cell = 1;".into()])
        .collect();
    let came = watched.bench.notebook(&cells.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(came.iter().all(|cell| cell.outcome == Outcome::Ok), "{came:?}");
    let compiled = std::fs::read_to_string(watched.file("items")).expect("some were compiled");
    assert_eq!(compiled.lines().count(), 6);
}

fn error() {
    let mut bench = Bench::start();
    let cells = ["let a = 1;", "fn wrong() -> i32 { \"text\" }", "let b = a + 1;", "println!(\"{}\", a + b);"];
    let came = bench.notebook(&cells);
    let outcomes: Vec<Outcome> = came.iter().map(|cell| cell.outcome).collect();
    assert_eq!(outcomes, [Outcome::Ok, Outcome::Rejected, Outcome::Ok, Outcome::Ok]);
    came[1].says(&["mismatched types"]);
    assert_eq!(came[3].stdout, "3\n");
}

fn defined_again() {
    let mut bench = Bench::start();
    let cells = [
        "struct S { a: i32 } fn f() -> i32 { 1 } fn g() -> i32 { f() }",
        "let s = S { a: g() };",
        "fn f() -> i32 { 2 }",
        "println!(\"{} {}\", s.a, g());",
        "struct S { a: i32, b: i32 }",
        "println!(\"{} {}\", s.a, S { a: 3, b: 4 }.b);",
    ];
    let said: Vec<String> = bench.notebook(&cells).into_iter().map(|cell| cell.stdout + &cell.error).collect();
    assert_eq!(said, ["", "", "", "1 2\n", "", "1 4\n"]);
}

/// Says by the pipe that it has begun, and does not end.
fn hang() -> String {
    format!("{MARKED} && {{ echo > {{}}/begun; exec sleep 600; }}")
}

fn interrupt() {
    let mut watched = Watched::new(&hang());
    let begun = watched.file("begun");
    pipe(&begun);
    let interrupter = watched.bench.session.interrupter();
    let ahead = ["fn marked_cell() {}", "let after = 1;"];
    let cell = watched.bench.cell_until_with(&ahead, "println!(\"on\"); loop {}", "on\n", move |_| {
        has_begun(&begun);
        assert!(interrupter.interrupt());
    });
    assert_eq!(cell.outcome, Outcome::Interrupted, "{cell:?}");
    assert_eq!(watched.bench.prints("println!(\"goes on\");"), "goes on\n");
}

fn failure() {
    let mut watched = Watched::new(&hang());
    let begun = watched.file("begun");
    pipe(&begun);
    let source = format!("std::fs::read({begun:?})?; panic!(\"it fails\");");
    let cell = watched.bench.with_ahead(&source, &["let marked_cell = 1;"]).expect("it runs");
    assert_eq!(cell.outcome, Outcome::Panicked, "{cell:?}");
    assert_eq!(watched.bench.prints("println!(\"goes on\");"), "goes on\n");
}

/// The first cell writes the package that the second names.
fn crates() {
    let mut watched = Watched::new("");
    let package = watched.file("helper");
    let write = format!(
        "std::fs::create_dir_all({src:?})?;\n\
         std::fs::write({manifest:?}, \"[package]\\nname = \\\"helper\\\"\\nedition = \\\"2024\\\"\\n\")?;\n\
         std::fs::write({lib:?}, \"pub fn help() -> i32 {{ 42 }}\")?;",
        src = package.join("src"),
        manifest = package.join("Cargo.toml"),
        lib = package.join("src/lib.rs"),
    );
    let depend = format!(":dep helper = {{ path = {package:?} }}");
    let cells = [&write, depend.as_str(), "fn item() -> i32 { helper::help() }", "println!(\"{}\", item());"];
    let came = watched.bench.notebook(&cells);
    assert_eq!((came[1].error.as_str(), came[3].stdout.as_str()), ("", "42\n"), "{came:?}");
}

/// `Left` finds compilers that go on.
fn end() {
    for marked in ["fn marked_cell() {}", "let marked_cell = 1;"] {
        let mut watched = Watched::new(&hang());
        let begun = watched.file("begun");
        pipe(&begun);
        let source = format!("std::fs::read({begun:?})?;");
        assert_eq!(watched.bench.with_ahead(&source, &[marked]).expect("it runs").outcome, Outcome::Ok);
        drop(watched.bench);
    }
}

/// The first compiler of the cell uses no processor.
fn starved() {
    let mut watched = Watched::new(&format!("{MARKED} && exec sleep 600"));
    let came = watched.bench.notebook(&["let a = 1;", "let marked_cell = a + 1;", "println!(\"{marked_cell}\");"]);
    assert_eq!((came[1].outcome, came[2].stdout.as_str()), (Outcome::Ok, "2\n"), "{came:?}");
}
