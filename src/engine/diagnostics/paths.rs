//! Rewrites file names and Rust paths inside messages: the names of generated files and modules become names that the
//! user knows. Never looks at spans.

use crate::engine::text::source_map::{GeneratedFile, SourceMap};

/// `{closure@/path/cell.rs:9:13: 9:16}` becomes `{closure@In[3]:2:13: 2:16}`.
pub(super) fn in_cells(message: &str, map: &SourceMap) -> String {
    let mut message = message.to_owned();
    for (file, text) in map.iter() {
        if message.contains(file) {
            message = rename(&message, file, text);
        }
    }
    without_crates(&without_modules(&message))
}

/// Says `here` for the crate of a cell's items: rustc quotes the definition in its cell below.
fn without_crates(message: &str) -> String {
    let Some((before, after)) = message.split_once(" in crate `session_") else { return message.to_owned() };
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    match rest.strip_prefix('`') {
        Some(rest) => format!("{before} here{rest}"),
        None => message.to_owned(),
    }
}

/// Removes the modules of items, `session_2::cell_3::`, `crate::cell_3::` or `cell_3::`, from the paths that begin with one.
fn without_modules(message: &str) -> String {
    let mut kept = String::new();
    let mut rest = message;
    while let Some(at) = rest.find("cell_") {
        let (before, path) = rest.split_at(at);
        let behind = path["cell_".len()..].trim_start_matches(|c: char| c.is_ascii_digit());
        let module = &path[..path.len() - behind.len()];
        kept.push_str(before);
        let root = without_root(&kept);
        let begins = !root.ends_with(|c: char| c.is_alphanumeric() || c == '_') && !root.ends_with("::");
        match behind.strip_prefix("::").filter(|_| begins && module.len() > "cell_".len()) {
            Some(behind) => {
                kept.truncate(root.len());
                rest = behind;
            }
            None => {
                kept.push_str(module);
                rest = behind;
            }
        }
    }
    kept + rest
}

/// The text without the name of a session crate, or `crate`, at its end.
fn without_root(text: &str) -> &str {
    let Some(path) = text.strip_suffix("::") else { return text };
    let numbered = path.trim_end_matches(|c: char| c.is_ascii_digit());
    let session = numbered.strip_suffix("session_").filter(|_| numbered.len() < path.len());
    session.or_else(|| path.strip_suffix("crate")).unwrap_or(text)
}

fn rename(message: &str, file: &str, text: &GeneratedFile) -> String {
    let mut pieces = message.split(file);
    let mut renamed = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (start, rest) = position(piece.strip_prefix(':'), piece);
        let (end, rest) = if start.is_some() { position(rest.strip_prefix(": "), rest) } else { (None, rest) };
        let cell = |at: Option<(usize, usize)>| {
            let byte = text.offset(at?.0, at?.1)?;
            text.locate(byte..byte)
        };
        match cell(start) {
            None => renamed.push_str("generated code"),
            Some(place) => {
                let (line, column) = place.line_column();
                renamed.push_str(&format!("{}:{line}:{column}", place.cell));
                if let Some((line, column)) = cell(end).map(|end| end.line_column()) {
                    renamed.push_str(&format!(": {line}:{column}"));
                }
            }
        }
        renamed.push_str(rest);
    }
    renamed
}

/// Reads `line:column` from the start of `text`. If it is not there, returns `None` and `whole`.
fn position<'a>(text: Option<&'a str>, whole: &'a str) -> (Option<(usize, usize)>, &'a str) {
    let read = || {
        let (line, rest) = number(text?)?;
        let (column, rest) = number(rest.strip_prefix(':')?)?;
        Some(((line, column), rest))
    };
    read().map_or((None, whole), |(at, rest)| (Some(at), rest))
}

fn number(text: &str) -> Option<(usize, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// A library's path, without the part that differs between machines.
pub(super) fn library_path(path: &str) -> &str {
    if let Some((_, rest)) = path.split_once("/registry/src/") {
        return rest.split_once('/').map_or(rest, |(_index, rest)| rest);
    }
    let std = path.strip_prefix("/rustc/").and_then(|rest| rest.split_once('/')).map(|(_hash, rest)| rest);
    std.or_else(|| path.split_once("/rustlib/src/rust/").map(|(_, rest)| rest)).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::text::source_map::SourceBuilder;
    use crate::events::CellId;

    #[test]
    fn generated_names_become_cells() {
        let mut builder = SourceBuilder::new();
        builder.generated("fn f() {\n");
        builder.original(CellId(3), &"let c = |x| x;".into(), 0..14);
        let mut map = SourceMap::new();
        map.insert("/t/c.rs", builder.finish());
        let check = |message: &str, expected: &str| assert_eq!(in_cells(message, &map), expected);
        check("found `{closure@/t/c.rs:2:9: 2:12}`", "found `{closure@In[3]:1:9: 1:12}`");
        check("at /t/c.rs:2:9, and /t/c.rs:2:1", "at In[3]:1:9, and In[3]:1:1");
        check("at /t/c.rs:1:1", "at generated code");
        check("/t/c.rs: x", "generated code: x");
    }

    #[test]
    fn paths_of_ours_are_not_named() {
        let check = |message: &str, expected: &str| assert_eq!(without_modules(message), expected);
        check("use of `cell_3::old`, `&session_2::cell_1::A<crate::cell_12::B>`", "use of `old`, `&A<B>`");
        check("`my_cell_3::old` and `a::cell_3::old`", "`my_cell_3::old` and `a::cell_3::old`");
        check("`cell_x::old`, `cell_3` and `cell_::a`", "`cell_x::old`, `cell_3` and `cell_::a`");
    }

    #[test]
    fn crates_of_ours_are_not_named() {
        let map = SourceMap::new();
        assert_eq!(in_cells("`E` is defined in crate `session_5`", &map), "`E` is defined here");
        assert_eq!(in_cells("`E` is defined in crate `session_x`", &map), "`E` is defined in crate `session_x`");
    }

    #[test]
    fn library_paths_are_the_same_everywhere() {
        let check = |path: &str, expected: &str| assert_eq!(library_path(path), expected);
        check("/rustc/5980/library/std/src/lib.rs", "library/std/src/lib.rs");
        check("/x/lib/rustlib/src/rust/library/core/src/a.rs", "library/core/src/a.rs");
        check("/x/registry/src/index-1/serde-1.0/src/lib.rs", "serde-1.0/src/lib.rs");
        check("/x/own/lib.rs", "/x/own/lib.rs");
    }
}
