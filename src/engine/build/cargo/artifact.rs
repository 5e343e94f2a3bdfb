//! Reads from Cargo's JSON what it built: the file of each crate that was asked for, and the directories that rustc has
//! to search. Never runs Cargo. The formats are described under
//! [external tools](https://doc.rust-lang.org/cargo/reference/external-tools.html) and
//! [`cargo metadata`](https://doc.rust-lang.org/cargo/commands/cargo-metadata.html).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::engine::build::cache::{Key, digest};
use crate::engine::scope::dependency::Crates;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    source: Option<String>,
    manifest_path: PathBuf,
}

#[derive(Deserialize)]
struct Resolve {
    root: Option<String>,
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dep>,
}

#[derive(Deserialize)]
struct Dep {
    /// The name that the depending package's code uses for the crate.
    name: String,
    pkg: String,
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    package_id: String,
    target: Option<Target>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
    #[serde(default)]
    linked_paths: Vec<String>,
    /// The directory that a build script writes to.
    out_dir: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// One library that Cargo built.
struct Artifact {
    package: String,
    crate_name: String,
    /// The file that rustc is given for it with `--extern`.
    file: PathBuf,
}

/// The name that a crate has in the package that links its set, where every crate counts as renamed: the name of its own
/// library is known only when it is built.
pub(super) fn name_in_package(name: &str) -> String {
    name.replace('-', "_")
}

/// The set of crates that these messages report. `root` is the package that links all crates; `wanted` has each name
/// that was asked for, and whether it renames a package.
pub(super) fn gather(
    metadata: &str,
    messages: &str,
    root: &str,
    host: &str,
    wanted: &[(String, bool)],
) -> Result<Crates, String> {
    let metadata: Metadata = serde_json::from_str(metadata)
        .map_err(|error| format!("`cargo metadata` answered what cannot be read: {error}; update Cargo"))?;
    let mut crates = Crates::default();
    let mut artifacts = Vec::new();
    for line in messages.lines() {
        let Ok(message) = serde_json::from_str::<Message>(line) else { continue };
        crates.search.extend(message.linked_paths);
        let Some(target) = message.target.filter(|_| message.reason == "compiler-artifact") else { continue };
        if target.name == root {
            crates.library = built_library(&message.filenames).ok_or("Cargo built no library for `:dep`")?;
            continue;
        }
        let Some(file) = library_file(&target, &message.filenames, host) else { continue };
        for directory in message.filenames.iter().filter_map(|file| file.parent()) {
            crates.search.insert(format!("dependency={}", directory.display()));
        }
        let crate_name = target.name.replace('-', "_");
        artifacts.push(Artifact { package: message.package_id, crate_name, file });
    }
    name_crates(&mut crates, &metadata, &artifacts, wanted)?;
    fingerprint(&mut crates, &artifacts)?;
    let ours = |package: &&Package| package.source.is_none() && package.name != root;
    let directories = metadata.packages.iter().filter(ours).filter_map(|package| package.manifest_path.parent());
    crates.watched = directories.map(Path::to_path_buf).collect();
    Ok(crates)
}

/// The paths of all that Cargo built, also for build scripts and procedural macros.
pub(super) fn built_paths(messages: &str) -> Vec<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
    messages.flat_map(|message| message.filenames.into_iter().chain(message.out_dir)).collect()
}

/// The shared library that cells link to. Cargo's message names a copy that it makes for the user; the original lies in
/// `deps`, beside the crates.
fn built_library(filenames: &[PathBuf]) -> Option<PathBuf> {
    let copy = filenames.iter().find(|file| file.extension().is_some_and(|e| e == "so"))?;
    let inner = copy.parent()?.join("deps").join(copy.file_name()?);
    Some(if inner.exists() { inner } else { copy.clone() })
}

/// The file that rustc is given for a target. `None` if cells cannot use it: apart from procedural macros, which rustc
/// itself loads, a library counts only if it was built for cells, not for build scripts.
fn library_file(target: &Target, filenames: &[PathBuf], host: &str) -> Option<PathBuf> {
    let with = |extension: &str| filenames.iter().find(|f| f.extension().is_some_and(|e| e == extension)).cloned();
    if target.kind.iter().any(|kind| kind == "proc-macro") {
        return with("so");
    }
    with("rlib").filter(|file| file.iter().any(|part| part == host))
}

/// Gives each crate the name that a manifest would give it. A renamed crate also keeps its own name, because rustc uses
/// that when it writes types.
fn name_crates(
    crates: &mut Crates,
    metadata: &Metadata,
    artifacts: &[Artifact],
    wanted: &[(String, bool)],
) -> Result<(), String> {
    let root = metadata.resolve.nodes.iter().find(|node| Some(&node.id) == metadata.resolve.root.as_ref());
    let mut own_names: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut given: BTreeMap<String, &Artifact> = BTreeMap::new();
    for (name, renamed) in wanted {
        let ours = name_in_package(name);
        let dep = root.and_then(|root| root.deps.iter().find(|dep| dep.name == ours));
        let artifact = dep.and_then(|dep| artifacts.iter().find(|artifact| artifact.package == dep.pkg));
        let Some(artifact) = artifact else {
            return Err(format!("`:dep {name}` has no library that cells could use"));
        };
        let used = if *renamed { ours } else { artifact.crate_name.clone() };
        if used != artifact.crate_name {
            given.insert(used.clone(), artifact);
        }
        crates.externs.insert(used, artifact.file.clone());
        own_names.insert(artifact.crate_name.clone(), artifact.file.clone());
        if let Some(package) = metadata.packages.iter().find(|package| package.id == artifact.package) {
            crates.versions.insert(name.clone(), format!("{} {}", package.name, package.version));
        }
    }
    for (name, file) in own_names {
        crates.externs.entry(name).or_insert(file);
    }
    let is_one = |artifact: &&Artifact| {
        artifacts.iter().all(|other| other.crate_name != artifact.crate_name || other.file == artifact.file)
    };
    let others = artifacts.iter().filter(|artifact| !crates.externs.contains_key(&artifact.crate_name));
    crates.others = others.filter(is_one).map(|a| (a.crate_name.clone(), a.file.clone())).collect();
    let means_another = |artifact: &Artifact| crates.externs.get(&artifact.crate_name) != Some(&artifact.file);
    let declared = given.into_iter().filter(|(_, artifact)| means_another(artifact)).map(|(used, _)| used);
    crates.declared = declared.collect();
    Ok(())
}

/// Notes the digest of each crate, the length of each file, and the key of all of them.
fn fingerprint(crates: &mut Crates, artifacts: &[Artifact]) -> Result<(), String> {
    let unreadable = |error: std::io::Error| format!("failed to read what Cargo built: {error}; try again");
    let mut key = Key::default().part(crates.library.to_string_lossy().as_bytes());
    let mut files: BTreeSet<PathBuf> = BTreeSet::from([crates.library.clone()]);
    for artifact in artifacts {
        // A crate's metadata is much smaller than its library, and contains a hash of the whole source.
        let metadata = artifact.file.with_extension("rmeta");
        let print = digest(if metadata.exists() { &metadata } else { &artifact.file }).map_err(unreadable)?;
        let print = format!("{} {print}", artifact.file.file_name().unwrap_or_default().to_string_lossy());
        key = key.part(&print);
        crates.prints.entry(artifact.crate_name.clone()).or_default().insert(print);
        files.insert(artifact.file.clone());
    }
    for file in files {
        let len = fs::metadata(&file).map_err(unreadable)?.len();
        crates.files.insert(file, len);
    }
    crates.key = key.finish();
    Ok(())
}
