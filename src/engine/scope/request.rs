//! Reads what `:dep` and `%%cargo` ask for into tables as a manifest has them. Never runs Cargo, and reads no file. For the
//! keys of a crate see
//! [the Cargo reference](https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html).

use crate::engine::rejection::UsageError;
use crate::engine::scope::dependency::{KEYS, Patches, Wanted};
use toml::{Table, Value};

mod words;

/// A crate that `:dep` asks for.
#[derive(Debug)]
pub(crate) struct Request {
    pub name: String,
    pub table: Table,
    /// Whether only the name was given: a crate that is there already may stay as it is.
    pub bare: bool,
}

/// What the text below `%%cargo` asks for.
#[derive(Debug, Default)]
pub(crate) struct Snippet {
    pub crates: Wanted,
    pub patches: Patches,
}

/// Sections of a manifest that describe a package of its own. `%%cargo` passes over them, since a whole manifest that is
/// pasted has them.
const OF_A_PACKAGE: [&str; 5] = ["package", "lib", "bin", "example", "badges"];

/// Reads the text after `:dep`, which may have several lines: a line of a manifest's `[dependencies]`, its version also
/// without quotes, or the words that `cargo add` takes.
pub(crate) fn parse(rest: &str) -> Result<Request, UsageError> {
    let text = without_comments(rest);
    let (name, after) = split_name(&text);
    check_name(name)?;
    let request = match after.trim_start().as_bytes().first() {
        Some(b'=' | b'.') => from_manifest(rest, &text, name, after)?,
        _ => {
            let (name, table) = words::parse(rest, name, after)?;
            Request { bare: table.is_empty(), name, table }
        }
    };
    check_name(&request.name)?;
    let table = checked(&request.name, request.table)?;
    Ok(Request { table, ..request })
}

/// Whether every bracket and string in the text after `:dep` is closed: what is not goes on in the next line.
pub(crate) fn is_whole(rest: &str) -> bool {
    let mut open = 0;
    let mut quote = None;
    for c in without_comments(rest).chars() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, '{' | '[') => open += 1,
            (None, '}' | ']') => open -= 1,
            _ => {}
        }
    }
    open <= 0
}

/// Reads the text below `%%cargo`: `[dependencies]` and `[patch]` of a manifest. Entries above any section are crates.
pub(crate) fn manifest(text: &str) -> Result<Snippet, UsageError> {
    let table: Table =
        text.parse().map_err(|error: toml::de::Error| UsageError(format!("`%%cargo` cannot be read: {error}")))?;
    let mut snippet = Snippet::default();
    for (section, value) in table {
        match (section.as_str(), value) {
            ("dependencies", Value::Table(table)) => snippet.crates.append(&mut crates(table)?),
            ("patch", Value::Table(sources)) => {
                for (source, value) in sources {
                    let Value::Table(table) = value else {
                        return Err(UsageError(format!("`[patch.{source}]` is no table of crates")));
                    };
                    snippet.patches.insert(source, crates(table)?);
                }
            }
            (section, _) if OF_A_PACKAGE.contains(&section) => {}
            (name, value @ Value::String(_)) => {
                snippet.crates.append(&mut crates(Table::from_iter([(name.to_string(), value)]))?);
            }
            (name, Value::Table(table)) if table.keys().any(|key| KEYS.contains(&spelling(key))) => {
                snippet.crates.append(&mut crates(Table::from_iter([(name.to_string(), Value::Table(table))]))?);
            }
            (section, _) => {
                return Err(UsageError(format!(
                    "`%%cargo` takes `[dependencies]` and `[patch.crates-io]`; `[{section}]` means nothing to cells, leave it out"
                )));
            }
        }
    }
    if snippet.crates.is_empty() && snippet.patches.is_empty() {
        return Err("`%%cargo` names no crate; write crates below `[dependencies]`, as in a manifest".into());
    }
    Ok(snippet)
}

fn crates(table: Table) -> Result<Wanted, UsageError> {
    let read = |(name, value): (String, Value)| {
        check_name(&name)?;
        let table = match value {
            Value::String(version) => of_version(&version),
            Value::Table(table) => table,
            _ => return Err(UsageError(format!("`{name}` is no crate; write `{name} = \"VERSION\"`"))),
        };
        Ok((name.clone(), checked(&name, table)?))
    };
    table.into_iter().map(read).collect()
}

/// The name at the start of a request, without quotes, and what follows it.
fn split_name(text: &str) -> (&str, &str) {
    if let Some((name, after)) = text.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
        return (name, after);
    }
    let end = text.find(|c: char| c.is_whitespace() || "=@.".contains(c)).unwrap_or(text.len());
    text.split_at(end)
}

