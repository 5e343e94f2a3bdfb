//! What the library of a cell holds, beyond what the sessions in `tests/cells` can see.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::events::CellId;

use crate::engine::build::cache::Cache;
use crate::engine::build::compile::Compiler;
use crate::engine::build::prepare::prepare;
use crate::engine::build::toolchain::Toolchain;
use crate::engine::interrupt::Interrupter;
use crate::engine::scope::Scope;

fn compiler(directory: &Path, toolchain: Toolchain) -> Compiler {
    let cache = Cache::open_at(directory.join("cache")).expect("a cache");
    Compiler::new(toolchain, cache, None, Interrupter::default(), || {}).expect("a compiler")
}

/// What is generic in the runtime is compiled again with each cell that uses it. Code of the store's map, of how a cell is run
/// and caught, of a result and of a pool's queue took longer to compile than most cells.
#[test]
fn a_cell_holds_no_code_of_the_runtime_that_does_not_depend_on_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let compiler = compiler(directory.path(), Toolchain::find(None).expect("a toolchain"));
    let cell = |scope: &Scope, id: u32, source: &str| {
        let prepared = prepare(&compiler, scope, CellId(id), source, &|_| {});
        let prepared = prepared.unwrap_or_else(|_| panic!("{source} compiles"));
        let library = fs::read(&prepared.program.expect("statements").library).expect("a library");
        (prepared.after, String::from_utf8_lossy(&library).into_owned())
    };
    let (scope, puts) = cell(&Scope::default(), 1, "let numbers = (1, 2);");
    let (_, takes) = cell(&scope, 2, "println!(\"{}\", numbers.0);");
    let (_, shows) = cell(&Scope::default(), 3, "1 + 1");
    let pool = "threadbook::concurrent::futures::ThreadPoolExecutor::new(1)";
    let (_, submits) = cell(&Scope::default(), 4, &format!("let _ = {pool}.submit(|| 1);"));
    let of_cells = ["btree", "LocalKey", "catch_unwind", "timing"];
    for (library, own, shared) in [
        (puts, "store3put", of_cells.as_slice()),
        (takes, "store4take", &of_cells),
        (shows, "evcxr_display", &["json_string", "poison", "String"]),
        (submits, "pool4Pool6submit", &["vec_deque", "Searcher"]),
    ] {
        assert!(library.contains(own), "the symbols of the cell's own code are there: {own}");
        for shared in shared {
            assert!(!library.contains(shared), "{own}: {shared}");
        }
    }
}

#[test]
fn rustc_writes_mir_only_for_a_cell_with_new_variables() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut toolchain = Toolchain::find(None).expect("a toolchain");
    let wrapper = directory.path().join("rustc");
    let rustc = toolchain.rustc.display();
    let text = format!("#!/bin/sh\ncase \"$*\" in *mir=*) exit 1;; esac\nexec '{rustc}' \"$@\"\n");
    fs::write(&wrapper, text).expect("written");
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o700)).expect("ours");
    toolchain.rustc = wrapper;
    let compiler = compiler(directory.path(), toolchain);
    let compiles = |source| prepare(&compiler, &Scope::default(), CellId(1), source, &|_| {}).is_ok();
    assert!(compiles("println!(\"{}\", 1);"));
    assert!(!compiles("let one = 1;"), "its type is read from there");
}
