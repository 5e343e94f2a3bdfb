//! What belongs to this user alone: directories that nobody else may change, and files in them that nobody else wrote.
//! What is loaded and executed, or remembered of a user, goes through here.
//!
//! Never makes a path safe that is not: it is refused, with what to do.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::sys::descriptor::open_regular_no_link;
use crate::sys::process::user;

/// Group and others may write.
const WRITABLE: u32 = 0o022;
const WRITABLE_BY_ALL: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// The directory, made if it is not there, for this user only; its path has no links in it, so that what was looked at
/// here is what is used later. One that is another user's, or that others may write to, is an error.
pub(crate) fn directory(path: &Path) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let path = fs::canonicalize(path)?;
    check(&fs::metadata(&path)?)?;
    stays(&path)?;
    Ok(path)
}

/// Refuses a directory in which, or above which, anybody may put another thing in the place of ours.
pub(crate) fn stays(path: &Path) -> io::Result<()> {
    for directory in fs::canonicalize(path)?.ancestors() {
        let mode = fs::metadata(directory)?.mode();
        if mode & WRITABLE_BY_ALL != 0 && mode & STICKY == 0 {
            let directory = directory.display();
            return Err(refused(format!(
                "anybody may change what is in `{directory}` (`chmod +t {directory}` prevents that)"
            )));
        }
    }
    Ok(())
}

/// A file of ours, opened for reading. A link, a device, another's file and one that others may write to are errors.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    opened(OpenOptions::new().read(true), path)
}

pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file of ours to append to, made if it is not there; nobody else may read it from here on.
pub(crate) fn append(path: &Path) -> io::Result<File> {
    let file = opened(OpenOptions::new().append(true).create(true).mode(0o600), path)?;
    if file.metadata()?.mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

fn opened(how: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = open_regular_no_link(how, path)?;
    check(&file.metadata()?).map(|()| file)
}

fn check(about: &Metadata) -> io::Result<()> {
    if about.uid() != user() {
        return Err(refused(format!("it belongs to another user (number {})", about.uid())));
    }
    if about.mode() & WRITABLE != 0 {
        return Err(refused("others may write to it (`chmod go-w` prevents that)".into()));
    }
    Ok(())
}

fn refused(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn bench() -> tempfile::TempDir {
        tempfile::tempdir().expect("a directory")
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("ours");
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("there").mode() & 0o7777
    }

    fn why<T>(refused: io::Result<T>) -> String {
        refused.err().expect("refused").to_string()
    }

    #[test]
    fn what_is_made_is_for_this_user_only() {
        let bench = bench();
        let made = directory(&bench.path().join("a/b")).expect("made");
        append(&made.join("file")).expect("made");
        let modes = [made.as_path(), made.parent().expect("a"), &made.join("file")].map(mode);
        assert_eq!(modes, [0o700, 0o700, 0o600]);
    }

    #[test]
    fn a_directory_that_others_may_write_to_is_refused() {
        let bench = bench();
        for open in [0o770, 0o707, 0o777, 0o1777] {
            set_mode(bench.path(), open);
            let why = why(directory(bench.path()));
            assert!(why.contains("others may write to it (`chmod go-w`"), "{why}");
        }
        set_mode(bench.path(), 0o755);
        directory(bench.path()).expect("others may look at it");
    }

    #[test]
    fn a_directory_that_anybody_may_exchange_is_refused() {
        let bench = bench();
        let inner = directory(&bench.path().join("inner")).expect("made");
        set_mode(bench.path(), 0o777);
        assert!(why(directory(&inner)).contains("chmod +t"));
        assert!(why(stays(bench.path())).contains("chmod +t"));
        set_mode(bench.path(), 0o1777);
        directory(&inner).expect("sticky, as /tmp is");
    }

    /// What is another user's can only be made by root, and only others than root have the root directory for one.
    #[test]
    fn what_belongs_to_another_user_is_refused() {
        let bench = bench();
        let theirs = match user() {
            0 => {
                std::os::unix::fs::chown(bench.path(), Some(65534), None).expect("root may");
                bench.path()
            }
            _ => Path::new("/"),
        };
        assert!(why(directory(theirs)).contains("belongs to another user"));
    }

    #[test]
    fn only_files_of_ours_are_opened() {
        let bench = bench();
        let path = |name: &str| bench.path().join(name);
        fs::write(path("file"), "text").expect("written");
        symlink(path("file"), path("link")).expect("made");
        assert_eq!(read(&path("file")).expect("ours"), b"text");
        assert!(open(&path("link")).is_err() && append(&path("link")).is_err());
        // Nobody writes to it: to wait for that would be to wait for ever.
        let made = std::process::Command::new("mkfifo").arg(path("pipe")).status();
        assert!(made.expect("mkfifo runs").success());
        assert!(why(open(&path("pipe"))).contains("not a regular file"));
        set_mode(&path("file"), 0o622);
        assert!(why(open(&path("file"))).contains("others may write"));
        set_mode(&path("file"), 0o644);
        append(&path("file")).expect("ours");
        assert_eq!(mode(&path("file")), 0o600);
    }

    #[test]
    fn a_link_to_a_directory_is_followed_once() {
        let bench = bench();
        let real = directory(&bench.path().join("real")).expect("made");
        symlink(&real, bench.path().join("link")).expect("made");
        assert_eq!(directory(&bench.path().join("link")).expect("ours"), real);
    }
}
