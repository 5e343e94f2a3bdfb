//! `%run FILE.rs`: the text of a file takes the place of the cell's, before anything else is done with the cell.

use std::path::Path;

pub const ALONE: &str = "`%run` needs a cell of its own: `%run FILE.rs`";

/// The text to run instead of a cell that is `%run FILE` and nothing else; none for every other cell.
pub fn file_to_run(source: &str, directory: &Path) -> Option<Result<String, String>> {
    let rest = source.trim().strip_prefix("%run")?;
    if rest.contains('\n') || !(rest.is_empty() || rest.starts_with(char::is_whitespace)) {
        return None;
    }
    let file = rest.trim();
    if file.is_empty() {
        return Some(Err(ALONE.into()));
    }
    let text = std::fs::read_to_string(directory.join(file));
    Some(text.map_err(|error| format!("failed to read `{file}`: {error}")))
}
