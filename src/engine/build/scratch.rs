//! Owns the temporary directory of one session, where rustc reads and writes. It is removed when the session ends; a
//! directory that a killed session left behind is removed when the next session starts. Never touches a directory of
//! another user or of a session that is alive.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::sys::private_files;

/// The beginning of the name of every session's directory. Only directories with it are ever removed.
const PREFIX: &str = "threadbook-";

/// A file in each directory that the session keeps locked, to show that it is alive. The system drops the lock when the
/// process ends, however it ends.
const LOCKED: &str = "in-use";

pub(super) struct Scratch {
    directory: tempfile::TempDir,
    _lock: File,
}

impl Scratch {
    /// Creates a directory below the system's temporary one that only this user may read.
    pub(super) fn create() -> io::Result<Scratch> {
        Scratch::create_in(&std::env::temp_dir())
    }

    fn create_in(parent: &Path) -> io::Result<Scratch> {
        private_files::check_ancestors(parent)?;
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

    /// Removes the directories of this user whose session has ended. One that cannot be removed is left for the next
    /// session to try.
    fn remove_stale(&self, parent: &Path) {
        let Ok(own) = fs::symlink_metadata(self.path()) else { return };
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
                && fs::symlink_metadata(entry.path()).is_ok_and(|m| m.is_dir() && m.uid() == own.uid());
            // A directory without the lock file is one that another session is creating just now.
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
