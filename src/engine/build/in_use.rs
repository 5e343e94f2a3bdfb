//! Which entries of the cache living sessions use: each session writes their keys to a file of its own, which it keeps
//! locked as long as it lives, however it ends.
//!
//! Removes no entry. Who calls this holds the cache's lock: `note` a shared one, `of_living` an exclusive one.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::NamedTempFile;

use crate::sys::private_files;

/// The keys that one session has used, in memory and in its file.
#[derive(Debug)]
pub(super) struct InUse {
    /// Where the files of all sessions are.
    directory: PathBuf,
    noted: Mutex<Noted>,
}

#[derive(Debug, Default)]
struct Noted {
    keys: BTreeSet<String>,
    /// None before the first key.
    file: Option<NamedTempFile>,
}

impl InUse {
    pub(super) fn new(directory: PathBuf) -> InUse {
        InUse { directory, noted: Mutex::default() }
    }

    /// From here on this entry stays until the session has ended.
    pub(super) fn note(&self, key: &str) -> io::Result<()> {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.keys.contains(key) {
            return Ok(());
        }
        if noted.file.is_none() {
            let directory = private_files::directory(&self.directory)?;
            let file = NamedTempFile::new_in(directory)?;
            file.as_file().lock()?;
            noted.file = Some(file);
        }
        if let Some(file) = &mut noted.file {
            file.write_all(format!("{key}\n").as_bytes())?;
        }
        noted.keys.insert(key.to_string());
        Ok(())
    }
}

/// The keys that living sessions use, whose files are in `directory`. Files of sessions that have ended are removed.
pub(super) fn of_living(directory: &Path) -> io::Result<BTreeSet<String>> {
    let mut keys = BTreeSet::new();
    let files = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(keys),
        files => files?,
    };
    for file in files {
        let path = file?.path();
        // One that is gone was removed by its session.
        let Ok(file) = File::open(&path) else { continue };
        if file.try_lock().is_ok() {
            let _ = fs::remove_file(&path);
        } else {
            keys.extend(io::read_to_string(file)?.lines().map(str::to_string));
        }
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_session_uses_is_known_until_it_ends() {
        let directory = tempfile::tempdir().expect("a directory");
        let sessions = directory.path().join("sessions");
        assert!(of_living(&sessions).expect("none yet").is_empty());
        let one = InUse::new(sessions.clone());
        for key in ["a", "b", "a"] {
            one.note(key).expect("noted");
        }
        let other = InUse::new(sessions.clone());
        other.note("c").expect("noted");
        assert_eq!(of_living(&sessions).expect("read"), ["a", "b", "c"].map(str::to_string).into());
        drop(one);
        assert_eq!(of_living(&sessions).expect("read"), ["c".to_string()].into());
    }

    /// A session that was killed leaves its file behind, without a lock on it.
    #[test]
    fn what_a_killed_session_left_is_removed() {
        let sessions = tempfile::tempdir().expect("a directory");
        let left = sessions.path().join("left");
        fs::write(&left, "a\n").expect("written");
        assert!(of_living(sessions.path()).expect("read").is_empty());
        assert!(!left.exists());
    }
}
