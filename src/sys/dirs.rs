//! Where a user's files belong, by the XDG Base Directory Specification
//! (<https://specifications.freedesktop.org/basedir-spec/latest/>).

use std::path::PathBuf;

/// The variable of the environment as a path; None if it is unset or empty.
pub(crate) fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// `$XDG_CACHE_HOME`, by default `~/.cache`; None if HOME is unset too.
pub(crate) fn cache() -> Option<PathBuf> {
    variable("XDG_CACHE_HOME").or_else(|| below_home(".cache"))
}

/// `$XDG_DATA_HOME`, by default `~/.local/share`; None if HOME is unset too.
pub(crate) fn data() -> Option<PathBuf> {
    variable("XDG_DATA_HOME").or_else(|| below_home(".local/share"))
}

/// `$CARGO_HOME`, by default `~/.cargo`; None if HOME is unset too
/// (<https://doc.rust-lang.org/cargo/guide/cargo-home.html>).
pub(crate) fn cargo() -> Option<PathBuf> {
    variable("CARGO_HOME").or_else(|| below_home(".cargo"))
}

fn below_home(path: &str) -> Option<PathBuf> {
    variable("HOME").map(|home| home.join(path))
}
