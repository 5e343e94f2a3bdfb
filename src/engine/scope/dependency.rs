//! The crates that `:dep` asks for: reads its lines, and describes a set of crates that is built. Never runs Cargo and
//! never knows where anything is kept. For the keys of a crate see
//! [the Cargo reference](https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::engine::rejection::UsageError;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// The crates that cells have asked for: each name, and the table that a manifest would have for it.
pub(crate) type Wanted = BTreeMap<String, Table>;

/// The name by which cells and the session crate link to the library of all crates.
pub(crate) const CRATES: &str = "threadbook_deps";

/// The keys of a crate that `:dep` accepts, in the order in which they are spelt. Any other key is an error, whose
/// message names all of these but the last: `optional` is accepted but has no use in a cell.
const KEYS: [&str; 11] = [
    "version",
    "features",
    "default-features",
    "path",
    "package",
    "git",
    "branch",
    "tag",
    "rev",
    "registry",
    "optional",
];

/// A set of crates that is built: one shared library with all of them, and what rustc needs to name each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Crates {
    /// The key of everything that is in the library.
    pub key: String,
    /// The key of what was asked for.
    pub set: String,
    /// The state of the sources that can be edited, which are neither a registry release nor a Git commit.
    pub sources: String,
    /// The directories of those sources.
    pub watched: BTreeSet<PathBuf>,
    pub library: PathBuf,
    /// For each crate name that cells may use, the file that rustc is given with `--extern`.
    pub externs: BTreeMap<String, PathBuf>,
    /// The directories that rustc is given with
    /// [`-L`](https://doc.rust-lang.org/rustc/command-line-arguments.html#option-l-search-path).
    pub search: BTreeSet<String>,
    /// Every file that the set needs, and its length in bytes. If one is missing or has another length, the set is
    /// built again.
    pub files: BTreeMap<PathBuf, u64>,
    /// For each crate name, a digest of each crate of that name, since the layout of its types depends on these.
    pub prints: BTreeMap<String, BTreeSet<String>>,
    /// For each name that was asked for, the name and version of its package.
    pub versions: BTreeMap<String, String>,
    /// The name by which cells know tokio, if the library has the functions of the session's Tokio runtime.
    pub tokio: Option<String>,
}

impl Crates {
    /// Whether a later set may use from this set's library what both have. This is for statics above all: a logger
    /// stays set, a pool keeps running. The same symbol must mean the same code in both, which is certain only for
    /// crates that cannot be edited.
    pub(crate) fn may_be_shared(&self) -> bool {
        self.watched.is_empty()
    }

    /// The crates of this set that are not the very same in the other. A value of their types cannot be used with the
    /// other set.
    pub(crate) fn changed_in(&self, other: &Crates) -> BTreeSet<String> {
        let same = |name: &String, prints: &BTreeSet<String>| {
            other.prints.get(name).is_some_and(|others| prints.is_subset(others))
        };
        self.prints.iter().filter(|(name, prints)| !same(name, prints)).map(|(name, _)| name.clone()).collect()
    }
}

/// Reads the text after `:dep`: a line of a manifest's `[dependencies]`, or `NAME`, `NAME@VERSION`, `NAME VERSION`.
pub(crate) fn parse(rest: &str) -> Result<(String, Table), UsageError> {
    let (name, table) = match rest.contains('=') && !rest.contains('@') {
        true => from_manifest(rest)?,
        false => from_words(rest)?,
    };
    if !name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        || !name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
    {
        return Err(UsageError(format!("`{name}` cannot be the name of a crate; write `:dep NAME = \"VERSION\"`")));
    }
    let table = normalised(table);
    if let Some(unknown) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
        let known = KEYS[..10].join(", ");
        return Err(UsageError(format!("`:dep {name}` does not know `{unknown}`; there are {known}")));
    }
    Ok((name, table))
}

/// The keys as Cargo spells them today: up to edition 2021 it took `default_features` too. A crate that comes from a
/// registry has a version, and any will do if none is given.
fn normalised(table: Table) -> Table {
    let spelt = |key: String| match key.replace('_', "-") {
        hyphenated if KEYS.contains(&hyphenated.as_str()) => hyphenated,
        _ => key,
    };
    let mut table: Table = table.into_iter().map(|(key, value)| (spelt(key), value)).collect();
    if !["version", "path", "git"].iter().any(|source| table.contains_key(*source)) {
        table.insert("version".into(), "*".into());
    }
    table
}

