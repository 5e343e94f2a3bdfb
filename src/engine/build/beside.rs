//! Files beside the notebook that code names: those of `include!`, `include_str!` and `include_bytes!`, of
//! `#[path = "…"]`, and of `mod name;`. rustc looks for them where the code is; so the directory in which a cell is compiled
//! has links to them, under the same relative paths. What is in them is a part of the code's key in the cache. Files that
//! such a file includes on its own part are found, but a change of them is not seen.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};

use crate::engine::build::cache::Key;
use crate::engine::text::tokens::is_punct;

/// Files in the directory of a module, at most, that are read for its key. A change of a further one is not seen.
const MOST: usize = 1000;

/// Whether the text may name a file beside the notebook. It need not be Rust.
pub(super) fn may_be_named(text: &str) -> bool {
    let names_module = |(at, keyword): (usize, &str)| {
        let rest =
            text[at + keyword.len()..].trim_start_matches(|c: char| c.is_alphanumeric() || "_# ".contains(c));
        rest.starts_with(';')
    };
    text.contains("include")
        || text.contains("#[path")
        || text.contains("# [path")
        || text.match_indices("mod ").any(names_module)
}

/// The relative paths of the files that the text names.
pub(super) fn named(text: &str) -> BTreeSet<PathBuf> {
    let mut names = BTreeSet::new();
    if may_be_named(text)
        && let Ok(tokens) = text.parse()
    {
        collect(tokens, &mut names);
    }
    names.retain(|name| name.is_relative());
    names
}

fn collect(tokens: TokenStream, names: &mut BTreeSet<PathBuf>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        let is = |at: usize, character| is_punct(tokens.get(at), character);
        match token {
            TokenTree::Group(group) => collect(group.stream(), names),
            TokenTree::Ident(word) => match (word.to_string().as_str(), tokens.get(at + 2)) {
                ("include" | "include_str" | "include_bytes", Some(TokenTree::Group(group))) if is(at + 1, '!') => {
                    names.extend(literal(group.stream().into_iter().next().as_ref()));
                }
                ("path", value) if at == 0 && is(at + 1, '=') => names.extend(literal(value)),
                ("mod", _) if is(at + 2, ';') => {
                    if let Some(TokenTree::Ident(name)) = tokens.get(at + 1) {
                        let name = name.to_string();
                        names.extend([format!("{name}.rs").into(), PathBuf::from(name)]);
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }
}

/// The text of a string literal.
fn literal(token: Option<&TokenTree>) -> Option<PathBuf> {
    let Some(TokenTree::Literal(literal)) = token else { return None };
    Some(syn::parse_str::<syn::LitStr>(&literal.to_string()).ok()?.value().into())
}

/// What is in these files of `directory`, as a digest. Files that are not there count as empty.
pub(super) fn digest(names: &BTreeSet<PathBuf>, directory: &Path) -> String {
    let mut files: BTreeSet<PathBuf> = BTreeSet::new();
    for name in names {
        let path = directory.join(name);
        if path.is_dir() {
            modules_in(&path, &mut files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            // It may name modules of its own, which lie beside it.
            path.parent().into_iter().for_each(|parent| modules_in(parent, &mut files));
        }
        files.insert(path);
    }
    let mut key = Key::default();
    for file in files {
        key = key.part(file.display().to_string()).part(fs::read(&file).unwrap_or_default());
    }
    key.finish()
}

fn modules_in(directory: &Path, files: &mut BTreeSet<PathBuf>) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    files.extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).take(MOST));
}

/// The directory below `room` in which code that names these files is compiled: as deep as the paths go up.
pub(super) fn place(room: &Path, names: &BTreeSet<PathBuf>) -> PathBuf {
    let ups = |name: &PathBuf| name.components().take_while(|part| *part == Component::ParentDir).count();
    let depth = names.iter().map(ups).max().unwrap_or(0);
    (0..depth).fold(room.to_path_buf(), |place, _| place.join("in"))
}

/// Links from `place` to these files of `directory`.
pub(super) fn link(names: &BTreeSet<PathBuf>, directory: &Path, place: &Path) -> io::Result<()> {
    for name in names {
        let mut first = PathBuf::new();
        for part in name.components().filter(|part| *part != Component::CurDir) {
            first.push(part);
            if matches!(part, Component::Normal(_)) {
                break;
            }
        }
        let (from, to) = (place.join(&first), directory.join(&first));
        if !from.exists() && to.exists() {
            symlink(to, from)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_macros_attributes_and_modules() {
        for (text, expected) in [
            ("let a = include_str!(\"data/a.txt\");", vec!["data/a.txt"]),
            ("println!(\"{}\", include_bytes!(r\"../b\").len())", vec!["../b"]),
            ("#[path = \"c.rs\"] mod c { }", vec!["c.rs"]),
            ("# [path = \"c.rs\"] mod c ;", vec!["c", "c.rs", "c.rs"]),
            ("pub mod d;", vec!["d", "d.rs"]),
            ("include!(concat!(\"a\", \"b\"))", vec![]),
            ("include_str!(\"/etc/hosts\")", vec![]),
            ("mod e { fn path() {} } let path = \"f\";", vec![]),
        ] {
            assert_eq!(named(text), expected.into_iter().map(PathBuf::from).collect(), "{text}");
        }
    }

    #[test]
    fn paths_that_go_up_are_found_from_a_deeper_place() {
        let (beside, room) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
        let notebooks = beside.path().join("notebooks");
        fs::create_dir_all(&notebooks).expect("made");
        fs::create_dir_all(beside.path().join("data")).expect("made");
        fs::write(beside.path().join("data/a.txt"), "above").expect("written");
        fs::write(notebooks.join("b.txt"), "here").expect("written");
        let names: BTreeSet<PathBuf> = ["../data/a.txt", "b.txt", "gone.txt"].map(PathBuf::from).into();
        let place = place(room.path(), &names);
        fs::create_dir_all(&place).expect("made");
        link(&names, &notebooks, &place).expect("linked");
        assert_eq!(fs::read_to_string(place.join("../data/a.txt")).expect("found"), "above");
        assert_eq!(fs::read_to_string(place.join("b.txt")).expect("found"), "here");
        let before = digest(&names, &notebooks);
        fs::write(notebooks.join("b.txt"), "changed").expect("written");
        assert_ne!(digest(&names, &notebooks), before);
    }
}
