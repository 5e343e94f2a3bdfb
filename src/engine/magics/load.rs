//! `%load`: puts the text of a file in the place of the cell, to be edited.

use super::arguments::read;
use super::spec::{Action, Body, Kind, Replacement, Spec, Surroundings};
use crate::engine::rejection::UsageError;

const NOT_ALONE: &str = "`%load` needs a cell of its own: `%load [-r FIRST-LAST] FILE`";

pub(super) const LINE: Spec = Spec {
    kind: Kind::Line,
    name: "load",
    usage: "[-r LINES] FILE",
    help: "puts the text of a file in the place of the cell; LINES such as 3-5,9",
    body: Body::Line,
    action: Action::InPlaceOfCell { not_alone: NOT_ALONE, replace: load },
};

/// The line that loaded the text stays above it as a comment, as in IPython.
fn load(rest: &str, surroundings: &Surroundings) -> Result<Replacement, UsageError> {
    let (ranges, file) = match rest.strip_prefix("-r") {
        Some(ranges) => {
            let (ranges, file) = ranges.trim_start().split_once(char::is_whitespace).ok_or(NOT_ALONE)?;
            (Some(ranges), file.trim_start())
        }
        None => (None, rest),
    };
    if file.is_empty() {
        return Err(NOT_ALONE.into());
    }
    if file.starts_with('-') {
        return Err(UsageError(format!("`%load` takes `-r` and ranges of lines, not `{file}`")));
    }
    if file.contains("://") {
        return Err(UsageError(format!("`%load` reads files only; fetch it first: `!curl -O {file}`")));
    }
    let text = read(file, surroundings.directory)?;
    let text = match ranges {
        Some(ranges) => lines(&text, ranges)?,
        None => text,
    };
    Ok(Replacement::Show { text: format!("// %load {rest}\n{text}"), replace: true })
}

/// The lines of `3-5,9,12-`, in that order. Lines beyond the end of the text are left out.
fn lines(text: &str, ranges: &str) -> Result<String, UsageError> {
    let all: Vec<&str> = text.split_inclusive('\n').collect();
    let number = |text: &str| text.parse::<usize>().ok().filter(|number| *number > 0);
    let mut chosen = String::new();
    for range in ranges.split(',') {
        let (first, last) = match range.split_once('-') {
            Some(("", last)) => (Some(1), number(last)),
            Some((first, "")) => (number(first), Some(usize::MAX)),
            Some((first, last)) => (number(first), number(last)),
            None => (number(range), number(range)),
        };
        let (Some(first), Some(last)) = (first, last) else {
            return Err(UsageError(format!("`-r` takes lines such as 3-5,9,12-, not `{range}`")));
        };
        for line in all.iter().take(last).skip(first - 1) {
            chosen += line;
            if !line.ends_with('\n') {
                chosen.push('\n');
            }
        }
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::tests::replacement;

    fn loaded(text: &str) -> Option<Result<Replacement, UsageError>> {
        Some(Ok(Replacement::Show { text: text.into(), replace: true }))
    }

    #[test]
    fn a_file_is_loaded_whole_or_by_lines() {
        assert_eq!(replacement("%load a b.rs"), loaded("// %load a b.rs\none\ntwo\nthree\nfour"));
        for (ranges, lines) in [
            ("2", "two\n"),
            ("2-3", "two\nthree\n"),
            ("3-", "three\nfour\n"),
            ("-1", "one\n"),
            ("4,1-2", "four\none\ntwo\n"),
            ("3-2", ""),
            ("9-", ""),
        ] {
            let text = format!("// %load -r {ranges} a b.rs\n{lines}");
            assert_eq!(replacement(&format!(" %load -r {ranges} a b.rs\n")), loaded(&text));
        }
    }

    #[test]
    fn what_cannot_be_loaded_is_said() {
        for (source, part) in [
            ("%load", "needs a cell of its own"),
            ("%load -r 1-2", "needs a cell of its own"),
            ("%load -r 0 a b.rs", "such as 3-5,9,12-, not `0`"),
            ("%load -r x-2 a b.rs", "not `x-2`"),
            ("%load -y a b.rs", "`%load` takes `-r`"),
            ("%load https://example.org/a.rs", "fetch it first: `!curl -O https://example.org/a.rs`"),
            ("%load none.rs", "failed to read `none.rs`: No such file"),
        ] {
            let UsageError(message) = replacement(source).expect("a %load").expect_err("bad");
            assert!(message.contains(part), "{message}");
        }
    }
}
