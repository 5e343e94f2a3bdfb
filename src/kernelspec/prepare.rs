//! What `threadbook install` does besides: it has the toolchain's first session done, so that the user's first session
//! need not do its work. Sessions of a few seconds would end before the optimised runtime is built.

use std::io::Write;

use super::doctor::unheard;
use crate::engine;
use crate::error::Error;

/// Reports on `out`. That cells cannot run yet is said and is no error: the kernel is installed, and Rust may follow.
pub fn prepare(out: &mut dyn Write) -> Result<(), Error> {
    let prepared = match engine::rust_version() {
        Ok(version) => {
            writeln!(out, "preparing for rustc {version} (some seconds, once per toolchain)").map_err(unheard)?;
            engine::warm_up()
        }
        Err(error) => Err(error),
    };
    match prepared {
        Ok(()) => Ok(()),
        Err(error) => writeln!(out, "cells cannot run yet: {error}").map_err(unheard),
    }
}
