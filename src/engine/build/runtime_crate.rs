//! The runtime crate as it is carried in this executable: compiled by the user's rustc once per toolchain, and kept.

use std::fs;
use std::process::Command;

use crate::error::{Error, ExitCode};

use crate::engine::build::cache::{Cache, Key, Kind};
use crate::engine::build::scratch::Scratch;
use crate::engine::build::toolchain::Toolchain;
use crate::engine::scope::Library;

/// Path below `runtime/src` and text of each file.
const SOURCES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/runtime_sources.rs"));

/// What the runtime's own source files are called in diagnostics and panics.
pub(super) const SOURCE_DIRECTORY: &str = "threadbook";

const ARGUMENTS: [&str; 11] = [
    "--crate-name=threadbook",
    "--crate-type=dylib",
    "--edition=2024",
    "-Cprefer-dynamic",
    "-Copt-level=0",
    "-Cdebuginfo=0",
    "-Cmetadata=threadbook-runtime",
    "-Cembed-bitcode=no",
    "-Ccodegen-units=8",
    "--cap-lints=allow",
    "--color=never",
];

/// The runtime for this toolchain, built now if it is not in the cache.
pub(super) fn build(toolchain: &Toolchain, cache: &Cache) -> Result<Library, Error> {
    let mut key = Key::default().part("runtime").part(&toolchain.version).part(ARGUMENTS.join(" "));
    for (name, text) in SOURCES {
        key = key.part(name).part(text);
    }
    let key = key.finish();
    if let Some((path, ())) = cache.get(Kind::Runtime, &key) {
        return Ok(Library { key, path });
    }
    let failed = |error: std::io::Error| {
        Error::new(ExitCode::Environment, "failed to build the runtime")
            .because(error)
            .advise("free some disk space")
    };
    let directory = Scratch::create().map_err(failed)?;
    for (name, text) in SOURCES {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap_or(directory.path())).map_err(failed)?;
        fs::write(path, text).map_err(failed)?;
    }
    let built = directory.path().join("libthreadbook.so");
    let output = Command::new(&toolchain.rustc)
        .current_dir(directory.path())
        .arg(directory.path().join("lib.rs"))
        .arg(format!("--remap-path-prefix={}={SOURCE_DIRECTORY}", directory.path().display()))
        .args(ARGUMENTS)
        .arg(format!("-Clink-arg=-Wl,-soname,{}", crate::engine::build::cache::soname(&key)))
        .arg("-o")
        .arg(&built)
        .output()
        .map_err(failed)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let message = format!("failed to build the runtime with `{}`:\n{said}", toolchain.rustc.display());
        return Err(Error::new(ExitCode::Environment, message));
    }
    let path = cache.put(Kind::Runtime, &key, &built, &()).map_err(failed)?;
    Ok(Library { key, path })
}
