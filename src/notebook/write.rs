//! Where a notebook goes: a file that is replaced whole or not at all, or standard output.
//!
//! Never leaves a half-written file or, on an error, a temporary one. Knows nothing of what a notebook holds.

use std::fs::{File, Metadata, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Error, ExitCode};

/// Finds out, before any work is done, that `path` cannot be written. Leaves nothing behind.
pub(super) fn probe(path: &Path) -> Result<(), Error> {
    let tried = Place::of(path).and_then(|place| match place {
        // To open a pipe and close it again would tell its reader that all is over.
        Place::Special => Ok(()),
        Place::File { target, old } => temporary(&target, old.as_ref())?.close(),
    });
    tried.map_err(|error| cannot_write(path, &error))
}

/// Whether `path` is a device or a pipe: what is written to it stays written, so it takes a notebook once.
pub(super) fn is_special(path: &Path) -> bool {
    matches!(Place::of(path), Ok(Place::Special))
}

/// Writes what `fill` writes to `path`: to a temporary file beside it, which then takes its place. The old file is
/// whole until then; its permission bits and, where we may, its owner are kept. A link is followed.
pub(super) fn atomically(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
    replace(path, fill).map_err(|error| cannot_write(path, &error))
}

fn replace(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let (target, old) = match Place::of(path)? {
        Place::Special => return fill_file(&File::options().write(true).open(path)?, fill),
        Place::File { target, old } => (target, old),
    };
    let temporary = temporary(&target, old.as_ref())?;
    fill_file(temporary.as_file(), fill)?;
    temporary.as_file().sync_all()?;
    temporary.persist(&target).map_err(|error| error.error)?;
    // The new name is on the disk only after this. That it cannot be asked of every file system is no failure.
    let _ = File::open(directory(&target)).and_then(|directory| directory.sync_all());
    Ok(())
}

fn fill_file(file: &File, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut writer = BufWriter::with_capacity(1 << 18, file);
    fill(&mut writer)?;
    writer.flush()
}

enum Place {
    /// Writes to a device or a pipe, which is never replaced.
    Special,
    File {
        target: PathBuf,
        old: Option<Metadata>,
    },
}

impl Place {
    fn of(path: &Path) -> io::Result<Place> {
        // Asked before links are followed by hand: `/dev/stdout` ends at a name that is no path.
        match std::fs::metadata(path) {
            Ok(old) if old.is_dir() => Err(io::Error::from(io::ErrorKind::IsADirectory)),
            Ok(old) if !old.is_file() => Ok(Place::Special),
            Ok(old) => Ok(Place::File { target: follow_links(path)?, old: Some(old) }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Place::File { target: follow_links(path)?, old: None })
            }
            Err(error) => Err(error),
        }
    }
}

/// The path that a write to `path` ends at; also where the last link's target does not exist yet.
fn follow_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    // As many links as the kernel follows (path_resolution(7)).
    for _ in 0..40 {
        match std::fs::read_link(&path) {
            Ok(next) => path = directory(&path).join(next),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many levels of symbolic links"))
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn temporary(target: &Path, old: Option<&Metadata>) -> io::Result<NamedTempFile> {
    let name = target.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidFilename))?;
    // A name near the length limit must leave room for the random part.
    let stem: String = name.to_string_lossy().chars().take(40).collect();
    let file = tempfile::Builder::new()
        .prefix(&format!(".{stem}."))
        .permissions(Permissions::from_mode(first_mode(old)))
        .tempfile_in(directory(target))?;
    if let Some(old) = old {
        // Only root may give a file away: then the file stays its owner's.
        let _ = std::os::unix::fs::fchown(file.as_file(), Some(old.uid()), Some(old.gid()));
        file.as_file().set_permissions(Permissions::from_mode(old.mode() & 0o7777))?;
    }
    Ok(file)
}

/// What an ordinary new file gets; the umask is taken off. A copy of an old file is nobody else's until it has that
/// one's permissions: whoever opened it before could read on.
fn first_mode(old: Option<&Metadata>) -> u32 {
    if old.is_some() { 0o600 } else { 0o666 }
}

