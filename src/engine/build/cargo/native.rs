//! The C functions that crates bring along in static libraries, such as rusqlite's own SQLite. Code of cells calls them where
//! it is compiled from generic or inline functions of such a crate, so the library of all crates has to export them; rustc
//! exports only what an `extern` block of a crate says is linked statically. Reads archives; never runs a linker.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// What a build script asked of Cargo:
/// [`build-script-executed`](https://doc.rust-lang.org/cargo/reference/external-tools.html#build-script-output).
#[derive(Deserialize)]
struct Executed {
    #[serde(default)]
    linked_libs: Vec<String>,
    #[serde(default)]
    linked_paths: Vec<String>,
}

/// The C functions of all static libraries that these messages of Cargo's name.
pub(super) fn functions(messages: &str) -> BTreeSet<String> {
    let executed = messages.lines().filter(|line| line.contains("\"build-script-executed\""));
    let executed = executed.filter_map(|line| serde_json::from_str::<Executed>(line).ok());
    let archives: BTreeSet<PathBuf> = executed.flat_map(|executed| archives(&executed)).collect();
    let contents = archives.iter().filter_map(|archive| fs::read(archive).ok());
    contents.flat_map(|archive| symbols(&archive)).collect()
}

/// A [version script](https://sourceware.org/binutils/docs/ld/VERSION.html) that has a library export these functions.
pub(super) fn exports(functions: &BTreeSet<String>) -> String {
    let list: String = functions.iter().map(|function| format!("{function};\n")).collect();
    format!("{{ global:\n{list}}};\n")
}

/// Arguments of the C compiler that have these functions linked, also where no code of the library calls them, one a line.
pub(super) fn demands(functions: &BTreeSet<String>) -> String {
    functions.iter().map(|function| format!("-Wl,-u,{function}\n")).collect()
}

/// The files of the static libraries that a build script had linked.
fn archives(executed: &Executed) -> Vec<PathBuf> {
    let is_static = |library: &String| {
        let (kind, name) = library.split_once('=')?;
        kind.starts_with("static").then(|| format!("lib{}.a", name.split(':').next().unwrap_or(name)))
    };
    let files: Vec<String> = executed.linked_libs.iter().filter_map(is_static).collect();
    let directories =
        executed.linked_paths.iter().map(|path| path.split_once('=').map_or(&**path, |(_, path)| path));
    directories.flat_map(|directory| files.iter().map(|file| Path::new(directory).join(file))).collect()
}

/// The symbols that an archive defines, by the index that is its first member
/// ([`ar`](https://man7.org/linux/man-pages/man5/ar.5.html)'s System V form). Those of C++ are left out: Rust names none.
fn symbols(archive: &[u8]) -> Vec<String> {
    /// Bytes of the archive's magic and of the header of a member.
    const BEFORE: usize = 8 + 60;
    let Some((header, rest)) = archive.split_at_checked(BEFORE) else { return Vec::new() };
    if !header.starts_with(b"!<arch>\n/ ") {
        return Vec::new();
    }
    // The member has the number of symbols, an offset for each, and then the names, all ended by a zero.
    let length = std::str::from_utf8(&header[8 + 48..8 + 58]).ok().and_then(|digits| digits.trim().parse().ok());
    let index = length.and_then(|length| rest.get(..length));
    let Some((count, rest)) = index.and_then(|index| index.split_first_chunk::<4>()) else { return Vec::new() };
    let count = u32::from_be_bytes(*count) as usize;
    let names = rest.get(count.saturating_mul(4)..).unwrap_or_default().split(|byte| *byte == 0).take(count);
    let names = names.filter_map(|name| std::str::from_utf8(name).ok());
    let is_of_c = |name: &&str| {
        !name.starts_with("_Z") && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.is_empty()
    };
    names.filter(is_of_c).map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(names: &[&str]) -> Vec<u8> {
        let mut index = (names.len() as u32).to_be_bytes().to_vec();
        index.extend(vec![0; 4 * names.len()]);
        names.iter().for_each(|name| index.extend([name.as_bytes(), b"\0"].concat()));
        let header = format!("{:16}{:12}{:6}{:6}{:8}{:10}`\n", "/", 0, 0, 0, 0, index.len());
        [b"!<arch>\n", header.as_bytes(), &index].concat()
    }

    #[test]
    fn functions_of_static_libraries_are_exported() {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |name: &str, bytes: &[u8]| fs::write(directory.path().join(name), bytes).expect("written");
        write("libs.a", &archive(&["one", "_ZN3cppE", "two"]));
        write("libd.a", &archive(&["three"]));
        let message = |libraries: &str| {
            let path = directory.path().display();
            format!(
                "{{\"reason\":\"build-script-executed\",\"linked_libs\":[{libraries}],\"linked_paths\":[\"native={path}\"]}}\n"
            )
        };
        let found = functions(&message("\"static=s\",\"dylib=d\",\"static:-bundle=gone\""));
        assert_eq!(exports(&found), "{ global:\none;\ntwo;\n};\n");
        assert_eq!(demands(&found), "-Wl,-u,one\n-Wl,-u,two\n");
        assert!(functions(&message("\"d\"")).is_empty());
    }

    #[test]
    fn what_is_no_archive_has_no_symbols() {
        let whole = archive(&["one", "two"]);
        for end in 0..whole.len() {
            assert!(symbols(&whole[..end]).is_empty(), "{end}");
        }
        assert_eq!(symbols(&whole), ["one", "two"]);
        assert!(symbols(b"!<thin>\n").is_empty());
    }
}
