//! Errors of our own: what stops Threadbook itself from doing its job. A bad cell is an `Outcome`, never an `Error`.
//!
//! An error has two tiers. Its own is for the user: what has failed, in lower case, and what to do. The other is its
//! cause, an error of the system or of a library, for programs: `source()` returns it as it came.

use std::borrow::Cow;
use std::fmt;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What the user is told, and the exit code that goes with it.
///
/// `Display` writes the whole sentence, the cause in it: "failed to write `x`: disk full; free some space". Who walks
/// the chain of `source()` must not print the causes again.
#[derive(Debug)]
pub struct Error {
    code: ExitCode,
    what: String,
    cause: Option<Cause>,
    advice: Option<Cow<'static, str>>,
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
    /// What has failed; a text that already says what to do is complete.
    pub fn new(code: ExitCode, what: impl Into<String>) -> Self {
        Error { code, what: what.into(), cause: None, advice: None }
    }

    /// With the error that led to this one.
    pub fn because(self, cause: impl Into<Cause>) -> Self {
        Error { cause: Some(cause.into()), ..self }
    }

    /// With what the user can do about it.
    pub fn advise(self, advice: impl Into<Cow<'static, str>>) -> Self {
        Error { advice: Some(advice.into()), ..self }
    }

    /// The exit code that goes with the error.
    pub fn code(&self) -> ExitCode {
        self.code
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(cause) = &self.cause {
            write!(f, ": {cause}")?;
        }
        if let Some(advice) = &self.advice {
            write!(f, "; {advice}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;
    use std::io;

    #[test]
    fn an_error_says_what_why_and_what_to_do_and_has_its_cause() {
        let cause = io::Error::from(io::ErrorKind::StorageFull);
        let error =
            Error::new(ExitCode::Environment, "failed to write `x`").because(cause).advise("free some space");
        assert_eq!(error.to_string(), "failed to write `x`: no storage space; free some space");
        let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
        assert_eq!(cause.map(io::Error::kind), Some(io::ErrorKind::StorageFull));
        assert!(Error::new(ExitCode::Usage, "no").source().is_none());
    }
}
