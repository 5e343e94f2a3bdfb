//! What the library of a cell holds, beyond what the sessions in `tests/cells` can see.

use std::fs;

use crate::events::CellId;

use crate::engine::build::cache::Cache;
use crate::engine::build::compile::Compiler;
use crate::engine::build::prepare::prepare;
use crate::engine::build::toolchain::Toolchain;
use crate::engine::interrupt::Interrupter;
use crate::engine::scope::Scope;

/// What is generic in the runtime is compiled again with each cell that uses it. Code of the store's map, and of how a cell
/// is run and caught, took longer to compile than most cells.
#[test]
fn a_cell_holds_no_code_of_the_runtime_that_does_not_depend_on_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let cache = Cache::open_at(directory.path().join("cache")).expect("a cache");
    let toolchain = Toolchain::find(None).expect("a toolchain");
    let compiler = Compiler::new(toolchain, cache, None, Interrupter::default(), || {}).expect("a compiler");
    let cell = |scope: &Scope, id: u32, source: &str| {
        let prepared = prepare(&compiler, scope, CellId(id), source, &|_| {});
        let prepared = prepared.unwrap_or_else(|_| panic!("{source} compiles"));
        let library = fs::read(&prepared.program.expect("statements").library).expect("a library");
        (prepared.after, String::from_utf8_lossy(&library).into_owned())
    };
    let (scope, puts) = cell(&Scope::default(), 1, "let numbers = (1, 2);");
    let (_, takes) = cell(&scope, 2, "println!(\"{}\", numbers.0);");
    for (library, own) in [(puts, "store3put"), (takes, "store4take")] {
        assert!(library.contains(own), "the symbols of the cell's own code are there: {own}");
        for shared in ["btree", "LocalKey", "catch_unwind", "timing"] {
            assert!(!library.contains(shared), "{shared}");
        }
    }
}
