//! Tries once per toolchain whether we can read what its rustc writes (`engine::rustc_text`): a cell of ours has to come out
//! with the types that we know, by the same code as any other cell. That it did is kept in the cache.
//!
//! Runs nothing: the cell is compiled only.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::events::CellId;

use crate::engine::build::cache::{Cache, Key};
use crate::engine::build::compile::Compiler;
use crate::engine::build::prepare::prepare;
use crate::engine::build::prepared::Prepared;
use crate::engine::build::toolchain::Toolchain;
use crate::engine::interrupt::Interrupter;
use crate::engine::scope::Scope;

/// A cell that needs every reader: of types in the MIR, of the traits of a closure, of a move, and of `:type`'s label.
const CELL: &str = "\
let pairs = vec![(1_u8, String::new())];
let add = |n: i32| n + 1;
let gone = pairs[0].1.clone();
drop(gone);
:type pairs.len()
";

/// The variables that the cell leaves, with their types.
const VARIABLES: [(&str, &str); 2] = [
    ("add", "std::boxed::Box<dyn std::ops::Fn(i32) -> i32 + std::marker::Send + std::marker::Sync>"),
    ("pairs", "std::vec::Vec<(u8, std::string::String)>"),
];

/// What `:type` says in the cell.
const TYPE: &str = "usize\n";

fn key(toolchain: &Toolchain) -> String {
    Key::default().part("canary").part(env!("THREADBOOK_ENGINE")).part(&toolchain.version).finish()
}

/// Whether an earlier session has found that this rustc's output can be read.
pub(super) fn is_known_to_be_readable(toolchain: &Toolchain, cache: &Cache) -> bool {
    cache.recall::<()>(&key(toolchain)).is_some()
}

/// Returns an error if this rustc's output cannot be read. That it can is kept in the cache.
pub(super) fn check(toolchain: &Toolchain, cache: &Cache, interrupter: &Interrupter) -> Result<(), Error> {
    attempt(&Compiler::new(toolchain.clone(), cache.clone(), None, interrupter.clone(), || {})?)?;
    // If it cannot be kept, the next session tries again.
    let _ = cache.remember(&key(toolchain), &());
    Ok(())
}

fn attempt(compiler: &Compiler) -> Result<(), Error> {
    let wrong = match prepare(compiler, &Scope::default(), CellId(0), CELL, &|_| {}) {
        Ok(prepared) => difference(&prepared),
        Err(error) => Some(format!("a trial cell is refused ({})", error.into_rejection()?.evalue)),
    };
    wrong.map_or(Ok(()), |wrong| Err(compiler.unreadable(&wrong)))
}

fn difference(prepared: &Prepared) -> Option<String> {
    let variables = &prepared.after.variables;
    let found: BTreeMap<&str, &str> =
        variables.iter().map(|(name, variable)| (name.as_str(), variable.ty.as_str())).collect();
    if found != BTreeMap::from(VARIABLES) {
        return Some(format!("a trial cell's variables have the types {found:?}"));
    }
    (prepared.said != TYPE).then(|| format!("`:type` says {:?} of a trial expression", prepared.said))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    /// The installed toolchain, with a rustc that changes the MIR that it has written by this script of sed's.
    fn toolchain(directory: &Path, script: &str) -> Toolchain {
        let mut toolchain = Toolchain::find(None).expect("a toolchain");
        let wrapper = directory.join("rustc");
        let rustc = toolchain.rustc.display();
        let text = format!(
            "#!/bin/sh\n'{rustc}' \"$@\" || exit\nif test -f cell.mir; then sed -i '{script}' cell.mir; fi\n"
        );
        std::fs::write(&wrapper, text).expect("written");
        std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o700)).expect("ours");
        toolchain.rustc = wrapper;
        toolchain
    }

    #[test]
    fn a_rustc_that_cannot_be_read_is_named_and_so_is_what_to_do() {
        let directory = tempfile::tempdir().expect("a directory");
        let start = |name: &str, script: &str| {
            let cache = Cache::open_at(directory.path().join(name)).expect("a cache");
            check(&toolchain(directory.path(), script), &cache, &Interrupter::default())
        };
        assert!(start("well", "").is_ok());
        // What failed is not kept: each session says it.
        for _ in 0..2 {
            let error = start("changed", "s/debug threadbook_put_/dbg threadbook_put_/").expect_err("unreadable");
            let text = error.to_string();
            let release = Toolchain::find(None).expect("a toolchain").release().to_string();
            assert!(
                text.contains(&format!("rustc {release} is not supported")) && text.contains("set RUSTC"),
                "{text}"
            );
            assert!(text.contains("no type for the variable"), "{text}");
        }
    }

    #[test]
    fn other_types_are_a_difference() {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = Cache::open_at(directory.path().join("cache")).expect("a cache");
        let script = "s/std::ops::Fn(i32)/core::ops::Fn(i32)/g";
        let error = check(&toolchain(directory.path(), script), &cache, &Interrupter::default());
        let text = error.expect_err("a difference").to_string();
        assert!(text.contains("a trial cell's variables have the types"), "{text}");
    }
}
