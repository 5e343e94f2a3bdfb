//! Writes what the view has drawn to the terminal or pipe, on a thread of its own.
//!
//! Nothing waits for a timer: an idle printer writes at once, a busy one takes all that has come meanwhile in one
//! write. So a lone line shows immediately and a million lines need few writes.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// So many bytes may wait to be written; then whoever draws waits.
const WAITING: usize = 4 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The report of the run: standard output, or standard error where the notebook itself goes to standard output.
    Report,
    /// Standard error: why the run stopped.
    Problem,
}

pub(super) struct Printer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// In order; neighbours have different targets.
    waiting: Vec<(Target, Vec<u8>)>,
    bytes: usize,
    finished: bool,
    /// Why the report can no longer be written.
    closed: Option<io::ErrorKind>,
}

impl Printer {
    pub(super) fn start(report: Box<dyn Write + Send>, problem: Box<dyn Write + Send>) -> Printer {
        let shared = Arc::new(Shared::default());
        let on_thread = Arc::clone(&shared);
        let thread = std::thread::spawn(move || on_thread.work(report, problem));
        Printer { shared, thread: Some(thread) }
    }

    pub(super) fn put(&self, target: Target, bytes: &[u8]) {
        let mut state = self.shared.lock();
        while state.bytes > WAITING && state.closed.is_none() {
            state = self.shared.wait(state);
        }
        if state.closed.is_some() && target == Target::Report || bytes.is_empty() {
            return;
        }
        let was_idle = state.waiting.is_empty();
        state.bytes += bytes.len();
        match state.waiting.last_mut() {
            Some((last, waiting)) if *last == target => waiting.extend_from_slice(bytes),
            _ => state.waiting.push((target, bytes.to_vec())),
        }
        if was_idle {
            self.shared.changed.notify_all();
        }
    }

    /// Whether, and why, nobody can read the report any more.
    pub(super) fn closed(&self) -> Option<io::ErrorKind> {
        self.shared.lock().closed
    }

    /// Answers once everything is written.
    pub(super) fn finish(&mut self) {
        self.shared.lock().finished = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of that thread was reported where it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, mut report: Box<dyn Write + Send>, mut problem: Box<dyn Write + Send>) {
        loop {
            let mut state = self.lock();
            while state.waiting.is_empty() {
                if state.finished {
                    return;
                }
                state = self.wait(state);
            }
            let taken = std::mem::take(&mut state.waiting);
            state.bytes = 0;
            drop(state);
            self.changed.notify_all();
            for (target, bytes) in taken {
                let writer = match target {
                    Target::Report => &mut report,
                    Target::Problem => &mut problem,
                };
                let written = writer.write_all(&bytes).and_then(|()| writer.flush());
                if let (Target::Report, Err(error)) = (target, written) {
                    self.lock().closed.get_or_insert(error.kind());
                    self.changed.notify_all();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notebook::fixture::Page;

    #[test]
    fn everything_arrives_in_order() {
        let (report, problem) = (Page::default(), Page::default());
        let mut printer = Printer::start(Box::new(report.clone()), Box::new(problem.clone()));
        let lines: Vec<String> = (0..100_000).map(|n| format!("{n}\n")).collect();
        for (n, line) in lines.iter().enumerate() {
            printer.put(if n % 7 == 0 { Target::Problem } else { Target::Report }, line.as_bytes());
        }
        printer.finish();
        let every = |seventh: bool| {
            lines
                .iter()
                .enumerate()
                .filter(|(n, _)| (n % 7 == 0) == seventh)
                .map(|(_, l)| l.as_str())
                .collect::<String>()
        };
        assert_eq!(report.text(), every(false));
        assert_eq!(problem.text(), every(true));
        assert_eq!(printer.closed(), None);
    }

    #[test]
    fn a_closed_report_holds_up_nothing() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let problem = Page::default();
        let mut printer = Printer::start(Box::new(Closed), Box::new(problem.clone()));
        for _ in 0..20 {
            printer.put(Target::Report, &vec![b'x'; WAITING / 2]);
        }
        printer.put(Target::Problem, b"still said");
        printer.finish();
        assert_eq!(printer.closed(), Some(io::ErrorKind::BrokenPipe));
        assert_eq!(problem.text(), "still said");
    }
}
