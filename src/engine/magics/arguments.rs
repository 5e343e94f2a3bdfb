//! What several magics read out of the text after their name.

use std::path::Path;

use super::spec::{Act, Line};
use crate::engine::rejection::UsageError;

impl Line {
    /// The lines below a magic whose cell is not Rust.
    pub(super) fn text_below(&self) -> Result<&str, UsageError> {
        match self.body.as_deref() {
            Some(body) if !body.trim().is_empty() => Ok(body),
            _ => Err(UsageError(format!(
                "the cell below `{}{}` is empty; write the text under the magic",
                self.kind.prefix(),
                self.name
            ))),
        }
    }
}

impl Act {
    /// A call of a function in `runtime/src/magic.rs`.
    pub(super) fn call(rust: String) -> Act {
        Act::Call(format!("::threadbook::magic::{rust}; "))
    }

    /// A call that drops variables.
    pub(super) fn forget(names: &[String]) -> Act {
        Act::Call(format!("::threadbook::store::forget(&{names:?}); "))
    }
}

/// The words of a line, by the rules of POSIX shells: quotes, backslashes and comments.
pub(super) fn words(line: &str) -> Result<Vec<String>, UsageError> {
    shlex::split(line).ok_or_else(|| UsageError(unfinished(line)))
}

/// Why the words of a line have no end.
fn unfinished(line: &str) -> String {
    let is_whole = |line: &str| shlex::split(line).is_some();
    if line.strip_suffix('\\').is_some_and(is_whole) {
        return format!("the backslash at the end of `{line}` escapes nothing; write two for one");
    }
    let open = if is_whole(&format!("{line}\"")) { '"' } else { '\'' };
    format!("a quote {open} is not closed in `{line}`")
}

/// The text without the pair of quotes that it may stand in.
pub(super) fn unquoted(text: &str) -> &str {
    let quoted = |quote: char| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    quoted('"').or_else(|| quoted('\'')).unwrap_or(text)
}

/// The text of a file, whose path may be relative to the directory.
pub(super) fn read(file: &str, directory: &Path) -> Result<String, UsageError> {
    std::fs::read_to_string(directory.join(file))
        .map_err(|error| UsageError(format!("failed to read `{file}`: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_into_words_as_a_shell_does() {
        let cut = |line: &str| words(line).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(cut(" a  'b c' \"\" d'e'"), ["a", "b c", "", "de"]);
        assert_eq!(cut(r#"a\ b \"c\" "d\"e" 'f\g'"#), ["a b", "\"c\"", "d\"e", r"f\g"]);
    }

    #[test]
    fn what_is_left_open_is_named() {
        let error = |line: &str| words(line).expect_err("not closed").0;
        assert_eq!(error("a 'b"), "a quote ' is not closed in `a 'b`");
        assert_eq!(error("a \"b'"), "a quote \" is not closed in `a \"b'`");
        assert!(error(r"a\").contains("the backslash at the end of `a\\`"));
    }

    #[test]
    fn a_pair_of_quotes_is_taken_off() {
        assert_eq!(["\"a b\"", "'a'", "a'", "'a\""].map(unquoted), ["a b", "a", "a'", "'a\""]);
    }
}
