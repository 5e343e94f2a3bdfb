//! Magics that the worker carries out, since directory, environment and output are its own: each becomes a call of the
//! runtime.

use crate::engine::rejection::UsageError;
use crate::engine::text::magic::{Kind, Magic};

/// The Rust that stands in the place of the magic; none if it is not one of these.
pub(super) fn rust(magic: &Magic) -> Result<Option<String>, UsageError> {
    let rest = magic.rest.as_str();
    let call = match (magic.kind, magic.name.as_str()) {
        (Kind::Shell, _) => run("sh", &["-c".into(), rest.into()], ""),
        (Kind::Cell, "bash" | "sh") => run(&magic.name, &words(rest)?, script(magic)?),
        (Kind::Cell, "python" | "python3") => {
            let mut arguments = words(rest)?;
            // The script comes by stdin; what follows is its own.
            arguments.insert(0, "-".into());
            run("python3", &arguments, script(magic)?)
        }
        (Kind::Cell, "script") => match words(rest)?.split_first() {
            Some((program, arguments)) => run(program, arguments, script(magic)?),
            None => return Err("`%%script` needs a program: `%%script PROGRAM ARGUMENTS`".into()),
        },
        (Kind::Cell, "writefile") => {
            let (append, file) = match rest.strip_prefix("-a ") {
                Some(file) => (true, file.trim()),
                None => (false, rest),
            };
            if file.is_empty() || file == "-a" {
                return Err("`%%writefile` needs a file: `%%writefile [-a] FILE`".into());
            }
            format!("writefile({:?}, {:?}, {append})?", unquoted(file), script(magic)?)
        }
        (Kind::Line, "cd") => format!("cd({:?})?", unquoted(rest)),
        (Kind::Line, "pwd") => "pwd()?".into(),
        (Kind::Line | Kind::Command, "env") => environment(rest)?,
        _ => return Ok(None),
    };
    Ok(Some(format!("::threadbook::magic::{call}; ")))
}

/// Drops variables.
pub(super) fn forget(names: &[String]) -> String {
    format!("::threadbook::store::forget(&{names:?}); ")
}

fn run(program: &str, arguments: &[String], script: &str) -> String {
    format!("run({program:?}, &{arguments:?}, {script:?})?")
}

fn script(magic: &Magic) -> Result<&str, UsageError> {
    match magic.body.as_deref() {
        Some(body) if !body.trim().is_empty() => Ok(body),
        _ => Err(UsageError(format!("the cell below `%%{}` is empty; write the text under the magic", magic.name))),
    }
}

fn environment(rest: &str) -> Result<String, UsageError> {
    let (name, value) = match rest.split_once(['=', ' ']) {
        Some((name, value)) => (name.trim(), Some(value.trim())),
        None => (rest, None),
    };
    match value {
        Some(_) if name.is_empty() => Err("`%env` needs a name: `%env NAME=VALUE`".into()),
        Some(value) => Ok(format!("set_env({name:?}, {value:?})")),
        None if name.is_empty() => Ok("env()".into()),
        None => Ok(format!("show_env({name:?})?")),
    }
}

fn unquoted(text: &str) -> &str {
    let quoted = |quote: char| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    quoted('"').or_else(|| quoted('\'')).unwrap_or(text)
}

/// The words of a line; quotes keep white space together.
fn words(line: &str) -> Result<Vec<String>, UsageError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    match quote {
        Some(open) => Err(UsageError(format!("a quote {open} is not closed in `{line}`"))),
        None => Ok(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_into_words_as_a_shell_does() {
        let cut = |line: &str| words(line).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(cut(" a  'b c' \"\" d'e'"), ["a", "b c", "", "de"]);
        assert!(words("a 'b").is_err());
    }
}
