//! One session: its scope, its worker, and the way of a cell from text to outcome. A cell that fails leaves the
//! scope that it started from, without what it moved away.

mod capture;
mod capture_sink;
mod checkpoint;
mod comm;
mod engine;
mod failure;
mod precompile;
mod recover;
mod snapshots;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::error::{Error, ExitCode};
use crate::events::{CellId, Event, Failure, LaneId, Origin, Sink, Stream};
use crate::sys::clock::monotonic_nanos;
use crate::sys::process;
use crate::worker::{self, Answerer, End, Input, Places, Ran, Run, Schedule, Start, TimeFormat, Worker};

use self::capture_sink::{CaptureSink, SharedCapture};
use self::precompile::Precompiler;
use self::snapshots::Snapshots;
use crate::engine::api::{Engine, Outcome};
use crate::engine::build::cache::Cache;
use crate::engine::build::compile::Compiler;
use crate::engine::build::prepare::prepare;
use crate::engine::build::prepared::{Prepared, Refused};
use crate::engine::build::toolchain::Toolchain;
use crate::engine::build::warm_up::WarmUp;
use crate::engine::interrupt::Interrupter;
use crate::engine::limits::Limits;
use crate::engine::magics::{self, Picture, Replacement, Surroundings};
use crate::engine::rejection::Rejection;
use crate::engine::scope::Scope;
use crate::engine::sinks::output_limit;
use crate::engine::sinks::picture;
use crate::engine::sinks::trace::{Recorder, Shared};

/// How a session behaves.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The directory that cells start in; the current one by default.
    pub directory: Option<PathBuf>,
    /// What `%%time` and `%time` print.
    pub time: TimeFormat,
    /// One `Event::Text` per print, never several prints of a lane in one event. `verify` needs this to know
    /// where a print ended; everybody else is better served by the fewer, larger events of the default.
    pub each_print: bool,
    /// The `threadbook` executable, which workers are started from. None only in that executable itself, where it is
    /// the one that runs; a program that links this library names it.
    pub executable: Option<PathBuf>,
    /// What each cell may use.
    pub limits: Limits,
    /// Whether the front end can put text in the place of a cell (`Event::NextInput`).
    pub next_input: bool,
    /// Called with a sentence for the user if the start takes a second, which it does once per toolchain.
    pub say: Option<fn(&str)>,
}

/// A session of our engine: see `Engine`.
pub struct Session {
    options: Options,
    executable: PathBuf,
    sink: Arc<Mutex<Box<dyn Sink>>>,
    compiler: Compiler,
    warm_up: WarmUp,
    scope: Scope,
    /// Stands before the worker, since fields are dropped in this order and the worker's end waits for its copies.
    snapshots: Snapshots,
    worker: Worker,
    epoch: u64,
    /// Prepares the cells that will probably follow while one runs. `None` if nothing is being prepared.
    ahead: Option<Precompiler>,
    ahead_priority: precompile::Priority,
    interrupter: Interrupter,
    /// The generated files of all cells so far, by which the worker names the place of a panic, and how many of them
    /// the worker has been told.
    places: Vec<Places>,
    told: usize,
    schedule: Schedule,
    input: Input,
    answerer: Answerer,
    trace: Shared,
    captured: SharedCapture,
    overflow: output_limit::Shared,
}

/// Starts a session of our engine. Events go to `sink` from then on, also between cells.
pub fn start(options: Options, sink: Box<dyn Sink>) -> Result<Box<dyn Engine>, Error> {
    Ok(Box::new(Session::start(options, sink)?))
}

