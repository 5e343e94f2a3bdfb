//! What is said about a magic that there is not: what may be meant, and what there is.

use super::spec::{Kind, Line, Table};
use crate::engine::rejection::UsageError;

/// One edit (a letter added, removed or changed, or two swapped) for so many letters, and one at least: what differs by
/// more is not suggested.
const LETTERS_PER_EDIT: usize = 4;

pub(super) fn error(line: &Line, table: Table) -> UsageError {
    let prefix = line.kind.prefix();
    let written = format!("{prefix}{}", line.name);
    let of_kind = table.iter().filter(|spec| spec.kind == line.kind);
    let known: Vec<String> = of_kind.map(|spec| spec.spelling()).collect();
    let what = if line.kind == Kind::Command { "command" } else { "magic" };
    let meant = meant(&written, table).map(|meant| format!(" (did you mean `{meant}`?)")).unwrap_or_default();
    let known = known.join(", ");
    UsageError(format!("unknown {what} `{written}`{meant}; there are {known}, and `:help` explains each"))
}

/// The magic of any kind that is written most like this.
fn meant(written: &str, table: Table) -> Option<String> {
    let distance = |spelling: &str| strsim::damerau_levenshtein(written, spelling);
    let most = (written.chars().count() / LETTERS_PER_EDIT).max(1);
    let named = table.iter().filter(|spec| !spec.name.is_empty()).map(|spec| spec.spelling());
    named.min_by_key(|spelling| distance(spelling)).filter(|spelling| distance(spelling) <= most)
}

#[cfg(test)]
mod tests {
    use crate::engine::magics::tests::acts;

    #[test]
    fn what_is_unknown_is_named_with_what_may_be_meant_and_what_there_is() {
        for (source, message) in [
            ("%%tim", "unknown magic `%%tim` (did you mean `%%time`?); there are %%time, %%timeit, %%threads, "),
            (":nope", "unknown command `:nope`; there are :dep, :show_deps, :opt, "),
            ("%bash", "unknown magic `%bash` (did you mean `%%bash`?); there are %time, "),
            ("%vars", "unknown magic `%vars` (did you mean `:vars`?); there are %time, "),
            ("%hisotry", "unknown magic `%hisotry` (did you mean `%history`?); there are %time, "),
        ] {
            let error = acts(source).expect_err("unknown");
            assert!(error.0.starts_with(message), "{error}");
            assert!(error.0.ends_with(", and `:help` explains each"), "{error}");
        }
    }
}
