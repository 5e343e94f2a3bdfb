//! Comms: which are open, and the way of a client's `comm_open`, `comm_msg` and `comm_close` to the handlers of cells.
//!
//! They wait in the queue of requests and are handled one at a time between cells, in the order of their coming. As
//! for cells the queue has no bound: it holds what clients have sent, of which nothing may be dropped.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::desk::Desk;
use super::log;
use super::mail::Ended;
use super::message::Message;
use super::runner::Work;
use crate::engine::{Act, Comm, Outcome};
use crate::events::{CellId, CommAct, Event, Failure, LaneId};

#[derive(Default)]
pub(super) struct Comms {
    /// The target's name, by the comm's id.
    open: BTreeMap<String, String>,
    /// The message that is being handled, and its number.
    running: Option<(Message, CellId)>,
}

impl Comms {
    pub(super) fn running_header(&self) -> Option<Value> {
        self.running.as_ref().map(|(message, _)| message.header.clone())
    }

    /// `comm_info_reply`
    pub(super) fn info(&self, content: &Value) -> Value {
        let wanted = content["target_name"].as_str().filter(|target| !target.is_empty());
        let open = self.open.iter().filter(|(_, target)| wanted.is_none_or(|wanted| wanted == *target));
        let comms: Value = open.map(|(id, target)| (id.clone(), json!({"target_name": target}))).collect();
        json!({"status": "ok", "comms": comms})
    }
}

impl Desk {
    /// Hands a client's message on; its comm must be one that is open, or about to be.
    pub(super) fn begin_comm(&mut self, message: Message) {
        let text = |key: &str| message.content[key].as_str().unwrap_or_default().to_owned();
        let (id, target) = (text("comm_id"), text("target_name"));
        let act = match message.msg_type.as_str() {
            "comm_open" => Act::Open,
            "comm_msg" => Act::Message,
            _ => Act::Close,
        };
        self.status(&message.header, "busy");
        let known = match act {
            Act::Open => self.comms.open.insert(id.clone(), target.clone()).is_none(),
            Act::Message => self.comms.open.contains_key(&id),
            Act::Close => self.comms.open.remove(&id).is_some(),
        };
        if !known {
            log(format_args!("a {} is ignored: comm {id:?} is not open, or is open already", message.msg_type));
            return self.status(&message.header, "idle");
        }
        let (cell, count) = self.queue.unnumbered();
        self.publisher.begin(cell, message.header.clone(), count, false);
        let data = message.content["data"].to_string();
        self.comms.running = Some((message, cell));
        self.runner.run(Work::Comm(Comm { cell: cell.0, act, id, target, data }));
    }

    /// Takes the end of a comm message, if it was one that ran.
    pub(super) fn comm_ended(&mut self, ended: Ended) -> Option<Ended> {
        let Some((message, cell)) = self.comms.running.take() else { return Some(ended) };
        let handled = match ended {
            Ended::Cell(outcome, names) => {
                self.names = names;
                outcome == Outcome::Ok
            }
            Ended::Broken(failure) => {
                self.publisher.say(cell, &(failure.traceback.join("\n") + "\n"));
                false
            }
        };
        self.publisher.end(cell);
        self.send_published();
        if !handled {
            self.close(message.content["comm_id"].as_str().unwrap_or_default());
        }
        self.status(&message.header, "idle");
        self.next();
        None
    }

    /// The worker was lost in a handler: told as its output.
    pub(super) fn comm_failed(&mut self, cell: CellId, failure: &Failure) {
        if self.comms.running.as_ref().is_some_and(|(_, running)| *running == cell) {
            self.publisher.say(cell, &(failure.traceback.join("\n") + "\n"));
        }
    }

    /// Follows which comms are open. A new worker knows none of them.
    pub(super) fn note_comm(&mut self, event: &Event) {
        match event {
            Event::Comm { id, act: CommAct::Open { target }, .. } => {
                self.comms.open.insert(id.clone(), target.clone());
            }
            Event::Comm { id, act: CommAct::Close, .. } => {
                self.comms.open.remove(id);
            }
            Event::Lane(lane) if lane.id == LaneId::MAIN => {
                // The message that is being handled was given to this worker, or has failed with the one before.
                let handled = self.comms.running.as_ref().map(|(message, _)| message.content["comm_id"].clone());
                let gone = |id: &&String| handled.as_ref().is_none_or(|handled| handled != id.as_str());
                let gone: Vec<String> = self.comms.open.keys().filter(gone).cloned().collect();
                gone.iter().for_each(|id| self.close(id));
            }
            _ => {}
        }
    }

    /// No cell knows this comm any more: its clients are told.
    fn close(&mut self, id: &str) {
        if self.comms.open.remove(id).is_some() {
            self.publish("comm_close", json!({}), json!({"comm_id": id, "data": {}}));
        }
    }
}
