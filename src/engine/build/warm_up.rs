//! The work that a toolchain's first session does beside its cells, on a thread of its own: it tries whether rustc's output
//! can be read (`canary`) and whether rustc can link by the toolchain's own linker (`linker`), and then builds the optimised
//! runtime for the sessions that follow. Owns that thread, which ends with the session; what it has not finished is left to
//! the next session, and leaves nothing in the cache.

use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread::JoinHandle;

use crate::error::{Error, ExitCode};

use crate::engine::build::cache::Cache;
use crate::engine::build::canary;
use crate::engine::build::compile::Compiler;
use crate::engine::build::linker::Linker;
use crate::engine::build::runtime_crate;
use crate::engine::build::toolchain::Toolchain;
use crate::engine::interrupt::Interrupter;

#[derive(Default)]
pub(crate) struct WarmUp {
    verdict: Verdict,
    /// Stops the thread's compilers and no others.
    interrupter: Interrupter,
    thread: Option<JoinHandle<()>>,
}

/// Whether rustc's output can be read.
#[derive(Default)]
enum Verdict {
    #[default]
    Readable,
    Unknown(Receiver<Result<(), Error>>),
    Unreadable(ExitCode, String),
}

impl WarmUp {
    /// Starts the thread if there is something for it to do.
    pub(crate) fn start(toolchain: Toolchain, cache: Cache, compiler: &Compiler) -> Result<WarmUp, Error> {
        let is_readable = canary::is_known_to_be_readable(&toolchain, &cache);
        let is_optimised = runtime_crate::is_optimised(&compiler.runtime, &toolchain);
        let linker = compiler.linker.clone();
        if is_readable && is_optimised && linker.get().is_some() {
            return Ok(WarmUp::default());
        }
        let interrupter = Interrupter::default();
        interrupter.prepare();
        let (sender, receiver) = channel();
        let own = interrupter.clone();
        let work = move || {
            if !is_readable {
                // The session may have ended: then nobody wants to know.
                let _ = sender.send(canary::check(&toolchain, &cache, &own));
            }
            if linker.get().is_none()
                && let Some(chosen) = Linker::choose(&toolchain, &cache, &own)
            {
                // Nobody else chooses for this session.
                let _ = linker.set(chosen);
            }
            if !is_optimised && let Err(error) = runtime_crate::optimise(&toolchain, &cache, &own) {
                tracing::debug!(%error, "the runtime is not optimised");
            }
        };
        let thread = std::thread::Builder::new().name("warm-up".into()).spawn(work).map_err(|error| {
            Error::new(ExitCode::Environment, "failed to start a thread").because(error).advise("raise `ulimit -u`")
        })?;
        let verdict = if is_readable { Verdict::Readable } else { Verdict::Unknown(receiver) };
        Ok(WarmUp { verdict, interrupter, thread: Some(thread) })
    }

    /// Returns an error if it is known by now that rustc's output cannot be read.
    pub(crate) fn known(&mut self) -> Result<(), Error> {
        if let Verdict::Unknown(receiver) = &self.verdict {
            match receiver.try_recv() {
                Ok(verdict) => self.verdict = Verdict::of(verdict),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => self.verdict = Verdict::Readable,
            }
        }
        self.verdict.result()
    }

    /// Waits until it is known whether rustc's output can be read. An error says that it cannot.
    pub(crate) fn wait(&mut self) -> Result<(), Error> {
        if let Verdict::Unknown(receiver) = &self.verdict {
            self.verdict = receiver.recv().map_or(Verdict::Readable, Verdict::of);
        }
        self.verdict.result()
    }

    /// Waits until all of the work is done. An error says that rustc's output cannot be read.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        let verdict = self.wait();
        self.thread.take().map(JoinHandle::join);
        verdict
    }
}

impl Verdict {
    fn of(result: Result<(), Error>) -> Verdict {
        match result {
            Ok(()) => Verdict::Readable,
            Err(error) => Verdict::Unreadable(error.code(), error.to_string()),
        }
    }

    fn result(&self) -> Result<(), Error> {
        match self {
            Verdict::Readable | Verdict::Unknown(_) => Ok(()),
            Verdict::Unreadable(code, text) => Err(Error::new(*code, text.clone())),
        }
    }
}

impl Drop for WarmUp {
    fn drop(&mut self) {
        self.interrupter.interrupt();
        if let Some(thread) = self.thread.take() {
            // A panic there is no harm to a session that ends.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::Command;
    use std::time::{Duration, Instant};

    /// The installed toolchain, behind a shell script that first does `lines`.
    fn toolchain(directory: &Path, lines: &str) -> Toolchain {
        let mut toolchain = Toolchain::find(None).expect("a toolchain");
        let wrapper = directory.join("rustc");
        std::fs::write(&wrapper, format!("#!/bin/sh\n{lines}\nexec '{}' \"$@\"\n", toolchain.rustc.display()))
            .expect("written");
        std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o700)).expect("ours");
        toolchain.rustc = wrapper;
        toolchain
    }

    fn compiler(toolchain: &Toolchain, cache: &Cache) -> Compiler {
        Compiler::new(toolchain.clone(), cache.clone(), None, Interrupter::default(), || {}).expect("a compiler")
    }

    #[test]
    fn a_session_that_ends_stops_the_work_and_leaves_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = Cache::open_at(directory.path().join("cache")).expect("a cache");
        // The optimised build says that it has begun, and then hangs.
        let (begun, pid) = (directory.path().join("begun"), directory.path().join("pid"));
        assert!(Command::new("mkfifo").arg(&begun).status().is_ok_and(|status| status.success()));
        let hang = format!(
            "case \"$*\" in *-Copt-level=3*) echo $$ > '{}'; echo > '{}'; exec sleep 600;; esac",
            pid.display(),
            begun.display()
        );
        let toolchain = toolchain(directory.path(), &hang);
        let compiler = compiler(&toolchain, &cache);
        let mut warm_up = WarmUp::start(toolchain.clone(), cache.clone(), &compiler).expect("started");
        warm_up.wait().expect("rustc can be read");
        std::fs::read(&begun).expect("the build has begun");
        let pid: i32 = std::fs::read_to_string(&pid).expect("written").trim().parse().expect("a number");
        let nice = Command::new("ps").args(["-o", "ni=", "-p", &pid.to_string()]).output().expect("ps runs").stdout;
        assert_eq!(String::from_utf8_lossy(&nice).trim(), "19", "cells come first");
        let ending = Instant::now();
        drop(warm_up);
        assert!(ending.elapsed() < Duration::from_secs(60));
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
        // The next session finds the verdict, and builds the runtime again.
        assert!(canary::is_known_to_be_readable(&toolchain, &cache));
        let next = self::compiler(&toolchain, &cache);
        assert_eq!(next.runtime.key, compiler.runtime.key);
    }

    #[test]
    fn a_rustc_that_cannot_be_read_is_an_error_of_each_cell_from_when_it_is_known() {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = Cache::open_at(directory.path().join("cache")).expect("a cache");
        // The runtime is built, and nothing else.
        let toolchain = toolchain(
            directory.path(),
            "case \"$*\" in *--crate-name=threadbook*) ;; *) echo 'error: unknown' >&2; exit 1;; esac",
        );
        let compiler = compiler(&toolchain, &cache);
        let mut warm_up = WarmUp::start(toolchain, cache, &compiler).expect("started");
        let error = warm_up.wait().expect_err("unreadable").to_string();
        assert_eq!(warm_up.known().expect_err("still").to_string(), error);
    }
}
