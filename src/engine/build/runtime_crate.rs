//! The runtime crate, whose sources this executable carries: compiled by the user's rustc, once per toolchain and level,
//! and kept. A first session must not wait for the optimiser, so it gets a quick build; the optimised one, which all later
//! sessions use, is built beside it at the lowest priority.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use crate::error::{Error, ExitCode};

use crate::engine::build::cache::{self, Cache, Key, Kind};
use crate::engine::build::scratch::Scratch;
use crate::engine::build::toolchain::Toolchain;
use crate::engine::interrupt::{Interrupter, Said};
use crate::engine::scope::Library;
use crate::sys::{private_files, process};

/// Path below `runtime/src` and text of each file.
const SOURCES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/runtime_sources.rs"));

/// The name of the directory of the runtime's source files in diagnostics and panics.
pub(super) const SOURCE_DIRECTORY: &str = "threadbook";

/// The arguments of both builds. Checks are off in both, so that the level changes nothing that a cell can see.
const ARGUMENTS: [&str; 11] = [
    "--crate-name=threadbook",
    "--crate-type=dylib",
    "--edition=2024",
    "-Cprefer-dynamic",
    "-Cdebuginfo=0",
    "-Cdebug-assertions=off",
    "-Coverflow-checks=off",
    "-Cmetadata=threadbook-runtime",
    "-Cembed-bitcode=no",
    "--cap-lints=allow",
    "--color=never",
];

/// The file in the cache's directory that is locked by whoever builds an optimised runtime, so that of several sessions
/// one does it.
const OPTIMISING: &str = "optimising";

/// Identifies the sources.
static DIGEST: LazyLock<String> = LazyLock::new(|| {
    let parts = |key: Key, (name, text): &(&str, &str)| key.part(name).part(text);
    SOURCES.iter().fold(Key::default(), parts).finish()
});

/// A build of the runtime. rustc accepts a library only together with the very build that it was linked to, so cells
/// that were compiled with one build are compiled again for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Build {
    /// Not optimised: 1 s of CPU time. The units are compiled on all cores.
    Quick,
    /// Optimised: 3 s of CPU time. One unit takes the least of it and makes the fastest code.
    Optimised,
}

impl Build {
    fn level(self) -> [&'static str; 2] {
        match self {
            Build::Quick => ["-Copt-level=0", "-Ccodegen-units=8"],
            Build::Optimised => ["-Copt-level=3", "-Ccodegen-units=1"],
        }
    }

    fn key(self, toolchain: &Toolchain) -> String {
        let key = Key::default().part("runtime").part(&toolchain.version).part(ARGUMENTS.join(" "));
        key.part(self.level().join(" ")).part(&*DIGEST).finish()
    }

    fn kept(self, toolchain: &Toolchain, cache: &Cache) -> Option<Library> {
        let key = self.key(toolchain);
        let (path, ()) = cache.get(Kind::Runtime, &key)?;
        Some(Library { key, path })
    }

    /// Builds the runtime; `run` runs rustc.
    fn make(
        self,
        toolchain: &Toolchain,
        cache: &Cache,
        run: impl FnOnce(Command) -> io::Result<Said>,
    ) -> Result<Library, Error> {
        let failed = |error: io::Error| {
            Error::new(ExitCode::Environment, "failed to build the runtime")
                .because(error)
                .advise("free some disk space")
        };
        let key = self.key(toolchain);
        let directory = Scratch::create().map_err(failed)?;
        let built = directory.path().join("libthreadbook.so");
        write_sources(directory.path()).map_err(failed)?;
        let mut command = Command::new(&toolchain.rustc);
        command
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // A linker that is killed leaves files there, which are to go with the directory.
            .env("TMPDIR", directory.path())
            .arg(directory.path().join("lib.rs"))
            .arg(format!("--remap-path-prefix={}={SOURCE_DIRECTORY}", directory.path().display()))
            .args(ARGUMENTS)
            .args(self.level())
            .arg(format!("-Clink-arg=-Wl,-soname,{}", cache::soname(&key)))
            .arg("-o")
            .arg(&built);
        let Said { status, stderr } = run(command).map_err(failed)?;
        if !status.success() {
            let said = String::from_utf8_lossy(&stderr);
            let message = format!("failed to build the runtime with `{}`:\n{said}", toolchain.rustc.display());
            return Err(Error::new(ExitCode::Environment, message));
        }
        let path = cache.put(Kind::Runtime, &key, &built, &()).map_err(failed)?;
        Ok(Library { key, path })
    }
}

