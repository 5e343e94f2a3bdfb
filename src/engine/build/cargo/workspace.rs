//! Crates that `workspace = true` takes from the Cargo workspace that the notebook lies in. Reads manifests only. See
//! [inheriting a dependency](https://doc.rust-lang.org/cargo/reference/workspaces.html#the-dependencies-table).

use std::fs;
use std::path::Path;

use toml::{Table, Value};

use crate::engine::rejection::Rejection;

/// The table of a crate with what its workspace says of it; the same table unless it says `workspace = true`.
pub(super) fn inherited(name: &str, table: &Table, directory: &Path) -> Result<Table, Rejection> {
    let mut own = table.clone();
    if own.remove("workspace") != Some(Value::Boolean(true)) {
        return Ok(own);
    }
    let found = directory.ancestors().find_map(|above| Some((above, dependencies(above)?)));
    let Some((root, mut crates)) = found else {
        return Err(Rejection::dependency(&format!(
            "`:dep {name}` asks for a crate of a workspace, but no `Cargo.toml` in or above `{}` has `[workspace.dependencies]`; name its version",
            directory.display()
        )));
    };
    let mut shared = match crates.remove(name) {
        Some(Value::Table(shared)) => shared,
        Some(version) => Table::from_iter([("version".to_string(), version)]),
        None => {
            let known: Vec<&str> = crates.keys().map(String::as_str).collect();
            let manifest = root.join("Cargo.toml");
            return Err(Rejection::dependency(&format!(
                "`{name}` is not among the `[workspace.dependencies]` of `{}`; there are {}",
                manifest.display(),
                known.join(", ")
            )));
        }
    };
    if let Some(Value::String(path)) = shared.get_mut("path") {
        *path = root.join(&*path).to_string_lossy().into_owned();
    }
    let features = |table: &mut Table| match table.remove("features") {
        Some(Value::Array(features)) => features,
        _ => Vec::new(),
    };
    let all = [features(&mut shared), features(&mut own)].concat();
    if !all.is_empty() {
        shared.insert("features".into(), Value::Array(all));
    }
    shared.extend(own);
    Ok(shared)
}

/// The `[workspace.dependencies]` of the manifest in a directory. `None` if there is no such manifest, or no such table.
fn dependencies(directory: &Path) -> Option<Table> {
    let manifest: Table = fs::read_to_string(directory.join("Cargo.toml")).ok()?.parse().ok()?;
    manifest.get("workspace")?.get("dependencies")?.as_table().cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_is_taken_from_the_workspace_above() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path();
        let below = root.join("notebooks/first");
        fs::create_dir_all(&below).expect("made");
        let asked = |name: &str, text: &str| inherited(name, &text.parse().expect("a table"), &below);
        assert!(asked("a", "workspace = true").is_err_and(|error| error.evalue.contains("no `Cargo.toml`")));
        let manifest = "[workspace.dependencies]\na = \"1\"\nb = { path = \"b\", features = [\"x\"] }\n";
        fs::write(root.join("Cargo.toml"), manifest).expect("written");
        let table = |text: &str| text.parse::<Table>().expect("a table");
        assert_eq!(asked("a", "workspace = true").expect("there"), table("version = \"1\""));
        let path = root.join("b");
        let expected = format!("path = \"{}\"\nfeatures = [\"x\", \"y\"]", path.display());
        assert_eq!(asked("b", "workspace = true\nfeatures = [\"y\"]").expect("there"), table(&expected));
        assert!(asked("c", "workspace = true").is_err_and(|error| error.evalue.contains("there are a, b")));
        assert_eq!(asked("c", "version = \"2\"").expect("as it is"), table("version = \"2\""));
    }
}
