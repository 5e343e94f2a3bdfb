//! Magics that stand for a whole cell, looked for before anything else is done with it: with `%run FILE.rs` and `%load
//! FILE` the text of a file takes the place of the cell's, to be run or to be edited, with `%rerun` and `%recall` (`again`)
//! that of earlier cells; `%rollback` and `%restart` are the session's to do.

use std::path::Path;
use std::sync::Arc;

use super::again;
use crate::engine::rejection::UsageError;
use crate::events::CellId;

pub(super) const RUN_ALONE: &str = "`%run` needs a cell of its own: `%run FILE.rs`";
pub(super) const LOAD_ALONE: &str = "`%load` needs a cell of its own: `%load [-r FIRST-LAST] FILE`";

pub(super) const ACTS_ALONE: &str = "`%rollback` and `%restart` need a cell of their own";

/// What is done instead of running a cell's text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Instead {
    Run {
        text: String,
        /// What is printed before it runs.
        said: String,
    },
    /// The front end shows it in the place of the cell, or in the next one.
    Show { text: String, replace: bool },
    /// The variables are as they were before the last cell.
    Rollback,
    /// A new worker, with nothing defined.
    Restart,
}

/// What is done instead of a cell that is one of these magics and nothing else; none for every other cell.
pub(crate) fn instead(
    source: &str,
    directory: &Path,
    cells: &[(CellId, Arc<str>)],
) -> Option<Result<Instead, UsageError>> {
    for (magic, act) in [("%rollback", Instead::Rollback), ("%restart", Instead::Restart)] {
        if let Some(rest) = alone(source, magic) {
            return Some(if rest.is_empty() { Ok(act) } else { Err(ACTS_ALONE.into()) });
        }
    }
    let of = |magic: &str| alone(source, magic);
    None.or_else(|| of("%run").map(|file| run(file, directory)))
        .or_else(|| of("%load").map(|rest| load(rest, directory)))
        .or_else(|| of("%rerun").map(|rest| again::rerun(rest, cells)))
        .or_else(|| of("%recall").map(|rest| again::recall(rest, cells)))
}

/// What follows the magic, if the cell has nothing else.
fn alone<'a>(source: &'a str, magic: &str) -> Option<&'a str> {
    let rest = source.trim().strip_prefix(magic)?;
    let is_alone = !rest.contains('\n') && (rest.is_empty() || rest.starts_with(char::is_whitespace));
    is_alone.then(|| rest.trim())
}

fn run(file: &str, directory: &Path) -> Result<Instead, UsageError> {
    match file {
        "" => Err(RUN_ALONE.into()),
        file => read(file, directory).map(|text| Instead::Run { text, said: String::new() }),
    }
}

/// As IPython: the line that loaded the text stays above it, as a comment.
fn load(rest: &str, directory: &Path) -> Result<Instead, UsageError> {
    let (ranges, file) = match rest.strip_prefix("-r") {
        Some(ranges) => {
            let (ranges, file) = ranges.trim_start().split_once(char::is_whitespace).ok_or(LOAD_ALONE)?;
            (Some(ranges), file.trim_start())
        }
        None => (None, rest),
    };
    if file.is_empty() {
        return Err(LOAD_ALONE.into());
    }
    if file.starts_with('-') {
        return Err(UsageError(format!("`%load` takes `-r` and ranges of lines, not `{file}`")));
    }
    if file.contains("://") {
        return Err(UsageError(format!("`%load` reads files only; fetch it first: `!curl -O {file}`")));
    }
    let text = read(file, directory)?;
    let text = match ranges {
        Some(ranges) => lines(&text, ranges)?,
        None => text,
    };
    Ok(Instead::Show { text: format!("// %load {rest}\n{text}"), replace: true })
}

fn read(file: &str, directory: &Path) -> Result<String, UsageError> {
    std::fs::read_to_string(directory.join(file))
        .map_err(|error| UsageError(format!("failed to read `{file}`: {error}")))
}

/// The lines of `3-5,9,12-`, in that order; what the text has not is left out.
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

    fn of(source: &str) -> Option<Result<Instead, UsageError>> {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("a b.rs"), "one\ntwo\nthree\nfour").expect("written");
        instead(source, directory.path(), &[])
    }

    fn loaded(text: &str) -> Option<Result<Instead, UsageError>> {
        Some(Ok(Instead::Show { text: text.into(), replace: true }))
    }

    #[test]
    fn a_file_is_loaded_whole_or_by_lines() {
        assert_eq!(of("%load a b.rs"), loaded("// %load a b.rs\none\ntwo\nthree\nfour"));
        for (ranges, lines) in [
            ("2", "two\n"),
            ("2-3", "two\nthree\n"),
            ("3-", "three\nfour\n"),
            ("-1", "one\n"),
            ("4,1-2", "four\none\ntwo\n"),
            ("3-2", ""),
            ("9-", ""),
        ] {
            assert_eq!(
                of(&format!(" %load -r {ranges} a b.rs\n")),
                loaded(&format!("// %load -r {ranges} a b.rs\n{lines}"))
            );
        }
    }

    #[test]
    fn a_file_is_run() {
        assert_eq!(
            of("%run a b.rs"),
            Some(Ok(Instead::Run { text: "one\ntwo\nthree\nfour".into(), said: String::new() }))
        );
        assert_eq!((of("%running"), of("%loader x"), of("%run a\n1"), of("let x = 1;")), (None, None, None, None));
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
            ("%run", "needs a cell of its own"),
        ] {
            let UsageError(message) = of(source).expect("one of these").expect_err("bad");
            assert!(message.contains(part), "{message}");
        }
    }
}
