//! Builds the crates of `:dep` into one shared library with Cargo, once per set of crates and toolchain. The only place
//! that runs Cargo. Never compiles a cell. For the keys of a dependency see
//! [the Cargo reference](https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html).

mod artifact;
mod explain;
mod native;
mod tokio;
mod workspace;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::UNIX_EPOCH;

use toml::{Table, Value};

use crate::error::{Error, ExitCode};
use crate::sys::dirs;

use crate::engine::build::cache::{self, Cache, Key};
use crate::engine::build::crate_store::{CrateStore, NOTE};
use crate::engine::build::toolchain::Toolchain;
use crate::engine::interrupt::{Interrupter, Said};
use crate::engine::rejection::{PrepareError, Rejection};
use crate::engine::scope::dependency::{Crates, Patches, Wanted, spelt};

/// The [profile](https://doc.rust-lang.org/cargo/reference/profiles.html) of all crates. They are optimised because
/// they are built once and used often, and have no debug information because it would make them large.
const PROFILE: &str = "[profile.release]\nopt-level = 2\ndebug = false\n";

pub(crate) struct Cargo {
    program: PathBuf,
    rustc: PathBuf,
    version: String,
    host: String,
    /// Where all sets, and the packages that build them, are kept.
    cache: Cache,
    /// The directory that relative paths of `:dep` start from.
    directory: PathBuf,
    interrupter: Interrupter,
}

/// A set of crates that was asked for, with its paths made absolute.
pub(crate) struct Set {
    /// The key of what was asked for, the toolchain and the profile, but not of the sources below a `path`.
    pub key: String,
    wanted: Wanted,
    patches: Patches,
    /// The package that builds this set, its lock file, and the note about the result.
    directory: PathBuf,
    store: CrateStore,
}

impl Cargo {
    pub(crate) fn new(
        toolchain: &Toolchain,
        cache: &Cache,
        directory: Option<&Path>,
        interrupter: Interrupter,
    ) -> Result<Cargo, Error> {
        let here = std::env::current_dir().unwrap_or_default();
        Ok(Cargo {
            program: toolchain.cargo.clone(),
            rustc: toolchain.rustc.clone(),
            version: toolchain.version.clone(),
            host: toolchain.host().to_string(),
            cache: cache.clone(),
            directory: directory.map_or(here.clone(), |directory| here.join(directory)),
            interrupter,
        })
    }

    pub(crate) fn set(&self, wanted: &Wanted, patches: &Patches) -> Result<Set, PrepareError> {
        let wanted = self.absolute(wanted)?;
        let patches = patches.iter().map(|(source, crates)| Ok((source.clone(), self.absolute(crates)?)));
        let patches: Patches = patches.collect::<Result<_, Rejection>>()?;
        let mut key = Key::default().part(env!("THREADBOOK_ENGINE")).part(&self.version).part(PROFILE);
        for (name, table) in &wanted {
            key = key.part(spelt(name, table));
        }
        for (source, crates) in &patches {
            let crates: Vec<String> = crates.iter().map(|(name, table)| spelt(name, table)).collect();
            key = key.part(format!("[patch.{source:?}]")).part(crates.join("\n"));
        }
        let key = key.finish();
        let store = self.cache.use_crates(&key)?;
        Ok(Set { wanted, patches, directory: store.package(&key), store, key })
    }

    /// The crates with their paths made absolute, and with what they take from a workspace.
    fn absolute(&self, crates: &Wanted) -> Result<Wanted, Rejection> {
        let absolute = |(name, table): (&String, &Table)| {
            let mut table = workspace::inherited(name, table, &self.directory)?;
            if let Some(Value::String(path)) = table.get_mut("path") {
                *path = self.directory.join(&*path).to_string_lossy().into_owned();
            }
            Ok((name.clone(), table))
        };
        crates.iter().map(absolute).collect()
    }

    /// The set as it was built before. `None` if it was not, or if a source or a built file has changed since.
    pub(crate) fn kept(&self, set: &Set) -> Option<Crates> {
        let crates = note(set)?;
        let there = |(path, len): (&PathBuf, &u64)| fs::metadata(path).is_ok_and(|data| data.len() == *len);
        (crates.sources == sources(&crates.watched) && crates.files.iter().all(there)).then_some(crates)
    }

