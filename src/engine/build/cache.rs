//! Keeps compiled libraries on disk, each under a key of everything that went into it. An entry is there whole or not
//! at all, and an entry that is not what was written is built again, never loaded. Files that another user may write to
//! are never used. Several processes may use one cache at once.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::error::{Error, ExitCode};

use crate::engine::build::crate_store::CrateStore;
use crate::engine::build::in_use::{self, InUse};
use crate::hex;
use crate::sys::{dirs, private_files, process};

/// Gathers everything that a library is made from.
#[derive(Clone, Default)]
pub(crate) struct Key(Sha256);

impl Key {
    /// Adds one part. Its length goes first, so that no two lists of parts are alike.
    pub(crate) fn part(mut self, part: impl AsRef<[u8]>) -> Key {
        self.0.update((part.as_ref().len() as u64).to_le_bytes());
        self.0.update(part.as_ref());
        self
    }

    /// 32 hexadecimal digits.
    pub(crate) fn finish(self) -> String {
        hex::encode(&self.0.finalize()[..16])
    }
}

/// What an entry of the cache is. The entries of each kind have a directory of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The library of a cell's statements or items.
    Cell,
    /// A set of crates of `:dep` (`CrateStore`).
    Crates,
    /// The library of the runtime, one for each toolchain.
    Runtime,
    /// A remembered value without a library.
    Value,
}

impl Kind {
    pub(super) const ALL: [Kind; 4] = [Kind::Cell, Kind::Crates, Kind::Runtime, Kind::Value];

    /// The name of the directory of these entries, and their name for the user.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Kind::Cell => "cells",
            Kind::Crates => "crates",
            Kind::Runtime => "runtimes",
            Kind::Value => "values",
        }
    }
}

/// A directory of entries.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    directory: PathBuf,
    /// The entries that were taken out or put in through this value and its clones.
    used: Arc<InUse>,
}

/// The file that is locked: shared to use an entry, exclusively to write or remove one.
const LOCK: &str = "lock";
/// The directory of the files in which sessions note what they use.
const SESSIONS: &str = "sessions";

/// The key of the entry that a file belongs to.
pub(super) fn key_of(file: &str) -> &str {
    let library = file.strip_prefix("lib").and_then(|rest| rest.strip_suffix(".so"));
    library.or_else(|| file.strip_suffix(".json")).unwrap_or(file)
}

/// The name by which a session notes that it uses an entry.
pub(super) fn name_in_use(kind: Kind, key: &str) -> String {
    format!("{}/{key}", kind.plural())
}

/// The content of the file beside a library.
#[derive(serde::Serialize, serde::Deserialize)]
struct Note<T> {
    digest: String,
    about: T,
}

impl Cache {
    /// Opens `$THREADBOOK_CACHE`, or `threadbook` in the user's cache directory. A directory that is not there is made,
    /// for this user only.
    pub(crate) fn open() -> Result<Cache, Error> {
        let directory = dirs::variable("THREADBOOK_CACHE")
            .or_else(|| Some(dirs::cache()?.join("threadbook")))
            // Temporary directories are shared by all users, so the name contains this user's number.
            .unwrap_or_else(|| std::env::temp_dir().join(format!("threadbook-{}", process::user())));
        Cache::open_at(directory)
    }

