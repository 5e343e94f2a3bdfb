//! What a user can do about Cargo's refusal of a crate. Reads Cargo's words and its index; changes nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::debian;
use super::index;
use super::words::{between, is_about_network};

/// Crates that many people use, for a name that is one letter wrong.
const POPULAR: &str = include_str!("popular.txt");

/// Features that are listed; of more, the rest is counted.
const FEATURES: usize = 40;

/// Advice for an error of Cargo's. `stderr` is all that it said, `root` the name of our package.
pub(super) fn advice(stderr: &str, root: &str, cargo_home: &Path) -> Option<String> {
    let caches = index::caches(cargo_home);
    no_such_crate(stderr, &caches)
        .or_else(|| no_such_version(stderr, root, &caches))
        .or_else(|| no_such_feature(stderr, root, &caches))
        .or_else(|| origin(stderr))
        .or_else(|| newer_rustc(stderr))
        .or_else(|| debian::advice(stderr))
}

fn no_such_crate(stderr: &str, caches: &[PathBuf]) -> Option<String> {
    let name = between(stderr, "no matching package named `", "`")
        .or_else(|| between(stderr, "searched package name: `", "`"))?;
    let searched = between(stderr, "location searched: ", "\n").unwrap_or_default();
    let meant = between(stderr, "perhaps you meant:", "\n").map(str::trim);
    if searched.starts_with('/') || searched.starts_with("Git repository") {
        let there = meant.map(|there| format!(", but `{there}`")).unwrap_or_default();
        let there_is = meant.unwrap_or("NAME");
        return Some(format!(
            "the crate there is not called `{name}`{there}; write `:dep {there_is} = …`, or add `package = \"{there_is}\"`"
        ));
    }
    if ["std", "core", "alloc"].contains(&name) {
        return Some(format!("`{name}` belongs to Rust and needs no `:dep`"));
    }
    let known = index::names(caches);
    let popular = POPULAR.split_whitespace().map(String::from);
    let near = meant.map(String::from).or_else(|| nearest(name, known.into_iter().chain(popular)));
    Some(match near {
        Some(near) => format!("did you mean `:dep {near}`?"),
        None => "https://crates.io has what crates are called".into(),
    })
}

/// The name that differs by a letter, or two of a long one.
fn nearest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    const LONG: usize = 7;
    let most = if name.len() > LONG { 2 } else { 1 };
    let distance = |other: &str| strsim::damerau_levenshtein(name, other);
    known.filter(|other| other != name && distance(other) <= most).min_by_key(|other| distance(other))
}

fn no_such_version(stderr: &str, root: &str, caches: &[PathBuf]) -> Option<String> {
    let (name, rest) = stderr.split_once("select a version for the requirement `")?.1.split_once(" = \"")?;
    if !stderr.contains(&format!("required by package `{root}")) {
        return None;
    }
    let asked = index::numbers(rest.split('"').next()?);
    let releases = index::releases(caches, name);
    let mut versions: Vec<([u64; 3], &str)> =
        releases.iter().filter_map(|release| Some((release.numbers()?, release.vers.as_str()))).collect();
    versions.sort();
    let newest = versions.last()?.1;
    let below = asked.and_then(|asked| versions.iter().rfind(|(numbers, _)| *numbers < asked));
    let above = asked.and_then(|asked| versions.iter().find(|(numbers, _)| *numbers > asked));
    let near: Vec<&str> = below.into_iter().chain(above).map(|(_, version)| *version).collect();
    let near = near.into_iter().filter(|version| *version != newest).collect::<Vec<_>>().join(" and ");
    let near = if near.is_empty() { String::new() } else { format!("; the nearest: {near}") };
    Some(format!("the newest is `:dep {name} = \"{newest}\"`{near}"))
}

fn no_such_feature(stderr: &str, root: &str, caches: &[PathBuf]) -> Option<String> {
    let (_, rest) = stderr.split_once(&format!("package `{root}` depends on `"))?;
    let name = rest.split('`').next()?;
    // Newer versions of Cargo list the features themselves.
    if !rest.contains("does not have") || rest.contains("available features:") {
        return None;
    }
    let chosen = between(stderr, "are: ", "\n").and_then(|versions| versions.split([',', ' ']).next())?;
    let releases = index::releases(caches, name);
    let features: BTreeSet<String> = releases.iter().find(|release| release.vers == chosen)?.features();
    let listed: Vec<&str> = features.iter().take(FEATURES).map(String::as_str).collect();
    Some(match features.len() {
        0 => format!("`{name}` {chosen} has no features"),
        1..=FEATURES => format!("`{name}` {chosen} has the features {}", listed.join(", ")),
        all => format!("`{name}` {chosen} has the features {} and {} more", listed.join(", "), all - FEATURES),
    })
}

/// Advice about where a crate comes from: its registry, its directory, the network, or a name that it has already.
fn origin(stderr: &str) -> Option<String> {
    if stderr.contains("multiple times with different names") {
        return Some(
            "`:dep` lists what was asked for; go on with the name that is there (`use NAME as OTHER;`)".into(),
        );
    }
    if let Some(name) = between(stderr, "registry index was not found in any configuration: `", "`") {
        return Some(format!(
            "name the registry in `~/.cargo/config.toml`: `[registries.{name}]` with `index = \"sparse+https://…\"`"
        ));
    }
    let missing = between(stderr, "failed to read `", "/Cargo.toml`");
    if let Some(path) = missing.filter(|_| stderr.contains("No such file or directory")) {
        return Some(format!("there is no crate in `{path}`; a path starts from the notebook's directory"));
    }
    is_about_network(stderr).then(|| {
        "the network cannot be reached, and not all crates have been downloaded before; check the connection (or `http.proxy` in `~/.cargo/config.toml`), then run the cell again".into()
    })
}

fn newer_rustc(stderr: &str) -> Option<String> {
    let needs = between(stderr, " requires rustc ", "\n")?;
    Some(format!("ask for an older version of the crate, or install rustc {} (`rustup update`)", needs.trim()))
}
