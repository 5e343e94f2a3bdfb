//! `threadbook run`: the code cells of a notebook in order, the notebook saved as it goes.
//!
//! The executed notebook holds this run and nothing of an earlier one: cells that were not reached are empty.
//! Cells tagged `skip-execution` are not touched.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anstream::{AutoStream, ColorChoice};

use crate::engine::{self, Engine, Limits, Options, Outcome};
use crate::error::{Error, ExitCode};
use crate::events::{CellId, Event, LaneId, Sink};
use crate::notebook::ctrl_c::CtrlC;
use crate::notebook::model::{CellKind, Notebook};
use crate::notebook::plan::{Step, steps};
use crate::notebook::printer::Printer;
use crate::notebook::record::Recorder;
use crate::notebook::view::{Look, Progress, View, human, said};
use crate::notebook::write;

/// Longest wait for threads after an error has stopped the run. They are then named and ended.
const PATIENCE_AFTER_ERROR: Duration = Duration::from_secs(1);
/// Threads that are named in the warning about those that still run. Of more, the number is given.
const NAMED: usize = 8;

/// What `threadbook run` was asked for.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The notebook to run, which is not changed.
    pub notebook: PathBuf,
    /// Where the executed notebook goes: `<stem>.executed.ipynb` beside the notebook by default, `-` for standard
    /// output.
    pub output: Option<PathBuf>,
    /// Whether cells after one that failed are run too.
    pub allow_errors: bool,
    /// Nothing is shown but problems.
    pub quiet: bool,
    /// How long threads that outlive the last cell are waited for.
    pub patience: Duration,
    /// What each cell may use.
    pub limits: Limits,
}

/// Runs a notebook. Returns an error with `ExitCode::Failed` if a cell stopped the run.
pub fn run(options: &RunOptions) -> Result<(), Error> {
    let start = |sink: Box<dyn Sink>| {
        let directory = std::path::absolute(&options.notebook).ok();
        let directory = directory.and_then(|path| Some(path.parent()?.to_owned()));
        let say = (!options.quiet && io::stderr().is_terminal()).then_some(say as fn(&str));
        let options = Options { directory, limits: options.limits.clone(), say, ..Options::default() };
        let engine = engine::start(options, sink)?;
        let ctrl_c = CtrlC::watch(engine.interrupter())?;
        Ok(Started { engine, is_interrupted: Box::new(move || ctrl_c.came()) })
    };
    run_with(options, view(options), start)
}

/// Says what the user waits for before the first cell.
fn say(text: &str) {
    // Standard error may be closed; nobody is left to tell.
    let _ = writeln!(io::stderr(), "{text}");
}

fn view(options: &RunOptions) -> View {
    let to_stdout = matches!(Output::of(options), Output::Stdout);
    let has_colour = |choice: ColorChoice| choice != ColorChoice::Never;
    let problem_colour = has_colour(AutoStream::choice(&io::stderr()));
    let (report, colour): (Box<dyn Write + Send>, bool) = match to_stdout {
        true => (Box::new(io::stderr()), problem_colour),
        false => (Box::new(io::stdout()), has_colour(AutoStream::choice(&io::stdout()))),
    };
    let printer = Printer::start(report, Box::new(io::stderr()));
    View::new(printer, Look { colour, problem_colour, quiet: options.quiet })
}

/// An engine, and whether the user wants the run to end.
struct Started {
    engine: Box<dyn Engine>,
    is_interrupted: Box<dyn Fn() -> bool>,
}

fn run_with(
    options: &RunOptions,
    view: View,
    start: impl FnOnce(Box<dyn Sink>) -> Result<Started, Error>,
) -> Result<(), Error> {
    let notebook = Notebook::read(&options.notebook)?;
    let output = Output::of(options);
    output.probe()?;
    let record = SharedRecord(Arc::new(Mutex::new(LiveRecord { recorder: Recorder::new(), view })));
    if let Some(warning) = notebook.warning() {
        record.lock().view.problem(&format!("warning: {warning}"));
    }
    let steps = steps(&notebook);
    let mut run = Run { options, notebook, output, record: record.clone(), ran: Vec::new(), saves: Saves::new() };
    run.clear(&steps);
    let started = Instant::now();
    let result = if steps.iter().all(|step| step.skipped) {
        // A notebook without code needs no worker, and no rustc.
        run.skip(&steps)
    } else {
        // Nothing has run when this fails: an earlier executed notebook stays.
        let mut started = start(Box::new(record.clone()))?;
        run.steps(&steps, &mut started)
    };
    let result = run.close(result, started.elapsed());
    record.lock().view.finish();
    result.and(run.output.deliver(&mut run.notebook))
}

enum Output {
    File(PathBuf),
    /// A pipe or a device: it takes the notebook once, when it is finished.
    Special(PathBuf),
    /// Standard output, which takes the notebook once, too.
    Stdout,
}

