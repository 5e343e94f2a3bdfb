//! What other threads tell the dispatcher: events of the session, ends of cells, answers, signals. One queue, so that
//! everything keeps the order in which it was told: a cell's output before its end.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::protocol::codec::Outgoing;
use crate::engine::{Answerer, Interrupter, Outcome, Provider};
use crate::error::{Error, ExitCode};
use crate::events::{Event, Failure, Sink};

pub(super) enum KernelEvent {
    Session(Event),
    /// A session is ready.
    Started(Interrupter, Answerer),
    /// The work that was given to the runner has ended.
    Ended(Ended),
    /// The question under this ticket is answered, by this reply. `None` if nobody will answer it.
    Answered(Ticket, Option<Outgoing>),
    /// SIGINT.
    Interrupt,
    /// The launcher has gone, or SIGTERM.
    End,
}

pub(super) enum Ended {
    /// With the names that are in scope from here on.
    Cell(Outcome, Arc<dyn Provider>),
    /// The kernel failed, not the cell.
    Broken(Failure),
}

/// The number of a question whose answer comes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(pub u64);

/// The sending end of the queue, for every thread.
#[derive(Clone)]
pub(super) struct EventSender {
    sender: Sender<KernelEvent>,
    wake: Arc<Wake>,
}

/// The dispatcher's end of the queue.
pub(super) struct EventReceiver {
    receiver: Receiver<KernelEvent>,
    wake: Arc<Wake>,
}

/// Wakes the dispatcher from its poll, with one byte for any number of events.
struct Wake {
    /// A byte has been sent since the dispatcher last looked for events.
    is_sent: AtomicBool,
    line: UnixStream,
}

/// Both ends of the queue, and a socket that is readable when the dispatcher has to look for events.
pub(super) fn queue() -> Result<(EventSender, EventReceiver, UnixStream), Error> {
    let (line, woken) = UnixStream::pair().map_err(|error| {
        Error::new(ExitCode::Environment, format!("failed to open a socket pair: {error}; raise `ulimit -n`"))
    })?;
    let wake = Arc::new(Wake { is_sent: AtomicBool::new(false), line });
    let (sender, receiver) = channel();
    Ok((EventSender { sender, wake: wake.clone() }, EventReceiver { receiver, wake }, woken))
}

impl EventSender {
    pub(super) fn send(&self, event: KernelEvent) {
        // Fails only if the dispatcher has ended: nobody is left to tell.
        let _ = self.sender.send(event);
        if !self.wake.is_sent.swap(true, Ordering::SeqCst) {
            let _ = (&self.wake.line).write_all(b"!");
        }
    }
}

impl Sink for EventSender {
    fn event(&mut self, event: Event) {
        self.send(KernelEvent::Session(event));
    }
}

impl EventReceiver {
    /// Takes at most `most` events; the flag says that there may be more.
    ///
    /// The byte that announced them has been read by then, or is still to be read: between two calls nothing but the
    /// dispatcher's poll may read the socket, or the events that a byte announces stay unseen until another poll ends.
    pub(super) fn take(&self, most: usize) -> (Vec<KernelEvent>, bool) {
        // The flag is cleared before the queue is read, so that an event that comes later sends a byte again.
        self.wake.is_sent.store(false, Ordering::SeqCst);
        let events: Vec<KernelEvent> = self.receiver.try_iter().take(most).collect();
        let more = events.len() == most;
        (events, more)
    }
}
