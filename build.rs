//! Exports from the executable the functions that `src/worker/interpose.rs` defines, so that libraries loaded into
//! the worker find them before the C library's; and lists the runtime's sources, which the executable carries.

use std::fmt::Write;
use std::path::{Path, PathBuf};

const INTERPOSED: [&str; 8] = [
    "write",
    "writev",
    "pthread_create",
    "pthread_join",
    "pthread_setname_np",
    "fork",
    "posix_spawn",
    "posix_spawnp",
];

fn main() {
    for name in INTERPOSED {
        println!("cargo:rustc-link-arg-bins=-Wl,--export-dynamic-symbol={name}");
    }
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=runtime/src");
    let root = PathBuf::from(env("CARGO_MANIFEST_DIR")).join("runtime/src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let mut list = String::from("[\n");
    for file in files {
        let name = file.strip_prefix(&root).expect("a file below the root").display();
        writeln!(list, "    ({:?}, include_str!({:?})),", name.to_string(), file.display().to_string())
            .expect("writing to a string");
    }
    list.push_str("]\n");
    std::fs::write(Path::new(&env("OUT_DIR")).join("runtime_sources.rs"), list).expect("OUT_DIR is writable");
}

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("the runtime's sources are there") {
        let path = entry.expect("a readable directory").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