fn from_manifest(rest: &str, text: &str, name: &str, after: &str) -> Result<Request, UsageError> {
    let request = |table| Request { name: name.to_string(), table, bare: false };
    if let Some(version) =
        after.trim_start().strip_prefix('=').map(str::trim).filter(|value| words::is_version(value))
    {
        return Ok(request(of_version(version)));
    }
    let how = "write it as in a manifest, such as `:dep serde = { version = \"1\", features = [\"derive\"] }`";
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        format!("`:dep {rest}` cannot be read: {}; {how}", error.message().lines().next().unwrap_or_default())
    })?;
    let mut entries = table.into_iter();
    match (entries.next(), entries.next()) {
        (Some((_, Value::String(version))), None) => Ok(request(of_version(&version))),
        (Some((_, Value::Table(table))), None) => Ok(request(table)),
        _ => Err(UsageError(format!("`:dep {rest}` names no crate; {how}"))),
    }
}

fn check_name(name: &str) -> Result<(), UsageError> {
    let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    match is_name {
        true => Ok(()),
        false => {
            Err(UsageError(format!("`{name}` cannot be the name of a crate; write `:dep NAME = \"VERSION\"`")))
        }
    }
}

/// The table with its keys as Cargo spells them. One that says nothing of where the crate comes from means any version of it.
fn checked(name: &str, table: Table) -> Result<Table, UsageError> {
    let mut checked = Table::new();
    for (key, value) in table {
        let key = spelling(&key);
        if !KEYS.contains(&key) {
            let near = KEYS.iter().min_by_key(|known| strsim::damerau_levenshtein(known, key));
            let near = near.filter(|known| strsim::damerau_levenshtein(known, key) <= 2);
            let meant = near.map(|known| format!(" (did you mean `{known}`?)")).unwrap_or_default();
            let known = KEYS[..KEYS.len() - 1].join(", ");
            return Err(UsageError(format!("`:dep {name}` does not know `{key}`{meant}; there are {known}")));
        }
        let value = match (key, value) {
            ("version", value @ (Value::Float(_) | Value::Integer(_))) => {
                return Err(UsageError(format!("the version of `{name}` needs quotes: `version = \"{value}\"`")));
            }
            ("features", Value::String(features)) => Value::Array(words::list(&features)),
            (_, value) => value,
        };
        checked.insert(key.to_string(), value);
    }
    if !["version", "path", "git", "workspace"].iter().any(|source| checked.contains_key(*source)) {
        checked.insert("version".into(), Value::String("*".into()));
    }
    Ok(checked)
}

/// A key as Cargo spells it now: [older editions](https://doc.rust-lang.org/edition-guide/rust-2024/cargo-table-key-names.html)
/// allowed an underscore.
fn spelling(key: &str) -> &str {
    if key == "default_features" { "default-features" } else { key }
}

fn of_version(version: &str) -> Table {
    Table::from_iter([("version".to_string(), Value::String(version.to_string()))])
}

