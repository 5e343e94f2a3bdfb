//! The kernel's entry in Jupyter's list: installs it, removes it, and checks what a kernel needs (`doctor`).
//!
//! Owns the directory `kernels/NAME` that it writes, and touches no other.

mod doctor;
mod place;
mod prepare;

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::error::{Error, ExitCode};

pub use doctor::doctor;
pub use place::Place;
pub use prepare::prepare;

const TEMPLATE: &str = include_str!("../kernelspec/kernel.json");

const LOGOS: [(&str, &[u8]); 3] = [
    ("logo-32x32.png", include_bytes!("../kernelspec/logo-32x32.png")),
    ("logo-64x64.png", include_bytes!("../kernelspec/logo-64x64.png")),
    ("logo-svg.svg", include_bytes!("../kernelspec/logo-svg.svg")),
];

/// The arguments of `threadbook install`.
#[derive(Clone, Debug)]
pub struct InstallOptions {
    /// Where the entry goes.
    pub place: Place,
    /// The directory of the entry, by which Jupyter knows the kernel.
    pub name: String,
    /// What users see in the list; `Rust (Threadbook)` by default.
    pub display_name: Option<String>,
    /// Variables of the kernel's environment.
    pub env: Vec<(String, String)>,
}

/// The error of a build without the feature `kernel` that is asked for what only a kernel can do.
pub fn no_kernel(what: &str) -> Error {
    let message = format!(
        "{what}: this build of threadbook has no kernel; build it with the feature `kernel`, a default one"
    );
    Error::new(ExitCode::Usage, message)
}

/// Writes the kernelspec, in place of one of ours if there is one. Returns its directory.
pub fn install(options: &InstallOptions) -> Result<PathBuf, Error> {
    if !cfg!(feature = "kernel") {
        return Err(no_kernel("cannot install the kernel"));
    }
    check_name(&options.name)?;
    let executable = std::env::current_exe().map_err(|error| {
        Error::new(ExitCode::Environment, "failed to find threadbook's own executable").because(error)
    })?;
    let kernels = options.place.kernels()?;
    let directory = kernels.join(&options.name);
    if directory.exists() && !is_ours(&directory) {
        let message = format!(
            "`{}` is a kernel of something else; choose another name with --name, or remove it first",
            directory.display()
        );
        return Err(Error::new(ExitCode::Usage, message));
    }
    write(&kernels, &directory, &spec(options, &executable)).map_err(|error| {
        Error::new(ExitCode::Environment, format!("failed to write `{}`", directory.display()))
            .because(error)
            .advise("make it writable, or install elsewhere with --prefix")
    })?;
    Ok(directory)
}

/// Removes the kernelspec of this name. Returns its directory.
pub fn uninstall(place: &Place, name: &str) -> Result<PathBuf, Error> {
    check_name(name)?;
    let directory = place.kernels()?.join(name);
    if !is_ours(&directory) {
        let message = format!(
            "there is no kernelspec of threadbook in `{}`; `jupyter kernelspec list` shows where kernels are",
            directory.display()
        );
        return Err(Error::new(ExitCode::Input, message));
    }
    fs::remove_dir_all(&directory).map_err(|error| {
        Error::new(ExitCode::Environment, format!("failed to remove `{}`", directory.display()))
            .because(error)
            .advise("remove it by hand")
    })?;
    Ok(directory)
}

/// Whether Jupyter accepts this name of a kernelspec
/// (<https://jupyter-client.readthedocs.io/en/stable/kernels.html#kernel-specs>).
fn check_name(name: &str) -> Result<(), Error> {
    let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !name.is_empty() && name.chars().all(good) && !name.starts_with('.') {
        return Ok(());
    }
    let message = format!("`{name}` is no name for a kernel; use letters, digits, `.`, `_` and `-`");
    Err(Error::new(ExitCode::Usage, message))
}

fn spec(options: &InstallOptions, executable: &Path) -> Value {
    let mut spec: Value = serde_json::from_str(TEMPLATE).unwrap_or_default();
    spec["argv"] = json!([executable.to_string_lossy(), "kernel", "{connection_file}"]);
    if let Some(display_name) = &options.display_name {
        spec["display_name"] = display_name.as_str().into();
    }
    spec["env"] =
        options.env.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect::<Map<_, _>>().into();
    spec
}

