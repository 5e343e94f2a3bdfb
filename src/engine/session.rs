//! One session: its scope, its worker, and the way of a cell from text to outcome.

use std::path::PathBuf;
use std::time::Duration;

use crate::error::Error;
use crate::output::{CellId, LaneId, Sink};

/// What `%%time` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeFormat {
    /// CPU times, wall time, and compile time when over 0.1 s, as IPython on Linux.
    #[default]
    Full,
    /// The wall time only, as IPython on Windows up to 7.34.
    Wall,
}

/// How a session behaves. `Options::default()` is what `threadbook run` uses.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The directory that cells start in; the current one by default.
    pub directory: Option<PathBuf>,
    pub time: TimeFormat,
    /// One `Event::Text` per print, never several prints of a lane in one event. `verify` needs this to know
    /// where a print ended; everybody else is better served by the fewer, larger events of the default.
    pub each_print: bool,
}

/// How a cell ended. A bad cell is an outcome; `Error` means that we could not do our job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Ok,
    /// It did not compile, or a magic or command in it is wrong; nothing of it ran.
    Rejected,
    /// It returned an error by `?`.
    Failed,
    Panicked,
    Interrupted,
    TimedOut,
    /// The worker died; the session goes on with a new one.
    WorkerLost,
}

pub struct Session {}

impl Session {
    /// Starts a worker and answers once it is ready. Events go to `sink` from then on, also between cells.
    pub fn start(options: Options, sink: Box<dyn Sink>) -> Result<Session, Error> {
        let _ = (options, sink);
        unreachable!("being written")
    }

    /// Runs one cell to its end and answers how it ended; what happened has gone to the sink by then, all but
    /// what threads write that outlive the cell. `ahead`, where given, is the cell that will probably be run next:
    /// it is compiled while this one runs.
    pub fn execute(&mut self, cell: CellId, source: &str, ahead: Option<&str>) -> Result<Outcome, Error> {
        let _ = (cell, source, ahead);
        unreachable!("being written")
    }

    /// Waits until every thread and child that cells started has ended and its output has gone to the sink, at
    /// most `patience`; answers the lanes that still run.
    pub fn settle(&mut self, patience: Duration) -> Result<Vec<LaneId>, Error> {
        let _ = patience;
        unreachable!("being written")
    }
}
