//! Compiled libraries on disk, by a key that names everything that went into them. An entry is there whole or not at
//! all, and one that is not what was written is built again, never loaded. What others may write to is never used.

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

use crate::engine::build::in_use::{self, InUse};
use crate::hex;
use crate::sys::{dirs, private_files, process};

/// Gathers what a library is made from.
#[derive(Clone, Default)]
pub(crate) struct Key(Sha256);

impl Key {
    /// Adds one part; its length goes first, so that no two lists of parts are alike.
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

/// A directory of entries. Several processes may use it at once.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    directory: PathBuf,
    /// What was taken out of it and put into it by way of this value and its clones.
    used: Arc<InUse>,
}

/// The file that is locked: shared to use an entry, exclusively to write and to remove one.
const LOCK: &str = "lock";
/// The directory of the files in which sessions say what they use.
const SESSIONS: &str = "sessions";
/// The directory of the crates of `:dep`, and the key by which they are in use, all together.
const CRATES: &str = "crates";

/// The key of the entry that a file of the cache's directory belongs to. None if the file is the cache's own.
pub(super) fn key_of(file: &str) -> Option<&str> {
    if [LOCK, SESSIONS].contains(&file) {
        return None;
    }
    let library = file.strip_prefix("lib").and_then(|rest| rest.strip_suffix(".so"));
    Some(library.or_else(|| file.strip_suffix(".json")).unwrap_or(file))
}

/// What an entry's second file says.
#[derive(serde::Serialize, serde::Deserialize)]
struct Note<T> {
    digest: String,
    about: T,
}

impl Cache {
    /// `$THREADBOOK_CACHE`, or `threadbook` in the user's cache directory; made if it is not there, for this user only.
    pub(crate) fn open() -> Result<Cache, Error> {
        let directory = dirs::variable("THREADBOOK_CACHE")
            .or_else(|| Some(dirs::cache()?.join("threadbook")))
            // A name of this user's own: nobody else needs it.
            .unwrap_or_else(|| std::env::temp_dir().join(format!("threadbook-{}", process::user())));
        Cache::open_at(directory)
    }

    pub(crate) fn open_at(directory: PathBuf) -> Result<Cache, Error> {
        let directory = private_directory(&directory)?;
        let used = Arc::new(InUse::new(directory.join(SESSIONS)));
        Ok(Cache { directory, used })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The library of this key and what was noted with it. It stays as long as this value lives.
    pub(crate) fn get<T: DeserializeOwned>(&self, key: &str) -> Option<(PathBuf, T)> {
        let _lock = self.lock_shared().ok();
        self.look_up(key)
    }

    fn look_up<T: DeserializeOwned>(&self, key: &str) -> Option<(PathBuf, T)> {
        let library = self.library(key);
        let mut note = private_files::open(&self.note(key)).ok()?;
        let mut text = Vec::new();
        note.read_to_end(&mut text).ok()?;
        let Note { digest, about } = serde_json::from_slice(&text).ok()?;
        let bytes = private_files::read(&library).ok()?;
        if hex::encode(&Sha256::digest(bytes)) != digest {
            return None;
        }
        // On a full disk the entry is used all the same.
        let _ = self.used.note(key);
        let _ = note.set_modified(SystemTime::now());
        Some((library, about))
    }

    /// Takes in a library that has just been built, away from where it is, and returns its path in the cache. If another
    /// process was quicker, its library stays: what was linked to it must go on finding the very same one.
    pub(crate) fn put<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        built: &Path,
        about: &T,
    ) -> io::Result<PathBuf> {
        let _lock = self.lock()?;
        if let Some((library, _)) = self.look_up::<T>(key) {
            return Ok(library);
        }
        let _ = self.used.note(key);
        let library = self.library(key);
        let note = serde_json::to_vec(&Note { digest: digest(built)?, about })?;
        self.take_in(built, &library)?;
        self.write(&self.note(key), &note)?;
        Ok(library)
    }