impl Session {
    /// Starts a worker and returns once it is ready. Events go to `sink` from then on, also between cells.
    pub fn start(options: Options, sink: Box<dyn Sink>) -> Result<Session, Error> {
        let executable = worker::executable(options.executable.clone())
            .map_err(|message| Error::new(ExitCode::Environment, message))?;
        let toolchain = Toolchain::find(options.directory.as_deref())?;
        let interrupter = Interrupter::default();
        let cache = Cache::open()?;
        let say = || {
            let text = format!("preparing for rustc {} (once per toolchain)", toolchain.release());
            options.say.inspect(|say| say(&text));
        };
        let directory = options.directory.as_deref();
        let compiler = Compiler::new(toolchain.clone(), cache.clone(), directory, interrupter.clone(), say)?;
        let warm_up = WarmUp::start(toolchain.clone(), cache, &compiler)?;
        let (trace, captured) = (Shared::default(), SharedCapture::default());
        let overflow = output_limit::Shared::new(options.limits.output, sink);
        let sink = Box::new(CaptureSink { captured: captured.clone(), sink: Box::new(overflow.clone()) });
        let recorder: Box<dyn Sink> = Box::new(Recorder { trace: trace.clone(), sink });
        let sink = Arc::new(Mutex::new(recorder));
        let epoch = monotonic_nanos();
        let answerer = Answerer::default();
        let worker = start_worker(&options, &executable, &compiler, sink.clone(), epoch, LaneId::MAIN, &answerer)?;
        let mut scope = Scope::default();
        scope.time_format = options.time;
        Ok(Session {
            options,
            executable,
            sink,
            compiler,
            warm_up,
            scope,
            snapshots: Snapshots::default(),
            worker,
            epoch,
            ahead: None,
            ahead_priority: precompile::Priority::default(),
            interrupter,
            places: Vec::new(),
            told: 0,
            schedule: Schedule::default(),
            input: Input::Empty,
            answerer,
            trace,
            captured,
            overflow,
        })
    }

    /// Waits until it is known whether rustc's output can be read. An error says that it cannot.
    pub(crate) fn check_compiler(&mut self) -> Result<(), Error> {
        self.warm_up.wait()
    }

    /// Waits for the work that a toolchain's first session does beside its cells, some seconds; later sessions then have
    /// the optimised runtime. Programs that measure begin with it. An error says that rustc's output cannot be read.
    pub fn warm_up(&mut self) -> Result<(), Error> {
        self.warm_up.finish()
    }

    /// Whether cells link to the optimised runtime.
    pub(crate) fn is_optimised(&self) -> bool {
        self.compiler.has_optimised_runtime()
    }

    /// The process that runs cells.
    pub fn worker_pid(&self) -> u32 {
        self.worker.pid()
    }

    /// Runs one cell to its end (`Engine::execute`).
    pub(super) fn execute_cell(&mut self, cell: CellId, source: &str, ahead: &[&str]) -> Result<Outcome, Error> {
        let _span = tracing::info_span!("cell", id = %cell).entered();
        self.interrupter.prepare();
        // The copy that was asked for after the last cell belongs to the scope as it still is.
        self.take_copy();
        let directory = self.worker_directory();
        let surroundings = Surroundings { directory: &directory, scope: &self.scope };
        let ended = match magics::replacement(source, &surroundings) {
            None => self.attempt(cell, source, ahead),
            Some(Ok(Replacement::Run { text, said })) => {
                if !said.is_empty() {
                    self.say(cell, Stream::Stdout, said);
                }
                self.attempt(cell, &text, ahead)
            }
            Some(Ok(Replacement::Show { text, replace })) => Ok(self.show(cell, source, text, replace)),
            Some(Ok(Replacement::Rollback)) => Ok(self.rollback(cell, source)),
            Some(Ok(Replacement::Restart)) => self.restart(cell, source),
            Some(Err(error)) => Ok(self.reject(cell, source, error.into())),
        };
        // The parser keeps every text that it has read on this thread, for its spans. Nothing needs those of this cell
        // any more.
        proc_macro2::extra::invalidate_current_thread_spans();
        let ended = match ended {
            Err(_) if self.interrupter.finish() => Ok(self.not_run(cell)),
            ended => {
                self.interrupter.finish();
                ended
            }
        };
        self.overflow.end(cell);
        ended
    }

