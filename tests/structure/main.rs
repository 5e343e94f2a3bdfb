//! Holds the shape of the source tree that ARCHITECTURE.md describes: which part may name which, that no files name each
//! other in a circle, and how large a file and a function may grow. What the compiler can hold (`deny(unsafe_code)` and
//! the visibility of names) it holds itself.

mod modules;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use syn::spanned::Spanned;
use syn::visit::Visit;

use modules::{ModulePath, Modules};

/// Lines of a file, tests included.
const LINES_OF_A_FILE: usize = 500;
/// Lines of a function's body.
const LINES_OF_A_FUNCTION: usize = 70;

/// Each wing of the library, and the wings that it may name.
const WINGS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("events", &[]),
    ("hex", &[]),
    ("log", &["error"]),
    ("sys", &["error"]),
    ("lanes", &["events"]),
    ("worker", &["sys", "events", "error"]),
    ("engine", &["worker", "lanes", "sys", "hex", "events", "error"]),
    ("kernelspec", &["engine", "sys", "error"]),
    ("kernel", &["engine", "sys", "hex", "events", "error"]),
    ("notebook", &["engine", "lanes", "sys", "hex", "events", "error"]),
];

/// Parts of a wing, from the ground up: each may name those before it.
const FLOORS: &[(&str, &[&str])] = &[
    ("worker", &["host", "abi", "child", "parent"]),
    (
        "engine",
        &[
            "rejection",
            "limits",
            "interrupt",
            "rustc_text",
            "api",
            "text",
            "sinks",
            "scope",
            "magics",
            "diagnostics",
            "build",
            "ask",
            "session",
            "trial",
        ],
    ),
];

/// Two parts of one wing neither of which may name the other.
const STRANGERS: &[(&str, &str, &str)] = &[("worker", "child", "parent")];

/// Pairs of files that name each other, each with the reason why that is right.
const PAIRS: &[(&str, &str, &str)] = &[];

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

static LIBRARY: LazyLock<Modules> = LazyLock::new(|| Modules::read(&root("src/lib.rs")));

fn shown(module: &ModulePath) -> String {
    if module.is_empty() { "the root".into() } else { module.join("::") }
}

#[test]
fn wings_name_only_what_they_may() {
    let mut wrong = Vec::new();
    for module in LIBRARY.files.keys().filter(|module| !module.is_empty()) {
        let Some((_, may)) = WINGS.iter().find(|(wing, _)| *wing == module[0]) else {
            wrong.push(format!("`{}` is in no wing of the table", shown(module)));
            continue;
        };
        for other in LIBRARY.names.get(module).into_iter().flatten() {
            let wing = other.first().map_or("", String::as_str);
            if wing != module[0] && !may.contains(&wing) {
                wrong.push(format!("{} names {}", shown(module), shown(other)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn parts_of_a_wing_name_only_those_below() {
    let mut wrong = Vec::new();
    for (wing, floors) in FLOORS {
        let inside = |module: &ModulePath| module.len() > 1 && module[0] == *wing;
        let floor = |module: &ModulePath| floors.iter().position(|part| *part == module[1]);
        for module in LIBRARY.files.keys().filter(|module| inside(module)) {
            let Some(own) = floor(module) else {
                wrong.push(format!("`{}` has no floor in the table", shown(module)));
                continue;
            };
            for other in LIBRARY.uses.get(module).into_iter().flatten().filter(|other| inside(other)) {
                let is_stranger = STRANGERS.iter().any(|(of, a, b)| {
                    of == wing && [(a, b), (b, a)].iter().any(|(a, b)| module[1] == **a && other[1] == **b)
                });
                if floor(other).is_some_and(|other| other > own) || is_stranger {
                    wrong.push(format!("{} names {}", shown(module), shown(other)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_files_name_each_other_in_a_circle() {
    let mut wrong = Vec::new();
    let (executable, runtime) = (Modules::read(&root("src/main.rs")), Modules::read(&root("runtime/src/lib.rs")));
    for (name, modules) in [("library", &*LIBRARY), ("executable", &executable), ("runtime", &runtime)] {
        for circle in modules.circles() {
            let is_listed = |(a, b, _): &(&str, &str, &str)| {
                circle.len() == 2 && circle.iter().all(|module| [*a, *b].contains(&shown(module).as_str()))
            };
            if !PAIRS.iter().any(is_listed) {
                let names: Vec<String> = circle.iter().map(shown).collect();
                wrong.push(format!("{name}: {}", names.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn files(below: &str) -> Vec<PathBuf> {
    fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).expect("a readable directory") {
            let path = entry.expect("a readable entry").path();
            match path.is_dir() {
                true => collect(&path, files),
                false if path.extension().is_some_and(|e| e == "rs") => files.push(path),
                false => {}
            }
        }
    }
    let mut found = Vec::new();
    collect(&root(below), &mut found);
    found.sort();
    found
}

/// Functions that are too long, found by their bodies.
struct Functions<'a>(&'a Path, Vec<String>);

impl Functions<'_> {
    fn check(&mut self, name: &syn::Ident, block: &syn::Block) {
        let lines = block.span().end().line - block.span().start().line;
        if lines > LINES_OF_A_FUNCTION {
            self.1.push(format!("{}: `{name}` has {lines} lines", self.0.display()));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.check(&item.sig.ident, &item.block);
        syn::visit::visit_item_fn(self, item);
    }
    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.check(&item.sig.ident, &item.block);
        syn::visit::visit_impl_item_fn(self, item);
    }
}

#[test]
fn files_and_functions_stay_small() {
    let mut wrong = Vec::new();
    for file in ["src", "runtime/src", "runtime/models", "tests", "benches", "fuzz/fuzz_targets"]
        .into_iter()
        .flat_map(files)
    {
        let text = std::fs::read_to_string(&file).expect("a readable file");
        let lines = text.lines().count();
        // Recorded outputs and other data are as long as they are.
        let is_data = file.ends_with("matching/original.rs");
        if lines > LINES_OF_A_FILE && !is_data {
            wrong.push(format!("{}: {lines} lines", file.display()));
        }
        let mut functions = Functions(&file, Vec::new());
        functions.visit_file(&syn::parse_file(&text).expect("our own files are Rust"));
        wrong.extend(functions.1);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
