//! Reads a request that is written in words, as [`cargo add`](https://doc.rust-lang.org/cargo/commands/cargo-add.html) takes
//! them: `NAME@VERSION --features F`. Never reads TOML.

use crate::engine::rejection::UsageError;
use toml::{Table, Value};

/// The options that take a value: each with the key of a manifest that it stands for.
const OPTIONS: [(&str, &str); 9] = [
    ("--features", "features"),
    ("-F", "features"),
    ("--git", "git"),
    ("--branch", "branch"),
    ("--tag", "tag"),
    ("--rev", "rev"),
    ("--path", "path"),
    ("--registry", "registry"),
    ("--rename", "package"),
];

/// Reads what follows a crate's name, into the name that cells have for it and its table; `rest` is the whole request.
pub(super) fn parse(rest: &str, name: &str, after: &str) -> Result<(String, Table), UsageError> {
    let words = shlex::split(after.trim_start().trim_start_matches('@'))
        .ok_or_else(|| UsageError(format!("a quote in `:dep {rest}` is not closed")))?;
    let mut name = name.to_string();
    let mut table = Table::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let (option, value) = match word.split_once('=') {
            Some((option, value)) if word.starts_with("--") => (option.to_string(), Some(value.to_string())),
            _ => (word, None),
        };
        if option == "--no-default-features" {
            table.insert("default-features".into(), Value::Boolean(false));
        } else if let Some((_, key)) = OPTIONS.iter().find(|(known, _)| *known == option) {
            let value = value.or_else(|| words.next());
            let value = value.ok_or_else(|| UsageError(format!("`{option}` needs a value in `:dep {rest}`")))?;
            match *key {
                "package" => {
                    drop(table.insert("package".into(), Value::String(std::mem::replace(&mut name, value))))
                }
                "features" => drop(table.insert("features".into(), Value::Array(list(&value)))),
                key => drop(table.insert(key.into(), Value::String(value))),
            }
        } else if option.starts_with('-') {
            let known: Vec<&str> = OPTIONS.iter().map(|(option, _)| *option).collect();
            return Err(UsageError(format!(
                "`:dep` does not know `{option}`; there are {}, --no-default-features",
                known.join(", ")
            )));
        } else if table.contains_key("version") || !is_version(&option) {
            let how = "write `:dep NAME = \"VERSION\"`, one crate a line";
            return Err(UsageError(format!("`:dep {rest}` is no crate; {how}")));
        } else {
            table.insert("version".into(), Value::String(option));
        }
    }
    Ok((name, table))
}

/// Whether a text is a [version requirement](https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html)
/// without quotes.
pub(super) fn is_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || "^~=<>*".contains(c))
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "^~=<>*.,+- ".contains(c))
}

/// The names in a text, which commas or spaces separate.
pub(super) fn list(names: &str) -> Vec<Value> {
    let names = names.split([',', ' ']).filter(|name| !name.is_empty());
    names.map(|name| Value::String(name.to_string())).collect()
}