impl Output {
    fn of(options: &RunOptions) -> Output {
        match &options.output {
            Some(path) if path.as_os_str() == "-" => Output::Stdout,
            Some(path) if write::is_special(path) => Output::Special(path.clone()),
            Some(path) => Output::File(path.clone()),
            None => Output::File(beside(&options.notebook)),
        }
    }

    fn probe(&self) -> Result<(), Error> {
        match self {
            Output::File(path) => write::probe(path),
            Output::Special(_) | Output::Stdout => Ok(()),
        }
    }

    fn save(&self, notebook: &mut Notebook) -> Result<(), Error> {
        match self {
            Output::File(path) => notebook.write_atomically(path),
            Output::Special(_) | Output::Stdout => Ok(()),
        }
    }

    /// Writes the notebook to an output that takes it once. The last step, when nothing more is shown.
    fn deliver(&self, notebook: &mut Notebook) -> Result<(), Error> {
        match self {
            Output::File(_) => Ok(()),
            Output::Special(path) => notebook.write_atomically(path),
            Output::Stdout => notebook.write_to_stdout(),
        }
    }
}

/// `a/nb.ipynb` becomes `a/nb.executed.ipynb`.
fn beside(notebook: &Path) -> PathBuf {
    notebook.with_extension("executed.ipynb")
}

/// When to save between cells: unless the last save took longer than everything since. So saving takes at most
/// about half of the time, however large the outputs, and what a kill can cost is as much running as one save takes.
struct Saves {
    last_took: Duration,
    last_ended: Instant,
}

impl Saves {
    fn new() -> Saves {
        Saves { last_took: Duration::ZERO, last_ended: Instant::now() }
    }

    fn is_due(&self) -> bool {
        self.last_ended.elapsed() >= self.last_took
    }

    fn done(&mut self, started: Instant) {
        *self = Saves { last_took: started.elapsed(), last_ended: Instant::now() };
    }
}

/// The sink of the engine, and what the run reads of it. Clones are of the same record.
#[derive(Clone)]
struct SharedRecord(Arc<Mutex<LiveRecord>>);

struct LiveRecord {
    recorder: Recorder,
    view: View,
}

impl SharedRecord {
    fn lock(&self) -> MutexGuard<'_, LiveRecord> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for SharedRecord {
    fn event(&mut self, event: Event) {
        let mut live = self.lock();
        live.view.event(&event);
        live.recorder.event(event);
    }
}

struct Run<'a> {
    options: &'a RunOptions,
    notebook: Notebook,
    output: Output,
    record: SharedRecord,
    /// The indices in the notebook of `In[1]`, `In[2]`, …
    ran: Vec<usize>,
    saves: Saves,
}

