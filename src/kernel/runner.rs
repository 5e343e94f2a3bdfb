//! Owns the session, which lives on a thread of its own that waits for work and does one piece at a time. Speaks no
//! protocol.
//!
//! A session that cannot start is started again with the next work. A panic of the engine ends that session only: every
//! piece of work has an end that is told.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::event::{Ended, EventSender, KernelEvent};
use super::log::log;
use crate::engine::{self, Comm, Engine, Input, Interrupter, Limits, Options};
use crate::error::{Error, ExitCode};
use crate::events::{CellId, Failure};

/// Bytes of the session thread's stack: parsing recurses as deep as a cell's brackets nest. Cells that nest deeper are
/// refused before they are parsed.
const STACK: usize = 64 << 20;

/// A cell to run.
pub(super) struct Job {
    pub cell: CellId,
    pub source: String,
    /// The sources of the cells that will run next, as far as they are known.
    pub ahead: Vec<String>,
    pub input: Input,
}

/// One piece of work for the session's thread.
pub(super) enum Work {
    Cell(Job),
    Comm(Comm),
}

pub(super) struct Runner {
    /// `None` once the session is to end.
    work: Option<Sender<Work>>,
    /// Its sender is dropped when the session has ended.
    ended: Receiver<()>,
}

impl Runner {
    pub(super) fn start(events: EventSender) -> Result<Runner, Error> {
        let (sender, work) = channel();
        let (end, ended) = channel();
        let thread = std::thread::Builder::new().name("session".into()).stack_size(STACK).spawn(move || {
            run(&work, &events);
            drop(end);
        });
        thread.map_err(|error| {
            Error::new(ExitCode::Environment, format!("failed to start a thread: {error}; raise `ulimit -u`"))
        })?;
        Ok(Runner { work: Some(sender), ended })
    }

    pub(super) fn start_work(&self, work: Work) {
        if let Some(sender) = &self.work {
            // The thread takes work until this sender is dropped, so this does not fail.
            let _ = sender.send(work);
        }
    }

    /// Ends the session, its worker and its files, and waits for that, at most `patience`.
    pub(super) fn end(&mut self, interrupter: Option<&Interrupter>, patience: Duration) {
        self.work = None;
        if let Some(interrupter) = interrupter {
            interrupter.interrupt();
        }
        let _ = self.ended.recv_timeout(patience);
    }
}

fn run(work: &Receiver<Work>, events: &EventSender) {
    let mut session = start(events);
    for work in work {
        if session.is_err() {
            session = start(events);
        }
        let ended = match &mut session {
            Ok(session) => execute(session.as_mut(), work),
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
        events.send(KernelEvent::Ended(ended));
    }
}

enum Trouble {
    Error(Error),
    /// A panic of the engine; its message has gone to the kernel's log.
    Fault,
}

fn execute(session: &mut dyn Engine, work: Work) -> Result<Ended, Trouble> {
    let execute = AssertUnwindSafe(|| match work {
        Work::Cell(job) => {
            let ahead: Vec<&str> = job.ahead.iter().map(String::as_str).collect();
            session.set_input(job.input);
            session.execute(job.cell, &job.source, &ahead)
        }
        Work::Comm(comm) => session.comm(comm),
    });
    let outcome = catch_unwind(execute).map_err(|_| Trouble::Fault)?.map_err(Trouble::Error)?;
    Ok(Ended::Cell(outcome, session.names()))
}

fn start(events: &EventSender) -> Result<Box<dyn Engine>, Error> {
    let begin = || {
        let limits = Limits::from_environment()?;
        let say: fn(&str) = |text| log(format_args!("{text}"));
        let options = Options { limits, next_input: true, say: Some(say), ..Options::default() };
        engine::start(options, Box::new(events.clone()))
    };
    let session = catch_unwind(AssertUnwindSafe(begin)).unwrap_or_else(|_| Err(lost()));
    match &session {
        Ok(session) => events.send(KernelEvent::Started(session.interrupter(), session.answerer())),
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