/// The text without comments: from `#` or `//` that stands outside of a string, at the start of a line or behind a space, to
/// the end of the line.
fn without_comments(text: &str) -> String {
    let mut kept = Vec::new();
    for line in text.lines() {
        let mut quote = None;
        let mut before = ' ';
        let comment = line.char_indices().find(|(at, c)| {
            let starts = quote.is_none() && before.is_whitespace() && (*c == '#' || line[*at..].starts_with("//"));
            match quote {
                Some(open) if open == *c => quote = None,
                None if *c == '"' || *c == '\'' => quote = Some(*c),
                _ => {}
            }
            before = *c;
            starts
        });
        kept.push(line[..comment.map_or(line.len(), |(at, _)| at)].trim_end());
    }
    kept.join("\n").trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::scope::dependency::spelt;

    fn read(rest: &str) -> String {
        parse(rest).map_or_else(|error| error.0, |request| spelt(&request.name, &request.table))
    }

    #[test]
    fn every_way_to_ask_for_a_crate() {
        for (rest, asked) in [
            ("serde = \"1\"", "serde = \"1\""),
            ("\"serde\" = '1'", "serde = \"1\""),
            ("rand", "rand = \"*\""),
            ("rand@0.9", "rand = \"0.9\""),
            ("rand@=0.9.1", "rand = \"=0.9.1\""),
            ("rand 0.9", "rand = \"0.9\""),
            ("rand 0.10", "rand = \"0.10\""),
            ("rand = 0.10", "rand = \"0.10\""),
            ("rand=0.9.1", "rand = \"0.9.1\""),
            ("rand = >=0.8, <0.10", "rand = \">=0.8, <0.10\""),
            ("rand = *", "rand = \"*\""),
            ("rand.version = \"1\"", "rand = \"1\""),
            ("rand = \"1\" # why", "rand = \"1\""),
            ("rand = \"1\" // why", "rand = \"1\""),
            ("rand // why", "rand = \"*\""),
            ("rand = { features = [\"log\"] }", "rand = { version = \"*\", features = [\"log\"] }"),
            ("rand = { features = \"log\" }", "rand = { version = \"*\", features = [\"log\"] }"),
            (
                "a = { git = \"ssh://git@x.org/a#1\", branch = \"b\" }",
                "a = { git = \"ssh://git@x.org/a#1\", branch = \"b\" }",
            ),
            (
                "json = {version=\"1\", package=\"serde_json\"}",
                "json = { version = \"1\", package = \"serde_json\" }",
            ),
            (
                "a = {\n  version = \"1\", # one\n  features = [\n  \"b\", // two\n  \"c\",\n],\n}",
                "a = { version = \"1\", features = [\"b\", \"c\"] }",
            ),
            (
                "a = { version = \"1\", default_features = false }",
                "a = { version = \"1\", default-features = false }",
            ),
        ] {
            assert_eq!(read(rest), asked, "{rest}");
        }
    }

    #[test]
    fn the_words_of_cargo_add() {
        for (rest, asked) in [
            ("rand --features small_rng,log", "rand = { version = \"*\", features = [\"small_rng\", \"log\"] }"),
            (
                "rand@0.9 -F \"small_rng log\" --no-default-features",
                "rand = { version = \"0.9\", features = [\"small_rng\", \"log\"], default-features = false }",
            ),
            ("a --git=https://x.org/a --tag v1", "a = { git = \"https://x.org/a\", tag = \"v1\" }"),
            ("a --path ../a --rename b", "b = { path = \"../a\", package = \"a\" }"),
        ] {
            assert_eq!(read(rest), asked, "{rest}");
        }
        assert!(read("a --dev").contains("does not know `--dev`; there are --features"));
        assert!(read("a --git").contains("`--git` needs a value"));
    }

    #[test]
    fn what_cannot_be_read_says_how_to_write_it() {
        for (rest, part) in [
            ("serde = ", "cannot be read"),
            ("serde = [1]", "names no crate; write it as in a manifest"),
            ("a b c", "one crate a line"),
            ("../x", "cannot be the name of a crate"),
            ("a = { version = 0.9 }", "needs quotes: `version = \"0.9\"`"),
            (
                "serde = { version = \"1\", feature = [\"derive\"] }",
                "does not know `feature` (did you mean `features`?); there are version, features",
            ),
        ] {
            let said = read(rest);
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn what_is_open_goes_on_in_the_next_line() {
        for (rest, whole) in [
            ("a = { version = \"1\",", false),
            ("a = { version = \"1\", features = [ # ]}\n", false),
            ("a = { version = \"{\" }", true),
            ("a = \"1\" # {", true),
            ("a", true),
        ] {
            assert_eq!(is_whole(rest), whole, "{rest}");
        }
    }

    #[test]
    fn a_snippet_of_a_manifest() {
        let snippet = manifest(
            "[package]\nname = \"x\"\n[dependencies]\na = \"1\"\n[dependencies.b]\nversion = \"2\"\n\
             default_features = false\n[patch.crates-io]\na = { path = \"../a\" }\n",
        )
        .expect("a snippet");
        let spelt =
            |crates: &Wanted| -> Vec<String> { crates.iter().map(|(name, table)| spelt(name, table)).collect() };
        assert_eq!(spelt(&snippet.crates), ["a = \"1\"", "b = { version = \"2\", default-features = false }"]);
        assert_eq!(spelt(&snippet.patches["crates-io"]), ["a = { path = \"../a\" }"]);
        let bare = manifest("a = \"1\"\nb = { version = \"2\" }\n").expect("a snippet");
        assert_eq!(bare.crates.len(), 2);
        for (text, part) in [
            ("[profile.release]\nlto = true", "`[profile]` means nothing to cells"),
            ("[package]\nname = \"x\"", "names no crate"),
            ("[dependencies]\na = 1", "`a` is no crate"),
            ("[dependencies", "cannot be read"),
        ] {
            assert!(manifest(text).is_err_and(|error| error.0.contains(part)), "{text}");
        }
    }
}
