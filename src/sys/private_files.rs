//! Directories that only this user can change, and files in them that only this user can have written. Libraries that
//! are executed and the history of a user go through here.
//!
//! Never makes an unsafe path safe: it is an error, which says what the user can do.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::sys::descriptor::open_regular_no_link;
use crate::sys::process::user;

/// Permission bits (chmod(2)): the group and others may write.
const WRITABLE: u32 = 0o022;
/// Everybody may write.
const WRITABLE_BY_ALL: u32 = 0o002;
/// Of what is in a directory, only its owner may remove or rename it.
const STICKY: u32 = 0o1000;

/// Makes the directory if it is not there, for this user only, and returns its path without links, so that what was
/// checked here is what is used later. A directory that belongs to another user or that others may write to is an error.
pub(crate) fn directory(path: &Path) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let path = fs::canonicalize(path)?;
    check(&fs::metadata(&path)?)?;
    check_ancestors(&path)?;
    Ok(path)
}

/// Refuses a directory if anybody may replace what is in it, or the directory itself or one above it.
pub(crate) fn check_ancestors(path: &Path) -> io::Result<()> {
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

/// Opens a file of this user for reading. A link, a device, a file of another user and one that others may write to are
/// errors.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    opened(OpenOptions::new().read(true), path)
}

/// Reads a whole file that `open` opens.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens a file of this user for appending, and makes it if it is not there. Nobody else may read it from then on.
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
        assert!(why(check_ancestors(bench.path())).contains("chmod +t"));
        set_mode(bench.path(), 0o1777);
        directory(&inner).expect("sticky, as /tmp is");
    }

    /// Root can give a directory to another user; to anybody else, the root directory is another user's.
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
