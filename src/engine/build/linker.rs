//! Chooses how rustc links. By itself it calls the C compiler, which finds its libraries and calls a linker through two
//! more processes. Where the toolchain brings a linker of its own, rustc can call that one directly, which takes some 6 ms
//! less for each library. Whether it can is tried once per toolchain. Never links a user's code.

use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::engine::build::cache::{Cache, Key};
use crate::engine::build::scratch::Scratch;
use crate::engine::build::toolchain::Toolchain;
use crate::engine::interrupt::Interrupter;

/// A library that needs the C library and the unwinder, as cells do.
const TRIAL: &str = "#[unsafe(no_mangle)] pub extern \"C\" fn threadbook_trial() { drop(std::panic::catch_unwind(|| \
                     println!(\"{:?}\", std::thread::current().name()))); }";

/// How rustc links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Linker {
    /// Through the C compiler.
    Compiler,
    /// By the toolchain's own linker. It is told the directories in which the C compiler looks for libraries.
    Direct(Vec<String>),
}

impl Linker {
    /// The linker that an earlier trial with this toolchain has chosen. `None` if there was none, or if a directory of
    /// libraries has gone since, as after an update of the C compiler.
    pub(super) fn known(toolchain: &Toolchain, cache: &Cache) -> Option<Linker> {
        let directories: Option<Vec<String>> = cache.recall(&key(toolchain))?;
        match directories {
            None => Some(Linker::Compiler),
            Some(directories) if directories.iter().all(|directory| Path::new(directory).is_dir()) => {
                Some(Linker::Direct(directories))
            }
            Some(_) => None,
        }
    }

    /// Tries whether rustc can link directly, and keeps in the cache what came out. `None` if the trial did not come to
    /// its end; the next session then tries again.
    pub(super) fn choose(toolchain: &Toolchain, cache: &Cache, interrupter: &Interrupter) -> Option<Linker> {
        let directories = library_directories().ok()?;
        let direct = Linker::Direct(directories.clone());
        let works = !directories.is_empty() && direct.works(toolchain, interrupter)?;
        // If it cannot be kept, the next session tries again.
        let _ = cache.remember(&key(toolchain), &works.then_some(directories));
        tracing::debug!(works, "the toolchain's own linker");
        Some(if works { direct } else { Linker::Compiler })
    }

