//! Everything that the kernel says, in order: replies, what is published, and the gathered output of cells before
//! whatever is published after it. All rooms speak through this one; it knows none of them.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::protocol::codec::{Message, Outgoing};
use super::protocol::connection::Channel;
use super::protocol::content::{Content, ErrorContent, Refusal};
use super::protocol::iopub::{ExecutionState, Status};
use super::publisher::Publisher;
use super::wire::Wire;
use crate::error::Error;
use crate::events::{CellId, Event};

pub(super) struct Outbound {
    wire: Wire,
    publisher: Publisher,
}

impl Outbound {
    pub(super) fn new(wire: Wire) -> Outbound {
        Outbound { wire, publisher: Publisher::default() }
    }

    /// The id that this kernel gives itself in headers.
    pub(super) fn session(&self) -> &str {
        self.wire.session()
    }

    /// Whether anybody listens to iopub, or has listened.
    pub(super) fn is_subscribed(&self) -> bool {
        self.wire.is_subscribed()
    }

    /// Waits for messages, a wake-up, or the time to pass. For the dispatcher's loop only.
    pub(super) fn wait(&mut self, patience: Option<Duration>) -> Result<Vec<Message>, Error> {
        self.wire.wait(patience)
    }

    /// Returns the requests that have come already.
    pub(super) fn arrived(&mut self) -> Vec<Message> {
        self.wire.arrived()
    }

    pub(super) fn reply<C: Content>(&mut self, to: &Message, content: &C) {
        self.wire.send(to.channel, to.reply(content));
    }

    /// Replies to a request, whose replies have type `C`, with an error.
    pub(super) fn refuse<C: Content>(&mut self, to: &Message, error: ErrorContent) {
        self.wire.send(to.channel, to.refusal::<C>(&Refusal { error }));
    }

    /// Sends a reply that was made before.
    pub(super) fn send(&mut self, channel: Channel, reply: Outgoing) {
        self.wire.send(channel, reply);
    }

    /// Sends a question on stdin and returns its `msg_id`. `None` if this client has not connected there.
    pub(super) fn ask(&mut self, question: Outgoing) -> Option<String> {
        self.wire.ask(question)
    }

    /// Publishes about the request with the header `parent`, after everything that was published before.
    pub(super) fn publish<C: Content>(&mut self, parent: &Value, content: &C) {
        self.send_published();
        self.wire.publish(Outgoing::about(parent.clone(), content));
    }

    pub(super) fn status(&mut self, parent: &Value, execution_state: ExecutionState) {
        self.publish(parent, &Status { execution_state });
    }

    /// Sends output of `cell` under the header `parent` from here on. Of a silent cell nothing is shown.
    pub(super) fn begin_cell(&mut self, cell: CellId, parent: &Value, count: u32, silent: bool) {
        self.publisher.begin(cell, parent.clone(), count, silent);
    }

    /// Publishes all output of the cell so far with what is published next.
    pub(super) fn flush_cell(&mut self, cell: CellId) {
        self.publisher.flush(cell);
    }

    pub(super) fn event(&mut self, event: Event) {
        self.publisher.event(event, Instant::now());
    }

    /// Adds text of the kernel to a cell's stderr.
    pub(super) fn say(&mut self, cell: CellId, text: &str) {
        self.publisher.say(cell, text);
    }

    /// Sends what has been gathered for long enough.
    pub(super) fn send_due(&mut self, now: Instant) {
        self.publisher.flush_due(now);
        self.send_published();
    }

    /// Sends everything that has been gathered.
    pub(super) fn send_all(&mut self) {
        self.publisher.flush_all();
        self.send_published();
    }

    /// When gathered output is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.publisher.due()
    }

    /// Sends what is ready to be published.
    pub(super) fn send_published(&mut self) {
        self.publisher.take().into_iter().for_each(|message| self.wire.publish(message));
    }
}
