//! The crates that cells ask for, and a set of crates that is built. Never runs Cargo and never knows where anything is
//! kept; `scope::request` reads what is asked. For the keys of a crate see
//! [the Cargo reference](https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use toml::Table;

/// The crates that cells have asked for: each name, and the table that a manifest would have for it.
pub(crate) type Wanted = BTreeMap<String, Table>;

/// For each source as a manifest names it (`crates-io`, a URL), the crates that are taken from elsewhere
/// ([`[patch]`](https://doc.rust-lang.org/cargo/reference/overriding-dependencies.html)).
pub(crate) type Patches = BTreeMap<String, Wanted>;

/// The name by which cells and the session crate link to the library of all crates.
pub(crate) const CRATES: &str = "threadbook_deps";

/// The keys of a crate that are accepted, in the order in which they are spelt. Any other key is an error, whose message
/// names all of these but the last: `optional` is accepted but has no use in a cell.
pub(super) const KEYS: [&str; 12] = [
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
    "workspace",
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
    /// The crates with a name that the user gave, whose own name means another crate: two versions side by side. Code that
    /// declares them has rustc write their types by the given name, which means no other.
    pub declared: BTreeSet<String>,
    /// The crates that only other crates name, as far as no two have one name: the file of each.
    pub others: BTreeMap<String, PathBuf>,
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

    /// A type as code can write it. rustc calls a crate by its own name where another has it under a different one:
    /// `crossbeam::crossbeam_channel::Sender` for what `crossbeam` has as `channel`. Such a path begins with the crate then.
    pub(crate) fn nameable(&self, ty: &str) -> String {
        let mut text = ty.to_string();
        for name in self.others.keys().filter(|name| ty.contains(&format!("::{name}::"))) {
            for outer in self.externs.keys() {
                text = without_prefix(&text, &format!("{outer}::"), &format!("{name}::"));
            }
        }
        text
    }

    /// The crates among `others` that these types name.
    pub(crate) fn named_in(&self, types: &str) -> impl Iterator<Item = (&String, &PathBuf)> {
        self.others.iter().filter(move |(name, _)| has_word(types, name))
    }

    /// The crates of this set that are not the very same in the other, or that the other gives another name. A value of
    /// their types cannot be used with the other set.
    pub(crate) fn changed_in(&self, other: &Crates) -> BTreeSet<String> {
        let same = |name: &String, prints: &BTreeSet<String>| {
            other.prints.get(name).is_some_and(|others| prints.is_subset(others))
        };
        let changed = self.prints.iter().filter(|(name, prints)| !same(name, prints)).map(|(name, _)| name);
        let renamed = self.externs.iter().filter(|(name, file)| other.externs.get(*name) != Some(file));
        changed.chain(renamed.map(|(name, _)| name)).cloned().collect()
    }
}

/// The text without `prefix` wherever a path begins with it and goes on with `rest`.
fn without_prefix(text: &str, prefix: &str, rest: &str) -> String {
    let mut short = String::new();
    let mut from = 0;
    for (at, _) in text.match_indices(&format!("{prefix}{rest}")) {
        let begins = !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
        if begins {
            short += &text[from..at];
            from = at + prefix.len();
        }
    }
    short + &text[from..]
}

/// Whether a text has this word.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|other| other == word)
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

    #[test]
    fn a_crate_that_another_has_under_a_different_name_is_named_by_itself() {
        let crates = Crates {
            externs: [("outer".to_string(), "o".into())].into(),
            others: [("inner_crate".to_string(), "i".into())].into(),
            ..Crates::default()
        };
        for (ty, named) in [
            ("outer::inner_crate::A<outer::inner_crate::B>", "inner_crate::A<inner_crate::B>"),
            ("Vec<outer::channel::A>", "Vec<outer::channel::A>"),
            ("a::outer::inner_crate::A", "a::outer::inner_crate::A"),
        ] {
            assert_eq!(crates.nameable(ty), named);
        }
        assert_eq!(crates.named_in("(inner_crate::A, u8)").count(), 1);
        assert_eq!(crates.named_in("outer::A").count(), 0);
    }

    #[test]
    fn a_name_that_means_another_crate_has_changed() {
        let crates = |file: &str| Crates { externs: [("a".to_string(), file.into())].into(), ..Crates::default() };
        assert!(crates("1").changed_in(&crates("1")).is_empty());
        assert_eq!(crates("1").changed_in(&crates("2")), BTreeSet::from(["a".to_string()]));
    }
}