    fn works(&self, toolchain: &Toolchain, interrupter: &Interrupter) -> Option<bool> {
        let scratch = Scratch::create().ok()?;
        fs::write(scratch.path().join("trial.rs"), TRIAL).ok()?;
        let mut command = Command::new(&toolchain.rustc);
        command
            .current_dir(scratch.path())
            .env("TMPDIR", scratch.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command.args(["trial.rs", "--edition=2024", "--crate-type=cdylib", "-Cprefer-dynamic", "-otrial.so"]);
        // A library that is not found is no error to the linker by itself; a symbol that none defines is, with this.
        command.args(self.arguments()).args([self.option("-z"), self.option("defs")]);
        let status = interrupter.compile(command).ok()?.status;
        status.signal().is_none().then(|| status.success())
    }

    /// rustc's arguments that choose this linker.
    pub(super) fn arguments(&self) -> Vec<String> {
        let Linker::Direct(directories) = self else { return Vec::new() };
        let mut arguments = vec!["-Clinker=rust-lld".to_string(), "-Clinker-flavor=ld.lld".to_string()];
        // What a cell links is so little that starting threads for it takes longer.
        arguments.extend(["--threads=1", "--hash-style=gnu"].map(|option| self.option(option)));
        // Behind rustc's own libraries, whose directories come first.
        arguments.extend(directories.iter().map(|directory| self.option(&format!("-L{directory}"))));
        arguments
    }

    /// rustc's argument that passes this option on to the linker.
    pub(super) fn option(&self, option: &str) -> String {
        match self {
            Linker::Compiler => format!("-Clink-arg=-Wl,{option}"),
            Linker::Direct(_) => format!("-Clink-arg={option}"),
        }
    }
}

fn key(toolchain: &Toolchain) -> String {
    let key = Key::default().part("linker").part(env!("THREADBOOK_ENGINE")).part(&toolchain.version);
    key.part(toolchain.rustc.as_os_str().as_encoded_bytes()).finish()
}

/// The directories in which the C compiler looks for libraries, in its order.
fn library_directories() -> io::Result<Vec<String>> {
    let output = Command::new("cc").arg("-print-search-dirs").env("LC_ALL", "C").stdin(Stdio::null()).output()?;
    Ok(listed(&String::from_utf8_lossy(&output.stdout)))
}

/// Reads, of those that exist, `libraries: =/usr/lib/gcc/…:/usr/lib`
/// ([GCC's developer options](https://gcc.gnu.org/onlinedocs/gcc/Developer-Options.html); Clang prints the same).
fn listed(said: &str) -> Vec<String> {
    let line = said.lines().find_map(|line| line.strip_prefix("libraries: =")).unwrap_or_default();
    let mut directories = Vec::new();
    for directory in line.split(':').filter_map(|directory| fs::canonicalize(directory).ok()) {
        let directory = directory.to_string_lossy().into_owned();
        if !directories.contains(&directory) {
            directories.push(directory);
        }
    }
    directories
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::build::compile::Compiler;
    use crate::engine::build::prepare::prepare;
    use crate::engine::scope::Scope;
    use crate::events::CellId;

    fn toolchain() -> Toolchain {
        Toolchain::find(None).expect("a toolchain")
    }

    fn cache(directory: &Path) -> Cache {
        Cache::open_at(directory.join("cache")).expect("a cache")
    }

    #[test]
    fn what_a_trial_chose_is_kept_until_a_directory_has_gone() {
        let directory = tempfile::tempdir().expect("a directory");
        let (toolchain, cache) = (toolchain(), cache(directory.path()));
        assert_eq!(Linker::known(&toolchain, &cache), None);
        let chosen = Linker::choose(&toolchain, &cache, &Interrupter::default()).expect("tried");
        assert_eq!(Linker::known(&toolchain, &cache), Some(chosen));
        let gone = directory.path().join("gone").display().to_string();
        cache.remember(&key(&toolchain), &Some(vec![gone])).expect("kept");
        assert_eq!(Linker::known(&toolchain, &cache), None);
    }

    #[test]
    fn a_linker_that_finds_no_libraries_does_not_pass_the_trial() {
        let works = |directories| Linker::Direct(directories).works(&toolchain(), &Interrupter::default());
        let empty = tempfile::tempdir().expect("a directory");
        assert_eq!(works(vec![empty.path().display().to_string()]), Some(false));
    }

    #[test]
    fn what_a_linker_does_not_find_is_linked_by_the_c_compiler() {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = cache(directory.path());
        let compiler = Compiler::new(toolchain(), cache, None, Interrupter::default(), || {}).expect("a compiler");
        let empty = directory.path().display().to_string();
        compiler.linker.set(Linker::Direct(vec![empty])).expect("a new cache knows none");
        let cell = "fn double(n: u32) -> u32 { n * 2 }\nlet four = double(2);";
        let prepared = prepare(&compiler, &Scope::default(), CellId(1), cell, &|_| {});
        assert!(prepared.is_ok_and(|prepared| prepared.is_there()));
        let wrong = "let four: u32 = \"four\";";
        assert!(prepare(&compiler, &Scope::default(), CellId(1), wrong, &|_| {}).is_err());
    }

    #[test]
    fn directories_are_read_once_each_and_only_if_they_exist() {
        let directory = tempfile::tempdir().expect("a directory");
        let there = fs::canonicalize(directory.path()).expect("it exists").display().to_string();
        let said = format!("install: /usr/lib/gcc\nlibraries: ={there}/:/nonexistent/:{there}/../{}\n", {
            directory.path().file_name().expect("a name").display()
        });
        assert_eq!(listed(&said), [there]);
        assert!(listed("Bibliotheken: =/usr/lib\n").is_empty());
    }
}
