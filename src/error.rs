//! Errors of our own: what stops Threadbook itself from doing its job. A bad cell is an `Outcome`, never an `Error`.
//!
//! Each message is written once, here: lower case, what is wrong, then what to do.

use std::fmt;

/// A message for the user, complete in itself, and the exit code that goes with it.
#[derive(Debug)]
pub struct Error {
    message: String,
    code: ExitCode,
}

/// The exit codes of the command line, all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// A cell failed, or an output did not match.
    Failed = 1,
    /// The arguments make no sense.
    Usage = 2,
    /// The input cannot be used: not a notebook, another language, unreadable.
    Input = 3,
    /// The machine lacks something: rustc, disk space, a writable directory.
    Environment = 4,
    /// A fault of ours.
    Internal = 70,
    /// Ctrl-C, as shells have it.
    Interrupted = 130,
}

impl Error {
    pub fn new(code: ExitCode, message: impl Into<String>) -> Self {
        Error { message: message.into(), code }
    }
    pub fn code(&self) -> ExitCode {
        self.code
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
