//! `execute_request`, from its queue to its reply: one cell at a time, in the order in which they came.
//!
//! The reply is sent when everything that the cell wrote has been published, and `idle` comes last.

use std::collections::VecDeque;
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::connection::Channel;
use super::desk::{Desk, content_flag};
use super::input;
use super::mail::Ended;
use super::message::{Message, date};
use super::runner::{Job, Work};
use super::subshell;
use crate::engine::{self, Input, Outcome};
use crate::events::{CellId, Event, Failure};

/// Cells that have no number of their own (silent ones, user expressions) are numbered from here.
const UNNUMBERED: u32 = 1 << 30;

/// So many waiting cells may be compiled while one runs.
const AHEAD: usize = 16;

#[derive(Default)]
pub(super) struct Queue {
    waiting: VecDeque<Waiting>,
    running: Option<Running>,
    /// `In[n]` of the last cell that has a number.
    count: u32,
    unnumbered: u32,
}

/// What waits for its turn on the thread that runs cells.
enum Waiting {
    Execute(Request),
    Comm(Message),
}

/// An `execute_request` as it was asked for.
struct Request {
    message: Message,
    code: String,
    silent: bool,
    store_history: bool,
    stop_on_error: bool,
    input: Input,
    user_expressions: Vec<(String, String)>,
}

struct Running {
    request: Request,
    /// The cell that the session runs now: the request's own, or one of its expressions.
    cell: CellId,
    count: u32,
    started: String,
    result: Option<Map<String, Value>>,
    failure: Option<Failure>,
    /// What the front end is to do besides.
    payload: Vec<Value>,
    /// None while the request's own cell runs.
    expressions: Option<Expressions>,
}

struct Expressions {
    current: String,
    left: VecDeque<(String, String)>,
    done: Map<String, Value>,
}

impl Queue {
    pub(super) fn running_message(&self) -> Option<&Message> {
        self.running.as_ref().map(|running| &running.request.message)
    }

    pub(super) fn running_header(&self) -> Option<Value> {
        self.running.as_ref().map(|running| running.request.message.header.clone())
    }

    /// The cells that will have the next numbers. Blank ones have none, and do not come to the session.
    fn ahead(&self) -> Vec<String> {
        let is_blank = |request: &&Request| request.code.trim().is_empty();
        let next = self.waiting.iter().filter_map(Waiting::execute).take_while(|request| request.store_history);
        next.filter(|request| !is_blank(request)).take(AHEAD).map(|request| request.code.clone()).collect()
    }

    /// A cell without a number of its own, and the number that is shown with it.
    pub(super) fn unnumbered(&mut self) -> (CellId, u32) {
        self.unnumbered += 1;
        (CellId(UNNUMBERED + self.unnumbered), self.count)
    }
}

impl Waiting {
    fn execute(&self) -> Option<&Request> {
        match self {
            Waiting::Execute(request) => Some(request),
            Waiting::Comm(_) => None,
        }
    }
}

impl Request {
    fn read(message: Message) -> Request {
        let content = &message.content;
        let silent = content_flag(content, "silent", false);
        let expressions = content["user_expressions"].as_object().into_iter().flatten();
        let expression = |(name, code): (&String, &Value)| Some((name.clone(), code.as_str()?.to_owned()));
        Request {
            code: content["code"].as_str().unwrap_or_default().to_owned(),
            silent,
            store_history: !silent && content_flag(content, "store_history", true),
            stop_on_error: content_flag(content, "stop_on_error", true),
            input: input::of_request(&message),
            user_expressions: expressions.filter_map(expression).collect(),
            message,
        }
    }

    /// Whether running it makes a new `In[n]`.
    fn is_numbered(&self) -> bool {
        self.store_history && !self.code.trim().is_empty()
    }
}