fn write_sources(directory: &Path) -> io::Result<()> {
    for (name, text) in SOURCES {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap_or(directory))?;
        fs::write(path, text)?;
    }
    Ok(())
}

/// The best runtime of this toolchain that is in the cache. If there is none, `say` is called and the quick one is built.
pub(super) fn ready(
    toolchain: &Toolchain,
    cache: &Cache,
    interrupter: &Interrupter,
    say: impl FnOnce(),
) -> Result<Library, Error> {
    let kept = [Build::Optimised, Build::Quick].into_iter().find_map(|build| build.kept(toolchain, cache));
    kept.map_or_else(
        || {
            say();
            Build::Quick.make(toolchain, cache, |command| interrupter.compile(command))
        },
        Ok,
    )
}

/// Whether this is the optimised runtime.
pub(super) fn is_optimised(runtime: &Library, toolchain: &Toolchain) -> bool {
    runtime.key == Build::Optimised.key(toolchain)
}

/// Builds the optimised runtime unless it is there. For a user who waits for it, hence with the priority of this process.
pub(in crate::engine) fn optimise_now(toolchain: &Toolchain, cache: &Cache) -> Result<(), Error> {
    if Build::Optimised.kept(toolchain, cache).is_some() {
        return Ok(());
    }
    let interrupter = Interrupter::default();
    Build::Optimised.make(toolchain, cache, |command| interrupter.compile(command)).map(drop)
}

/// Builds the optimised runtime, for sessions to come, unless it is there or another process is building it.
pub(super) fn optimise(toolchain: &Toolchain, cache: &Cache, interrupter: &Interrupter) -> Result<(), Error> {
    let Some(_lock) = lock_optimising(cache) else { return Ok(()) };
    if Build::Optimised.kept(toolchain, cache).is_some() {
        return Ok(());
    }
    let run = |mut command: Command| {
        process::run_when_idle(&mut command);
        interrupter.compile(command)
    };
    Build::Optimised.make(toolchain, cache, run).map(drop)
}

/// `None` if another process holds the lock, or if it cannot be had: the next session tries again.
fn lock_optimising(cache: &Cache) -> Option<File> {
    let file = private_files::append(&cache.directory().join(OPTIMISING)).ok()?;
    match file.try_lock() {
        Ok(()) => Some(file),
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_session_gets_the_quick_build_and_later_ones_the_optimised_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = Cache::open_at(directory.path().join("cache")).expect("a cache");
        let (toolchain, interrupter) = (Toolchain::find(None).expect("a toolchain"), Interrupter::default());
        let mut said = 0;
        let first = ready(&toolchain, &cache, &interrupter, || said += 1).expect("built");
        let second = ready(&toolchain, &cache, &interrupter, || said += 1).expect("kept");
        assert_eq!((said, &first.key), (1, &second.key), "the user waits once");
        assert!(!is_optimised(&first, &toolchain));
        // Another session builds the optimised one.
        let lock = lock_optimising(&cache).expect("nobody has it");
        optimise(&toolchain, &cache, &interrupter).expect("left to the other");
        assert_eq!(Build::Optimised.kept(&toolchain, &cache).map(|library| library.key), None);
        drop(lock);
        optimise(&toolchain, &cache, &interrupter).expect("built");
        let third = ready(&toolchain, &cache, &interrupter, || said += 1).expect("kept");
        assert!(is_optimised(&third, &toolchain) && said == 1);
    }
}
