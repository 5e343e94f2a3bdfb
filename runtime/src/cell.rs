//! What the entry point of a compiled cell calls: it runs the cell's code and reports how that ended. A panic of
//! the cell stops here; variables that the cell did not move are still its caller's.

use std::any::Any;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::host::{FAILED, Frame, PANICKED};
use crate::panic_hook::{payload_text, print_caught, take_caught};
use crate::timing::{Style, Timer};
use crate::{interrupt, link, place, show};

/// What a cell's code returns: `?` works on every error that converts into a box.
pub type Answer = Result<(), Box<dyn Error>>;

/// What the code of a cell returns whose errors borrow from what ends with the cell, as that of a lock does: `?` makes
/// the text of the error at once. `return Err(Box::new(…))` does not compile with it, so only cells that need it have it.
pub type Written = Result<(), Text>;

/// As `Written`, for errors that have only `Debug`, and for all errors where `:efmt {:?}` asks for that.
pub type Debugged = Result<(), DebugText>;

/// The text of an error and of its causes.
pub struct Text(String);

// No `Error` for `Text`, and no `Debug` for `DebugText`: either would make `From` for it ambiguous.
impl<'a, E: Into<Box<dyn Error + 'a>>> From<E> for Text {
    fn from(error: E) -> Text {
        Text(describe(&*error.into()))
    }
}

/// The text of an error by `Debug`.
pub struct DebugText(String);

impl<E: std::fmt::Debug> From<E> for DebugText {
    fn from(error: E) -> DebugText {
        DebugText(format!("{error:?}"))
    }
}

/// Makes a cell's errors what `Answer` has.
pub trait Answers {
    fn answer(self) -> Answer;
}

impl Answers for Written {
    fn answer(self) -> Answer {
        self.map_err(|Text(text)| text.into())
    }
}

impl Answers for Debugged {
    fn answer(self) -> Answer {
        self.map_err(|DebugText(text)| text.into())
    }
}

/// As `run`, for code that has texts for errors.
pub fn run_with_texts<A: Answers>(frame: &Frame, code: impl FnOnce() -> A) -> bool {
    run(frame, || code().answer())
}

/// Runs the code of one cell. Returns whether it came to its end.
pub fn run(frame: &Frame, code: impl FnOnce() -> Answer) -> bool {
    let mut code = Some(code);
    // This function is compiled again in each cell, so all that does not depend on the cell's code is in another.
    run_once(frame, &mut || match code.take() {
        Some(code) => code(),
        None => Ok(()),
    })
}

fn run_once(frame: &Frame, code: &mut dyn FnMut() -> Answer) -> bool {
    // SAFETY: the worker passes text that lives during the call.
    place::learn(unsafe { std::slice::from_raw_parts(frame.places, frame.places_len) });
    crate::timing::set_style(Style { wall_only: frame.wall_only, compile_seconds: frame.compile_seconds });
    interrupt::set_runs_here(true);
    let timer = frame.timed.then(Timer::start);
    let answer = catch_unwind(AssertUnwindSafe(code));
    drop(timer);
    interrupt::set_runs_here(false);
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
fn describe(error: &(dyn Error + '_)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!("\ncaused by: {error}");
        cause = error.source();
    }
    text
}

fn panicked(frame: &Frame, payload: Box<dyn Any + Send>) {
    // Nothing is kept of a panic that another thread carried here (`resume_unwind`): its own hook has reported it.
    let (message, at) = match take_caught() {
        Some(caught) => (caught.message, caught.at),
        None => (payload_text(&*payload), String::new()),
    };
    // A forked child has nobody to report to; its hook has printed the panic.
    if !link::is_forked_child() {
        report(frame, PANICKED, &message, &at);
    }
}

/// What `fn main` may return when a cell runs it: `std::process::Termination` in a form that keeps the error.
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
