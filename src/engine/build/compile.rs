//! Compiles a unit into a library: the one place that runs rustc on a user's code. Never looks into a scope and never
//! knows variables. For the options see the [rustc book](https://doc.rust-lang.org/rustc/command-line-arguments.html)
//! and its chapter on [codegen options](https://doc.rust-lang.org/rustc/codegen-options/index.html).

use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use crate::error::{Error, ExitCode};
use crate::worker::Exit;

use crate::engine::build::beside;
use crate::engine::build::cache::{self, Cache, Key, Kind};
use crate::engine::build::cargo::Cargo;
use crate::engine::build::eviction;
use crate::engine::build::level;
use crate::engine::build::linker::Linker;
use crate::engine::build::runtime_crate;
use crate::engine::build::scratch::Scratch;
use crate::engine::build::toolchain::{self, Toolchain};
use crate::engine::build::turns::{Turn, Turns};
use crate::engine::build::unit::{CELL_CRATE, Unit};
use crate::engine::diagnostics::{self, Diagnostic};
use crate::engine::interrupt::{Interrupter, Progress, Said};
use crate::engine::scope::dependency::CRATES;
use crate::engine::scope::{Library, Optimization, Scope};
use crate::engine::text::cell::Cell;
use crate::engine::text::source_map::SourceMap;
use crate::sys::private_files;

/// Compiles the units of one session.
#[derive(Clone)]
pub(crate) struct Compiler {
    toolchain: Toolchain,
    cache: Cache,
    /// The `threadbook` crate, which every cell links to.
    pub runtime: Library,
    pub cargo: Arc<Cargo>,
    /// The notebook's directory.
    beside: PathBuf,
    /// Empty until it is known which linker can be used (`warm_up`); until then rustc links by itself.
    pub(super) linker: Arc<OnceLock<Linker>>,
    interrupter: Interrupter,
    scratch: Arc<Scratch>,
    turns: Arc<Turns>,
}

/// The outcome of compiling a unit.
pub(crate) enum Compiled {
    Built(Built),
    Errors(Vec<Diagnostic>),
}

pub(crate) struct Built {
    pub library: PathBuf,
    /// rustc's warnings, as [JSON lines](https://doc.rust-lang.org/rustc/json.html).
    pub stderr: String,
    /// The MIR of a cell's statements, from which the types of its new variables are read. Empty for statements without
    /// any, and for a session crate.
    pub mir: String,
}

/// The facts about a library that the cache keeps beside it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Kept<T> {
    pub about: T,
    pub stderr: String,
}

/// What identifies a unit: the key of its library in the cache, and the name of its root file, which begins with the
/// key so that panics of different cells can be told apart.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub key: String,
    pub root: String,
}

impl Compiler {
    /// `directory` is the directory that relative paths of `:dep` start from; `None` means the current one. `say` is called
    /// if the runtime has to be built first.
    pub(crate) fn new(
        toolchain: Toolchain,
        cache: Cache,
        directory: Option<&Path>,
        interrupter: Interrupter,
        say: impl FnOnce(),
    ) -> Result<Compiler, Error> {
        let size = eviction::cache_limit()?;
        let runtime = runtime_crate::ready(&toolchain, &cache, &interrupter, say)?;
        eviction::start(&cache, size);
        let scratch = Arc::new(Scratch::create().map_err(no_scratch)?);
        let cargo = Arc::new(Cargo::new(&toolchain, &cache, directory, interrupter.clone())?);
        let linker = Arc::new(Linker::known(&toolchain, &cache).map(OnceLock::from).unwrap_or_default());
        let turns = Arc::default();
        let beside = directory.map_or_else(|| std::env::current_dir().unwrap_or_default(), Path::to_path_buf);
        Ok(Compiler { toolchain, cache, runtime, cargo, beside, linker, interrupter, scratch, turns })
    }

    /// The same compiler for cells ahead, which can be given up while the session goes on.
    pub(crate) fn for_cells_ahead(&self) -> Compiler {
        Compiler { interrupter: self.interrupter.of_other_work(), ..self.clone() }
    }

    /// Ends what this compiler compiles, and compiles nothing more.
    pub(crate) fn give_up(&self) {
        self.interrupter.give_up();
    }

    pub(crate) fn is_given_up(&self) -> bool {
        self.interrupter.is_given_up()
    }

    /// What the compilers that run now have used of the processors.
    pub(crate) fn progress(&self) -> Progress {
        self.interrupter.progress()
    }

