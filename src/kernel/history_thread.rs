//! Owns the thread that reads and writes the history, so that whoever serves requests never waits for another kernel that
//! holds its file. Work is done in the order in which it was given.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::history::History;
use super::protocol::ask::{HistoryReply, HistoryRequest};
use crate::error::{Error, ExitCode};

/// Time that a request waits for the history, and the kernel's end for what is still to be written. Beyond it the request
/// gets an empty history, and the lines are lost.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct HistoryThread {
    /// `None` once the thread is to end.
    work: Option<Sender<Work>>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
}

enum Work {
    Add { line: u32, source: String, output: Option<String> },
    Ask(HistoryRequest, Box<dyn FnOnce(HistoryReply) + Send>),
}

impl HistoryThread {
    pub(super) fn start(mut history: History) -> Result<HistoryThread, Error> {
        let (sender, work) = channel();
        let (end, ended) = channel();
        let run = move || {
            for work in work {
                match work {
                    Work::Add { line, source, output } => history.add(line, &source, output.as_deref()),
                    Work::Ask(request, reply) => reply(history.reply(&request)),
                }
            }
            drop(end);
        };
        std::thread::Builder::new().name("history".into()).spawn(run).map_err(|error| {
            Error::new(ExitCode::Environment, format!("failed to start a thread: {error}; raise `ulimit -u`"))
        })?;
        Ok(HistoryThread { work: Some(sender), ended })
    }

    /// Adds a cell.
    pub(super) fn add(&self, line: u32, source: &str, output: Option<&str>) {
        self.give(Work::Add { line, source: source.to_string(), output: output.map(str::to_string) });
    }

    /// Has `reply` called on the thread, with the history of all cells that were added before.
    pub(super) fn ask(&self, request: HistoryRequest, reply: impl FnOnce(HistoryReply) + Send + 'static) {
        self.give(Work::Ask(request, Box::new(reply)));
    }

    /// Waits until everything is written, at most `patience`.
    pub(super) fn end(&mut self, patience: Duration) {
        self.work = None;
        let _ = self.ended.recv_timeout(patience);
    }

    fn give(&self, work: Work) {
        if let Some(sender) = &self.work {
            // The thread takes work until this sender is dropped, so this does not fail.
            let _ = sender.send(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::protocol::content::Incoming;
    use super::*;
    use serde_json::json;
    use std::sync::mpsc::TryRecvError;

    #[test]
    fn a_kernel_that_holds_the_file_makes_nobody_wait_but_the_request() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("history.jsonl");
        let held = std::fs::File::create(path.with_extension("lock")).expect("made");
        held.lock().expect("nobody else has it");
        let mut history = HistoryThread::start(History::at(Some(path.clone()))).expect("started");
        history.add(1, "let a = 1;", None);
        let request = HistoryRequest::read(json!({}).as_object().expect("an object").clone()).expect("a request");
        let (sender, replies) = channel();
        history.ask(request, move |reply| sender.send(reply.history.len()).expect("somebody waits"));
        assert_eq!(replies.try_recv(), Err(TryRecvError::Empty));
        drop(held);
        assert_eq!(replies.recv(), Ok(1), "the cell that was added before");
        history.end(PATIENCE);
        assert!(std::fs::read_to_string(path).expect("written").contains("let a = 1;"));
    }
}
