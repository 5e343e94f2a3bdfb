//! Finds the user's rustc, the Cargo and the standard library that belong to it. Runs rustc only to ask for its version
//! and sysroot, and never compiles; that is the work of `compile`.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, ExitCode};

/// The oldest rustc that is accepted, as major and minor version: the oldest that all tests are run with, in CI. An older
/// one is an error. `Cargo.toml` has the same version as `rust-version`, which a test holds.
const OLDEST: (u32, u32) = (1, 89);

/// The releases of rustc whose output this version is tested to read. Named in messages only; newer ones are not refused.
pub(super) const TESTED: &str = "1.89 to 1.97";

/// One installed toolchain.
#[derive(Clone, Debug)]
pub(crate) struct Toolchain {
    /// The compiler itself, not [rustup's proxy](https://rust-lang.github.io/rustup/concepts/proxies.html), which would
    /// cost 20 ms per call.
    pub rustc: PathBuf,
    /// The Cargo beside that rustc, or else the one on `PATH`.
    pub cargo: PathBuf,
    /// The output of `rustc -vV`. Part of the key of everything that it compiles, since another rustc cannot use it.
    pub version: String,
    /// The shared standard library that cells link to.
    pub libstd: PathBuf,
    /// The state of the file `rustc` just before its version was asked for.
    stamp: Option<Stamp>,
}

/// A file's inode, size, and time of the last change in seconds and nanoseconds. A file that was replaced has others.
type Stamp = (u64, u64, i64, i64);

fn stamp(file: &Path) -> Option<Stamp> {
    let about = std::fs::metadata(file).ok()?;
    Some((about.ino(), about.len(), about.mtime(), about.mtime_nsec()))
}

impl Toolchain {
    /// The toolchain of `$RUSTC`, or else of the `rustc` on `PATH`, as rustup chooses it for `directory`.
    pub(crate) fn find(directory: Option<&Path>) -> Result<Toolchain, Error> {
        let named = std::env::var_os("RUSTC").filter(|name| !name.is_empty());
        let shim = PathBuf::from(named.unwrap_or_else(|| "rustc".into()));
        let sysroot = PathBuf::from(ask(&shim, &["--print", "sysroot"], directory)?);
        let inside = sysroot.join("bin/rustc");
        let rustc = if inside.exists() { inside } else { shim };
        let beside = sysroot.join("bin/cargo");
        let cargo = if beside.exists() { beside } else { "cargo".into() };
        let stamp = stamp(&rustc);
        let version = ask(&rustc, &["-vV"], directory)?;
        check_version(&version)?;
        let libstd = find_libstd(&sysroot, field(&version, "host").unwrap_or_default())?;
        Ok(Toolchain { rustc, cargo, version, libstd, stamp })
    }

    /// The release of the rustc that has replaced this one since the session began; it cannot use what this one has
    /// built. `None` if rustc has still the same version, or cannot be asked for it.
    pub(crate) fn replaced(&self) -> Option<String> {
        if stamp(&self.rustc) == self.stamp {
            return None;
        }
        let version = ask(&self.rustc, &["-vV"], None).ok().filter(|version| *version != self.version)?;
        Some(field(&version, "release").unwrap_or("unknown").to_string())
    }

    /// The release of this rustc, such as `1.95.0`.
    pub(crate) fn release(&self) -> &str {
        field(&self.version, "release").unwrap_or("unknown")
    }

    /// The platform that rustc runs on and compiles for, such as `x86_64-unknown-linux-gnu`.
    pub(crate) fn host(&self) -> &str {
        field(&self.version, "host").unwrap_or_default()
    }
}

/// The release of the rustc that cells are compiled with, such as `1.95.0`.
pub(crate) fn rust_version() -> Result<String, Error> {
    Ok(Toolchain::find(None)?.release().to_string())
}

fn ask(rustc: &Path, arguments: &[&str], directory: Option<&Path>) -> Result<String, Error> {
    let mut command = Command::new(rustc);
    command.args(arguments);
    if let Some(directory) = directory {
        command.current_dir(directory);
    }
    let output = command.output().map_err(|error| missing(rustc, error))?;
    if !output.status.success() {
        return Err(missing(rustc, String::from_utf8_lossy(&output.stderr).trim().to_string()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_string())
}

fn missing(rustc: &Path, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    let (major, minor) = OLDEST;
    Error::new(ExitCode::Environment, format!("failed to run `{}`", rustc.display())).because(why).advise(format!(
        "install Rust (https://rustup.rs), or set RUSTC to a rustc of version {major}.{minor} or later"
    ))
}

fn field<'a>(version: &'a str, name: &str) -> Option<&'a str> {
    version.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn check_version(version: &str) -> Result<(), Error> {
    let release = field(version, "release").unwrap_or("unknown");
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found >= OLDEST {
        return Ok(());
    }
    Err(Error::new(
        ExitCode::Environment,
        format!(
            "rustc {release} is too old: cells need {}.{} or later; run `rustup update`, or set RUSTC to a newer rustc",
            OLDEST.0, OLDEST.1
        ),
    ))
}

fn find_libstd(sysroot: &Path, host: &str) -> Result<PathBuf, Error> {
    let is_libstd = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.starts_with("libstd-") && name.ends_with(std::env::consts::DLL_SUFFIX)
    };
    let directories = [sysroot.join("lib"), sysroot.join("lib/rustlib").join(host).join("lib")];
    let found = directories
        .iter()
        .rev()
        .filter_map(|directory| std::fs::read_dir(directory).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
        .find(is_libstd);
    found.ok_or_else(|| {
        Error::new(
            ExitCode::Environment,
            format!("no shared libstd in `{}`; install the toolchain again with `rustup`", sysroot.display()),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_rustc_is_named_with_what_to_do() {
        let error = check_version("rustc 1.70.0\nrelease: 1.70.0\nhost: x").expect_err("too old");
        assert!(error.to_string().contains("1.70.0 is too old") && error.to_string().contains("rustup update"));
        assert!(check_version("release: 1.95.0-nightly").is_ok());
        assert!(check_version("release: 2.0.0").is_ok());
        assert!(check_version("nonsense").is_err());
    }

    #[test]
    fn the_oldest_rustc_is_the_one_that_is_tested() {
        let (major, minor) = OLDEST;
        assert_eq!(format!("{major}.{minor}"), env!("CARGO_PKG_RUST_VERSION"));
        assert!(TESTED.starts_with(&format!("{major}.{minor} to ")));
        assert!(check_version(&format!("release: {major}.{}.0", minor - 1)).is_err());
    }

    #[test]
    fn a_missing_rustc_is_named_with_what_to_do() {
        let error = ask(Path::new("/nonexistent/rustc"), &["-vV"], None).expect_err("missing");
        assert!(error.to_string().contains("/nonexistent/rustc") && error.to_string().contains("install Rust"));
    }
}