impl Desk {
    pub(super) fn enqueue(&mut self, message: Message) {
        let waiting = match message.msg_type.as_str() {
            "execute_request" => Waiting::Execute(Request::read(message)),
            _ => Waiting::Comm(message),
        };
        self.queue.waiting.push_back(waiting);
    }

    /// Begins the next request, and those after it that need no session, if nothing runs.
    pub(super) fn next(&mut self) {
        while self.queue.running.is_none() && self.comms.running_header().is_none() {
            match self.queue.waiting.pop_front() {
                Some(Waiting::Execute(request)) => self.begin(request),
                Some(Waiting::Comm(message)) => self.begin_comm(message),
                None => return,
            }
        }
    }

    fn begin(&mut self, request: Request) {
        let header = request.message.header.clone();
        self.status(&header, "busy");
        let numbered = request.is_numbered();
        let cell = if numbered {
            self.queue.count += 1;
            CellId(self.queue.count)
        } else {
            self.queue.unnumbered().0
        };
        let count = self.queue.count;
        if !request.silent {
            let input = json!({"code": request.code, "execution_count": count});
            self.publish("execute_input", header.clone(), input);
        }
        self.publisher.begin(cell, header, count, request.silent);
        let started = date(SystemTime::now());
        let source = request.code.clone();
        let (result, failure, payload) = (None, None, Vec::new());
        let mut running = Running { request, cell, count, started, result, failure, payload, expressions: None };
        if let Some(page) = engine::help(&self.names, &source) {
            running.payload.push(json!({"source": "page", "data": {"text/plain": page}, "start": 0}));
            return self.finish(running, Map::new());
        }
        if source.trim().is_empty() {
            return self.finish(running, Map::new());
        }
        let ahead = if numbered { self.queue.ahead() } else { Vec::new() };
        let input = running.request.input;
        self.queue.running = Some(running);
        self.runner.run(Work::Cell(Job { cell, source, ahead, input }));
    }

    /// A failure is published with the end of its cell: there is one for each request.
    pub(super) fn failed(&mut self, cell: CellId, failure: Failure) {
        let Some(running) = self.queue.running.as_mut().filter(|running| running.cell == cell) else { return };
        if let Some(earlier) = running.failure.replace(failure) {
            self.publisher.say(cell, &(earlier.traceback.join("\n") + "\n"));
        }
    }

    /// Keeps the result for the history and for user expressions.
    pub(super) fn note_result(&mut self, event: &Event) {
        if let (Event::Result { cell, data }, Some(running)) = (event, &mut self.queue.running)
            && running.cell == *cell
        {
            running.result = Some(data.clone());
        }
    }

    pub(super) fn note_next_input(&mut self, event: &Event) {
        if let (Event::NextInput { cell, text, replace }, Some(running)) = (event, &mut self.queue.running)
            && running.cell == *cell
        {
            running.payload.push(json!({"source": "set_next_input", "text": text, "replace": replace}));
        }
    }

    pub(super) fn ended(&mut self, ended: Ended) {
        let Some(mut running) = self.queue.running.take() else { return };
        self.inputs.forget();
        match ended {
            Ended::Cell(outcome, names) => {
                self.names = names;
                if outcome == Outcome::Ok
                    && let Some(failure) = running.failure.take()
                {
                    // The cell went well; what failed is that the worker had died before it.
                    self.publisher.say(running.cell, &(failure.traceback.join("\n") + "\n"));
                }
            }
            Ended::Broken(failure) => running.failure = Some(failure),
        }
        self.go_on(running);
        self.next();
    }

