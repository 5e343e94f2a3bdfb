//! One `execute_request`, from its turn to its reply
//! (<https://jupyter-client.readthedocs.io/en/stable/messaging.html#execute>): its cell, then its user expressions, each
//! as a cell of its own.
//!
//! The reply is sent when everything that the cell wrote has been published, and `idle` comes last.

use std::collections::VecDeque;
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::history_thread::HistoryThread;
use super::numbers::Numbers;
use super::outbound::Outbound;
use super::protocol::codec::{Message, date};
use super::protocol::content::ErrorContent;
use super::protocol::execute::{ExecuteReply, ExecuteRequest, ExecuteStatus, ExpressionResult, Payload};
use super::protocol::iopub::{ExecuteInput, ExecutionState};
use super::runner::{Job, Work};
use crate::engine::{Input, Outcome};
use crate::events::{CellId, Event, Failure};

/// A request that waits for its turn.
pub(super) struct CellRequest {
    pub message: Message,
    pub content: ExecuteRequest,
}

/// A request that has had its turn and has no reply yet.
pub(super) struct RunningCell {
    request: CellRequest,
    /// The cell that the session runs now: the request's own, or one of its expressions.
    cell: CellId,
    count: u32,
    started: String,
    result: Option<Map<String, Value>>,
    failure: Option<Failure>,
    payload: Vec<Payload>,
    /// `None` while the request's own cell runs.
    expressions: Option<Expressions>,
}

struct Expressions {
    /// The name of the expression that runs. `None` before the first.
    current: Option<String>,
    left: VecDeque<(String, String)>,
    done: Map<String, Value>,
}

/// What a running cell needs next.
pub(super) enum Effect {
    /// The session's thread has to do this.
    Start(Work),
    /// Nothing is left to run: `finish` sends the reply.
    Done,
}

impl CellRequest {
    pub(super) fn is_blank(&self) -> bool {
        self.content.code.trim().is_empty()
    }

    pub(super) fn stores_history(&self) -> bool {
        self.content.store_history && !self.content.silent
    }

    /// Whether running it makes a new `In[n]`.
    fn is_numbered(&self) -> bool {
        self.stores_history() && !self.is_blank()
    }

    fn input(&self) -> Input {
        if self.content.allow_stdin { Input::Asked } else { Input::Refused }
    }
}

impl RunningCell {
    /// Gives a request its turn. `page` is what the front end shows instead of running the cell (`name?`); `ahead` are the
    /// sources of the cells that follow.
    pub(super) fn begin(
        request: CellRequest,
        page: Option<String>,
        ahead: Vec<String>,
        numbers: &mut Numbers,
        outbound: &mut Outbound,
    ) -> (RunningCell, Effect) {
        let header = &request.message.header;
        outbound.status(header, ExecutionState::Busy);
        let cell = if request.is_numbered() { numbers.numbered() } else { numbers.unnumbered() };
        let (count, silent) = (numbers.count(), request.content.silent);
        if !silent {
            outbound.publish(header, &ExecuteInput { code: &request.content.code, execution_count: count });
        }
        outbound.begin_cell(cell, header, count, silent);
        let mut running = RunningCell {
            request,
            cell,
            count,
            started: date(SystemTime::now()),
            result: None,
            failure: None,
            payload: Vec::new(),
            expressions: None,
        };
        let effect = running.first_effect(page, ahead);
        (running, effect)
    }

    fn first_effect(&mut self, page: Option<String>, ahead: Vec<String>) -> Effect {
        if let Some(page) = page {
            let data = Map::from_iter([("text/plain".to_owned(), page.into())]);
            self.payload.push(Payload::Page { data, start: 0 });
            return Effect::Done;
        }
        if self.request.is_blank() {
            return Effect::Done;
        }
        let ahead = if self.request.is_numbered() { ahead } else { Vec::new() };
        let (source, input) = (self.request.content.code.clone(), self.request.input());
        Effect::Start(Work::Cell(Job { cell: self.cell, source, ahead, input }))
    }

    pub(super) fn message(&self) -> &Message {
        &self.request.message
    }

    /// Takes what is told of the cell with the reply: its result, and text for the next cell.
    pub(super) fn note(&mut self, event: &Event) {
        match event {
            Event::Result { cell, data } if *cell == self.cell => self.result = Some(data.clone()),
            Event::NextInput { cell, text, replace } if *cell == self.cell => {
                self.payload.push(Payload::SetNextInput { text: text.clone(), replace: *replace });
            }
            _ => {}
        }
    }