    pub(crate) fn open_at(directory: PathBuf) -> Result<Cache, Error> {
        let directory = private_directory(&directory)?;
        for kind in Kind::ALL {
            private_directory(&directory.join(kind.plural()))?;
        }
        let used = Arc::new(InUse::new(directory.join(SESSIONS)));
        Ok(Cache { directory, used })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The library of this key, and what was noted with it. The entry stays as long as this cache or a clone of it lives.
    pub(crate) fn get<T: DeserializeOwned>(&self, kind: Kind, key: &str) -> Option<(PathBuf, T)> {
        let _lock = self.lock_shared().ok();
        self.look_up(kind, key)
    }

    fn look_up<T: DeserializeOwned>(&self, kind: Kind, key: &str) -> Option<(PathBuf, T)> {
        let library = self.library(kind, key);
        let mut note = private_files::open(&self.note(kind, key)).ok()?;
        let mut text = Vec::new();
        note.read_to_end(&mut text).ok()?;
        let Note { digest, about } = serde_json::from_slice(&text).ok()?;
        let bytes = private_files::read(&library).ok()?;
        if hex::encode(&Sha256::digest(bytes)) != digest {
            return None;
        }
        // On a full disk these two fail, and the entry can be used all the same.
        let _ = self.used.note(&name_in_use(kind, key));
        let _ = note.set_modified(SystemTime::now());
        Some((library, about))
    }

    /// Moves a library that has just been built into the cache, and returns its path there. If another process was
    /// quicker, its library stays, because libraries that were linked to it must go on finding the very same one.
    pub(crate) fn put<T: Serialize + DeserializeOwned>(
        &self,
        kind: Kind,
        key: &str,
        built: &Path,
        about: &T,
    ) -> io::Result<PathBuf> {
        let _lock = self.lock()?;
        if let Some((library, _)) = self.look_up::<T>(kind, key) {
            return Ok(library);
        }
        let _ = self.used.note(&name_in_use(kind, key));
        let library = self.library(kind, key);
        let note = serde_json::to_vec(&Note { digest: digest(built)?, about })?;
        take_in(built, &library)?;
        write(&self.note(kind, key), &note)?;
        Ok(library)
    }

    /// The value that was remembered under this key. `None` if there is none, or if it cannot be read.
    pub(crate) fn recall<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let _lock = self.lock_shared().ok();
        let mut file = private_files::open(&self.note(Kind::Value, key)).ok()?;
        let value = serde_json::from_reader(&mut file).ok();
        let _ = self.used.note(&name_in_use(Kind::Value, key));
        let _ = file.set_modified(SystemTime::now());
        value
    }

    /// Keeps a value without a library.
    pub(crate) fn remember<T: Serialize>(&self, key: &str, value: &T) -> io::Result<()> {
        let _lock = self.lock()?;
        write(&self.note(Kind::Value, key), &serde_json::to_vec(value)?)
    }

    /// The place of all sets of crates, of which this session uses the set with this key from here on.
    pub(crate) fn use_crates(&self, set: &str) -> Result<CrateStore, Error> {
        let _lock = self.lock_shared().ok();
        let store = CrateStore::new(private_directory(&self.place(Kind::Crates))?);
        let _ = self.used.note(&name_in_use(Kind::Crates, set));
        store.touch(set);
        Ok(store)
    }

    /// The names (`name_in_use`) of the entries that living sessions use. The caller holds the lock.
    pub(super) fn in_use(&self) -> io::Result<BTreeSet<String>> {
        in_use::of_living(&self.directory.join(SESSIONS))
    }

    /// Keeps other processes from reading and writing for as long as the file lives.
    pub(super) fn lock(&self) -> io::Result<fs::File> {
        let file = private_files::append(&self.directory.join(LOCK))?;
        file.lock()?;
        Ok(file)
    }

    /// Keeps other processes from writing for as long as the file lives.
    fn lock_shared(&self) -> io::Result<fs::File> {
        let file = private_files::append(&self.directory.join(LOCK))?;
        file.lock_shared()?;
        Ok(file)
    }

    /// The directory of all entries of a kind.
    pub(super) fn place(&self, kind: Kind) -> PathBuf {
        self.directory.join(kind.plural())
    }

    /// The file name is also the library's soname, so that libraries that link to it find it when it is loaded already.
    pub(super) fn library(&self, kind: Kind, key: &str) -> PathBuf {
        self.place(kind).join(soname(key))
    }

    pub(super) fn note(&self, kind: Kind, key: &str) -> PathBuf {
        self.place(kind).join(format!("{key}.json"))
    }
}

/// Moves a file into the cache, for this user only. The file is copied if it is on another file system.
fn take_in(built: &Path, library: &Path) -> io::Result<()> {
    fs::set_permissions(built, fs::Permissions::from_mode(0o600))?;
    if fs::rename(built, library).is_ok() {
        return Ok(());
    }
    write(library, &fs::read(built)?)?;
    // A failure is no harm: the scratch directory that the file is in is removed when the session ends.
    let _ = fs::remove_file(built);
    Ok(())
}

