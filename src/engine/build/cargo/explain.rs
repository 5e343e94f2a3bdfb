//! Turns Cargo's output into messages for the user: progress while it builds, and why a set cannot be built. The
//! messages never mention our own package that links the set. Never runs Cargo.

mod debian;
mod index;
mod remedy;
mod words;

use std::path::Path;

pub(super) use words::is_about_network;

/// Cargo's line of progress as the user sees it. `None` if it is no progress worth showing, or is about our package,
/// which is called `root`.
pub(super) fn progress(line: &str, root: &str) -> Option<String> {
    const SHOWN: [&str; 4] = ["Compiling ", "Downloaded ", "Updating ", "Blocking "];
    let line = line.trim();
    // Cargo calls the target directory the build directory, or in some versions the artifact directory.
    if line.starts_with("Blocking waiting for file lock on ") && line.ends_with(" directory") {
        return Some("Waiting for another session that builds crates\n".into());
    }
    (SHOWN.iter().any(|head| line.starts_with(head)) && !line.contains(root)).then(|| format!("{line}\n"))
}

/// Why a set cannot be built, from all that Cargo said: its reason, and what to do where that is known. `root` is the name of
/// our package in `directory`.
pub(super) fn failure(stderr: &str, root: &str, directory: &Path, cargo_home: &Path) -> String {
    let told = words::of_cargo(stderr, root, directory);
    let told = if told.is_empty() { "Cargo failed and said no reason; try again".to_string() } else { told };
    match remedy::advice(stderr, root, cargo_home) {
        Some(advice) => format!("{told}\nhelp: {advice}"),
        None => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_leaves_out_our_own_package() {
        assert_eq!(progress("   Compiling itoa v1.0.0\n", "root"), Some("Compiling itoa v1.0.0\n".into()));
        assert_eq!(progress("   Compiling root v0.0.0 (x)\n", "root"), None);
        assert_eq!(progress("    Finished `release`\n", "root"), None);
        let waiting = progress("    Blocking waiting for file lock on build directory\n", "root");
        assert_eq!(waiting, Some("Waiting for another session that builds crates\n".into()));
    }

    /// What is told of Cargo's words, with an index that has `itoa` 0.4.8 and 1.0.0.
    fn told(stderr: &str) -> String {
        let home = tempfile::tempdir().expect("a directory");
        let cache = home.path().join("registry/index/x/.cache/it/oa");
        std::fs::create_dir_all(&cache).expect("made");
        let release =
            |version: &str| format!("\0{version}\0{{\"vers\":\"{version}\",\"features\":{{\"no-panic\":[]}}}}");
        std::fs::write(cache.join("itoa"), release("0.4.8") + &release("1.0.0")).expect("written");
        failure(stderr, "root", Path::new("/d"), home.path())
    }

    #[test]
    fn an_error_is_cargos_own_without_our_package() {
        for (said, expected) in [
            (
                "    Updating index\nerror: no matching package named `serdee` found\nlocation searched: x index\n\
                 required by package `root v0.0.0 (/d)`\n",
                "no matching package named `serdee` found\nhelp: did you mean `:dep serde`?",
            ),
            (
                "error: no matching package named `gitt` found\nlocation searched: Git repository file:///x\n\
                 required by package `root v0.0.0 (/d)`\n",
                "no matching package named `gitt` found\nhelp: the crate there is not called `gitt`; write \
                 `:dep NAME = …`, or add `package = \"NAME\"`",
            ),
            (
                "error: no matching package named `std` found\nlocation searched: crates.io index\n\
                 required by package `root v0.0.0 (/d)`\n",
                "no matching package named `std` found\nhelp: `std` belongs to Rust and needs no `:dep`",
            ),
            (
                "error: failed to parse manifest at `/d/Cargo.toml`\n\nCaused by:\n  bad\n",
                "failed to parse the `:dep` lines\nCaused by:\n  bad",
            ),
            (
                "error: no matching package found\nsearched package name: `other`\nperhaps you meant:      newer\n\
                 location searched: /x/newer\nrequired by package `root v0.0.0 (/d)`\n",
                "no matching package found\nsearched package name: `other`\nperhaps you meant:      newer\n\
                 help: the crate there is not called `other`, but `newer`; write `:dep newer = …`, or add `package = \"newer\"`",
            ),
            (
                "error: failed to select a version for the requirement `itoa = \"^0.9\"`\n\
                 candidate versions found which didn't match: 1.0.0, 0.4.8\nlocation searched: crates.io index\n\
                 required by package `root v0.0.0 (/d)`\n",
                "failed to select a version for the requirement `itoa = \"^0.9\"`\n\
                 candidate versions found which didn't match: 1.0.0, 0.4.8\n\
                 help: the newest is `:dep itoa = \"1.0.0\"`; the nearest: 0.4.8",
            ),
            (
                "error: failed to select a version for `itoa`.\n    ... required by package `root v0.0.0 (/d)`\n\
                 versions that meet the requirements `^1` are: 1.0.0\n\npackage `root` depends on `itoa` with feature \
                 `nope` but `itoa` does not have that feature.\n\n\n\
                 failed to select a version for `itoa` which could resolve this conflict\n",
                "the session depends on `itoa` with feature `nope` but `itoa` does not have that feature.\n\
                 help: `itoa` 1.0.0 has the features no-panic",
            ),
            (
                "error: rustc 1.95.0 is not supported by the following package:\n  newer@0.1.0 requires rustc 1.999\n\n",
                "rustc 1.95.0 is not supported by the following package:\n  newer@0.1.0 requires rustc 1.999\n\
                 help: ask for an older version of the crate, or install rustc 1.999 (`rustup update`)",
            ),
            (
                "error: failed to load manifest for dependency `x`\n\nCaused by:\n  failed to read `/n/x/Cargo.toml`\n\n\
                 Caused by:\n  No such file or directory (os error 2)\n",
                "failed to load manifest for dependency `x`\nCaused by:\n  failed to read `/n/x/Cargo.toml`\nCaused by:\n  \
                 No such file or directory (os error 2)\n\
                 help: there is no crate in `/n/x`; a path starts from the notebook's directory",
            ),
        ] {
            assert_eq!(told(said), expected);
        }
    }

    #[test]
    fn a_build_script_says_what_it_says_to_people() {
        let said = "   Compiling alsa-sys v0.3.1\nerror: failed to run custom build command for `alsa-sys v0.3.1`\n\
                    note: To improve backtraces for build dependencies, set X\n\nCaused by:\n  \
                    process didn't exit successfully: `/d/build-script-build` (exit status: 101)\n  --- stdout\n  \
                    cargo:rerun-if-env-changed=X\n\n  --- stderr\n\n  thread 'main' (1) panicked at /r/build.rs:13:18:\n\n  \
                    The system library `alsa` required by crate `alsa-sys` was not found.\n  stack backtrace:\n     \
                    0: x\n  note: Some details are omitted\nwarning: build failed, waiting for other jobs to finish...\n";
        assert_eq!(
            told(said),
            "failed to run custom build command for `alsa-sys v0.3.1`\nCaused by:\n  The system library `alsa` required by \
             crate `alsa-sys` was not found.\nhelp: the system lacks `alsa`; on Debian or Ubuntu `apt-get install \
             libasound2-dev` brings it, then run the cell again"
        );
    }

    #[test]
    fn what_does_not_compile_or_link_is_named() {
        let said = "error[E0425]: cannot find value `x`\n --> src/lib.rs:1:1\n\nerror: could not compile `broken` (lib) due to 1 previous error\n";
        assert_eq!(
            told(said),
            "the crate `broken` does not compile\nerror[E0425]: cannot find value `x`\n --> src/lib.rs:1:1"
        );
        let said = "error: linking with `cc` failed: exit status: 1\n  |\n  = note:  \"cc\" \"-Wl,--x\" \"-lsqlite3\"\n  \
                    = note: rust-lld: error: unable to find library -lsqlite3\n\nerror: could not compile `root` (lib) due to x\n";
        assert_eq!(
            told(said),
            "the crates cannot be linked\nrust-lld: error: unable to find library -lsqlite3\nhelp: the system lacks \
             `sqlite3`; on Debian or Ubuntu `apt-get install libsqlite3-dev` brings it, then run the cell again"
        );
    }
}