    fn attempt(&mut self, cell: CellId, source: &str, ahead: &[&str]) -> Result<Outcome, Error> {
        self.warm_up.known()?;
        let mut prepared = self.prepared_ahead(cell, source).unwrap_or_else(|| self.prepare(cell, source));
        if let Some(exit) = self.worker.died() {
            self.lost_between_cells(cell, exit)?;
            prepared = self.prepare(cell, source);
        }
        let mut prepared = match prepared {
            Ok(prepared) => prepared,
            Err(refused) => {
                // The fault may be that rustc's output was misread.
                self.warm_up.wait()?;
                return self.refuse(cell, source, refused);
            }
        };
        if prepared.capture.is_none() && self.ahead.as_ref().is_none_or(Precompiler::is_empty) {
            let (scope, next) = (prepared.after.clone(), CellId(cell.0 + 1));
            self.ahead = Precompiler::start(&self.compiler, scope, next, ahead, self.ahead_priority);
        }
        self.begin_capture(cell, prepared.capture.take());
        if !prepared.warnings.is_empty() {
            self.send(Event::Warning { cell, rendered: prepared.warnings.clone() });
        }
        if !prepared.said.is_empty() {
            self.say(cell, Stream::Stdout, prepared.said.clone());
        }
        let ended = self.run(cell, prepared);
        self.end_capture(cell, ended)
    }

    /// Has the front end put this text in the place of the cell, or in the next cell, if it can.
    fn show(&mut self, cell: CellId, source: &str, text: String, replace: bool) -> Outcome {
        if !self.options.next_input {
            let message = "`%load` and `%recall` put text in a cell, and there is no front end to do so; \
                           `%run FILE` and `%rerun` run it";
            return self.reject(cell, source, Rejection::usage(message));
        }
        self.spoil_ahead();
        self.scope.remember(cell, source);
        self.send(Event::NextInput { cell, text, replace });
        Outcome::Ok
    }

    /// Reports why a cell is not run. Items that it defines soundly stay.
    fn refuse(&mut self, cell: CellId, source: &str, refused: Refused) -> Result<Outcome, Error> {
        let Refused { error, items } = refused;
        let rejection = error.into_rejection()?;
        let Some(items) = items else { return Ok(self.reject(cell, source, rejection)) };
        self.scope = items.scope;
        self.places.extend(items.places);
        self.fail(cell, rejection.into());
        Ok(Outcome::Rejected)
    }

    fn reject(&mut self, cell: CellId, source: &str, rejection: Rejection) -> Outcome {
        self.scope.remember(cell, source);
        if !rejection.reported.is_empty() {
            self.scope.last_errors = rejection.reported.as_slice().into();
        }
        self.fail(cell, rejection.into());
        Outcome::Rejected
    }

    /// The directory in which the worker finds files; cells may have changed it.
    fn worker_directory(&self) -> PathBuf {
        process::working_directory(self.worker.pid())
    }

    fn run(&mut self, cell: CellId, mut prepared: Prepared) -> Result<Outcome, Error> {
        self.places.append(&mut prepared.places);
        if prepared.picture == Some(Picture::Last) {
            self.draw(cell);
        }
        let Some(ran) = self.run_program(cell, &prepared) else { return Ok(self.not_run(cell)) };
        if prepared.picture == Some(Picture::This) {
            self.draw(cell);
        }
        let (outcome, failure) = match (ran.end, ran.stop) {
            (Ok(End::Returned), _) => {
                self.scope = prepared.after;
                self.ask_for_copy();
                return Ok(Outcome::Ok);
            }
            (Ok(End::NotLoaded { reason }), _) => {
                self.spoil_ahead();
                if prepared.is_there() {
                    return self.unable_to_load(cell, &reason);
                }
                let message =
                    format!("failed to load a compiled cell: {reason}; remove the cache directory and try again");
                return Err(Error::new(ExitCode::Environment, message));
            }
            (Ok(_), Some(stop)) => self.stopped(stop),
            (Ok(End::Failed { message }), None) => (Outcome::Failed, failure::returned(message)),
            (Ok(End::Panicked { message, at }), None) => (Outcome::Panicked, failure::panicked(message, &at)),
            (Err(exit), stop) => {
                self.scope = prepared.after_failure;
                return self.lost_while_running(cell, exit, stop);
            }
        };
        self.scope = prepared.after_failure;
        self.ask_for_copy();
        self.spoil_ahead();
        self.fail(cell, failure);
        Ok(outcome)
    }

