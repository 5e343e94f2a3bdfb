//! `threadbook doctor`: looks at everything that a kernel needs, and says of what is wrong how to mend it. Changes nothing
//! but the cache, to which its trial adds what any session adds.

use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use super::{Place, is_ours, read};
use crate::engine::{self, Readiness};
use crate::error::{Error, ExitCode};

enum Finding {
    Good(String),
    /// Only some uses need it.
    Missing(String),
    Bad(String),
}

/// Reports on `out`; an error if cells cannot run or Jupyter cannot start them.
pub fn doctor(out: &mut dyn Write) -> Result<(), Error> {
    let findings =
        [("rustc", rustc()), ("session", session()), ("jupyter", jupyter()), ("kernelspec", kernelspec())];
    let mut bad = 0;
    for (what, finding) in &findings {
        let (mark, text) = match finding {
            Finding::Good(text) => ("ok", text),
            Finding::Missing(text) => ("missing", text),
            Finding::Bad(text) => ("bad", text),
        };
        bad += usize::from(matches!(finding, Finding::Bad(_)));
        writeln!(out, "{mark:<8} {what:<11} {text}").map_err(unheard)?;
    }
    match bad {
        0 => Ok(()),
        _ => Err(Error::new(ExitCode::Environment, "a kernel cannot run here yet; mend what is marked `bad`")),
    }
}

pub(super) fn unheard(error: io::Error) -> Error {
    Error::new(ExitCode::Environment, "cannot write to standard output").because(error).advise("send it elsewhere")
}

fn rustc() -> Finding {
    match engine::rust_version() {
        Ok(version) => Finding::Good(format!("version {version}")),
        Err(error) => Finding::Bad(error.to_string()),
    }
}

/// Compiles and runs a cell, which tries the linker, the cache and the worker.
fn session() -> Finding {
    match engine::try_out() {
        Ok(Readiness::Optimised) => Finding::Good("a cell compiles and runs".into()),
        Ok(Readiness::Usable) => Finding::Good(
            "a cell compiles and runs; the runtime is not optimised yet: a session of some seconds does that beside its \
             cells, and `threadbook install` does it now"
                .into(),
        ),
        Err(error) => Finding::Bad(error.to_string()),
    }
}

fn jupyter() -> Finding {
    let ask = |command: &str, arguments: &[&str]| {
        let output =
            Command::new(command).args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_string())
    };
    match ask("jupyter-lab", &["--version"]).or_else(|| ask("jupyter", &["lab", "--version"])) {
        Some(version) => Finding::Good(format!("JupyterLab {version}")),
        None if ask("jupyter", &["--version"]).is_some() => Finding::Good("found, without JupyterLab".into()),
        None => Finding::Missing("install it with `pip install jupyterlab`; `threadbook run` works without".into()),
    }
}

fn kernelspec() -> Finding {
    if !cfg!(feature = "kernel") {
        return Finding::Missing("this build of threadbook has no kernel; `threadbook run` works without".into());
    }
    let installed = [Place::SysPrefix, Place::User].into_iter().filter_map(|place| place.kernels().ok());
    let found = installed.map(|kernels| kernels.join("threadbook")).find(|directory| is_ours(directory));
    let Some(directory) = found else {
        return Finding::Missing("install it with `threadbook install`; `threadbook run` works without".into());
    };
    let spec = read(&directory).unwrap_or_default();
    let executable = spec["argv"][0].as_str().unwrap_or_default();
    if Path::new(executable).is_file() {
        Finding::Good(format!("in `{}`", directory.display()))
    } else {
        let directory = directory.display();
        Finding::Bad(format!(
            "`{directory}` starts `{executable}`, which is not there; run `threadbook install` again"
        ))
    }
}
