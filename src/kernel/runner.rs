//! Owns the session: it lives on a thread of its own, which waits for cells and runs one at a time. Speaks no
//! protocol.
//!
//! A session that cannot start is tried again with the next cell, and a fault of ours in a cell ends that session
//! only: the kernel always answers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::log;
use super::mail::{Ended, Mail, Outbox};
use crate::engine::{Comm, Input, Interrupter, Limits, Options, Session};
use crate::error::{Error, ExitCode};
use crate::events::{CellId, Failure};

/// Parsing recurses as deep as a cell's brackets nest.
const STACK: usize = 64 << 20;

/// A cell to run.
pub(super) struct Job {
    pub cell: CellId,
    pub source: String,
    /// The cells that will run next, as far as they are known.
    pub ahead: Vec<String>,
    pub input: Input,
}

/// What the session's thread does, one after the other.
pub(super) enum Work {
    Cell(Job),
    Comm(Comm),
}

pub(super) struct Runner {
    jobs: Option<Sender<Work>>,
    ended: Receiver<()>,
}

impl Runner {
    pub(super) fn start(outbox: Outbox) -> Result<Runner, Error> {
        let (jobs, work) = channel();
        let (end, ended) = channel();
        let thread = std::thread::Builder::new().name("session".into()).stack_size(STACK).spawn(move || {
            run(&work, &outbox);
            // Dropped, or told: both say that the session has gone.
            let _ = end.send(());
        });
        thread.map_err(|error| {
            Error::new(ExitCode::Environment, format!("failed to start a thread: {error}; raise `ulimit -u`"))
        })?;
        Ok(Runner { jobs: Some(jobs), ended })
    }

    pub(super) fn run(&self, job: Work) {
        if let Some(jobs) = &self.jobs {
            // The thread waits for jobs until this sender is dropped.
            let _ = jobs.send(job);
        }
    }

    /// Ends the session, its worker and its files, and waits for that, within reason.
    pub(super) fn end(&mut self, interrupter: Option<&Interrupter>, patience: Duration) {
        self.jobs = None;
        if let Some(interrupter) = interrupter {
            interrupter.interrupt();
        }
        let _ = self.ended.recv_timeout(patience);
    }
}

fn run(work: &Receiver<Work>, outbox: &Outbox) {
    let mut session = start(outbox);
    for job in work {
        if session.is_err() {
            session = start(outbox);
        }
        let ended = match &mut session {
            Ok(session) => execute(session, job),
            Err(error) => Err(Trouble::Error(std::mem::replace(error, lost()))),
        };
        let ended = match ended {
            Ok(ended) => ended,
            Err(Trouble::Error(error)) => Ended::Broken(failure("EnvironmentError", error.to_string())),
            Err(Trouble::Fault) => {
                session = Err(lost());
                let evalue = "threadbook has failed in this cell, which is a fault of ours: please report it; \
                     the next cell runs in a new session";
                Ended::Broken(failure("InternalError", evalue.into()))
            }
        };
        outbox.send(Mail::Ended(ended));
    }
}

enum Trouble {
    Error(Error),
    /// A panic of our own code; its message has gone to the kernel's log.
    Fault,
}

fn execute(session: &mut Session, work: Work) -> Result<Ended, Trouble> {
    let execute = AssertUnwindSafe(|| match work {
        Work::Cell(job) => {
            let ahead: Vec<&str> = job.ahead.iter().map(String::as_str).collect();
            session.input(job.input);
            session.execute(job.cell, &job.source, &ahead)
        }
        Work::Comm(comm) => session.comm(comm),
    });
    let outcome = catch_unwind(execute).map_err(|_| Trouble::Fault)?.map_err(Trouble::Error)?;
    Ok(Ended::Cell(outcome, session.names()))
}

fn start(outbox: &Outbox) -> Result<Session, Error> {
    let begin = || {
        let limits = Limits::from_environment()?;
        Session::start(Options { limits, next_input: true, ..Options::default() }, Box::new(outbox.clone()))
    };
    let session = catch_unwind(AssertUnwindSafe(begin)).unwrap_or_else(|_| Err(lost()));
    match &session {
        Ok(session) => outbox.send(Mail::Started(session.interrupter(), session.answerer())),
        Err(error) => log(format_args!("{error}")),
    }
    session
}

fn lost() -> Error {
    Error::new(ExitCode::Internal, "the session has failed, which is a fault of ours: please report it")
}

fn failure(ename: &str, evalue: String) -> Failure {
    Failure { ename: ename.into(), traceback: vec![format!("\x1b[1;31m{ename}\x1b[0m: {evalue}")], evalue }
}