/// Writes a file so that a reader finds either all of it or what was there before.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

fn private_directory(path: &Path) -> Result<PathBuf, Error> {
    private_files::directory(path).map_err(|error| {
        Error::new(ExitCode::Environment, format!("cannot use the cache directory `{}`", path.display()))
            .because(error)
            .advise("what is in it is executed, so it has to be yours and writable by you alone: make it so, or set THREADBOOK_CACHE to another")
    })
}

/// The name under which the dynamic linker knows the library of this key.
pub(crate) fn soname(key: &str) -> String {
    format!("lib{key}.so")
}

/// The SHA-256 digest of a file's content, in hexadecimal digits.
pub(crate) fn digest(path: &Path) -> io::Result<String> {
    Ok(hex::encode(&Sha256::digest(fs::read(path)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = Cache::open_at(directory.path().join("cache")).expect("a cache");
        (directory, cache)
    }

    #[test]
    fn an_entry_comes_back_with_its_note() {
        let (directory, cache) = cache();
        let built = directory.path().join("built");
        fs::write(&built, b"library").expect("written");
        let path = cache.put(Kind::Cell, "k", &built, &7).expect("put");
        assert!(!built.exists(), "it is not kept twice");
        assert_eq!(cache.get::<i32>(Kind::Cell, "k"), Some((path, 7)));
        assert_eq!(cache.get::<i32>(Kind::Cell, "other"), None);
    }

    #[test]
    fn a_torn_or_changed_library_is_not_there() {
        let (directory, cache) = cache();
        let built = directory.path().join("built");
        fs::write(&built, b"library").expect("written");
        let path = cache.put(Kind::Cell, "k", &built, &7).expect("put");
        fs::write(&path, b"libr").expect("torn");
        assert_eq!(cache.get::<i32>(Kind::Cell, "k"), None);
    }

    #[test]
    fn what_others_may_have_written_is_not_there() {
        let (directory, cache) = cache();
        let built = directory.path().join("built");
        fs::write(&built, b"library").expect("written");
        let path = cache.put(Kind::Cell, "k", &built, &7).expect("put");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(
            [&path, &cache.note(Kind::Cell, "k"), &cache.directory.join("lock")].map(|path| mode(path)),
            [0o600; 3]
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("ours");
        assert_eq!(cache.get::<i32>(Kind::Cell, "k"), None);
        fs::remove_file(&path).expect("removed");
        fs::write(&built, b"library").expect("written");
        std::os::unix::fs::symlink(&built, &path).expect("made");
        assert_eq!(cache.get::<i32>(Kind::Cell, "k"), None, "the same bytes, behind a link");
        let again = directory.path().join("again");
        fs::write(&again, b"library").expect("written");
        cache.put(Kind::Cell, "k", &again, &7).expect("put again");
        assert!(cache.get::<i32>(Kind::Cell, "k").is_some() && !path.is_symlink() && built.exists());
    }

    #[test]
    fn a_cache_that_others_may_write_to_is_refused() {
        let (_directory, cache) = cache();
        for (path, below) in [(cache.place(Kind::Crates), true), (cache.directory.clone(), false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).expect("ours");
            let error = if below { cache.use_crates("k").err() } else { Cache::open_at(path).err() };
            let error = error.expect("refused");
            assert_eq!(error.code(), ExitCode::Environment);
            let text = error.to_string();
            assert!(text.contains("others may write to it") && text.contains("set THREADBOOK_CACHE"), "{text}");
        }
    }

    #[test]
    fn keys_tell_parts_apart() {
        assert_ne!(Key::default().part("ab").part("c").finish(), Key::default().part("a").part("bc").finish());
    }

    #[test]
    fn a_cache_that_cannot_be_made_says_what_to_do() {
        let error = Cache::open_at("/proc/threadbook".into()).expect_err("not there");
        assert!(error.to_string().contains("THREADBOOK_CACHE"));
    }
}