fn from_manifest(rest: &str) -> Result<(String, Table), UsageError> {
    let how = "write it as in a manifest, such as `:dep serde = { version = \"1\", features = [\"derive\"] }`";
    let table: Table = rest.parse().map_err(|error: toml::de::Error| {
        format!("`:dep {rest}` cannot be read: {}; {how}", error.message().lines().next().unwrap_or_default())
    })?;
    let mut entries = table.into_iter();
    match (entries.next(), entries.next()) {
        (Some((name, Value::String(version))), None) => Ok((name, of_version(&version))),
        (Some((name, Value::Table(table))), None) => Ok((name, table)),
        _ => Err(UsageError(format!("`:dep {rest}` names no crate; {how}"))),
    }
}

fn from_words(rest: &str) -> Result<(String, Table), UsageError> {
    let mut words = rest.split(['@', ' ', '\t']).filter(|word| !word.is_empty());
    match (words.next(), words.next(), words.next()) {
        (Some(name), version, None) => {
            Ok((name.trim_matches('"').to_string(), of_version(version.unwrap_or("*").trim_matches('"'))))
        }
        _ => {
            Err(UsageError(format!("`:dep {rest}` is no crate; write `:dep NAME = \"VERSION\"`, one crate a line")))
        }
    }
}

/// The table of a crate of which any version will do.
pub(crate) fn any_version() -> Table {
    of_version("*")
}

fn of_version(version: &str) -> Table {
    Table::from_iter([("version".to_string(), Value::String(version.to_string()))])
}

/// The manifest line that asks for a crate. It is the same for all ways to write the request.
pub(crate) fn spelt(name: &str, table: &Table) -> String {
    match (table.len(), table.get("version")) {
        (1, Some(version)) => format!("{name} = {version}"),
        _ => {
            let entry = |key: &&str| Some(format!("{key} = {}", table.get(*key)?));
            let entries: Vec<String> = KEYS.iter().filter_map(entry).collect();
            format!("{name} = {{ {} }}", entries.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rest: &str) -> String {
        parse(rest).map_or_else(|error| error.0, |(name, table)| spelt(&name, &table))
    }

    #[test]
    fn every_way_to_ask_for_a_crate() {
        assert_eq!(read("serde = \"1\""), "serde = \"1\"");
        assert_eq!(read("rand"), "rand = \"*\"");
        assert_eq!(read("rand@0.9"), "rand = \"0.9\"");
        assert_eq!(read("rand 0.9"), "rand = \"0.9\"");
        assert_eq!(
            read("json = {version=\"1\", package=\"serde_json\"}"),
            "json = { version = \"1\", package = \"serde_json\" }"
        );
        assert_eq!(
            read("a = { version = \"1\", default_features = false }"),
            "a = { version = \"1\", default-features = false }"
        );
        assert_eq!(read("a = { features = [\"b\"] }"), "a = { version = \"*\", features = [\"b\"] }");
        assert_eq!(read("a = { path = \"b\" }"), "a = { path = \"b\" }");
    }

    #[test]
    fn what_cannot_be_read_says_how_to_write_it() {
        for (rest, part) in [
            ("serde = ", "cannot be read"),
            ("serde = 1", "names no crate; write it as in a manifest"),
            ("a b c", "one crate a line"),
            ("../x", "cannot be the name of a crate"),
            (
                "serde = { version = \"1\", feature = [\"derive\"] }",
                "does not know `feature`; there are version, features",
            ),
        ] {
            let said = read(rest);
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn a_crate_of_another_content_has_changed() {
        let crates = |print: &str| Crates {
            prints: [("itoa".to_string(), BTreeSet::from([print.to_string()]))].into(),
            ..Crates::default()
        };
        assert!(crates("1").changed_in(&crates("1")).is_empty());
        assert_eq!(crates("1").changed_in(&crates("2")), BTreeSet::from(["itoa".to_string()]));
        assert_eq!(crates("1").changed_in(&Crates::default()).len(), 1);
    }
}
