//! Refuses systems that Threadbook does not run on; exports from the executable the functions that `src/interpose.rs`
//! defines, so that libraries loaded into the worker find them before the C library's; lists the runtime's sources,
//! which the executable carries; and names the engine that cached cells were compiled by.

use std::fmt::Write;
use std::path::{Path, PathBuf};

const INTERPOSED: [&str; 11] = [
    "read",
    "readv",
    "write",
    "writev",
    "pthread_create",
    "pthread_join",
    "pthread_setname_np",
    "clock_nanosleep",
    "fork",
    "posix_spawn",
    "posix_spawnp",
];

fn main() {
    refuse_other_systems();
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
    println!("cargo:rerun-if-changed=src/engine");
    println!("cargo:rustc-env=THREADBOOK_ENGINE={:016x}", fingerprint("src/engine"));
}

/// Here and not by `compile_error!`, beside which the compiler would list every name that the system does not have.
fn refuse_other_systems() {
    let system = ["CARGO_CFG_TARGET_OS", "CARGO_CFG_TARGET_ENV"].map(env);
    if system != ["linux", "gnu"] {
        println!(
            "cargo::error=Threadbook runs on Linux with the GNU C library only, and not on {}: another system needs what \
             src/sys/linux.rs lists, and a C library whose functions an executable can replace",
            system.join(" ").trim_end()
        );
        #[expect(
            clippy::disallowed_methods,
            reason = "a build script has nothing to clean up, and a panic would say more"
        )]
        std::process::exit(1);
    }
}

/// What the engine's sources are: a cell that another engine has compiled is compiled again. (FNV-1a: this only has
/// to tell builds apart.)
fn fingerprint(below: &str) -> u64 {
    let mut files = Vec::new();
    collect(&PathBuf::from(env("CARGO_MANIFEST_DIR")).join(below), &mut files);
    files.sort();
    let bytes = files.iter().flat_map(|file| std::fs::read(file).expect("a readable source file"));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
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
