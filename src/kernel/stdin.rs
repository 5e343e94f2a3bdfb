//! Input of cells: `input_request` to the client whose cell runs, and its `input_reply` back to the cell
//! (<https://jupyter-client.readthedocs.io/en/stable/messaging.html#messages-on-the-stdin-router-dealer-channel>). One
//! question is open at a time; a reply to no open question is logged and dropped.

use std::time::{Duration, Instant};

use super::log::log;
use super::outbound::Outbound;
use super::protocol::codec::{Message, Outgoing};
use super::protocol::content::Incoming;
use super::protocol::stdin::{InputReply, InputRequest};
use crate::engine::{Answer, Answerer};

/// The line that Jupyter's console and IPython send when their user ends the input.
const END: &str = "\u{4}";

/// Interval at which an open question is sent again to a client that has not connected to stdin yet: ZeroMQ does not tell
/// when a client connects.
const RETRY: Duration = Duration::from_millis(20);

/// Time in which a client has to connect to stdin. Beyond it the input of its cell is empty.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Stdin {
    /// `None` before the first session is ready.
    answerer: Option<Answerer>,
    open: Option<Question>,
}

struct Question {
    /// The engine's number of the question.
    number: u64,
    message: Outgoing,
    sent: Sent,
}

enum Sent {
    /// The question was sent with this `msg_id`.
    As(String),
    /// The client has not connected to stdin yet.
    NotYet { again: Instant, until: Instant },
}

impl Stdin {
    /// A session is ready, whose cells may ask.
    pub(super) fn session_started(&mut self, answerer: Answerer) {
        self.answerer = Some(answerer);
    }

    /// The cell has ended, and its question with it.
    pub(super) fn cell_ended(&mut self) {
        self.open = None;
    }

    /// The cell is being interrupted: its read fails.
    pub(super) fn interrupt(&mut self) {
        self.answer(Answer::Interrupted);
    }

    /// Asks the client whose `execute_request` is running, after everything that the cell has put out so far.
    pub(super) fn ask(&mut self, request: &Message, number: u64, content: &InputRequest, outbound: &mut Outbound) {
        outbound.send_all();
        let now = Instant::now();
        let sent = Sent::NotYet { again: now, until: now + PATIENCE };
        self.open = Some(Question { number, message: request.reply(content), sent });
        self.ask_again(now, outbound);
    }

    /// Sends the open question if it has not been sent.
    pub(super) fn ask_again(&mut self, now: Instant, outbound: &mut Outbound) {
        let Some(Question { message, sent, .. }) = &mut self.open else { return };
        let Sent::NotYet { until, .. } = *sent else { return };
        match outbound.ask(message.clone()) {
            Some(id) => *sent = Sent::As(id),
            None if now < until => *sent = Sent::NotYet { again: now + RETRY, until },
            None => {
                log("the client that asked for the cell has no stdin channel, so its input is empty");
                self.answer(Answer::End);
            }
        }
    }

    /// When the open question is to be sent again. `None` if it has been sent, or none is open.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.open.as_ref()?.sent {
            Sent::NotYet { again, .. } => Some(again),
            Sent::As(_) => None,
        }
    }

    /// Takes a message of the stdin channel.
    pub(super) fn take(&mut self, mut message: Message) {
        let msg_type = message.msg_type.clone();
        if msg_type != InputReply::MSG_TYPE || !self.is_asked(&message) {
            return log(format_args!("{msg_type} on stdin answers no open question"));
        }
        match InputReply::read(std::mem::take(&mut message.content)) {
            Ok(reply) => {
                self.answer(if reply.value == END { Answer::End } else { Answer::Line(reply.value) });
            }
            Err(why) => log(format_args!("{why}; the question stays open")),
        }
    }

    fn answer(&mut self, answer: Answer) {
        if let Some((answerer, question)) = self.answerer.as_ref().zip(self.open.take()) {
            // Returns false if the cell has ended meanwhile: nobody waits for the answer.
            answerer.answer(question.number, answer);
        }
    }

    /// Whether the client that sends this reply was asked. Some clients name the `input_request` as the parent of their
    /// reply; then it has to be the open one.
    fn is_asked(&self, reply: &Message) -> bool {
        let is_parent = |question: &Question| match reply.parent["msg_type"].as_str() {
            Some("input_request") => matches!(&question.sent, Sent::As(id) if reply.parent["msg_id"] == **id),
            _ => true,
        };
        // A client has the same identity on all channels.
        let is_open = |question: &Question| question.message.identities == reply.identities && is_parent(question);
        self.open.as_ref().is_some_and(is_open)
    }
}
