//! `threadbook verify`: runs a notebook afresh and compares what each cell puts out with what is recorded in it.
//!
//! The notebook is never written, and the order between lanes is never taken for an outcome.

mod cells;
mod check;
mod report;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use self::cells::Cell;
use self::check::{Machine, Status, recheck};
use self::report::CellReport;
use crate::engine::{Engine, Limits, Options, Outcome, Policy, Schedule, Session, TimeFormat};
use crate::error::{Error, ExitCode};
use crate::events::{CellId, Event, Sink};
use crate::lanes::run::Run;
use crate::notebook::twin::Twins;

/// How long to wait for threads and children that outlive their cell.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
pub struct Request {
    pub notebook: PathBuf,
    /// Whole runs, each in a fresh session.
    pub runs: u32,
    /// How often a cell is run whose outcome the scheduler decides, before it counts as different.
    pub tries: u32,
    /// The Python to compare with, too: `python3`.
    pub twin: Option<PathBuf>,
    /// One JSON document instead of lines for people.
    pub json: bool,
    pub limits: Limits,
}

impl Request {
    pub fn new(notebook: impl Into<PathBuf>) -> Self {
        Request {
            notebook: notebook.into(),
            runs: 1,
            tries: 100,
            twin: None,
            json: false,
            limits: Limits::default(),
        }
    }
}

/// Verifies a notebook and answers whether all cells of all runs matched. The report for people has colours: give an
/// `anstream` that takes them out where they are not wanted.
pub fn verify(request: &Request, out: &mut dyn Write) -> Result<bool, Error> {
    let cells = cells::read(&request.notebook)?;
    let mut runs = Vec::new();
    for number in 1..=request.runs.max(1) {
        if !request.json && request.runs > 1 {
            print(out, &format!("run {number} of {}\n", request.runs))?;
        }
        let mut shown = |cell: &CellReport| match request.json {
            true => Ok(()),
            false => print(out, &report::lines(cell)),
        };
        runs.push(run(request, &cells, &mut shown)?);
    }
    let good = runs.iter().flatten().all(CellReport::is_good);
    match request.json {
        true => print(out, &report::json(&request.notebook, good, &runs))?,
        false => print(out, &report::summary(&runs))?,
    }
    Ok(good)
}

fn print(out: &mut dyn Write, text: &str) -> Result<(), Error> {
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| {
        Error::new(ExitCode::Environment, format!("cannot write the report ({error}); give it another place"))
    })
}

/// One run of the whole notebook.
fn run(
    request: &Request,
    cells: &[Cell],
    shown: &mut dyn FnMut(&CellReport) -> Result<(), Error>,
) -> Result<Vec<CellReport>, Error> {
    let mut twins = request.twin.as_deref().map(|python| Twins::start(python, &request.notebook)).transpose()?;
    let mut machine = Live::start(request, cells)?;
    let mut reports: Vec<CellReport> = Vec::new();
    let mut unsettled = Vec::new();
    for (index, cell) in cells.iter().enumerate() {
        let left = cells[index + 1..].iter().filter(|next| !next.skip);
        let ahead: Vec<&str> = left.map(|next| next.source.as_str()).collect();
        let (report, open) = check::cell(&mut machine, cell, &ahead, request.tries.max(1), twins.as_mut())?;
        if let Some(id) = open {
            unsettled.push((reports.len(), id));
        } else {
            shown(&report)?;
        }
        reports.push(report);
    }
    // What still ran when its cell was compared may have ended since, and may have printed more. These cells are
    // reported last.
    if !unsettled.is_empty() {
        machine.settle(PATIENCE)?;
    }
    for (index, id) in unsettled {
        recheck(&machine, &cells[index], id, &mut reports[index]);
        shown(&reports[index])?;
    }
    Ok(reports)
}

/// The real machine: a session whose events are all kept.
struct Live {
    session: Session,
    events: Events,
    pids: BTreeSet<u32>,
    last: u32,
    seed: u64,
}

#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<Event>>>);

impl Sink for Events {
    fn event(&mut self, event: Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }
}

impl Live {
    fn start(request: &Request, cells: &[Cell]) -> Result<Live, Error> {
        // A notebook shows by what it recorded which of the two forms of `%%time` it was made with.
        let full = cells.iter().any(|cell| cell.recorded.streams[0].contains("CPU times: "));
        let directory = request.notebook.canonicalize().ok().and_then(|path| path.parent().map(Path::to_path_buf));
        let time = if full { TimeFormat::Full } else { TimeFormat::Wall };
        let options =
            Options { directory, time, each_print: true, limits: request.limits.clone(), ..Options::default() };
        let events = Events::default();
        let session = Session::start(options, Box::new(events.clone()))?;
        // Cells that ask for the pid of their worker's parent get ours.
        Ok(Live { session, events, pids: BTreeSet::from([std::process::id()]), last: 0, seed: 0 })
    }
}

impl Machine for Live {
    fn perturb(&mut self, on: bool) {
        self.seed += 1;
        let policy = if on { Policy::Perturbed } else { Policy::Free };
        self.session.set_schedule(Schedule { seed: self.seed, policy });
    }

    fn execute(&mut self, source: &str, ahead: &[&str]) -> Result<(CellId, Outcome), Error> {
        self.last += 1;
        let id = CellId(self.last);
        Ok((id, self.session.execute(id, source, ahead)?))
    }

    fn settle(&mut self, patience: Duration) -> Result<bool, Error> {
        Ok(self.session.settle(patience)?.is_empty())
    }

    fn read(&self, cell: CellId) -> Run {
        Run::read(&self.events.0.lock().unwrap_or_else(PoisonError::into_inner), cell, &self.pids)
    }
}

impl Status {
    fn is_good(self) -> bool {
        !matches!(self, Status::Differs)
    }
}