    /// Takes a failure, which is published with the end of the cell: a request has one error. Failures before the last
    /// become output.
    pub(super) fn failed(&mut self, cell: CellId, failure: Failure, outbound: &mut Outbound) {
        if cell == self.cell
            && let Some(earlier) = self.failure.replace(failure)
        {
            outbound.say(cell, &(earlier.traceback.join("\n") + "\n"));
        }
    }

    /// One cell of this request has ended: the next expression has its turn, if there is one.
    pub(super) fn ended(
        &mut self,
        ended: Result<Outcome, Failure>,
        numbers: &mut Numbers,
        history: &HistoryThread,
        outbound: &mut Outbound,
    ) -> Effect {
        match ended {
            Ok(Outcome::Ok) => {
                // The cell went well; what failed is that the worker had died before it.
                if let Some(failure) = self.failure.take() {
                    outbound.say(self.cell, &(failure.traceback.join("\n") + "\n"));
                }
            }
            Ok(_) => {}
            Err(failure) => self.failure = Some(failure),
        }
        outbound.flush_cell(self.cell);
        let mut expressions = match self.expressions.take() {
            Some(mut expressions) => {
                if let Some(name) = expressions.current.take() {
                    let result = expression_result(self.result.take(), self.failure.take());
                    expressions.done.insert(name, json!(result));
                }
                expressions
            }
            None if self.failure.is_some() => return Effect::Done,
            None => {
                self.remember(history);
                let left = std::mem::take(&mut self.request.content.user_expressions.0).into();
                Expressions { current: None, left, done: Map::new() }
            }
        };
        let next = expressions.left.pop_front();
        let Some((name, source)) = next else {
            self.expressions = Some(expressions);
            return Effect::Done;
        };
        expressions.current = Some(name);
        self.expressions = Some(expressions);
        self.cell = numbers.unnumbered();
        self.result = None;
        outbound.begin_cell(self.cell, &self.request.message.header, self.count, true);
        let input = self.request.input();
        Effect::Start(Work::Cell(Job { cell: self.cell, source, ahead: Vec::new(), input }))
    }

    /// Whether the requests behind this one on its shell are not to be run.
    pub(super) fn aborts_others(&self) -> bool {
        self.failure.is_some() && self.request.content.stop_on_error
    }

    /// Publishes the error if there is one, replies, and says `idle`.
    pub(super) fn finish(self, history: &HistoryThread, outbound: &mut Outbound) {
        if self.failure.is_some() {
            self.remember(history);
        }
        let RunningCell { request, count, started, failure, payload, expressions, .. } = self;
        let CellRequest { message, content } = request;
        let status = match failure.map(ErrorContent::from) {
            None => ExecuteStatus::Ok,
            Some(error) => {
                if !content.silent {
                    outbound.publish(&message.header, &error);
                }
                ExecuteStatus::Error(error)
            }
        };
        let user_expressions = expressions.map(|expressions| expressions.done).unwrap_or_default();
        let reply = ExecuteReply { status, execution_count: count, payload, user_expressions };
        send(&message, started, &reply, outbound);
        outbound.status(&message.header, ExecutionState::Idle);
    }

    fn remember(&self, history: &HistoryThread) {
        if self.request.is_numbered() {
            let output = self.result.as_ref().filter(|_| self.failure.is_none());
            let output = output.and_then(|data| data.get("text/plain")?.as_str());
            history.add(self.count, &self.request.content.code, output);
        }
    }
}

/// Replies to a request that is not run.
pub(super) fn refuse(message: &Message, error: ErrorContent, count: u32, outbound: &mut Outbound) {
    let (payload, user_expressions) = (Vec::new(), Map::new());
    let status = ExecuteStatus::Error(error);
    let reply = ExecuteReply { status, execution_count: count, payload, user_expressions };
    send(message, date(SystemTime::now()), &reply, outbound);
}

/// Replies after everything that was published; `started` goes with the reply's metadata, as ipykernel has it.
fn send(to: &Message, started: String, content: &ExecuteReply, outbound: &mut Outbound) {
    let mut reply = to.reply(content);
    reply.metadata.insert("started".into(), started.into());
    outbound.send_published();
    outbound.send(to.channel, reply);
}

fn expression_result(result: Option<Map<String, Value>>, failure: Option<Failure>) -> ExpressionResult {
    match failure {
        Some(failure) => ExpressionResult::Error(failure.into()),
        None => ExpressionResult::Ok { data: result.unwrap_or_default(), metadata: Map::new() },
    }
}
