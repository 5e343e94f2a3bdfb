//! The directory of one session, where rustc reads and writes. It goes with the session; what a killed session left
//! behind goes when the next one starts.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::sys::private_files;

const PREFIX: &str = "threadbook-";

/// A file in each directory that its session keeps locked: the lock ends with the process, however it ends.
const LOCKED: &str = "in-use";

pub(super) struct Scratch {
    directory: tempfile::TempDir,
    _lock: File,
}

impl Scratch {
    /// A new directory below the system's temporary one, for this user only.
    pub(super) fn create() -> io::Result<Scratch> {
        Scratch::create_in(&std::env::temp_dir())
    }

    fn create_in(parent: &Path) -> io::Result<Scratch> {
        private_files::stays(parent)?;
        let only_ours = fs::Permissions::from_mode(0o700);
        let directory = tempfile::Builder::new().prefix(PREFIX).permissions(only_ours).tempdir_in(parent)?;
        let lock = File::create(directory.path().join(LOCKED))?;
        lock.lock()?;
        let scratch = Scratch { directory, _lock: lock };
        scratch.remove_stale(parent);
        Ok(scratch)
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Removes directories of our own user whose session has ended. What cannot be removed is left to the next try.
    fn remove_stale(&self, parent: &Path) {
        let Ok(own) = fs::symlink_metadata(self.path()) else { return };
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
                && fs::symlink_metadata(entry.path()).is_ok_and(|m| m.is_dir() && m.uid() == own.uid());
            // A directory without the file is one that is being made.
            let Some(lock) = is_ours.then(|| File::open(entry.path().join(LOCKED)).ok()).flatten() else {
                continue;
            };
            if lock.try_lock().is_ok() {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_for_this_user_only_and_nobody_may_exchange_it() {
        let parent = tempfile::tempdir().expect("a directory");
        let mode = |path: &Path| fs::metadata(path).expect("there").mode() & 0o777;
        let scratch = Scratch::create_in(parent.path()).expect("a scratch");
        assert_eq!(mode(scratch.path()), 0o700);
        fs::set_permissions(parent.path(), fs::Permissions::from_mode(0o777)).expect("ours");
        let error = Scratch::create_in(parent.path()).err().expect("refused");
        assert!(error.to_string().contains("chmod +t"), "{error}");
    }

    #[test]
    fn what_a_dead_session_left_is_removed_and_what_a_living_one_has_stays() {
        let parent = tempfile::tempdir().expect("a directory");
        let left = parent.path().join("threadbook-left");
        fs::create_dir(&left).expect("made");
        File::create(left.join(LOCKED)).expect("made");
        let other = parent.path().join("another");
        fs::create_dir(&other).expect("made");
        let living = Scratch::create_in(parent.path()).expect("a scratch");
        let second = Scratch::create_in(parent.path()).expect("a scratch");
        assert!(!left.exists() && other.exists() && living.path().exists() && second.path().exists());
        let path = living.path().to_path_buf();
        drop(living);
        assert!(!path.exists());
    }
}
