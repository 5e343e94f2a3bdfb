//! Ctrl-C during a run: the cell that runs is interrupted, no other begins, and the notebook is saved with what ran. A
//! second Ctrl-C ends the program at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::SIGINT;
use signal_hook::iterator::{Handle, Signals};

use crate::engine::Interrupter;
use crate::error::{Error, ExitCode};

/// Watches for Ctrl-C until it is dropped.
pub(super) struct CtrlC {
    came: Arc<AtomicBool>,
    handle: Handle,
}

impl CtrlC {
    pub(super) fn watch(interrupter: Interrupter) -> Result<CtrlC, Error> {
        let failed = |error: std::io::Error| {
            Error::new(ExitCode::Environment, format!("failed to watch for Ctrl-C: {error}; try again"))
        };
        let mut signals = Signals::new([SIGINT]).map_err(failed)?;
        let watch = CtrlC { came: Arc::default(), handle: signals.handle() };
        let came = watch.came.clone();
        let listen = move || {
            for signal in signals.forever() {
                if came.swap(true, Ordering::SeqCst) {
                    // This ends the process. If it fails, the run goes on to its end.
                    let _ = signal_hook::low_level::emulate_default_handler(signal);
                }
                interrupter.interrupt();
            }
        };
        std::thread::Builder::new().name("signals".into()).spawn(listen).map_err(failed)?;
        Ok(watch)
    }

    pub(super) fn came(&self) -> bool {
        self.came.load(Ordering::SeqCst)
    }
}

impl Drop for CtrlC {
    fn drop(&mut self) {
        self.handle.close();
    }
}
