//! What magics do in the worker: run programs, change the directory and the environment, write files. Never decides
//! which magic there is: the session does.

use std::error::Error;
use std::fmt;
use std::io::{ErrorKind, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use crate::display::Display;
use crate::host::STDOUT;
use crate::link;

type Done = Result<(), Box<dyn Error>>;

/// Runs a program with this text as its input. Its output is captured as that of every child.
pub fn run(program: &str, arguments: &[&str], input: &str) -> Done {
    let stdin = if input.is_empty() { Stdio::null() } else { Stdio::piped() };
    let mut child = Command::new(program).args(arguments).stdin(stdin).spawn().map_err(|error| {
        format!("failed to start `{program}`: {error}; check that it is installed and in the PATH")
    })?;
    if let Some(mut stdin) = child.stdin.take()
        && let Err(error) = stdin.write_all(input.as_bytes())
        // The program may end before it has read all.
        && error.kind() != ErrorKind::BrokenPipe
    {
        return Err(error.into());
    }
    let status = child.wait()?;
    if status.success() {
        return Ok(());
    }
    Err(Box::new(Exited { program: program.to_string(), status }))
}

/// A program has failed.
#[derive(Debug)]
struct Exited {
    program: String,
    status: ExitStatus,
}

impl fmt::Display for Exited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => write!(f, "{} exited with code {code}", self.program),
            (None, signal) => write!(f, "{} was ended by signal {}", self.program, signal.unwrap_or(0)),
        }
    }
}

impl Error for Exited {}

/// Changes the directory, to the user's own if none is given, and prints the new one.
pub fn cd(directory: &str) -> Done {
    let home = || std::env::var_os("HOME").map(PathBuf::from).ok_or("`%cd` needs a directory: HOME is not set");
    let path = match (directory, directory.strip_prefix("~/")) {
        ("" | "~", _) => home()?,
        (_, Some(below)) => home()?.join(below),
        _ => PathBuf::from(directory),
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "the worker is the session's own process, and this is what `%cd` asks for"
    )]
    std::env::set_current_dir(&path)
        .map_err(|error| format!("failed to change to `{}`: {error}", path.display()))?;
    pwd()
}

pub fn pwd() -> Done {
    link::text(STDOUT, &format!("{}\n", std::env::current_dir()?.display()));
    Ok(())
}

/// Prints the whole environment, sorted.
pub fn env() {
    let mut all: Vec<String> = std::env::vars_os()
        .map(|(name, value)| format!("{}={}\n", name.to_string_lossy(), value.to_string_lossy()))
        .collect();
    all.sort();
    link::text(STDOUT, &all.concat());
}

pub fn show_env(name: &str) -> Done {
    let value = std::env::var_os(name)
        .ok_or_else(|| format!("the environment has no `{name}`; set it by `%env {name}=VALUE`"))?;
    link::text(STDOUT, &format!("{}\n", value.to_string_lossy()));
    Ok(())
}

pub fn set_env(name: &str, value: &str) {
    // SAFETY: std's own readers of the environment lock it; that no foreign code of another thread reads it at this
    // moment is left to the cell's author, as with `set_var` itself.
    unsafe { std::env::set_var(name, value) };
    link::text(STDOUT, &format!("env: {name}={value}\n"));
}

/// Shows the text as this MIME type (`%%html` and its like).
pub fn show(mime: &str, text: &str) {
    Display::new().mime(mime, text).show();
}

/// Writes the text to a file, or appends it, and says which.
pub fn writefile(file: &str, text: &str, append: bool) -> Done {
    let what = match (append, PathBuf::from(file).exists()) {
        (true, _) => "Appending to",
        (false, true) => "Overwriting",
        (false, false) => "Writing",
    };
    let failed = |error: std::io::Error| format!("failed to write `{file}`: {error}");
    let mut options = std::fs::OpenOptions::new();
    let mut opened =
        options.create(true).append(append).write(true).truncate(!append).open(file).map_err(failed)?;
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    opened.write_all(format!("{text}{newline}").as_bytes()).map_err(failed)?;
    link::text(STDOUT, &format!("{what} {file}\n"));
    Ok(())
}