    /// Builds the set. Cargo's progress goes to `say`. A set that cannot be built is the user's error, so it is a
    /// rejection. Crates keep the versions that they have in `before` where possible. Sessions build one after the other,
    /// because Cargo locks its target directory; one that has waited finds the crates of the others built.
    pub(crate) fn build(
        &self,
        set: &Set,
        before: Option<&Crates>,
        say: &dyn Fn(&str),
    ) -> Result<Crates, PrepareError> {
        let crates = set.wanted.values().chain(set.patches.values().flat_map(Wanted::values));
        let paths = crates.filter_map(|table| table.get("path")?.as_str().map(PathBuf::from));
        let watched: BTreeSet<PathBuf> = paths.chain(note(set).into_iter().flat_map(|old| old.watched)).collect();
        // The library has this name too. It changes with the sources, since a worker that has loaded an earlier build
        // must not take that for this one.
        let name = format!("threadbook_deps_{}", Key::default().part(&set.key).part(sources(&watched)).finish());
        let _building = set.store.lock_to_build().map_err(no_room)?;
        write_package(set, &name, before).map_err(no_room)?;
        // A file of a new name, because another session may be building the same set.
        let messages = tempfile::NamedTempFile::new_in(&set.directory).map_err(no_room)?;
        let messages = messages.path();
        let mut said = self.run(set, &name, messages, &[], say)?;
        if !said.status.success() && explain::is_about_network(&text(&said)) {
            let offline = self.run(set, &name, messages, &["--offline", "--"], say)?;
            if offline.status.success() {
                said = offline;
            }
        }
        if !said.status.success() {
            let home = dirs::cargo().unwrap_or_default();
            let why = explain::failure(&text(&said), &name, &set.directory, &home);
            return Err(Rejection::dependency(&why).into());
        }
        let metadata = self.metadata(set)?;
        let messages = fs::read_to_string(messages).map_err(no_room)?;
        self.export_native(set, &name, &messages)?;
        let wanted: Vec<(String, bool)> =
            set.wanted.iter().map(|(name, table)| (name.clone(), table.contains_key("package"))).collect();
        let mut crates = match artifact::gather(&metadata, &messages, &name, &self.host, &wanted) {
            Ok(crates) => crates,
            Err(reason) => return Err(Error::new(ExitCode::Environment, reason).into()),
        };
        crates.set.clone_from(&set.key);
        crates.tokio = tokio::name(&set.wanted);
        crates.sources = sources(&crates.watched);
        set.store.add_built(&set.key, artifact::built_paths(&messages)).map_err(no_room)?;
        let note = serde_json::to_vec(&crates).map_err(io::Error::other).map_err(no_room)?;
        cache::write(&set.directory.join(NOTE), &note).map_err(no_room)?;
        Ok(crates)
    }

    /// Links the library of all crates once more if crates bring C functions along, so that it exports these. Crates are not
    /// built again for it. A linker that cannot do it (only LLVM's takes a second version script) leaves the library as it was.
    fn export_native(&self, set: &Set, name: &str, messages: &str) -> Result<(), Error> {
        let functions = native::functions(messages);
        if functions.is_empty() {
            return Ok(());
        }
        let (script, demands) = (set.directory.join("exports.txt"), set.directory.join("demands.txt"));
        write_if_new(&script, &native::exports(&functions)).map_err(no_room)?;
        write_if_new(&demands, &native::demands(&functions)).map_err(no_room)?;
        let messages = tempfile::NamedTempFile::new_in(&set.directory).map_err(no_room)?;
        let link = [
            format!("-Clink-arg=-Wl,--version-script={}", script.display()),
            format!("-Clink-arg=@{}", demands.display()),
        ];
        let further = ["--offline", "--", &link[0], &link[1]];
        let said = self.run(set, name, messages.path(), &further, &|_| {})?;
        if !said.status.success() {
            tracing::warn!(said = text(&said), "the linker cannot export the C functions of crates");
            self.run(set, name, messages.path(), &["--offline", "--"], &|_| {})?;
        }
        Ok(())
    }

    /// Has Cargo build the set, with further arguments: those behind `--` are rustc's, for the library of all crates.
    fn run(
        &self,
        set: &Set,
        name: &str,
        messages: &Path,
        further: &[&str],
        say: &dyn Fn(&str),
    ) -> Result<Said, Error> {
        let mut command = self.command(set);
        command.args(["rustc", "--release", "--message-format=json-render-diagnostics", "--color=never"]);
        // With `--target`, Cargo builds procedural macros and build scripts apart from the libraries for cells:
        // https://doc.rust-lang.org/cargo/reference/config.html#buildtarget
        command.arg("--target").arg(&self.host).arg("--target-dir").arg(set.store.target());
        command.args(further).args((!further.contains(&"--")).then_some("--")).arg("-Cprefer-dynamic");
        command.stdout(fs::File::create(messages).map_err(no_room)?);
        let said = self.interrupter.watch(command, |line| {
            if let Some(line) = explain::progress(line, name) {
                say(&line);
            }
        });
        let said = said.map_err(|error| self.cannot_run(error))?;
        match said.status.signal() {
            Some(signal) => Err(self.cannot_run(format!("it was ended by signal {signal}"))),
            None => Ok(said),
        }
    }