    /// Runs what was compiled. `None` if an interrupt came before it ran.
    fn run_program(&mut self, cell: CellId, prepared: &Prepared) -> Option<Ran> {
        let Some(run) = self.request(cell, prepared) else {
            return Some(Ran { end: Ok(End::Returned), stop: None });
        };
        // A thread or a pipe that made a copy impossible when the last cell ended may have gone by now.
        self.ask_for_copy();
        self.take_copy();
        self.snapshots.begin_cell();
        let at = self.now();
        self.trace.lock().begin(cell, at);
        if !self.interrupter.run(cell, self.worker.stopper()) {
            return None;
        }
        self.told = self.places.len();
        let _span = tracing::info_span!("run", cell = %cell).entered();
        let ran = self.worker.run(run, self.options.limits.time);
        let at = self.now();
        self.trace.lock().ended = Some(at);
        Some(ran)
    }

    fn prepare(&self, cell: CellId, source: &str) -> Result<Prepared, Refused> {
        let say = |text: &str| self.say(cell, Stream::Stderr, text.to_string());
        prepare(&self.compiler, &self.scope, cell, source, &say)
    }

    fn request(&self, cell: CellId, prepared: &Prepared) -> Option<Run> {
        let program = prepared.program.as_ref()?;
        Some(Run {
            cell: cell.0,
            shared: program.shared.clone(),
            needs: program.needs.clone(),
            library: program.library.clone(),
            places: self.places[self.told..].to_vec(),
            timing: prepared.timing,
            schedule: self.schedule,
            input: self.input,
        })
    }

    /// Reports that an interrupt came before the cell ran.
    fn not_run(&mut self, cell: CellId) -> Outcome {
        self.spoil_ahead();
        let evalue = "the cell was stopped before it ran; nothing of it has happened".to_string();
        let failure =
            Failure { ename: "Interrupted".into(), traceback: vec![failure::red("Interrupted", &evalue)], evalue };
        self.fail(cell, failure);
        Outcome::Interrupted
    }

    /// Gives up what was prepared for the next cells: it rests on a scope that this cell does not leave.
    fn spoil_ahead(&mut self) {
        if let Some(ahead) = &self.ahead {
            ahead.give_up();
        }
    }

    fn prepared_ahead(&mut self, cell: CellId, source: &str) -> Option<Result<Prepared, Refused>> {
        let ahead = self.ahead.as_mut()?;
        let prepared = ahead.take(cell, source);
        self.ahead_priority = ahead.priority();
        if prepared.is_none() {
            self.ahead = None;
        }
        prepared
    }

    fn send(&self, event: Event) {
        self.sink.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).event(event);
    }

    fn fail(&self, cell: CellId, failure: Failure) {
        self.send(Event::Failed { cell, failure });
    }

    fn say(&self, cell: CellId, stream: Stream, text: String) {
        self.send(Event::Text { origin: self.origin(cell), stream, text });
    }

    /// Shows the picture of the last cell.
    fn draw(&self, cell: CellId) {
        let data = picture::draw(&self.trace.lock());
        match data {
            Some(data) => self.send(Event::Display {
                origin: self.origin(cell),
                data,
                metadata: Default::default(),
                id: None,
                update: false,
            }),
            None => self.say(cell, Stream::Stdout, "no cell has run yet; there is nothing to draw\n".into()),
        }
    }

    fn origin(&self, cell: CellId) -> Origin {
        let pid = self.worker.pid();
        Origin { cell, running: Some(cell), lane: LaneId::MAIN, pid, tid: pid, at: self.now() }
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(monotonic_nanos().saturating_sub(self.epoch))
    }
}

/// Ends the compilation of cells ahead, so that no process of the session outlives it.
impl Drop for Session {
    fn drop(&mut self) {
        self.interrupter.prepare();
        self.interrupter.interrupt();
        self.ahead = None;
    }
}

fn start_worker(
    options: &Options,
    executable: &std::path::Path,
    compiler: &Compiler,
    sink: Arc<Mutex<Box<dyn Sink>>>,
    epoch: u64,
    last_lane: LaneId,
    answerer: &Answerer,
) -> Result<Worker, Error> {
    let start = Start {
        executable: executable.to_path_buf(),
        directory: options.directory.clone(),
        libraries: vec![compiler.libstd().to_path_buf()],
        runtime: compiler.runtime.path.clone(),
        each_print: options.each_print,
        epoch,
        last_lane: last_lane.0,
        memory: options.limits.memory,
        answerer: answerer.clone(),
    };
    Worker::start(start, sink).map_err(|message| Error::new(ExitCode::Environment, message))
}
