//! Why a cell does not run: it is refused for what it says (`Rejection`), or Threadbook could not do its job (`Error`).
//! Knows no session; renders nothing.

use std::fmt;

use crate::error::Error;

/// Why nothing of a cell runs, in the words that the user sees.
#[derive(Debug)]
pub(crate) struct Rejection {
    pub ename: &'static str,
    pub evalue: String,
    pub rendered: String,
    /// What rustc said, if it is rustc that refused the cell.
    pub reported: Vec<Reported>,
}

/// An error as rustc reported it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reported {
    pub code: Option<String>,
    /// The text of `rustc --explain`.
    pub explanation: Option<String>,
    /// The whole message, in [rustc's JSON](https://doc.rust-lang.org/rustc/json.html).
    pub json: String,
}

/// A magic or command is written wrongly; the text says what is wrong and how it is to be written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UsageError(pub String);

/// Why a cell could not be prepared.
#[derive(Debug)]
pub(crate) enum PrepareError {
    /// The cell is wrong: an outcome, which the user sees at the cell.
    Rejected(Rejection),
    /// We could not do our job: whoever runs the cell is told.
    Broken(Error),
}

impl Rejection {
    pub(crate) fn usage(message: impl Into<String>) -> Rejection {
        Rejection::from(UsageError(message.into()))
    }

    /// `:dep` asks for crates that cannot be built; the first line of the message names the reason.
    pub(crate) fn dependency(message: &str) -> Rejection {
        let evalue = message.lines().next().unwrap_or_default().to_string();
        Rejection { ename: "DependencyError", rendered: format!("error: {message}"), evalue, reported: Vec::new() }
    }
}

impl PrepareError {
    /// The rejection; `Err` if it is none.
    pub(crate) fn into_rejection(self) -> Result<Rejection, Error> {
        match self {
            PrepareError::Rejected(rejection) => Ok(rejection),
            PrepareError::Broken(error) => Err(error),
        }
    }
}

impl From<UsageError> for Rejection {
    fn from(UsageError(message): UsageError) -> Rejection {
        Rejection {
            ename: "UsageError",
            rendered: format!("error: {message}"),
            evalue: message,
            reported: Vec::new(),
        }
    }
}

impl From<UsageError> for PrepareError {
    fn from(error: UsageError) -> PrepareError {
        PrepareError::Rejected(error.into())
    }
}

impl From<Rejection> for PrepareError {
    fn from(rejection: Rejection) -> PrepareError {
        PrepareError::Rejected(rejection)
    }
}

impl From<Error> for PrepareError {
    fn from(error: Error) -> PrepareError {
        PrepareError::Broken(error)
    }
}

impl From<&str> for UsageError {
    fn from(message: &str) -> UsageError {
        UsageError(message.to_string())
    }
}

impl From<String> for UsageError {
    fn from(message: String) -> UsageError {
        UsageError(message)
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
