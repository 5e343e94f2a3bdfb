//! The kernel's log, which is its standard error: Jupyter shows it in its own log.

use std::fmt::Display;
use std::io::Write;

pub(super) fn log(text: impl Display) {
    // Whoever started the kernel may have closed its standard error; nobody is left to tell.
    let _ = writeln!(std::io::stderr(), "threadbook: {text}");
}
