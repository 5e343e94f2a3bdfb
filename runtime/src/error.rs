//! The error of a call for which Python raises a `RuntimeError`, `ValueError` or `AssertionError`: an object is
//! used against its own rules. Never carries a failed task (`concurrent::futures::FutureError`) or a failed
//! system call (`std::io::Error`).

use std::fmt;

/// An object was used against its rules; the message is CPython's own.
///
/// ```
/// # use threadbook::{RuntimeError, threading::Lock};
/// let error: RuntimeError = Lock::new().release().unwrap_err();
/// assert_eq!(error.to_string(), "release unlocked lock");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeError(&'static str);

impl RuntimeError {
    pub(crate) const fn new(message: &'static str) -> Self {
        RuntimeError(message)
    }
}

impl fmt::Display for RuntimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for RuntimeError {}