/// Whether a kernelspec starts a threadbook.
fn is_ours(directory: &Path) -> bool {
    read(directory).is_some_and(|spec| spec["argv"][1] == "kernel" && spec["language"] == "rust")
}

fn read(directory: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(directory.join("kernel.json")).ok()?).ok()
}

/// The whole directory is made beside its place and then moved there, so that Jupyter never sees half of it.
fn write(kernels: &Path, directory: &Path, spec: &Value) -> io::Result<()> {
    fs::create_dir_all(kernels)?;
    let new = tempfile::Builder::new().prefix(".threadbook-").tempdir_in(kernels)?;
    for (name, bytes) in LOGOS {
        write_file(&new.path().join(name), bytes)?;
    }
    write_file(&new.path().join("kernel.json"), format!("{spec:#}\n").as_bytes())?;
    fs::set_permissions(new.path(), Permissions::from_mode(0o755))?;
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    fs::rename(new.keep(), directory)
}

/// A kernelspec may be for everybody, and says which program is started: whatever the umask, all may read it and only
/// its owner may write to it.
fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::write(path, bytes)?;
    fs::set_permissions(path, Permissions::from_mode(0o644))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(prefix: &Path) -> InstallOptions {
        let env = vec![("RUST_BACKTRACE".to_string(), "1".to_string())];
        let place = Place::Prefix(prefix.to_path_buf());
        InstallOptions { place, name: "threadbook".into(), display_name: None, env }
    }

    #[test]
    #[cfg(not(feature = "kernel"))]
    fn a_build_without_a_kernel_installs_none() {
        let prefix = tempfile::tempdir().expect("a directory");
        let error = install(&options(prefix.path())).expect_err("refused").to_string();
        assert!(error.starts_with("cannot install the kernel: this build of threadbook has no kernel;"), "{error}");
        assert_eq!(fs::read_dir(prefix.path()).expect("read").count(), 0);
    }

    #[test]
    #[cfg(feature = "kernel")]
    fn a_kernelspec_is_installed_again_and_removed() {
        let prefix = tempfile::tempdir().expect("a directory");
        let mut options = options(prefix.path());
        let directory = install(&options).expect("installed");
        assert!(directory.ends_with("share/jupyter/kernels/threadbook"));
        let spec = read(&directory).expect("a spec");
        assert!(Path::new(spec["argv"][0].as_str().expect("text")).is_absolute());
        assert_eq!(spec["argv"][2], "{connection_file}");
        assert_eq!((&spec["interrupt_mode"], &spec["env"]["RUST_BACKTRACE"]), (&json!("message"), &json!("1")));
        options.display_name = Some("R".into());
        assert_eq!(install(&options).expect("again"), directory);
        assert_eq!(read(&directory).expect("a spec")["display_name"], "R");
        assert_eq!(fs::read_dir(directory.parent().expect("kernels")).expect("read").count(), 1);
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((fs::read_dir(&directory).expect("read").count(), mode(&directory)), (4, 0o755));
        for entry in fs::read_dir(&directory).expect("read") {
            assert_eq!(mode(&entry.expect("an entry").path()), 0o644);
        }
        assert_eq!(uninstall(&options.place, "threadbook").expect("removed"), directory);
        assert!(uninstall(&options.place, "threadbook").is_err());
    }

    #[test]
    #[cfg(feature = "kernel")]
    fn a_kernel_of_others_is_left_alone() {
        let prefix = tempfile::tempdir().expect("a directory");
        let directory = prefix.path().join("share/jupyter/kernels/threadbook");
        fs::create_dir_all(&directory).expect("made");
        fs::write(directory.join("kernel.json"), r#"{"argv": ["python"], "language": "python"}"#).expect("written");
        let error = install(&options(prefix.path())).expect_err("theirs");
        assert!(error.to_string().contains("choose another name"));
        assert!(uninstall(&Place::Prefix(prefix.path().to_path_buf()), "threadbook").is_err());
    }

    #[test]
    fn names_that_leave_the_directory_are_refused() {
        for name in ["", "..", "a/b", ".hidden", "a b"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn the_template_is_json() {
        assert!(serde_json::from_str::<Value>(TEMPLATE).is_ok_and(|spec| spec["language"] == "rust"));
    }
}
