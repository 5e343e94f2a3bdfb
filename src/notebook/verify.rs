//! `threadbook verify`: runs a notebook afresh and compares what each cell puts out with what is recorded in it.
//!
//! The notebook is never written, and the order between lanes is never taken for an outcome.

mod cells;
mod check;
mod report;
mod result;

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;
use std::path::{Path, PathBuf};

use self::cells::RecordedCell;
use self::check::{Checker, Seeds, SharedLog, Twin};
use self::result::CellResult;
use crate::engine::{self, Limits, Options, TimeFormat};
use crate::error::{Error, ExitCode};
use crate::lanes::log::Log;
use crate::notebook::twin::Twins;

/// What `threadbook verify` was asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The notebook whose outputs are compared, which is not changed.
    pub notebook: PathBuf,
    /// How often the whole notebook is run, each time in a fresh session.
    pub runs: u32,
    /// How often a cell whose outcome the scheduler decides is run at most. Then its outputs count as different.
    pub tries: u32,
    /// The first of the seeds that decide small delays, so that the schedules of a run can be repeated.
    pub seed: Option<u64>,
    /// The Python whose live runs are compared with, too: `python3`.
    pub twin: Option<PathBuf>,
    /// One JSON document instead of lines for people.
    pub json: bool,
    /// What each cell may use.
    pub limits: Limits,
}

impl Request {
    /// One run of this notebook, with every other setting as by default.
    pub fn new(notebook: impl Into<PathBuf>) -> Self {
        Request {
            notebook: notebook.into(),
            runs: 1,
            tries: 100,
            seed: None,
            twin: None,
            json: false,
            limits: Limits::default(),
        }
    }
}

/// Verifies a notebook. Returns whether all cells of all runs matched. The report for people has colours: give an
/// `anstream` that takes them out where they are not wanted.
pub fn verify(request: &Request, out: &mut dyn Write) -> Result<bool, Error> {
    let cells = cells::read(&request.notebook)?;
    let mut runs = Vec::new();
    for number in 1..=request.runs.max(1) {
        if !request.json && request.runs > 1 {
            print(out, &format!("run {number} of {}\n", request.runs))?;
        }
        let mut shown = |cell: &CellResult| match request.json {
            true => Ok(()),
            false => print(out, &report::lines(cell)),
        };
        runs.push(run(request, &cells, &mut shown)?);
    }
    let good = runs.iter().flatten().all(CellResult::is_good);
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
    cells: &[RecordedCell],
    shown: &mut dyn FnMut(&CellResult) -> Result<(), Error>,
) -> Result<Vec<CellResult>, Error> {
    let mut twins = request.twin.as_deref().map(|python| Twins::start(python, &request.notebook)).transpose()?;
    let mut checker = start(request, cells)?;
    let mut results: Vec<CellResult> = Vec::new();
    let mut unsettled = Vec::new();
    for (index, cell) in cells.iter().enumerate() {
        let left = cells[index + 1..].iter().filter(|next| !next.skip);
        let ahead: Vec<&str> = left.map(|next| next.source.as_str()).collect();
        let (result, open) = checker.cell(cell, &ahead, twins.as_mut().map(|twins| twins as &mut dyn Twin))?;
        if let Some(id) = open {
            unsettled.push((results.len(), id));
        } else {
            shown(&result)?;
        }
        results.push(result);
    }
    // What still ran when its cell was compared may have ended since, and may have printed more. These cells are
    // reported last.
    if !unsettled.is_empty() {
        checker.settle()?;
    }
    for (index, id) in unsettled {
        checker.recheck(&cells[index], id, &mut results[index]);
        shown(&results[index])?;
    }
    Ok(results)
}

fn start(request: &Request, cells: &[RecordedCell]) -> Result<Checker, Error> {
    // A notebook shows by what it recorded which of the two forms of `%%time` it was made with.
    let full = cells.iter().any(|cell| cell.recorded.streams[0].contains("CPU times: "));
    let directory = request.notebook.canonicalize().ok().and_then(|path| path.parent().map(Path::to_path_buf));
    let time = if full { TimeFormat::Full } else { TimeFormat::Wall };
    let options =
        Options { directory, time, each_print: true, limits: request.limits.clone(), ..Options::default() };
    // Cells that print the process id of their worker's parent print ours.
    let log = SharedLog::new(Log::new(BTreeSet::from([std::process::id()])));
    let engine = engine::start(options, Box::new(log.clone()))?;
    let seeds = request.seed.map_or_else(|| Seeds::From(random_seed()), Seeds::Given);
    Ok(Checker::new(engine, log, seeds, request.tries))
}

/// 32 bits, so that a seed is short enough to be typed.
fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish() >> 32
}
