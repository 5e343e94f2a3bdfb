//! Where Jupyter looks for kernels.

use std::path::PathBuf;
use std::process::Command;

use crate::error::{Error, ExitCode};
use crate::sys::dirs;

/// One of the places that Jupyter knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The user's data directory.
    User,
    /// The Python environment in use.
    SysPrefix,
    /// `share/jupyter` below this directory.
    Prefix(PathBuf),
}

impl Place {
    /// The directory of kernels, which need not be there yet.
    pub fn kernels(&self) -> Result<PathBuf, Error> {
        let data = match self {
            Place::User => user_data()?,
            Place::SysPrefix => sys_prefix()?.join("share/jupyter"),
            Place::Prefix(prefix) => prefix.join("share/jupyter"),
        };
        Ok(data.join("kernels"))
    }
}

fn user_data() -> Result<PathBuf, Error> {
    dirs::variable("JUPYTER_DATA_DIR").or_else(|| Some(dirs::data()?.join("jupyter"))).ok_or_else(|| {
        let message = "no home directory; set HOME or JUPYTER_DATA_DIR, or choose a directory with --prefix";
        Error::new(ExitCode::Environment, message)
    })
}

/// The environment that is active, or else the one of the first Python on the path.
fn sys_prefix() -> Result<PathBuf, Error> {
    let active = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().find_map(std::env::var_os);
    if let Some(active) = active.filter(|active| !active.is_empty()) {
        return Ok(PathBuf::from(active));
    }
    let ask = |python: &str| {
        let output = Command::new(python).args(["-c", "import sys; print(sys.prefix)"]).output().ok()?;
        let prefix = String::from_utf8(output.stdout).ok()?.trim().to_string();
        (output.status.success() && !prefix.is_empty()).then(|| PathBuf::from(prefix))
    };
    ["python3", "python"].into_iter().find_map(ask).ok_or_else(|| {
        let message = "no Python environment is active and no Python is on the path; activate one, or use --user";
        Error::new(ExitCode::Environment, message)
    })
}
