//! Holds the shape of the source tree that ARCHITECTURE.md describes: which part may use which, and how large a file
//! and a function may grow.

use std::path::{Path, PathBuf};

use syn::spanned::Spanned;
use syn::visit::Visit;

const LINES_OF_A_FILE: usize = 500;
const LINES_OF_A_FUNCTION: usize = 70;

/// Each part of the crate, and the parts that it may name.
const PARTS: [(&str, &[&str]); 10] = [
    ("main", &["cli", "worker"]),
    ("cli", &["kernel", "kernelspec", "notebook", "error"]),
    ("kernelspec", &["engine", "error"]),
    ("kernel", &["engine", "events", "error"]),
    ("notebook", &["engine", "lanes", "events", "error"]),
    ("engine", &["worker", "events", "error"]),
    ("worker", &["events", "error"]),
    ("lanes", &["events"]),
    ("events", &[]),
    ("error", &[]),
];

/// The engine's rooms: each uses only those before it.
const ENGINE: &[&str] = &[
    "private",
    "limits",
    "interrupt",
    "rustc_text",
    "text",
    "sinks",
    "scope",
    "magics",
    "diagnostics",
    "build",
    "ask",
    "session",
    "trial",
    "fuzzing",
];

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
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(below), &mut found);
    found.sort();
    found
}

/// `engine/session.rs` → `["engine", "session"]`
fn rooms(file: &Path) -> Vec<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let inside = file.strip_prefix(source).expect("a file of src").with_extension("");
    inside.iter().map(|part| part.to_string_lossy().into_owned()).collect()
}

/// What the file names behind `crate::` or `super::` … in its code, comments left out.
fn named(text: &str, prefix: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code: String =
        code.take_while(|line| !line.contains("#[cfg(test)]")).map(|line| format!("{line}\n")).collect();
    code.match_indices(prefix)
        .map(|(at, _)| code[at + prefix.len()..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
        .collect()
}

#[test]
fn imports_run_one_way() {
    let mut wrong = Vec::new();
    for file in files("src") {
        let text = std::fs::read_to_string(&file).expect("a readable file");
        let rooms = rooms(&file);
        let Some((_, may)) = PARTS.iter().find(|(part, _)| *part == rooms[0]) else { continue };
        for prefix in ["crate::", "threadbook::"] {
            for part in named(&text, prefix) {
                let known = PARTS.iter().any(|(other, _)| *other == part);
                if known && part != rooms[0] && !may.contains(&part.as_str()) {
                    wrong.push(format!("{} names `{part}`", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_engine_reads_downward() {
    let rank = |room: &str| ENGINE.iter().position(|other| *other == room);
    let mut wrong = Vec::new();
    for file in files("src/engine") {
        let text = std::fs::read_to_string(&file).expect("a readable file");
        let rooms = rooms(&file);
        let Some(own) = rank(&rooms[1]) else { continue };
        for other in named(&text, "crate::engine::") {
            if rank(&other).is_some_and(|other| other > own) {
                wrong.push(format!("{} names `{other}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_and_functions_stay_small() {
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
    let mut wrong = Vec::new();
    for file in ["src", "runtime/src", "tests", "benches", "fuzz/fuzz_targets"].into_iter().flat_map(files) {
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

#[test]
fn unsafe_code_is_where_the_design_allows_it() {
    for file in files("src").into_iter().filter(|file| !file.to_string_lossy().contains("/src/worker")) {
        let text = std::fs::read_to_string(&file).expect("a readable file");
        let code = text.lines().take_while(|line| !line.contains("#[cfg(test)]"));
        let found: Vec<&str> = code.filter(|line| line.contains("unsafe {") && !line.contains('"')).collect();
        assert!(found.is_empty(), "{}: {found:?}", file.display());
    }
}
