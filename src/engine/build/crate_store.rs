//! Where the crates of `:dep` are kept: a package for each set, and Cargo's target directory, which all sets share, so
//! that a crate is built once whichever sets have it. Never runs Cargo.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::sys::private_files;

/// The file in a set's directory that describes what was built. The time of its last change is that of the set's last
/// use.
pub(super) const NOTE: &str = "crates.json";
/// The file in a set's directory that lists the paths of all that Cargo built for it, one a line.
const BUILT: &str = "built.txt";
/// Cargo's target directory.
const TARGET: &str = "target";
/// The file that is locked: shared while Cargo builds, exclusively while anything is removed.
const LOCK: &str = "lock";

/// The directory of all sets of crates.
#[derive(Debug)]
pub(crate) struct CrateStore(PathBuf);

/// The files that only one set needs, or that none needs.
#[derive(Debug, Default)]
pub(super) struct Share {
    pub paths: Vec<PathBuf>,
    pub bytes: u64,
}

impl CrateStore {
    pub(super) fn new(directory: PathBuf) -> CrateStore {
        CrateStore(directory)
    }

    /// The directory of the package that builds a set.
    pub(super) fn package(&self, set: &str) -> PathBuf {
        self.0.join(set)
    }

    pub(super) fn target(&self) -> PathBuf {
        self.0.join(TARGET)
    }

    /// Notes that a set is used now. Does nothing if the set was never built.
    pub(super) fn touch(&self, set: &str) {
        let note = File::open(self.package(set).join(NOTE));
        // On a full disk this fails, and the set can be used all the same.
        let _ = note.and_then(|note| note.set_modified(SystemTime::now()));
    }

    /// Keeps everything in place while Cargo builds, for as long as the file lives.
    pub(super) fn lock_to_build(&self) -> io::Result<File> {
        let file = private_files::append(&self.0.join(LOCK))?;
        file.lock_shared()?;
        Ok(file)
    }

    /// Keeps every Cargo from building for as long as the file lives. `None` if one is building.
    pub(super) fn lock_to_remove(&self) -> io::Result<Option<File>> {
        let file = private_files::append(&self.0.join(LOCK))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Notes the paths of all that Cargo built for a set. Paths of earlier builds stay noted, since a living session may
    /// use what was built before a source was edited.
    pub(super) fn add_built(&self, set: &str, paths: impl IntoIterator<Item = PathBuf>) -> io::Result<()> {
        let list = self.package(set).join(BUILT);
        let mut lines: BTreeSet<String> = lines(&list);
        lines.extend(paths.into_iter().map(|path| path.to_string_lossy().into_owned()));
        let text: String = lines.into_iter().map(|line| line + "\n").collect();
        fs::write(list, text)
    }

    /// The keys of all sets, with the time of the last use of each. A set that was never built to its end counts as
    /// unused for ever.
    pub(super) fn sets(&self) -> io::Result<Vec<(String, SystemTime)>> {
        let mut sets = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            let Ok(key) = entry.file_name().into_string() else { continue };
            if key == TARGET || !entry.file_type()?.is_dir() {
                continue;
            }
            let used = fs::metadata(entry.path().join(NOTE)).and_then(|note| note.modified());
            sets.push((key, used.unwrap_or(SystemTime::UNIX_EPOCH)));
        }
        Ok(sets)
    }

    /// Divides all files among the sets, and returns the files that no set needs as well. A file that several sets need
    /// belongs to the first of them in `sets`, so a set's files can be removed once all sets after it are gone.
    pub(super) fn shares(&self, sets: &[String]) -> io::Result<(BTreeMap<String, Share>, Share)> {
        let mut owners: BTreeMap<String, &String> = BTreeMap::new();
        for set in sets {
            for line in lines(&self.package(set).join(BUILT)) {
                let path = Path::new(&line);
                // The directory of a build script has the unit's name, the files in it do not.
                for name in [Some(path), path.parent()].into_iter().flatten().map(unit) {
                    owners.entry(name).or_insert(set);
                }
            }
        }
        let mut shares: BTreeMap<String, Share> = sets.iter().map(|set| (set.clone(), Share::default())).collect();
        let mut unneeded = Share::default();
        // Cargo gives many files a second name by a hard link.
        let mut seen = HashSet::new();
        for path in self.built_files() {
            let bytes = size(&path, &mut seen);
            let share = match owners.get(&unit(&path)) {
                Some(set) => shares.entry((*set).clone()).or_default(),
                None => &mut unneeded,
            };
            share.bytes += bytes;
            share.paths.push(path);
        }
        for (set, share) in &mut shares {
            let package = self.package(set);
            share.bytes += size(&package, &mut seen);
            share.paths.push(package);
        }
        Ok((shares, unneeded))
    }