    /// The output of [`cargo metadata`](https://doc.rust-lang.org/cargo/commands/cargo-metadata.html), which tells
    /// which crate of the build each name means.
    fn metadata(&self, set: &Set) -> Result<String, Error> {
        let mut command = self.command(set);
        command.args(["metadata", "--format-version=1", "--offline", "--filter-platform", &self.host]);
        let output = command.output().map_err(|error| self.cannot_run(error))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(self.cannot_run(String::from_utf8_lossy(&output.stderr).trim().to_string())),
        }
    }

    fn command(&self, set: &Set) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&set.directory).stdin(Stdio::null()).env("RUSTC", &self.rustc);
        command.env("CARGO_TERM_PROGRESS_WHEN", "never").env("CARGO_TERM_QUIET", "false");
        command
    }

    fn cannot_run(&self, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::new(ExitCode::Environment, format!("failed to run `{}` for `:dep`", self.program.display()))
            .because(why)
            .advise("check that Cargo is installed")
    }
}

/// Writes a package that links every crate of the set and has no code of its own but what tokio needs. With a `package`, each
/// crate counts as renamed to the name that the user gave it, so Cargo's errors have that name, and the name in code is known.
fn write_package(set: &Set, name: &str, before: Option<&Crates>) -> io::Result<()> {
    fs::create_dir_all(&set.directory)?;
    let mut manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[lib]\npath = \"lib.rs\"\n\
         crate-type = [\"dylib\"]\n\n[workspace]\n\n{PROFILE}\n[dependencies]\n"
    );
    let mut root = String::new();
    for (name, table) in &set.wanted {
        let mut table = table.clone();
        table.entry("package").or_insert_with(|| Value::String(name.clone()));
        let in_package = artifact::name_in_package(name);
        root += &format!("extern crate {in_package} as _;\n");
        root += &tokio::add(name, &mut table, &in_package).unwrap_or_default();
        manifest += &format!("{}\n", spelt(name, &table));
    }
    for (source, crates) in &set.patches {
        manifest += &format!("\n[patch.{source:?}]\n");
        crates.iter().for_each(|(name, table)| manifest += &format!("{}\n", spelt(name, table)));
    }
    let lock = set.directory.join("Cargo.lock");
    if let Some(before) = before.filter(|_| !lock.exists()) {
        // The lock file may be missing if the cache was emptied. Cargo then chooses the versions anew.
        let _ =
            fs::read(set.store.package(&before.set).join("Cargo.lock")).and_then(|text| cache::write(&lock, &text));
    }
    write_if_new(&set.directory.join("lib.rs"), &root)?;
    write_if_new(&set.directory.join("Cargo.toml"), &manifest)
}

fn note(set: &Set) -> Option<Crates> {
    serde_json::from_slice(&fs::read(set.directory.join(NOTE)).ok()?).ok()
}

/// Writes a file only if its text differs, since another session's Cargo may be reading it.
fn write_if_new(path: &Path, text: &str) -> io::Result<()> {
    if fs::read_to_string(path).is_ok_and(|there| there == text) {
        Ok(())
    } else {
        cache::write(path, text.as_bytes())
    }
}

fn text(said: &Said) -> String {
    String::from_utf8_lossy(&said.stderr).into_owned()
}

/// A digest of the names, lengths and times of change of all files below these directories, without files of builds and
/// of version control.
fn sources(directories: &BTreeSet<PathBuf>) -> String {
    fn walk(directory: &Path, mut key: Key) -> Key {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Ok(data) = path.symlink_metadata() else { continue };
            if name.starts_with('.') || name == "target" || name == "Cargo.lock" {
                continue;
            }
            if data.is_dir() {
                key = walk(&path, key.part(&name));
            } else {
                let changed = data.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
                let nanos = changed.unwrap_or_default().as_nanos();
                key = key.part(&name).part(data.len().to_le_bytes()).part(nanos.to_le_bytes());
            }
        }
        key
    }
    directories.iter().fold(Key::default(), |key, directory| walk(directory, key)).finish()
}

fn no_room(error: io::Error) -> Error {
    Error::new(ExitCode::Environment, "failed to write the files of `:dep`")
        .because(error)
        .advise("free some disk space, or set THREADBOOK_CACHE to another directory")
}
