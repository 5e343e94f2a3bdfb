//! Exports from the executable the functions that `src/worker/interpose.rs` defines, so that libraries loaded into
//! the worker find them before the C library's.

const INTERPOSED: [&str; 6] =
    ["write", "writev", "pthread_create", "pthread_setname_np", "posix_spawn", "posix_spawnp"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for name in INTERPOSED {
        println!("cargo:rustc-link-arg-bins=-Wl,--export-dynamic-symbol={name}");
    }
}
