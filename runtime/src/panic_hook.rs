//! The panic hook of the process, which names cells instead of generated files. A panic of the running
//! cell is kept for the report of the cell (`cell`); every other panic is printed where it happens, those of forked
//! children among them. Owns all that is read out of std's description of a panic.

use std::any::Any;
use std::cell::RefCell;
use std::panic::PanicHookInfo;

use crate::host::{STDERR, UNSAID};
use crate::interrupt::{Interrupted, runs_here};
use crate::{link, place, task_lanes, threading};

/// The name that panics give to the thread that runs cells.
const CELL_THREAD: &str = "MainThread";

/// A panic of the cell's own thread, kept from its hook to its catch.
pub(crate) struct Caught {
    pub(crate) message: String,
    pub(crate) at: String,
}

thread_local! {
    static CAUGHT: RefCell<Option<Caught>> = const { RefCell::new(None) };
}

/// Makes this the hook of all panics of this process.
pub(crate) fn install() {
    std::panic::set_hook(Box::new(|info| {
        let message = payload_text(info.payload());
        let at = location(info);
        // A panic before this one that was not reported was caught, or is what the thread unwinds for.
        print_caught();
        if runs_here() && !link::is_forked_child() && can_unwind(info) {
            // The process may end before the panic is reported.
            link::text(STDERR | UNSAID, &panic_text(CELL_THREAD, &at, &message));
            CAUGHT.set(Some(Caught { message, at }));
        } else {
            let name = threading::current_thread().name();
            task_lanes::speaking(|| link::text(STDERR, &panic_text(&name, &at, &message)));
        }
    }));
}

/// The panic that the calling thread's hook has kept; `None` if there is none.
pub(crate) fn take_caught() -> Option<Caught> {
    CAUGHT.try_with(RefCell::take).ok().flatten()
}

/// Prints, as std would have, a panic that the cell's code caught itself. A forked child prints none: its parent has it
/// too.
pub(crate) fn print_caught() {
    if let Some(Caught { message, at }) = take_caught()
        && !link::is_forked_child()
    {
        link::text(STDERR, &panic_text(CELL_THREAD, &at, &message));
    }
}

/// The message of a panic, as std's own hook writes it.
pub(crate) fn payload_text(payload: &dyn Any) -> String {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text.to_string(),
        (_, Some(text)) => text.clone(),
        // The session knows that it has interrupted the cell.
        _ if payload.is::<Interrupted>() => "interrupted".into(),
        _ => "Box<dyn Any>".into(),
    }
}

/// Whether the thread unwinds after this panic, so that a catch may follow; otherwise the process aborts. std has
/// `PanicHookInfo::can_unwind` on nightly only; on stable the `Debug` form shows it
/// (`library/std/src/panic.rs` derives it).
fn can_unwind(info: &PanicHookInfo<'_>) -> bool {
    !format!("{info:?}").contains("can_unwind: false")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multiprocessing::{Process, pipe};

    /// Fails if a std writes a panic that cannot unwind in another way.
    #[test]
    fn a_panic_that_cannot_unwind_is_known_from_others() {
        extern "C" fn boundary() {
            panic!("expected");
        }
        let (ours, theirs) = pipe::<bool>().unwrap();
        // In a process of its own: the second panic ends it.
        let process = Process::new(move || {
            std::panic::set_hook(Box::new(move |info| theirs.send(can_unwind(info)).unwrap()));
            boundary();
        });
        process.start().unwrap();
        assert_eq!((ours.recv().unwrap(), ours.recv().unwrap()), (true, false));
        process.join().unwrap();
        assert_eq!(process.exitcode(), Some(-6), "SIGABRT");
    }
}