fn cannot_write(path: &Path, error: &io::Error) -> Error {
    let what_to_do = match error.kind() {
        io::ErrorKind::NotFound => "make its directory first",
        io::ErrorKind::IsADirectory => "name a file, not a directory",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "make room, or choose another place with --output"
        }
        _ => "choose another place with --output",
    };
    // tempfile names its own file in its errors; the user asked for this one.
    let reason = match error.kind() {
        io::ErrorKind::Other => error.to_string(),
        kind => kind.to_string(),
    };
    Error::new(ExitCode::Environment, format!("cannot write {}: {reason}; {what_to_do}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn put(path: &Path, text: &str) -> Result<(), Error> {
        atomically(path, |writer| writer.write_all(text.as_bytes()))
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).expect("is read");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_file_has_ordinary_permissions_and_an_old_one_keeps_its_own() {
        let dir = tempfile::tempdir().expect("a directory");
        let (ordinary, ours, old) = (dir.path().join("o"), dir.path().join("new"), dir.path().join("old"));
        fs::write(&ordinary, "").expect("is written");
        fs::write(&old, "old").expect("is written");
        fs::set_permissions(&old, Permissions::from_mode(0o640)).expect("is set");
        put(&ours, "1").expect("is written");
        put(&old, "2").expect("is written");
        let mode = |path: &Path| fs::metadata(path).expect("is there").mode();
        assert_eq!(mode(&ours), mode(&ordinary));
        assert_eq!(mode(&old) & 0o7777, 0o640);
        assert_eq!(first_mode(Some(&fs::metadata(&old).expect("is there"))), 0o600);
        assert_eq!(fs::read_to_string(&old).expect("is read"), "2");
        assert_eq!(names(dir.path()), ["new", "o", "old"]);
    }

    #[test]
    fn links_are_written_through() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir(dir.path().join("sub")).expect("is made");
        fs::write(dir.path().join("sub/real"), "old").expect("is written");
        symlink("sub/real", dir.path().join("link")).expect("is made");
        symlink("sub/later", dir.path().join("dangling")).expect("is made");
        for (link, target) in [("link", "sub/real"), ("dangling", "sub/later")] {
            put(&dir.path().join(link), "new").expect("is written");
            assert!(dir.path().join(link).is_symlink());
            assert_eq!(fs::read_to_string(dir.path().join(target)).expect("is read"), "new");
        }
        symlink("loop", dir.path().join("loop")).expect("is made");
        assert!(put(&dir.path().join("loop"), "").is_err());
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("nb");
        fs::write(&path, "old").expect("is written");
        let error = atomically(&path, |writer| {
            writer.write_all(&[b'x'; 1 << 20])?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        })
        .expect_err("fails");
        let text = error.to_string();
        assert!(text.ends_with("no storage space; make room, or choose another place with --output"), "{text}");
        assert_eq!(error.code(), ExitCode::Environment);
        assert_eq!(fs::read_to_string(&path).expect("is read"), "old");
        assert_eq!(names(dir.path()), ["nb"]);
    }

    #[test]
    fn what_cannot_be_written_is_found_beforehand() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("file"), "").expect("is written");
        for (path, what_to_do) in [
            (dir.path().join("none/nb"), "make its directory first"),
            (dir.path().to_owned(), "name a file, not a directory"),
            (dir.path().join("file/nb"), "choose another place with --output"),
        ] {
            let error = probe(&path).expect_err("is found").to_string();
            assert!(error.starts_with(&format!("cannot write {}: ", path.display())), "{error}");
            assert!(error.ends_with(what_to_do), "{error}");
            assert_eq!(error.matches("nb").count(), path.ends_with("nb") as usize, "no temporary name: {error}");
        }
        probe(&dir.path().join("new")).expect("can be written");
        assert_eq!(names(dir.path()), ["file"]);
    }

    #[test]
    fn a_device_is_written_to_and_never_replaced() {
        put(Path::new("/dev/null"), "text").expect("is written");
        assert!(!fs::metadata("/dev/null").expect("is there").is_file());
        assert!(is_special(Path::new("/dev/null")) && !is_special(Path::new("nb.ipynb")));
        assert!(put(Path::new("/dev/full"), "text").expect_err("is full").to_string().contains("make room"));
    }
}
