//! Input of cells: `input_request` to the client whose cell runs, and its `input_reply` back to the cell. One question
//! is open at a time; whatever answers no open question is logged and forgotten.

use std::time::{Duration, Instant};

use serde_json::json;

use super::desk::{Desk, content_flag};
use super::log;
use super::message::{Message, Outgoing};
use crate::engine::{Answer, Answerer, Input};
use crate::events::Event;

/// What a client sends for a line when its user has ended the input (Jupyter's console, IPython).
const END: &str = "\u{4}";

#[derive(Default)]
pub(super) struct Inputs {
    pub answerer: Option<Answerer>,
    open: Option<Open>,
}

/// A question to a client.
struct Open {
    number: u64,
    question: Outgoing,
    sent: Sent,
}

enum Sent {
    /// With this `msg_id`.
    As(String),
    /// The client has not connected to stdin yet, which ZeroMQ does not tell; so it is tried again.
    NotYet { again: Instant, until: Instant },
}

const AGAIN: Duration = Duration::from_millis(20);
/// A client that is not there by then has no stdin channel.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who answers the cells of this `execute_request`.
pub(super) fn of_request(message: &Message) -> Input {
    if content_flag(&message.content, "allow_stdin", false) { Input::Asked } else { Input::Refused }
}

impl Inputs {
    /// The cell has ended, and its question with it.
    pub(super) fn forget(&mut self) {
        self.open = None;
    }

    /// The cell is being interrupted: it does not wait any longer.
    pub(super) fn interrupt(&mut self) {
        self.answer(Answer::Interrupted);
    }

    fn answer(&mut self, answer: Answer) -> bool {
        let Some((answerer, open)) = self.answerer.as_ref().zip(self.open.take()) else { return false };
        answerer.answer(open.number, answer)
    }

    /// Whether this client may answer now. Some clients name the `input_request` as the parent of their reply.
    fn waits_for(&self, reply: &Message) -> bool {
        let is_asked = |open: &Open| match reply.parent["msg_type"].as_str() {
            Some("input_request") => matches!(&open.sent, Sent::As(id) if reply.parent["msg_id"] == **id),
            _ => true,
        };
        // A client has the same identity on all channels.
        self.open.as_ref().is_some_and(|open| open.question.identities == reply.identities && is_asked(open))
    }

    /// When the question is to be sent again.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.open.as_ref()?.sent {
            Sent::NotYet { again, .. } => Some(again),
            Sent::As(_) => None,
        }
    }
}

impl Desk {
    /// Takes `Event::Input`: what the cell has put out so far goes first.
    pub(super) fn ask(&mut self, event: Event) {
        let Event::Input { number, prompt, password, .. } = event else { return };
        let Some(request) = self.queue.running_message() else { return };
        let question = request.reply("input_request", json!({"prompt": prompt, "password": password}));
        self.publisher.flush_all();
        self.send_published();
        let now = Instant::now();
        let sent = Sent::NotYet { again: now, until: now + PATIENCE };
        self.inputs.open = Some(Open { number, question, sent });
        self.ask_again(now);
    }

    /// Sends the open question if it has not been sent.
    pub(super) fn ask_again(&mut self, now: Instant) {
        let Some(Open { question, sent, .. }) = &mut self.inputs.open else { return };
        let Sent::NotYet { until, .. } = *sent else { return };
        match self.wire.ask(question.clone()) {
            Some(id) => *sent = Sent::As(id),
            None if now < until => *sent = Sent::NotYet { again: now + AGAIN, until },
            None => {
                log("the client that asked for the cell has no stdin channel, so its input is empty");
                self.inputs.answer(Answer::End);
            }
        }
    }

    /// Takes what comes on the stdin channel.
    pub(super) fn on_stdin(&mut self, message: &Message) {
        let value = message.content["value"].as_str().filter(|_| message.msg_type == "input_reply");
        let answered = match value {
            Some(END) if self.inputs.waits_for(message) => self.inputs.answer(Answer::End),
            Some(line) if self.inputs.waits_for(message) => self.inputs.answer(Answer::Line(line.into())),
            _ => false,
        };
        if !answered {
            log(format_args!("{} on stdin answers no open question", message.msg_type));
        }
    }
}
