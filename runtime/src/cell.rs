//! What the entry point of a compiled cell calls: it runs the cell's code and reports how that ended. A panic of
//! the cell stops here; variables that the cell did not move are still its caller's.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};

use crate::host::{FAILED, Frame, PANICKED, STDERR, UNSAID};
use crate::interrupt::Interrupted;
use crate::timing::{Style, Timer};
use crate::{link, place, show};

/// What a cell's code answers: `?` works on every error that converts into a box.
pub type Answer = Result<(), Box<dyn Error>>;

/// A panic of the cell's own thread, kept from its hook to its catch.
struct Caught {
    message: String,
    at: String,
}

thread_local! {
    static RUNS_CELL: Cell<bool> = const { Cell::new(false) };
    static CAUGHT: RefCell<Option<Caught>> = const { RefCell::new(None) };
}

/// Whether the calling thread runs a cell's code.
pub(crate) fn runs_here() -> bool {
    RUNS_CELL.try_with(Cell::get).unwrap_or(false)
}

/// Runs the code of one cell; true if it came to its end.
pub fn run(frame: &Frame, code: impl FnOnce() -> Answer) -> bool {
    // SAFETY: the worker passes text that lives during the call.
    place::learn(unsafe { std::slice::from_raw_parts(frame.places, frame.places_len) });
    crate::timing::set_style(Style { wall_only: frame.wall_only, compile_seconds: frame.compile_seconds });
    RUNS_CELL.set(true);
    let timer = frame.timed.then(Timer::start);
    let answer = catch_unwind(AssertUnwindSafe(code));
    drop(timer);
    RUNS_CELL.set(false);
    if matches!(answer, Ok(Ok(()))) {
        print_caught();
        show::send_result();
        return true;
    }
    match answer {
        Ok(Err(error)) => report(frame, FAILED, &describe(&*error), ""),
        Err(payload) => panicked(frame, payload),
        Ok(Ok(())) => {}
    }
    false
}

fn report(frame: &Frame, kind: u32, message: &str, at: &str) {
    // SAFETY: text that lives during the call.
    unsafe { (frame.report)(kind, message.as_ptr(), message.len(), at.as_ptr(), at.len()) }
}

/// The error and what caused it, each on a line of its own.
fn describe(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!("\ncaused by: {error}");
        cause = error.source();
    }
    text
}

fn panicked(frame: &Frame, payload: Box<dyn Any + Send>) {
    let caught = CAUGHT.take();
    // A payload that another thread carried here (`resume_unwind`) has been reported by that thread's own hook.
    let (message, at) = match caught {
        Some(caught) => (caught.message, caught.at),
        None => (payload_text(&*payload), String::new()),
    };
    // A forked child has nobody to report to; its hook has printed the panic.
    if !link::is_forked_child() {
        report(frame, PANICKED, &message, &at);
    }
}

fn payload_text(payload: &dyn Any) -> String {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text.to_string(),
        (_, Some(text)) => text.clone(),
        // The session knows that it has interrupted the cell.
        _ if payload.is::<Interrupted>() => "interrupted".into(),
        _ => "Box<dyn Any>".into(),
    }
}

/// Makes panics speak of cells. A panic of the running cell is kept for its report; every other is printed, those
/// of forked children among them.
pub(crate) fn install_hook() {
    std::panic::set_hook(Box::new(|info| {
        let message = payload_text(info.payload());
        let at = location(info);
        // One before it that has not been reported was caught, or is what is being unwound for.
        print_caught();
        if runs_here() && !link::is_forked_child() && can_unwind(info) {
            // The process may end before it is reported.
            link::text(STDERR | UNSAID, &panic_text(CELL_THREAD, &at, &message));
            CAUGHT.set(Some(Caught { message, at }));
        } else {
            let name = crate::threading::current_thread().name();
            link::text(STDERR, &panic_text(&name, &at, &message));
        }
    }));
}

/// Whether a catch may follow. std tells it (`can_unwind`) on nightly, and on stable in how the value is shown.
fn can_unwind(info: &PanicHookInfo<'_>) -> bool {
    !format!("{info:?}").contains("can_unwind: false")
}

/// What panics call the thread that runs cells.
const CELL_THREAD: &str = "MainThread";

/// A panic that the cell's code caught itself is printed after all, as std would have; not by a forked child, whose
/// parent has it too.
fn print_caught() {
    if let Ok(Some(Caught { message, at })) = CAUGHT.try_with(RefCell::take)
        && !link::is_forked_child()
    {
        link::text(STDERR, &panic_text(CELL_THREAD, &at, &message));
    }
}

fn panic_text(thread: &str, at: &str, message: &str) -> String {
    format!("thread '{thread}' panicked at {at}:\n{message}\n")
}

fn location(info: &PanicHookInfo<'_>) -> String {
    match info.location() {
        Some(location) => place::in_cell(location.file(), location.line(), location.column()),
        None => "an unknown place".into(),
    }
}

/// What `fn main` may answer when a cell runs it (`std::process::Termination`, in a form that keeps the error).
pub trait Main {
    fn answer(self) -> Answer;
}

impl Main for () {
    fn answer(self) -> Answer {
        Ok(())
    }
}

impl<T: Main, E: std::fmt::Debug> Main for Result<T, E> {
    fn answer(self) -> Answer {
        match self {
            Ok(value) => value.answer(),
            Err(error) => Err(format!("{error:?}").into()),
        }
    }
}

impl Main for std::process::ExitCode {
    fn answer(self) -> Answer {
        if self == std::process::ExitCode::SUCCESS { Ok(()) } else { Err(format!("main answered {self:?}").into()) }
    }
}
