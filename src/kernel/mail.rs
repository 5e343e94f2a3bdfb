//! What other threads tell the desk: events of the session, ends of cells, signals. One queue, so that everything
//! keeps the order in which it was said: a cell's output before its end.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::engine::{Answerer, Interrupter, Names, Outcome};
use crate::error::{Error, ExitCode};
use crate::events::{Event, Failure, Sink};

pub(super) enum Mail {
    Event(Event),
    /// A session is ready.
    Started(Interrupter, Answerer),
    /// The cell that was given to the runner has ended.
    Ended(Ended),
    /// The version of the compiler, or none where there is no compiler.
    Language(Option<String>),
    /// SIGINT
    Interrupt,
    /// The launcher has gone, or SIGTERM.
    End,
}

pub(super) enum Ended {
    /// With the names that are in scope from here on.
    Cell(Outcome, Names),
    /// We failed, not the cell.
    Broken(Failure),
}

/// The way in, for every thread.
#[derive(Clone)]
pub(super) struct Outbox {
    sender: Sender<Mail>,
    bell: Arc<Bell>,
}

/// Wakes the desk, with one byte for any number of mails.
struct Bell {
    rung: AtomicBool,
    line: UnixStream,
}

/// The desk's end.
pub(super) struct Inbox {
    receiver: Receiver<Mail>,
    bell: Arc<Bell>,
}

/// A pair of ends, and what is readable when there is mail.
pub(super) fn pair() -> Result<(Outbox, Inbox, UnixStream), Error> {
    let (line, wake) = UnixStream::pair().map_err(|error| {
        Error::new(ExitCode::Environment, format!("failed to open a socket pair: {error}; raise `ulimit -n`"))
    })?;
    let bell = Arc::new(Bell { rung: AtomicBool::new(false), line });
    let (sender, receiver) = channel();
    Ok((Outbox { sender, bell: bell.clone() }, Inbox { receiver, bell }, wake))
}

impl Outbox {
    pub(super) fn send(&self, mail: Mail) {
        // The desk has gone: there is nobody to tell.
        let _ = self.sender.send(mail);
        if !self.bell.rung.swap(true, Ordering::SeqCst) {
            let _ = (&self.bell.line).write_all(b"!");
        }
    }
}

impl Sink for Outbox {
    fn event(&mut self, event: Event) {
        self.send(Mail::Event(event));
    }
}

impl Inbox {
    /// At most `most` mails, and whether there may be more.
    pub(super) fn take(&self, most: usize) -> (Vec<Mail>, bool) {
        // Before looking, so that what comes after the look rings again.
        self.bell.rung.store(false, Ordering::SeqCst);
        let mails: Vec<Mail> = self.receiver.try_iter().take(most).collect();
        let more = mails.len() == most;
        (mails, more)
    }
}
