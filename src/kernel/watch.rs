//! Watches what ends or interrupts the kernel from outside: signals, and the end of its launcher.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::log;
use super::mail::{Mail, Outbox};
use crate::error::{Error, ExitCode};
use crate::sys::process;

/// Starts the threads that watch.
pub(super) fn start(outbox: &Outbox) -> Result<(), Error> {
    let failed = |error: std::io::Error| {
        Error::new(ExitCode::Environment, format!("failed to watch for signals: {error}; start the kernel again"))
    };
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(failed)?;
    let mailbox = outbox.clone();
    let listen = move || {
        for signal in signals.forever() {
            mailbox.send(if signal == SIGINT { Mail::Interrupt } else { Mail::End });
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(listen).map_err(failed)?;
    let Some(launcher) = launcher() else { return Ok(()) };
    let mailbox = outbox.clone();
    let wait = move || match process::wait_for_end(launcher) {
        Ok(()) => {
            mailbox.send(Mail::End);
            log(format_args!("process {launcher}, which started this kernel, has ended, so it ends too"));
        }
        Err(error) => log(format_args!("process {launcher} cannot be watched: {error}")),
    };
    std::thread::Builder::new().name("launcher".into()).spawn(wait).map(drop).map_err(failed)
}

/// The process that the kernel must not outlive. Jupyter names it; it may count processes in another namespace than
/// we do, so only a name that is one of our ancestors' is believed.
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