    /// Writes a file to the session's directory, which is removed when the session ends.
    pub(crate) fn write_scratch(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, Error> {
        self.make(self.scratch.path())?;
        let file = self.scratch.path().join(name);
        fs::write(&file, bytes).map_err(no_scratch)?;
        Ok(file)
    }

    /// The shared standard library, which the worker loads before any other library.
    pub(crate) fn libstd(&self) -> &Path {
        &self.toolchain.libstd
    }

    /// Whether cells link to the optimised runtime.
    pub(crate) fn has_optimised_runtime(&self) -> bool {
        runtime_crate::is_optimised(&self.runtime, &self.toolchain)
    }

    /// The identity of a unit. Its key covers everything that the library depends on, so equal keys mean equal
    /// libraries.
    pub(crate) fn identify(&self, unit: &Unit, optimization: Optimization) -> Identity {
        let mut key = Key::default()
            .part(env!("THREADBOOK_ENGINE"))
            .part(&self.runtime.key)
            .part(&self.toolchain.version)
            .part(level::arguments(unit, optimization).join(" "))
            .part(unit.edition.year())
            .part(unit.crates.as_ref().map_or("", |crates| &crates.key));
        for library in unit.externs.iter().map(|(_, library)| library).chain(&unit.homes) {
            key = key.part(&library.key);
        }
        if !unit.beside.is_empty() {
            key = key.part(beside::digest(&unit.beside, &self.beside));
        }
        for (name, text) in &unit.files {
            key = key.part(name).part(text.generated());
        }
        let key = key.finish();
        let root = format!("{}.rs", &key[..16]);
        Identity { key, root }
    }

    /// Waits until no other thread builds what has this key. None does as long as the value lives.
    pub(super) fn turn<'a>(&'a self, key: &'a str) -> Turn<'a> {
        self.turns.take(key)
    }

    pub(crate) fn cached<T: serde::de::DeserializeOwned>(&self, key: &str) -> Option<(Library, Kept<T>)> {
        let (path, kept) = self.cache.get(Kind::Cell, key)?;
        tracing::debug!(key, "in the cache");
        Some((Library { key: key.to_string(), path }, kept))
    }

    pub(crate) fn keep<T: Serialize + serde::de::DeserializeOwned>(
        &self,
        key: &str,
        built: &Path,
        kept: &Kept<T>,
    ) -> Result<Library, Error> {
        let path = self.cache.put(Kind::Cell, key, built, kept).map_err(no_scratch)?;
        Ok(Library { key: key.to_string(), path })
    }

    /// Creates a directory inside the session's, which only this user may read. Called before each use, since a cleaner
    /// of temporary files may have removed the directory.
    fn make(&self, directory: &Path) -> Result<(), Error> {
        private_files::directory(self.scratch.path())
            .and_then(|_| fs::create_dir_all(directory))
            .map_err(no_scratch)
    }

    /// The directory in which a unit is compiled, with links to the files that its code names.
    fn room(&self, name: &str, unit: &Unit) -> Result<PathBuf, Error> {
        let directory = beside::place(&self.scratch.path().join(name), &unit.beside);
        self.make(&directory)?;
        beside::link(&unit.beside, &self.beside, &directory).map_err(no_scratch)?;
        Ok(directory)
    }

    /// Completes a parsed cell by what its text does not say: the items that macros of the session make, and what is in the
    /// files that items name. With another content it is another item.
    pub(super) fn complete(&self, cell: &mut Cell, scope: &Scope) {
        cell.expand(&|name| scope.macro_text(name));
        for item in cell.parts.iter_mut().flat_map(|parts| &mut parts.items) {
            let names = beside::named(&item.tokens);
            if !names.is_empty() {
                item.tokens += &format!(" /* {} */", beside::digest(&names, &self.beside));
            }
        }
    }

    /// Compiles the crate of a cell's statements, to a `cdylib` and, if `with_mir`, its MIR. This costs some milliseconds: rustc
    /// looks for a visible path of each type in all that std exports.
    pub(crate) fn statements(
        &self,
        unit: &Unit,
        identity: &Identity,
        optimization: Optimization,
        with_mir: bool,
    ) -> Result<Compiled, Error> {
        let directory = self.room(&identity.key, unit)?;
        write_files(&directory, unit, &identity.root)?;
        let (library, mir) = (directory.join("cell.so"), directory.join("cell.mir"));
        let mut emit = format!("--emit=link={}", library.display());
        if with_mir {
            emit += &format!(",mir={}", mir.display());
        }
        let command = |linker: &Linker| {
            let mut command = self.rustc(&directory, unit, optimization, linker);
            command
                .arg(&identity.root)
                .arg(format!("--crate-name={CELL_CRATE}"))
                .arg("--crate-type=cdylib")
                .arg(&emit);
            command
        };
        let read = || if with_mir { fs::read_to_string(&mir).map_err(no_scratch) } else { Ok(String::new()) };
        self.finish(unit, command, library.clone(), read)
    }

    /// Compiles the session crate of this name, to a `dylib` that later cells link to.
    pub(crate) fn session(
        &self,
        unit: &Unit,
        name: &str,
        identity: &Identity,
        optimization: Optimization,
    ) -> Result<Compiled, Error> {
        let directory = self.room(&identity.key, unit)?;
        write_files(&directory, unit, "lib.rs")?;
        let library = directory.join("session.so");
        let command = |linker: &Linker| {
            let mut command = self.rustc(&directory, unit, optimization, linker);
            command.arg("lib.rs").arg(format!("--crate-name={name}")).arg("--crate-type=dylib");
            command.arg("-Cmetadata=threadbook-session");
            command.arg(linker.option(&format!("-soname={}", cache::soname(&identity.key))));
            command.arg("-o").arg(&library);
            command
        };
        self.finish(unit, command, library.clone(), || Ok(String::new()))
    }

    /// Puts a library aside, so that the unit can be compiled again beside it.
    pub(super) fn set_aside(&self, built: Built) -> Result<Built, Error> {
        let library = built.library.with_extension("aside");
        fs::rename(&built.library, &library).map_err(no_scratch)?;
        Ok(Built { library, ..built })
    }

    /// Removes the files that a unit was compiled from.
    pub(super) fn discard(&self, identity: &Identity) {
        // A failure is no harm: what is left is removed when the session ends.
        let _ = fs::remove_dir_all(self.scratch.path().join(&identity.key));
    }

    /// Returns rustc's errors about a unit without building a library.
    pub(crate) fn check(&self, unit: &Unit, identity: &Identity) -> Result<Vec<Diagnostic>, Error> {
        let room = format!("check-{}", identity.key);
        let directory = self.room(&room, unit)?;
        write_files(&directory, unit, &identity.root)?;
        let command = |linker: &Linker| {
            let mut command = self.rustc(&directory, unit, Optimization::Level(0), linker);
            command.arg(&identity.root).arg("--crate-type=lib").arg("--emit=metadata");
            command
        };
        let compiled = self.finish(unit, command, PathBuf::new(), || Ok(String::new()));
        // A failure is no harm, as in `discard`.
        let _ = fs::remove_dir_all(self.scratch.path().join(room));
        match compiled? {
            Compiled::Errors(errors) => Ok(errors),
            Compiled::Built(_) => Ok(Vec::new()),
        }
    }

    fn rustc(&self, directory: &Path, unit: &Unit, optimization: Optimization, linker: &Linker) -> Command {
        let mut command = Command::new(&self.toolchain.rustc);
        command.current_dir(directory).stdin(Stdio::null()).stdout(Stdio::null());
        // A linker that is killed leaves files there, which are to go with the session.
        command.env("TMPDIR", self.scratch.path());
        command.arg(format!("--edition={}", unit.edition.year())).args([
            "--error-format=json",
            "-Cprefer-dynamic",
            "-Cdebuginfo=0",
        ]);
        command.args(["-Cembed-bitcode=no", "-Ccodegen-units=1", "--diagnostic-width=100"]);
        // A loaded library then takes three areas of memory rather than four: the worker is copied after each cell, and the
        // time of a copy grows with their number.
        command.arg("-Crelro-level=off");
        command.args(level::arguments(unit, optimization)).args(linker.arguments());
        if level::calls_directly(unit, optimization) {
            command.arg(linker.option("-Bsymbolic"));
        }
        command.arg("--extern").arg(format!("threadbook={}", self.runtime.path.display()));
        for (name, library) in &unit.externs {
            command.arg(format!("--extern={name}={}", library.path.display()));
        }
        command.args(unit.homes.iter().map(|home| format!("-Clink-arg={}", home.path.display())));
        if let Some(crates) = &unit.crates {
            command.arg(format!("--extern={CRATES}={}", crates.library.display()));
            let others = unit.other_crates.iter().map(|(name, file)| (name, file));
            for (name, file) in crates.externs.iter().chain(others) {
                command.arg(format!("--extern={name}={}", file.display()));
            }
            command.args(crates.search.iter().map(|directory| format!("-L{directory}")));
        }
        command
    }

    /// Runs rustc, which `command` writes for a linker. What does not come out with the toolchain's own linker, and not
    /// for any place in the code, is compiled again as rustc links by itself: the C compiler may know more libraries.
    fn finish(
        &self,
        unit: &Unit,
        command: impl Fn(&Linker) -> Command,
        library: PathBuf,
        mir: impl FnOnce() -> Result<String, Error>,
    ) -> Result<Compiled, Error> {
        // Crates may bring libraries that only the C compiler finds.
        let direct = self.linker.get().filter(|_| unit.crates.is_none());
        let mut output = self.run(command(direct.unwrap_or(&Linker::Compiler)))?;
        if direct.is_some_and(|linker| *linker != Linker::Compiler)
            && output.status.code().is_some_and(|code| code != 0)
            && diagnostics::parse(&String::from_utf8_lossy(&output.stderr))
                .0
                .iter()
                .all(|d| !d.is_error() || !d.has_place())
        {
            output = self.run(command(&Linker::Compiler))?;
        }
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            let mir = mir()?;
            return Ok(Compiled::Built(Built { library, stderr, mir }));
        }
        if let Some(error) = self.cannot_compile(output.status) {
            return Err(error);
        }
        let (diagnostics, rest) = diagnostics::parse(&stderr);
        let errors: Vec<Diagnostic> = diagnostics.into_iter().filter(Diagnostic::is_error).collect();
        if errors.is_empty() {
            let how = output.status;
            return Err(Error::new(
                ExitCode::Environment,
                format!("rustc failed ({how}) and said no reason:\n{rest}"),
            ));
        }
        Ok(Compiled::Errors(errors))
    }

