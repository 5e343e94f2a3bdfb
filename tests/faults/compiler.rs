//! The compiler is killed, replaced or removed, and so are the directories that it writes to.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use crate::Test;
use crate::bench::{Bench, KEEP, with_variable};
use crate::left::{kill, named};

pub(crate) const TESTS: &[Test] = &[
    ("killed", killed),
    ("replaced", replaced),
    ("removed", removed),
    ("scratch_removed", scratch_removed),
    ("cache_removed", cache_removed),
];

/// Takes rustc longer than anybody waits.
pub(crate) const ENDLESS: &str =
    "#![allow(long_running_const_eval)]\nconst N: u64 = { let mut n = 0; while n < u64::MAX { n += 1; } n };";

fn killed() {
    let mut bench = Bench::start();
    bench.prints(KEEP);
    let error = std::thread::scope(|scope| {
        scope.spawn(|| {
            let compiler = loop {
                match named("rustc").first() {
                    Some(pid) => break *pid,
                    None => std::thread::yield_now(),
                }
            };
            kill(compiler, libc::SIGKILL);
        });
        bench.try_cell(ENDLESS).expect_err("rustc is killed")
    });
    let error = error.to_string();
    assert!(
        error.contains("rustc was ended by signal 9 (SIGKILL") && error.contains("run the cell again"),
        "{error}"
    );
    bench.has_kept();
}

/// A toolchain of our own, whose rustc is a script.
pub(crate) struct Toolchain {
    directory: tempfile::TempDir,
    real: PathBuf,
}

impl Toolchain {
    pub(crate) fn new() -> Toolchain {
        let real = Command::new("rustc").args(["--print", "sysroot"]).output().expect("rustc is there");
        let real = PathBuf::from(String::from_utf8(real.stdout).expect("text").trim());
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("bin")).expect("made");
        std::os::unix::fs::symlink(real.join("lib"), directory.path().join("lib")).expect("linked");
        let toolchain = Toolchain { directory, real };
        toolchain.write("");
        toolchain
    }

    pub(crate) fn rustc(&self) -> PathBuf {
        self.directory.path().join("bin/rustc")
    }

    /// Replaces rustc, as an update does, by one that first does this.
    pub(crate) fn write(&self, first: &str) {
        let sysroot = self.directory.path().display();
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in *'--print sysroot'*) echo {sysroot}; exit;; esac\n{first}\nexec {}/bin/rustc \"$@\"\n",
            self.real.display()
        );
        let new = self.directory.path().join("new");
        fs::write(&new, script).expect("written");
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).expect("changed");
        fs::rename(&new, self.rustc()).expect("renamed");
    }
}

/// Another rustc cannot use what the first has built. Which it is now, and what to do, is said; nothing is lost.
fn replaced() {
    let toolchain = Toolchain::new();
    let mut bench = with_variable("RUSTC", &toolchain.rustc(), Bench::start);
    bench.prints(KEEP);
    // The same compiler in a new file.
    toolchain.write(": # the same");
    bench.prints("let same = 1;");
    let other = "case \"$*\" in -vV) printf 'rustc 1.99.0 (x)\\nrelease: 1.99.0\\nhost: x86_64-unknown-linux-gnu\\n'; exit;; esac\n\
        echo '{\"$message_type\":\"diagnostic\",\"message\":\"found crate `threadbook` compiled by an incompatible version of rustc\",\"code\":{\"code\":\"E0514\",\"explanation\":null},\"level\":\"error\",\"spans\":[],\"children\":[],\"rendered\":\"\"}' >&2; exit 1";
    toolchain.write(other);
    let error = bench.try_cell("let never = 2;").expect_err("another compiler").to_string();
    assert!(error.contains("rustc was replaced") && error.contains("1.99.0"), "{error}");
    assert!(error.contains("restart the session"), "{error}");
    toolchain.write("");
    bench.has_kept();
}

fn removed() {
    let toolchain = Toolchain::new();
    let mut bench = with_variable("RUSTC", &toolchain.rustc(), Bench::start);
    bench.prints(KEEP);
    fs::remove_file(toolchain.rustc()).expect("removed");
    let error = bench.try_cell("let never_compiled = 3;").expect_err("no compiler").to_string();
    assert!(
        error.contains("failed to run") && error.contains("check that the toolchain is still installed"),
        "{error}"
    );
    toolchain.write("");
    bench.has_kept();
}

/// As a cleaner of temporary files does.
fn scratch_removed() {
    let mut bench = Bench::start();
    bench.prints(KEEP);
    let unique = std::process::id();
    bench.prints(&format!("fn item{unique}() -> i32 {{ 1 }}"));
    let scratch: Vec<PathBuf> = fs::read_dir(std::env::temp_dir())
        .expect("listed")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.join("in-use").is_file())
        .collect();
    assert_eq!(scratch.len(), 1);
    fs::remove_dir_all(&scratch[0]).expect("removed");
    bench.prints(&format!("let x{unique} = {unique};"));
    bench.prints(&format!("fn another{unique}() -> i32 {{ item{unique}() + x() }} fn x() -> i32 {{ 1 }}"));
    assert_eq!(bench.prints(&format!("println!(\"{{}}\", another{unique}());")), "2\n");
    bench.cell("kept.push(4); std::process::abort();").lost(&["as it was before this cell"]);
    bench.has_kept();
}

/// With it has gone what every cell links to.
fn cache_removed() {
    let cache = tempfile::tempdir().expect("a directory");
    let mut bench = with_variable("THREADBOOK_CACHE", &cache.path().join("cache"), Bench::start);
    bench.prints(KEEP);
    bench.prints("fn item() -> &'static str { \"an item\" }");
    fs::remove_dir_all(cache.path().join("cache")).expect("removed");
    let error = bench.try_cell("println!(\"{}\", item());").expect_err("the runtime is gone").to_string();
    assert!(error.contains("was removed") && error.contains("restart the session"), "{error}");
}