    /// One cell of this request has ended: the expressions are next, or the reply.
    fn go_on(&mut self, mut running: Running) {
        self.publisher.end(running.cell);
        let mut expressions = match running.expressions.take() {
            Some(mut expressions) => {
                let answer = expression_answer(running.result.take(), running.failure.take());
                expressions.done.insert(std::mem::take(&mut expressions.current), answer);
                expressions
            }
            None if running.failure.is_some() => return self.finish(running, Map::new()),
            None => {
                self.remember(&running);
                let left = std::mem::take(&mut running.request.user_expressions).into();
                Expressions { current: String::new(), left, done: Map::new() }
            }
        };
        let Some((name, source)) = expressions.left.pop_front() else {
            return self.finish(running, expressions.done);
        };
        expressions.current = name;
        running.cell = self.queue.unnumbered().0;
        running.result = None;
        running.expressions = Some(expressions);
        self.publisher.begin(running.cell, running.request.message.header.clone(), running.count, true);
        let job = Job { cell: running.cell, source, ahead: Vec::new(), input: running.request.input };
        self.queue.running = Some(running);
        self.runner.run(Work::Cell(job));
    }

    fn remember(&mut self, running: &Running) {
        if running.request.is_numbered() {
            let output = running.result.as_ref().and_then(|data| data["text/plain"].as_str());
            self.history.add(running.count, &running.request.code, output);
        }
    }

    fn finish(&mut self, running: Running, expressions: Map<String, Value>) {
        let Running { request, count, started, failure, payload, .. } = running;
        let header = request.message.header.clone();
        let mut content = json!({"status": "ok", "execution_count": count, "payload": payload,
            "user_expressions": expressions});
        let aborts = failure.is_some() && request.stop_on_error;
        if aborts {
            // What lies before us now was sent by somebody who has not seen the error.
            self.gather();
        }
        if let Some(failure) = failure {
            if request.is_numbered() {
                self.history.add(count, &request.code, None);
            }
            let error = json!({"ename": failure.ename, "evalue": failure.evalue, "traceback": failure.traceback});
            if !request.silent {
                self.publish("error", header.clone(), error.clone());
            }
            content["status"] = "error".into();
            content
                .as_object_mut()
                .into_iter()
                .for_each(|map| map.extend(error.as_object().cloned().unwrap_or_default()));
        }
        self.send_published();
        self.execute_reply(&request.message, started, content);
        self.status(&header, "idle");
        if aborts {
            // What was asked for on this shell before the error was seen.
            self.abort_waiting(subshell::id_of(&header), "not run: a cell before it failed");
        }
    }

    fn execute_reply(&mut self, to: &Message, started: String, content: Value) {
        let mut reply = to.reply("execute_reply", content);
        reply.metadata.insert("started".into(), started.into());
        self.wire.send(Channel::Shell, reply);
    }

    /// What waits on this shell is not run. The other shells' requests keep their places, and so do comm messages.
    pub(super) fn abort_waiting(&mut self, subshell: Option<&str>, why: &str) {
        let waiting = std::mem::take(&mut self.queue.waiting);
        for waiting in waiting {
            let message = match waiting {
                Waiting::Execute(Request { message, .. }) if subshell::id_of(&message.header) == subshell => {
                    message
                }
                kept => {
                    self.queue.waiting.push_back(kept);
                    continue;
                }
            };
            self.status(&message.header, "busy");
            let error = json!({"status": "error", "ename": "Aborted", "evalue": why, "traceback": []});
            self.refuse_execution(&message, error);
            self.status(&message.header, "idle");
        }
    }

    /// Answers an `execute_request` that is not run with this error.
    pub(super) fn refuse_execution(&mut self, message: &Message, mut error: Value) {
        error["execution_count"] = self.queue.count.into();
        error["payload"] = json!([]);
        error["user_expressions"] = json!({});
        self.execute_reply(message, date(SystemTime::now()), error);
    }
}

fn expression_answer(result: Option<Map<String, Value>>, failure: Option<Failure>) -> Value {
    match failure {
        Some(Failure { ename, evalue, traceback }) => {
            json!({"status": "error", "ename": ename, "evalue": evalue, "traceback": traceback})
        }
        None => json!({"status": "ok", "data": result.unwrap_or_default(), "metadata": {}}),
    }
}