    /// What was remembered under this key. None if nothing was, or if it cannot be read.
    pub(crate) fn recall<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let _lock = self.lock_shared().ok();
        let value = serde_json::from_slice(&private_files::read(&self.note(key)).ok()?).ok();
        let _ = self.used.note(key);
        value
    }

    /// Keeps a value without a library.
    pub(crate) fn remember<T: Serialize>(&self, key: &str, value: &T) -> io::Result<()> {
        let _lock = self.lock()?;
        self.write(&self.note(key), &serde_json::to_vec(value)?)
    }

    /// The directory of the crates of `:dep`, which stays as long as this value lives.
    pub(crate) fn crates(&self) -> Result<PathBuf, Error> {
        let _lock = self.lock_shared().ok();
        let directory = private_directory(&self.directory.join(CRATES))?;
        let _ = self.used.note(CRATES);
        let _ = fs::File::open(&directory).and_then(|opened| opened.set_modified(SystemTime::now()));
        Ok(directory)
    }

    /// The keys of the entries that living sessions use. The caller holds the lock.
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

    /// Moves a file into the cache, for this user only. A file system of its own for temporary files makes it a copy.
    fn take_in(&self, built: &Path, library: &Path) -> io::Result<()> {
        fs::set_permissions(built, fs::Permissions::from_mode(0o600))?;
        if fs::rename(built, library).is_ok() {
            return Ok(());
        }
        self.write(library, &fs::read(built)?)?;
        // The scratch directory that it is in goes with the session.
        let _ = fs::remove_file(built);
        Ok(())
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
        file.write_all(bytes)?;
        file.persist(path)?;
        Ok(())
    }

    /// The file name is also the library's soname, so that a library that is loaded already is found by those that
    /// link to it.
    pub(super) fn library(&self, key: &str) -> PathBuf {
        self.directory.join(soname(key))
    }

    fn note(&self, key: &str) -> PathBuf {
        self.directory.join(format!("{key}.json"))
    }
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

/// What a file contains, in 64 hexadecimal digits.
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
        let path = cache.put("k", &built, &7).expect("put");
        assert!(!built.exists(), "it is not kept twice");
        assert_eq!(cache.get::<i32>("k"), Some((path, 7)));
        assert_eq!(cache.get::<i32>("other"), None);
    }

    #[test]
    fn a_torn_or_changed_library_is_not_there() {
        let (directory, cache) = cache();
        let built = directory.path().join("built");
        fs::write(&built, b"library").expect("written");
        let path = cache.put("k", &built, &7).expect("put");
        fs::write(&path, b"libr").expect("torn");
        assert_eq!(cache.get::<i32>("k"), None);
    }

    #[test]
    fn what_others_may_have_written_is_not_there() {
        let (directory, cache) = cache();
        let built = directory.path().join("built");
        fs::write(&built, b"library").expect("written");
        let path = cache.put("k", &built, &7).expect("put");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!([&path, &cache.note("k"), &cache.directory.join("lock")].map(|path| mode(path)), [0o600; 3]);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("ours");
        assert_eq!(cache.get::<i32>("k"), None);
        fs::remove_file(&path).expect("removed");
        fs::write(&built, b"library").expect("written");
        std::os::unix::fs::symlink(&built, &path).expect("made");
        assert_eq!(cache.get::<i32>("k"), None, "the same bytes, behind a link");
        let again = directory.path().join("again");
        fs::write(&again, b"library").expect("written");
        cache.put("k", &again, &7).expect("put again");
        assert!(cache.get::<i32>("k").is_some() && !path.is_symlink() && built.exists());
    }

    #[test]
    fn a_cache_that_others_may_write_to_is_refused() {
        let (_directory, cache) = cache();
        fs::create_dir(cache.directory.join("crates")).expect("made");
        for (path, below) in [(cache.directory.join("crates"), true), (cache.directory.clone(), false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).expect("ours");
            let error = if below { cache.crates() } else { Cache::open_at(path).map(|cache| cache.directory) };
            let error = error.expect_err("refused");
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