    /// The files and directories that Cargo makes for each crate. See
    /// [build cache](https://doc.rust-lang.org/cargo/reference/build-cache.html) in the Cargo reference.
    fn built_files(&self) -> Vec<PathBuf> {
        let here = [self.target().join("release")];
        let below = entries(&self.target()).into_iter().map(|platform| platform.join("release"));
        let mut files = Vec::new();
        for profile in here.into_iter().chain(below) {
            for path in entries(&profile) {
                match path.file_name().and_then(|name| name.to_str()) {
                    Some("deps" | "build" | ".fingerprint") => files.extend(entries(&path)),
                    Some(name) if name.contains('.') && !name.starts_with('.') => files.push(path),
                    _ => {}
                }
            }
        }
        files
    }
}

/// The name of the unit of Cargo's that a file or directory belongs to: the digest that Cargo ends its name with, or for
/// our own library its name.
fn unit(path: &Path) -> String {
    /// Hexadecimal digits of the digest.
    const DIGITS: usize = 16;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    match stem.rsplit_once('-') {
        Some((_, digest)) if digest.len() == DIGITS => digest.to_string(),
        _ => stem.strip_prefix("lib").unwrap_or(&stem).to_string(),
    }
}

fn lines(file: &Path) -> BTreeSet<String> {
    fs::read_to_string(file).unwrap_or_default().lines().map(str::to_string).collect()
}

/// The paths in a directory; none if it cannot be read.
fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// The bytes of a file, or of all files in a directory, without those of the inodes in `seen`.
fn size(path: &Path, seen: &mut HashSet<u64>) -> u64 {
    match path.symlink_metadata() {
        Ok(data) if data.is_dir() => entries(path).iter().map(|path| size(path, seen)).sum(),
        Ok(data) if seen.insert(data.ino()) => data.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store with these sets, each with the files below `target` that it needs; every file has 100 bytes.
    fn store(sets: &[(&str, &[&str])], others: &[&str]) -> (tempfile::TempDir, CrateStore) {
        let directory = tempfile::tempdir().expect("a directory");
        let store = CrateStore::new(directory.path().to_path_buf());
        let make = |file: &&str| {
            let path = store.target().join(file);
            fs::create_dir_all(path.parent().expect("below")).expect("made");
            fs::write(&path, [0; 100]).expect("written");
            path
        };
        for (set, files) in sets {
            fs::create_dir(store.package(set)).expect("made");
            store.add_built(set, files.iter().map(make)).expect("noted");
        }
        others.iter().for_each(|file| drop(make(file)));
        (directory, store)
    }

    #[test]
    fn a_file_belongs_to_the_first_set_that_needs_it() {
        const SHARED: &str = "host/release/deps/libshared-0123456789abcdef.rlib";
        let (_directory, store) = store(
            &[
                ("old", &[SHARED, "host/release/deps/libold-00000000000000aa.rlib"]),
                ("new", &[SHARED, "release/build/script-00000000000000bb/out"]),
            ],
            &["host/release/deps/shared-0123456789abcdef.d", "host/release/deps/libgone-00000000000000cc.rlib"],
        );
        let (shares, unneeded) = store.shares(&["new".into(), "old".into()]).expect("listed");
        let names = |share: &Share| -> BTreeSet<String> {
            share
                .paths
                .iter()
                .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
                .collect()
        };
        let new =
            ["new", "libshared-0123456789abcdef.rlib", "script-00000000000000bb", "shared-0123456789abcdef.d"];
        assert_eq!(names(&shares["new"]), new.map(str::to_string).into());
        assert_eq!(names(&shares["old"]), ["libold-00000000000000aa.rlib", "old"].map(str::to_string).into());
        assert_eq!(names(&unneeded), ["libgone-00000000000000cc.rlib".to_string()].into());
        assert_eq!(unneeded.bytes, 100);
    }

    #[test]
    fn a_second_name_of_a_file_takes_no_room() {
        let (_directory, store) = store(&[("set", &["host/release/deps/liba-00000000000000aa.rlib"])], &[]);
        let deps = store.target().join("host/release/deps");
        fs::hard_link(deps.join("liba-00000000000000aa.rlib"), deps.join("b-00000000000000bb")).expect("linked");
        let (shares, unneeded) = store.shares(&["set".into()]).expect("listed");
        let list = fs::metadata(store.package("set").join(BUILT)).expect("there").len();
        assert_eq!(shares["set"].bytes + unneeded.bytes, 100 + list);
    }

    #[test]
    fn nothing_is_removed_while_cargo_builds() {
        let (_directory, store) = store(&[], &[]);
        let building = (store.lock_to_build().expect("locked"), store.lock_to_build().expect("both build"));
        assert!(store.lock_to_remove().expect("tried").is_none());
        drop(building);
        assert!(store.lock_to_remove().expect("tried").is_some());
    }
}
