//! The kernel's warnings, which go to its standard error: Jupyter shows it in its own log. With `THREADBOOK_LOG` they are
//! lines of that log.

use std::fmt::Display;
use std::io::Write;

pub(super) fn log(text: impl Display) {
    if tracing::dispatcher::has_been_set() {
        return tracing::warn!("{text}");
    }
    // Whoever started the kernel may have closed its standard error; nobody is left to tell.
    let _ = writeln!(std::io::stderr(), "threadbook: {text}");
}
