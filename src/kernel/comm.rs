//! Comms: which are open, and the way of a client's `comm_open`, `comm_msg` and `comm_close` to the handlers of cells
//! (<https://jupyter-client.readthedocs.io/en/stable/messaging.html#custom-messages>). Each message is handled as a cell
//! of its own, which has no number.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::log::log;
use super::numbers::Numbers;
use super::outbound::Outbound;
use super::protocol::codec::Message;
use super::protocol::comm::{CommClose, CommInfo, CommInfoReply, CommInfoRequest, CommMsg, CommOpen};
use super::protocol::iopub::ExecutionState;
use super::runner::Work;
use crate::engine::Comm;
use crate::events::{CellId, CommAct, Event, Failure, LaneId};

#[derive(Default)]
pub(super) struct Comms {
    /// The target's name, by the comm's id.
    open: BTreeMap<String, String>,
}

/// A comm message of a client.
pub(super) enum CommRequest {
    Open(CommOpen),
    Msg(CommMsg),
    Close(CommClose),
}

/// A comm message that a handler of the session is running for.
pub(super) struct RunningComm {
    pub message: Message,
    pub cell: CellId,
    comm_id: String,
}

impl Comms {
    /// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#comm-info>
    pub(super) fn info(&self, request: &CommInfoRequest) -> CommInfoReply {
        let wanted = &request.target_name;
        let open = self.open.iter().filter(|(_, target)| wanted.is_empty() || wanted == *target);
        let info = |target: &String| CommInfo { target_name: target.clone() };
        CommInfoReply { comms: open.map(|(id, target)| (id.clone(), info(target))).collect() }
    }

    /// Begins to handle a message. `None` if it is ignored, since its comm is not open, or is open already.
    pub(super) fn begin(
        &mut self,
        message: Message,
        request: CommRequest,
        numbers: &mut Numbers,
        outbound: &mut Outbound,
    ) -> Option<(RunningComm, Work)> {
        outbound.status(&message.header, ExecutionState::Busy);
        let (act, id, data) = match request {
            CommRequest::Open(open) => (CommAct::Open { target: open.target_name }, open.comm_id, open.data),
            CommRequest::Msg(msg) => (CommAct::Message, msg.comm_id, msg.data),
            CommRequest::Close(close) => (CommAct::Close, close.comm_id, close.data),
        };
        let is_expected = match &act {
            CommAct::Open { target } => self.open.insert(id.clone(), target.clone()).is_none(),
            CommAct::Message => self.open.contains_key(&id),
            CommAct::Close => self.open.remove(&id).is_some(),
        };
        if !is_expected {
            log(format_args!("a {} is ignored: comm {id:?} is not open, or is open already", message.msg_type));
            outbound.status(&message.header, ExecutionState::Idle);
            return None;
        }
        let cell = numbers.unnumbered();
        outbound.begin_cell(cell, &message.header, numbers.count(), false);
        let running = RunningComm { message, cell, comm_id: id.clone() };
        Some((running, Work::Comm(Comm { cell: cell.0, act, id, data: data.to_string() })))
    }

    /// The handler has ended. A comm whose message could not be handled is closed.
    pub(super) fn ended(&mut self, running: &RunningComm, is_handled: bool, outbound: &mut Outbound) {
        outbound.flush_cell(running.cell);
        if !is_handled {
            self.close(&running.comm_id, outbound);
        }
        outbound.status(&running.message.header, ExecutionState::Idle);
    }

    /// Follows which comms are open. A new worker knows none of them.
    pub(super) fn note(&mut self, event: &Event, running: Option<&RunningComm>, outbound: &mut Outbound) {
        match event {
            Event::Comm { id, act: CommAct::Open { target }, .. } => {
                self.open.insert(id.clone(), target.clone());
            }
            Event::Comm { id, act: CommAct::Close, .. } => {
                self.open.remove(id);
            }
            Event::Lane(lane) if lane.id == LaneId::MAIN => {
                // The message that is being handled was given to this worker, or fails with the one before: `ended` then
                // closes its comm.
                let is_gone = |id: &&String| running.is_none_or(|running| running.comm_id != **id);
                let gone: Vec<String> = self.open.keys().filter(is_gone).cloned().collect();
                gone.iter().for_each(|id| self.close(id, outbound));
            }
            _ => {}
        }
    }

    /// Tells clients that no cell knows this comm any more.
    fn close(&mut self, id: &str, outbound: &mut Outbound) {
        if self.open.remove(id).is_some() {
            let close = CommClose { comm_id: id.to_owned(), data: Value::Object(serde_json::Map::new()) };
            outbound.publish(&json!({}), &close);
        }
    }
}

impl RunningComm {
    /// The worker was lost in the handler: told as the handler's output, since a comm message has no reply.
    pub(super) fn failed(&self, failure: &Failure, outbound: &mut Outbound) {
        outbound.say(self.cell, &(failure.traceback.join("\n") + "\n"));
    }
}
