//! The Python twins of a notebook's cells, run by a real CPython.
//!
//! What a twin is, and where it lies, is described in `notebooks/twins/README.md`; the process that runs them is
//! `twin.py`. Nothing here compares anything.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::error::{Error, ExitCode};

const DRIVER: &str = include_str!("twin.py");

/// One Python process, in which the twins of one run of a notebook share a namespace.
pub(super) struct Twins {
    python: PathBuf,
    directory: PathBuf,
    child: Child,
    commands: ChildStdin,
    replies: BufReader<ChildStdout>,
}

/// What a twin put out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TwinOutput {
    pub text: String,
    /// The exception that ended it.
    pub error: Option<String>,
}

impl Twins {
    /// The directory that the twins of a notebook lie in.
    pub(super) fn directory(notebook: &Path) -> PathBuf {
        let stem = notebook.file_stem().unwrap_or_default();
        notebook.parent().unwrap_or(Path::new("")).join("twins").join(stem)
    }

    pub(super) fn start(python: &Path, notebook: &Path) -> Result<Twins, Error> {
        let directory = Twins::directory(notebook);
        let directory = directory.canonicalize().map_err(|error| {
            let what = format!("no Python twins in {} ({error})", directory.display());
            Error::new(ExitCode::Input, format!("{what}; write them, or leave --twin out"))
        })?;
        let mut child = Command::new(python)
            .args(["-u", "-c", DRIVER])
            .env("PYTHONIOENCODING", "utf-8")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| {
                let what = format!("cannot start {} for the twins ({error})", python.display());
                Error::new(ExitCode::Environment, format!("{what}; install it, or name another with --twin"))
            })?;
        let (Some(commands), Some(replies)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::new(ExitCode::Internal, "a twin's pipes are missing; please report this"));
        };
        Ok(Twins { python: python.to_path_buf(), directory, child, commands, replies: BufReader::new(replies) })
    }

    /// Runs the twin of the cell with this id to its end. `None` if the cell has no twin.
    pub(super) fn run(&mut self, id: &str) -> Result<Option<TwinOutput>, Error> {
        let file = self.directory.join(format!("{id}.py"));
        // Only what nbformat allows as a cell id may become part of a path.
        if !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') || !file.is_file() {
            return Ok(None);
        }
        let mut reply = String::new();
        let asked = writeln!(self.commands, "{}", json!({ "file": file })).and_then(|()| self.commands.flush());
        let read = asked.and_then(|()| self.replies.read_line(&mut reply));
        match (read, serde_json::from_str::<Value>(&reply)) {
            (Ok(1..), Ok(reply)) => Ok(Some(TwinOutput {
                text: reply["text"].as_str().unwrap_or_default().to_owned(),
                error: reply["error"].as_str().map(str::to_owned),
            })),
            _ => Err(self.lost(id)),
        }
    }

    fn lost(&mut self, id: &str) -> Error {
        let how = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let what = format!("{} ended while it ran the twin of {id} ({how})", self.python.display());
        Error::new(
            ExitCode::Environment,
            format!("{what}; it needs Python 3.8 or later, and a twin must not end it"),
        )
    }
}

impl Drop for Twins {
    fn drop(&mut self) {
        // The process may be in the middle of a twin, and nothing of that is needed any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn twins(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Twins, Error>) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let notebook = directory.path().join("book.ipynb");
        let twins = Twins::directory(&notebook);
        std::fs::create_dir_all(&twins).expect("a directory");
        for (name, source) in files {
            std::fs::write(twins.join(name), source).expect("a file");
        }
        let started = Twins::start("python3".as_ref(), &notebook);
        (directory, started)
    }

    fn text(text: &str) -> Option<TwinOutput> {
        Some(TwinOutput { text: text.to_owned(), error: None })
    }

    #[test]
    fn twins_share_a_namespace_and_are_waited_for() {
        let thread = "import threading\ndef late():\n    first.join()\n    print('ö')\nfirst = threading.Thread()\n\
                      first.start()\nthreading.Thread(target=late).start()\n";
        let fork = "import os\nif os.fork() == 0:\n    print(x)\nelse:\n    os.wait()\nprint('both')\n";
        let (_directory, started) =
            twins(&[("a.py", "x = 5\n"), ("b.py", thread), ("c.py", fork), ("d.py", "print(y)\n")]);
        let mut twins = started.expect("python3");
        assert_eq!(twins.run("a").expect("a reply"), text(""));
        assert_eq!(twins.run("b").expect("a reply"), text("ö\n"));
        assert_eq!(twins.run("c").expect("a reply"), text("5\nboth\nboth\n"));
        let failed = twins.run("d").expect("a reply").expect("a twin");
        assert_eq!(failed.error.as_deref(), Some("NameError: name 'y' is not defined"));
        assert_eq!(twins.run("e").expect("no reply needed"), None);
        assert_eq!(twins.run("../twins").expect("no reply needed"), None);
    }

    #[test]
    fn the_time_of_a_twin() {
        let (_directory, started) = twins(&[("a.py", "# %%time\nprint('x')\n")]);
        let output = started.expect("python3").run("a").expect("a reply").expect("a twin");
        let line = output.text.strip_prefix("x\nWall time: ").expect("the time");
        assert!(line.ends_with("s\n"), "{line:?}");
    }

    #[test]
    fn what_is_missing_is_said() {
        let (directory, started) = twins(&[("a.py", "import os\nos._exit(3)\n")]);
        let lost = started.expect("python3").run("a").expect_err("it ended").to_string();
        assert!(lost.contains("ended while it ran the twin of a"), "{lost}");
        let notebook = directory.path().join("book.ipynb");
        let missing = Twins::start("no-such-python".as_ref(), &notebook).err().expect("no such python").to_string();
        assert!(missing.starts_with("cannot start no-such-python"), "{missing}");
        let other = Twins::start("python3".as_ref(), &directory.path().join("other.ipynb"))
            .err()
            .expect("no twins")
            .to_string();
        assert!(other.starts_with("no Python twins in "), "{other}");
    }
}