    fn run(&self, command: Command) -> Result<Said, Error> {
        self.interrupter.compile(command).map_err(|error| {
            Error::new(ExitCode::Environment, format!("failed to run `{}`", self.toolchain.rustc.display()))
                .because(error)
                .advise("check that the toolchain is still installed")
        })
    }

    /// The error for output of rustc that this version of Threadbook cannot read.
    pub(super) fn unreadable(&self, what: &str) -> Error {
        let release = self.toolchain.release();
        let message = format!("rustc {release} is not supported by this version of Threadbook: {what}");
        Error::new(ExitCode::Environment, message)
            .advise(format!("install a newer Threadbook, or set RUSTC to a rustc from {}", toolchain::TESTED))
    }

    /// The reason why rustc failed, if it is not the code: a signal, another toolchain, or a cache without the runtime.
    /// `None` if the code is to blame.
    fn cannot_compile(&self, status: ExitStatus) -> Option<Error> {
        let message = if let Some(signal) = status.signal() {
            format!("rustc was ended by {}; nothing of the cell has run: run the cell again", Exit::Signal(signal))
        } else if let Some(now) = self.toolchain.replaced() {
            format!(
                "rustc was replaced: it was {}, and is {now}, which cannot use what the session has built; restart the session, or install the former again",
                self.toolchain.release()
            )
        } else if !self.runtime.path.exists() {
            format!(
                "`{}`, which every cell links to, was removed from the cache; restart the session, which builds it again",
                self.runtime.path.display()
            )
        } else {
            return None;
        };
        Some(Error::new(ExitCode::Environment, message))
    }
}

/// The map from the file names in rustc's messages to the text of the files; `root` is the name of the unit's root.
pub(crate) fn source_map(unit: &Unit, root: &str) -> SourceMap {
    let mut map = SourceMap::new();
    map.hide_dir(runtime_crate::SOURCE_DIRECTORY);
    for (index, (name, text)) in unit.files.iter().enumerate() {
        map.insert(if index == 0 { root } else { name.as_str() }, text.clone());
    }
    map
}

fn write_files(directory: &Path, unit: &Unit, root: &str) -> Result<(), Error> {
    for (index, (name, text)) in unit.files.iter().enumerate() {
        let name = if index == 0 { root } else { name.as_str() };
        fs::write(directory.join(name), text.generated()).map_err(no_scratch)?;
    }
    Ok(())
}

fn no_scratch(error: io::Error) -> Error {
    Error::new(ExitCode::Environment, "failed to write the files of a cell")
        .because(error)
        .advise("free some disk space, or set TMPDIR and THREADBOOK_CACHE")
}
