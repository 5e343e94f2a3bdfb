//! Watches what ends or interrupts the kernel from outside: signals, and the end of its launcher.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::event::{EventSender, KernelEvent};
use super::log::log;
use crate::error::{Error, ExitCode};
use crate::sys::process;

/// Starts the threads that watch.
pub(super) fn start(events: &EventSender) -> Result<(), Error> {
    let failed = |error: std::io::Error| {
        Error::new(ExitCode::Environment, format!("failed to watch for signals: {error}; start the kernel again"))
    };
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(failed)?;
    let sender = events.clone();
    let listen = move || {
        for signal in signals.forever() {
            sender.send(if signal == SIGINT { KernelEvent::Interrupt } else { KernelEvent::End });
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(listen).map_err(failed)?;
    let Some(launcher) = launcher() else { return Ok(()) };
    let sender = events.clone();
    let wait = move || match process::wait_for_end(launcher) {
        Ok(()) => {
            sender.send(KernelEvent::End);
            log(format_args!("process {launcher}, which started this kernel, has ended, so it ends too"));
        }
        Err(error) => log(format_args!("process {launcher} cannot be watched: {error}")),
    };
    std::thread::Builder::new().name("launcher".into()).spawn(wait).map(drop).map_err(failed)
}

/// The process that the kernel must not outlive, which Jupyter names in `JPY_PARENT_PID`. Jupyter may count processes in
/// another namespace, so a number that is none of the kernel's ancestors is taken for the parent. `None` if the parent is
/// init, which outlives everybody.
fn launcher() -> Option<u32> {
    let named: u32 = std::env::var("JPY_PARENT_PID").ok()?.parse().ok()?;
    let parent = std::os::unix::process::parent_id();
    let mut ancestor = Some(parent);
    while let Some(pid) = ancestor.filter(|pid| *pid > 0) {
        if pid == named {
            return Some(named);
        }
        ancestor = process::parent_of(pid);
    }
    Some(parent).filter(|parent| *parent > 1)
}
