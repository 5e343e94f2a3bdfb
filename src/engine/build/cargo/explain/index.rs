//! What this machine's Cargo knows of registries from earlier look-ups: names, versions and features of crates. Reads the
//! [index](https://doc.rust-lang.org/cargo/reference/registry-index.html) that Cargo keeps, in a form of its own, below its
//! [home](https://doc.rust-lang.org/cargo/guide/cargo-home.html); what cannot be read counts as unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// One version of a crate, as the index has it.
#[derive(Deserialize)]
pub(super) struct Release {
    pub vers: String,
    #[serde(default)]
    yanked: bool,
    #[serde(default)]
    features: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    features2: Option<BTreeMap<String, Vec<String>>>,
    #[serde(default)]
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    #[serde(default)]
    optional: bool,
}

impl Release {
    /// The names that `features` may have: those that are declared, and optional crates that no feature names with `dep:`.
    pub(super) fn features(&self) -> BTreeSet<String> {
        let declared = || self.features.iter().chain(self.features2.iter().flatten());
        let hidden: BTreeSet<&str> =
            declared().flat_map(|(_, needs)| needs).filter_map(|need| need.strip_prefix("dep:")).collect();
        let optional = self.deps.iter().filter(|dep| dep.optional && !hidden.contains(dep.name.as_str()));
        let names = declared().map(|(name, _)| name.clone()).chain(optional.map(|dep| dep.name.clone()));
        names.filter(|name| name != "default").collect()
    }

    /// The three numbers of the version. `None` for a pre-release.
    pub(super) fn numbers(&self) -> Option<[u64; 3]> {
        if self.vers.contains('-') { None } else { numbers(&self.vers) }
    }
}

/// The numbers at the start of a version or requirement; those that are missing are 0.
pub(super) fn numbers(text: &str) -> Option<[u64; 3]> {
    let text = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    let text = text.split(['+', ',', ' ']).next()?;
    let mut numbers = text.split('.').map(|part| part.parse().ok());
    Some([numbers.next()??, numbers.next().flatten().unwrap_or(0), numbers.next().flatten().unwrap_or(0)])
}

/// The indexes below Cargo's home.
pub(super) fn caches(cargo_home: &Path) -> Vec<PathBuf> {
    let indexes = fs::read_dir(cargo_home.join("registry/index")).into_iter().flatten().flatten();
    indexes.map(|index| index.path().join(".cache")).collect()
}

/// The versions of a crate that are not yanked; none if Cargo has never looked it up.
pub(super) fn releases(caches: &[PathBuf], name: &str) -> Vec<Release> {
    let name = name.to_lowercase();
    let directory = match name.len() {
        0 => return Vec::new(),
        1 => "1".to_string(),
        2 => "2".to_string(),
        3 => format!("3/{}", &name[..1]),
        _ => format!("{}/{}", &name[..2], &name[2..4]),
    };
    let text =
        caches.iter().find_map(|cache| fs::read(cache.join(&directory).join(&name)).ok()).unwrap_or_default();
    // Cargo's file has a header, and each release as JSON between bytes of zero.
    let releases = text.split(|byte| *byte == 0).filter(|piece| piece.starts_with(b"{"));
    let releases = releases.filter_map(|piece| serde_json::from_slice::<Release>(piece).ok());
    releases.filter(|release| !release.yanked).collect()
}

/// The names of all crates that Cargo has looked up.
pub(super) fn names(caches: &[PathBuf]) -> BTreeSet<String> {
    fn below(directory: &Path, names: &mut BTreeSet<String>) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                true => below(&entry.path(), names),
                false => names.extend(entry.file_name().into_string()),
            }
        }
    }
    let mut names = BTreeSet::new();
    caches.iter().for_each(|cache| below(cache, &mut names));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_keeps_is_read() {
        let home = tempfile::tempdir().expect("a directory");
        let cache = home.path().join("registry/index/x/.cache");
        fs::create_dir_all(cache.join("it/oa")).expect("made");
        let file =
            b"\x03\x02\0\0\0etag: x\x000.4.8\0{\"vers\":\"0.4.8\",\"features\":{\"i128\":[],\"default\":[]},\
                     \"deps\":[{\"name\":\"std\",\"optional\":true},{\"name\":\"log\",\"optional\":true}],\
                     \"features2\":{\"l\":[\"dep:log\"]}}\x001.0.0\0{\"vers\":\"1.0.0\",\"yanked\":true}\0";
        fs::write(cache.join("it/oa/itoa"), file).expect("written");
        let caches = caches(home.path());
        let releases = releases(&caches, "itoa");
        assert_eq!(releases.len(), 1);
        assert_eq!(releases[0].numbers(), Some([0, 4, 8]));
        assert_eq!(releases[0].features(), ["i128", "l", "std"].map(String::from).into());
        assert_eq!(names(&caches), BTreeSet::from(["itoa".to_string()]));
        assert!(super::releases(&caches, "nope").is_empty());
    }

    #[test]
    fn a_requirement_has_numbers() {
        assert_eq!(numbers("^0.3.7"), Some([0, 3, 7]));
        assert_eq!(numbers(">=1, <2"), Some([1, 0, 0]));
        assert_eq!(numbers("*"), None);
    }
}