impl Run<'_> {
    /// Takes away what an earlier run left, in every code cell but the skipped ones.
    fn clear(&mut self, steps: &[Step]) {
        let code = self.notebook.cells().filter(|cell| cell.kind == CellKind::Code).map(|cell| cell.index);
        let is_skipped = |index: &usize| steps.iter().any(|step| step.index == *index && step.skipped);
        let cleared: Vec<usize> = code.filter(|index| !is_skipped(index)).collect();
        for index in cleared {
            self.notebook.clear(index);
        }
    }

    /// Runs all steps, then waits for threads that outlive them.
    fn steps(&mut self, steps: &[Step], started: &mut Started) -> Result<Summary, Error> {
        let mut summary = Summary::default();
        for (n, step) in steps.iter().enumerate() {
            let progress = Progress { at: n + 1, total: steps.len() };
            if self.reader_is_gone()? {
                return Ok(summary);
            }
            if step.skipped {
                self.record.lock().view.cell_skipped(progress, &step.title);
                continue;
            }
            let left = steps[n + 1..].iter().filter(|step| !step.skipped);
            let ahead: Vec<&str> = left.map(|step| step.source.as_str()).collect();
            let outcome = self.step(step, progress, &ahead, &mut *started.engine)?;
            if outcome != Outcome::Ok {
                summary.failed += 1;
            }
            // The interrupt may have come when the cell had just ended.
            let interrupted = (started.is_interrupted)();
            if interrupted || self.stops(step, &outcome) {
                let outcome = if interrupted { Outcome::Interrupted } else { outcome };
                summary.stopped = Some((CellId(self.ran.len() as u32), outcome));
                summary.left = steps[n + 1..].iter().filter(|step| !step.skipped).count();
                break;
            }
            if self.saves.is_due() {
                self.save()?;
            }
        }
        let patience = match summary.stopped {
            Some(_) => self.options.patience.min(PATIENCE_AFTER_ERROR),
            None => self.options.patience,
        };
        let running = started.engine.settle(patience)?;
        self.name_running(&running, patience);
        Ok(summary)
    }

    fn skip(&mut self, steps: &[Step]) -> Result<Summary, Error> {
        for (n, step) in steps.iter().enumerate() {
            self.record.lock().view.cell_skipped(Progress { at: n + 1, total: steps.len() }, &step.title);
        }
        Ok(Summary::default())
    }

    fn step(
        &mut self,
        step: &Step,
        progress: Progress,
        ahead: &[&str],
        engine: &mut dyn Engine,
    ) -> Result<Outcome, Error> {
        self.ran.push(step.index);
        let cell = CellId(self.ran.len() as u32);
        {
            let mut live = self.record.lock();
            live.view.cell_begins(cell, progress, &step.title, !self.allows_errors(step));
            live.recorder.begin(cell);
        }
        let started = Instant::now();
        let outcome = engine.execute(cell, &step.source, ahead)?;
        let took = started.elapsed();
        let mut live = self.record.lock();
        live.recorder.end(cell);
        live.view.cell_ends(&outcome, took);
        Ok(outcome)
    }

    fn allows_errors(&self, step: &Step) -> bool {
        self.options.allow_errors || step.may_fail
    }

    fn stops(&self, step: &Step, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Ok => false,
            // Whoever interrupts wants the run to end.
            Outcome::Interrupted => true,
            _ => !self.allows_errors(step),
        }
    }

    /// Whether the reader of the report has closed it (`| head`): then the run ends quietly.
    fn reader_is_gone(&self) -> Result<bool, Error> {
        match self.record.lock().view.closed() {
            None => Ok(false),
            Some(io::ErrorKind::BrokenPipe) => Ok(true),
            Some(other) => Err(Error::new(
                ExitCode::Environment,
                format!("cannot write to standard output: {other}; send it elsewhere or give --quiet"),
            )),
        }
    }

    fn name_running(&self, running: &[LaneId], patience: Duration) {
        if running.is_empty() {
            return;
        }
        let mut live = self.record.lock();
        let name = |id: &LaneId| match live.recorder.lane(*id) {
            Some(lane) => format!("{} of {}", lane.name, lane.cell),
            None => format!("lane {}", id.0),
        };
        let mut names: Vec<String> = running.iter().take(NAMED).map(name).collect();
        if running.len() > NAMED {
            names.push(format!("{} more", running.len() - NAMED));
        }
        let text = format!(
            "warning: still running after {}: {}; what they print from now on is not in the notebook \
             (--patience waits longer)",
            human(patience),
            names.join(", "),
        );
        live.view.problem(&text);
    }

    fn save(&mut self) -> Result<(), Error> {
        let started = Instant::now();
        let changed = self.record.lock().recorder.take_changed();
        for record in changed {
            // The main thread is declared before the first cell, under a number that no cell has.
            let nth = (record.cell.0 as usize).checked_sub(1);
            let Some(&index) = nth.and_then(|nth| self.ran.get(nth)) else {
                continue;
            };
            self.notebook.set_outputs(index, record.outputs);
            self.notebook.set_execution_count(index, Some(record.cell));
            self.notebook.set_execution(index, Some(record.execution));
            self.notebook.set_threadbook(index, record.threadbook);
        }
        self.output.save(&mut self.notebook)?;
        self.saves.done(started);
        Ok(())
    }

    /// Saves, says how the run went, and turns a failed cell into the error that it is.
    fn close(&mut self, result: Result<Summary, Error>, took: Duration) -> Result<(), Error> {
        let saved = self.save();
        let summary = match (result, saved) {
            (Ok(summary), Ok(())) => summary,
            (Err(error), Ok(())) | (Ok(_), Err(error)) => return Err(error),
            (Err(error), Err(second)) => {
                self.record.lock().view.problem(&format!("error: {second}"));
                return Err(error);
            }
        };
        let place = match &self.output {
            Output::File(path) | Output::Special(path) => path.display().to_string(),
            Output::Stdout => "standard output".to_owned(),
        };
        let failed = match summary.failed {
            0 => String::new(),
            n => format!(", {n} with an error"),
        };
        let ran = counted(self.ran.len(), "cell");
        self.record.lock().view.remark(&format!("{ran} in {}{failed}: {place}", human(took)));
        match summary.stopped {
            None => Ok(()),
            Some((cell, outcome)) => Err(Error::new(
                if outcome == Outcome::Interrupted { ExitCode::Interrupted } else { ExitCode::Failed },
                format!(
                    "{cell} {}; {} after it not run; what ran is in {place}; --allow-errors goes on past errors",
                    said(&outcome),
                    counted(summary.left, "cell"),
                ),
            )),
        }
    }
}

#[derive(Default)]
struct Summary {
    failed: usize,
    stopped: Option<(CellId, Outcome)>,
    /// Cells that were not reached.
    left: usize,
}

fn counted(n: usize, what: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {what}{plural}")
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
