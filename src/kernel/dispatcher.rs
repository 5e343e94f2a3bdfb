//! The kernel's main loop: the only place that waits. Takes requests from the wire and events from the other threads,
//! one at a time, hands each to its room, and does what the room asks for.
//!
//! A request that runs nothing is replied to when it comes, also while a cell runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::comm::{CommRequest, Comms};
use super::event::{Ended, EventReceiver, EventSender, KernelEvent};
use super::execution::{self, CellRequest, Effect, RunningCell};
use super::history::History;
use super::history_thread::{self, HistoryThread};
use super::kernel_info::{self, KernelInfo};
use super::log::log;
use super::numbers::Numbers;
use super::outbound::Outbound;
use super::protocol::ask::{
    CompleteRequest, HistoryReply, HistoryRequest, InspectRequest, IsCompleteRequest, KernelInfoRequest,
};
use super::protocol::codec::Message;
use super::protocol::comm::{CommClose, CommInfoRequest, CommMsg, CommOpen};
use super::protocol::connection::{Channel, Connection};
use super::protocol::content::{ErrorContent, Incoming, Request};
use super::protocol::control::{
    ConnectRequest, CreateSubshellReply, CreateSubshellRequest, DebugRequest, DeleteSubshellReply,
    DeleteSubshellRequest, InterruptReply, InterruptRequest, ListSubshellReply, ListSubshellRequest, ShutdownReply,
    ShutdownRequest, UsageRequest,
};
use super::protocol::execute::ExecuteRequest;
use super::protocol::iopub::ExecutionState;
use super::protocol::stdin::InputRequest;
use super::questions;
use super::queue::{Queue, Running, Waiting};
use super::runner::{Runner, Work};
use super::stdin::Stdin;
use super::subshells::{self, Subshells};
use super::tickets::{Answered, Answerer, Tickets};
use super::usage::Usage;
use super::wire::Wire;
use crate::engine::{Interrupter, Names, Outcome, Provider};
use crate::error::Error;
use crate::events::Event;

/// Events that are handled before requests have their turn. The others are handled in the next turn.
const TURN: usize = 16;

/// Time that the session has to end with the kernel. Beyond it the process ends all the same, and the worker with it.
const FAREWELL: Duration = Duration::from_secs(3);

/// Interval at which an interrupt is tried again that came between the hand-over of a cell and its beginning.
const INTERRUPT_RETRY: Duration = Duration::from_millis(1);

pub(super) struct Dispatcher {
    outbound: Outbound,
    queue: Queue,
    numbers: Numbers,
    runner: Runner,
    tickets: Tickets,
    history: HistoryThread,
    /// Answers questions about the names in scope after the last cell.
    names: Arc<dyn Provider>,
    stdin: Stdin,
    comms: Comms,
    subshells: Subshells,
    usage: Usage,
    kernel_info: KernelInfo,
    connection: Connection,
    /// `None` before the first session is ready.
    interrupter: Option<Interrupter>,
    /// An interrupt that the session has not been able to take yet.
    is_interrupting: bool,
    /// Whether `starting` has been published.
    has_started: bool,
    ends: bool,
}

/// The loop, and what comes from other threads.
impl Dispatcher {
    pub(super) fn start(connection: Connection, wire: Wire, events: EventSender) -> Result<Dispatcher, Error> {
        Ok(Dispatcher {
            outbound: Outbound::new(wire),
            queue: Queue::default(),
            numbers: Numbers::default(),
            kernel_info: KernelInfo::start()?,
            runner: Runner::start(events.clone())?,
            tickets: Tickets::new(events),
            history: HistoryThread::start(History::open())?,
            names: Arc::new(Names::default()),
            stdin: Stdin::default(),
            comms: Comms::default(),
            subshells: Subshells::default(),
            usage: Usage::default(),
            connection,
            interrupter: None,
            is_interrupting: false,
            has_started: false,
            ends: false,
        })
    }

    /// Serves until the kernel is told to end, then ends the session.
    pub(super) fn serve(mut self, receiver: &EventReceiver) -> Result<(), Error> {
        let served = self.serve_requests(receiver);
        self.runner.end(self.interrupter.as_ref(), FAREWELL);
        self.history.end(history_thread::PATIENCE);
        served
    }

    fn serve_requests(&mut self, receiver: &EventReceiver) -> Result<(), Error> {
        let mut more = false;
        while !self.ends {
            let patience = if more { Some(Duration::ZERO) } else { self.patience() };
            let arrived = self.outbound.wait(patience)?;
            if !self.has_started && self.outbound.is_subscribed() {
                // Before anybody listens, `starting` would be heard by nobody, or before the welcome.
                self.has_started = true;
                self.outbound.status(&json!({}), ExecutionState::Starting);
            }
            arrived.into_iter().for_each(|message| self.request(message));
            // Only now, so that of several cells that came at once the second is known when the first begins.
            self.start_next();
            let events;
            (events, more) = receiver.take(TURN);
            events.into_iter().for_each(|event| self.event(event));
            let now = Instant::now();
            self.outbound.send_due(now);
            self.stdin.ask_again(now, &mut self.outbound);
            self.tickets.expired(now).into_iter().for_each(|answered| self.answered(answered));
            self.try_interrupt();
        }
        self.outbound.send_all();
        Ok(())
    }

    /// How long to wait for requests and events. `None` is for ever.
    fn patience(&self) -> Option<Duration> {
        let now = Instant::now();
        let is_retrying = self.is_interrupting && self.interrupter.is_some();
        let retry = is_retrying.then(|| now + INTERRUPT_RETRY);
        let due = [self.outbound.due(), self.stdin.due(), self.tickets.due(), retry].into_iter().flatten().min();
        due.map(|due| due.saturating_duration_since(now))
    }

    fn event(&mut self, event: KernelEvent) {
        match event {
            KernelEvent::Session(event) => self.session_event(event),
            KernelEvent::Started(interrupter, answerer) => {
                self.interrupter = Some(interrupter);
                self.stdin.session_started(answerer);
            }
            KernelEvent::Ended(ended) => self.ended(ended),
            KernelEvent::Answered(ticket, answer) => {
                let answered = self.tickets.answered(ticket, answer);
                answered.into_iter().for_each(|answered| self.answered(answered));
            }
            KernelEvent::Interrupt => self.interrupt(),
            KernelEvent::End => self.ends = true,
        }
    }

    fn session_event(&mut self, event: Event) {
        let outbound = &mut self.outbound;
        match (event, &mut self.queue.running) {
            (Event::Failed { cell, failure }, Running::Cell(running)) => running.failed(cell, failure, outbound),
            (Event::Failed { cell, failure }, Running::Comm(running)) if running.cell == cell => {
                running.failed(&failure, outbound);
            }
            (Event::Failed { .. }, _) => {}
            (Event::Input { number, prompt, password, .. }, Running::Cell(running)) => {
                self.stdin.ask(running.message(), number, &InputRequest { prompt, password }, outbound);
            }
            (event, running) => {
                if let Running::Cell(running) = running {
                    running.note(&event);
                }
                let comm = if let Running::Comm(running) = running { Some(&**running) } else { None };
                self.comms.note(&event, comm, outbound);
                outbound.event(event);
            }
        }
    }

    /// The session's thread has done its work.
    fn ended(&mut self, ended: Ended) {
        self.is_interrupting = false;
        let ended = match ended {
            Ended::Cell(outcome, names) => {
                self.names = names;
                Ok(outcome)
            }
            Ended::Broken(failure) => Err(failure),
        };
        match std::mem::take(&mut self.queue.running) {
            Running::None => {}
            Running::Cell(mut running) => {
                self.stdin.cell_ended();
                let effect = running.ended(ended, &mut self.numbers, &self.history, &mut self.outbound);
                self.apply(running, effect);
            }
            Running::Comm(running) => {
                if let Err(failure) = &ended {
                    running.failed(failure, &mut self.outbound);
                }
                self.comms.ended(&running, ended == Ok(Outcome::Ok), &mut self.outbound);
            }
        }
        self.start_next();
    }

    /// Gives the next request its turn, and those after it that need no session, if nothing runs.
    fn start_next(&mut self) {
        while let Some(waiting) = self.queue.pop() {
            match waiting {
                Waiting::Cell(request) => {
                    let page = self.names.help(&request.content.code);
                    let ahead = self.queue.ahead();
                    let (running, effect) =
                        RunningCell::begin(*request, page, ahead, &mut self.numbers, &mut self.outbound);
                    self.apply(Box::new(running), effect);
                }
                Waiting::Comm(message, request) => {
                    let begun = self.comms.begin(*message, request, &mut self.numbers, &mut self.outbound);
                    if let Some((running, work)) = begun {
                        self.run(Running::Comm(Box::new(running)), work);
                    }
                }
            }
        }
    }

    /// Sends the reply of a request whose question is answered, or whose time is over.
    fn answered(&mut self, answered: Answered) {
        let Answered { request, reply } = answered;
        self.outbound.send(request.channel, reply);
        self.idle(&request);
    }

    fn apply(&mut self, running: Box<RunningCell>, effect: Effect) {
        match effect {
            Effect::Start(work) => self.run(Running::Cell(running), work),
            Effect::Done => {
                let aborts = running.aborts_others().then(|| running.message().header.clone());
                if aborts.is_some() {
                    // Requests that have come by now were sent by somebody who has not seen the error.
                    self.outbound.arrived().into_iter().for_each(|message| self.request(message));
                }
                running.finish(&self.history, &mut self.outbound);
                if let Some(header) = aborts {
                    self.abort_waiting(subshells::id_of(&header), "not run: a cell before it failed");
                }
            }
        }
    }

    fn run(&mut self, running: Running, work: Work) {
        self.queue.running = running;
        self.runner.start_work(work);
    }

    /// Replies to the cells that wait on this shell, without running them. This is an `error`, as the protocol has it
    /// since version 5.1, not ipykernel's `aborted`.
    fn abort_waiting(&mut self, subshell: Option<&str>, why: &str) {
        for message in self.queue.take_cells_of(subshell) {
            self.outbound.status(&message.header, ExecutionState::Busy);
            let error = ErrorContent::new("Aborted", why);
            execution::refuse(&message, error, self.numbers.count(), &mut self.outbound);
            self.outbound.status(&message.header, ExecutionState::Idle);
        }
    }

    /// Stops what the session's thread is doing, if it is doing something.
    fn interrupt(&mut self) {
        self.is_interrupting = self.queue.running.message().is_some();
        self.try_interrupt();
        // Only then, so that a cell whose read fails is known to have been interrupted.
        self.stdin.interrupt();
    }

    /// Hands an interrupt on to the session. While the session starts, and in the moment before a cell begins, there is
    /// nothing to stop yet: the interrupt is kept until there is.
    fn try_interrupt(&mut self) {
        if self.is_interrupting
            && let Some(interrupter) = &self.interrupter
        {
            self.is_interrupting = !interrupter.interrupt();
        }
    }
}

/// Requests.
impl Dispatcher {
    fn request(&mut self, message: Message) {
        match (message.channel, message.msg_type.as_str()) {
            (Channel::Stdin, _) => self.stdin.take(message),
            (Channel::Shell, ExecuteRequest::MSG_TYPE) => self.enqueue_cell(message),
            (Channel::Shell, <CommOpen as Incoming>::MSG_TYPE) => self.enqueue_comm(message, CommRequest::Open),
            (Channel::Shell, <CommMsg as Incoming>::MSG_TYPE) => self.enqueue_comm(message, CommRequest::Msg),
            (Channel::Shell, <CommClose as Incoming>::MSG_TYPE) => self.enqueue_comm(message, CommRequest::Close),
            (_, CompleteRequest::MSG_TYPE) => self.complete(message),
            (_, InspectRequest::MSG_TYPE) => self.inspect(message),
            (_, KernelInfoRequest::MSG_TYPE) => self.kernel_info(message),
            (_, IsCompleteRequest::MSG_TYPE) => self.reply(message, |_, request| questions::is_complete(&request)),
            (_, HistoryRequest::MSG_TYPE) => self.history(message),
            (_, CommInfoRequest::MSG_TYPE) => self.reply(message, |this, request| this.comms.info(&request)),
            (_, ConnectRequest::MSG_TYPE) => {
                self.reply(message, |this, ConnectRequest {}| this.connection.ports());
            }
            (_, UsageRequest::MSG_TYPE) => self.reply(message, |this, UsageRequest {}| this.usage.read()),
            (_, InterruptRequest::MSG_TYPE) => self.reply(message, |this, InterruptRequest {}| {
                this.interrupt();
                InterruptReply {}
            }),
            (_, CreateSubshellRequest::MSG_TYPE) => self.reply(message, |this, CreateSubshellRequest {}| {
                CreateSubshellReply { subshell_id: this.subshells.create(this.outbound.session()) }
            }),
            (_, DeleteSubshellRequest::MSG_TYPE) => self.try_reply(message, Dispatcher::delete_subshell),
            (_, ListSubshellRequest::MSG_TYPE) => self.reply(message, |this, ListSubshellRequest {}| {
                ListSubshellReply { subshell_id: this.subshells.ids().to_vec() }
            }),
            (_, ShutdownRequest::MSG_TYPE) => self.shut_down(message),
            (_, DebugRequest::MSG_TYPE) => self.try_reply(message, |_, DebugRequest {}| {
                Err(ErrorContent::new("UnknownMessage", "this kernel has no debugger"))
            }),
            _ => self.ignore(&message, &format!("{} is not known here", message.msg_type)),
        }
    }

    fn enqueue_cell(&mut self, mut message: Message) {
        match self.read(&mut message) {
            Ok(content) => self.queue.push(Waiting::Cell(Box::new(CellRequest { message, content }))),
            Err(error) => {
                self.outbound.status(&message.header, ExecutionState::Busy);
                execution::refuse(&message, error, self.numbers.count(), &mut self.outbound);
                self.idle(&message);
            }
        }
    }

    fn enqueue_comm<C: Incoming>(&mut self, mut message: Message, request: fn(C) -> CommRequest) {
        match self.read(&mut message) {
            Ok(content) => self.queue.push(Waiting::Comm(Box::new(message), request(content))),
            // A comm message has no reply that could say so.
            Err(error) => self.ignore(&message, &error.evalue),
        }
    }

    fn complete(&mut self, mut message: Message) {
        let Some(request) = self.begin::<CompleteRequest>(&mut message) else { return };
        let (names, until) = (&*self.names, Instant::now() + questions::PATIENCE);
        let fallback = questions::no_completions(&request);
        let put = |answerer| questions::complete(names, &request, answerer);
        let answered = self.tickets.ask(message, until, &fallback, put);
        answered.into_iter().for_each(|answered| self.answered(answered));
    }

    fn inspect(&mut self, mut message: Message) {
        let Some(request) = self.begin::<InspectRequest>(&mut message) else { return };
        let (names, until) = (&*self.names, Instant::now() + questions::PATIENCE);
        let put = |answerer| questions::inspect(names, &request, answerer);
        let answered = self.tickets.ask(message, until, &questions::inspected(None), put);
        answered.into_iter().for_each(|answered| self.answered(answered));
    }

    fn history(&mut self, mut message: Message) {
        let Some(request) = self.begin::<HistoryRequest>(&mut message) else { return };
        let (history, until) = (&self.history, Instant::now() + history_thread::PATIENCE);
        let fallback = HistoryReply { history: Vec::new() };
        let put = |answerer: Answerer<_>| history.ask(request, move |reply| answerer.send(&reply));
        let answered = self.tickets.ask(message, until, &fallback, put);
        answered.into_iter().for_each(|answered| self.answered(answered));
    }

    fn kernel_info(&mut self, mut message: Message) {
        let Some(KernelInfoRequest {}) = self.begin(&mut message) else { return };
        let (kernel_info, until) = (&self.kernel_info, self.kernel_info.until);
        let fallback = kernel_info::content("");
        let put = |answerer| kernel_info.answer(answerer);
        let answered = self.tickets.ask(message, until, &fallback, put);
        answered.into_iter().for_each(|answered| self.answered(answered));
    }

    /// What still waits on the subshell is not run.
    fn delete_subshell(&mut self, request: DeleteSubshellRequest) -> Result<DeleteSubshellReply, ErrorContent> {
        let id = &request.subshell_id;
        if !self.subshells.delete(id) {
            return Err(subshells::unknown(id));
        }
        self.abort_waiting(Some(id), "not run: its subshell was deleted");
        Ok(DeleteSubshellReply {})
    }

    /// Replies, and tells all clients.
    fn shut_down(&mut self, mut message: Message) {
        let Some(ShutdownRequest { restart }) = self.begin(&mut message) else { return };
        let reply = ShutdownReply { restart };
        self.outbound.send_all();
        self.outbound.reply(&message, &reply);
        self.outbound.publish(&message.header, &reply);
        self.ends = true;
        self.idle(&message);
    }

    /// Replies with what `handle` returns.
    fn reply<R: Request>(&mut self, message: Message, handle: impl FnOnce(&mut Self, R) -> R::Reply) {
        self.try_reply(message, |this, request| Ok(handle(this, request)));
    }

    /// Replies with what `handle` returns, which may be an error.
    fn try_reply<R: Request>(
        &mut self,
        mut message: Message,
        handle: impl FnOnce(&mut Self, R) -> Result<R::Reply, ErrorContent>,
    ) {
        let Some(request) = self.begin(&mut message) else { return };
        match handle(self, request) {
            Ok(reply) => self.outbound.reply(&message, &reply),
            Err(error) => self.outbound.refuse::<R::Reply>(&message, error),
        }
        self.idle(&message);
    }

    /// Says `busy` and reads the request. One that cannot be read, or that is for a subshell that is not there, is
    /// refused; then nothing is left to do (`None`).
    fn begin<R: Request>(&mut self, message: &mut Message) -> Option<R> {
        self.outbound.status(&message.header, ExecutionState::Busy);
        match self.read(message) {
            Ok(request) => Some(request),
            Err(error) => {
                self.outbound.refuse::<R::Reply>(message, error);
                self.idle(message);
                None
            }
        }
    }

    /// Takes the content out of a message.
    fn read<C: Incoming>(&self, message: &mut Message) -> Result<C, ErrorContent> {
        // The control channel has no subshells.
        let unknown = match message.channel {
            Channel::Shell => self.subshells.missing(&message.header),
            _ => None,
        };
        match unknown {
            Some(id) => Err(subshells::unknown(id)),
            None => C::read(std::mem::take(&mut message.content)).map_err(ErrorContent::malformed),
        }
    }

    /// Says `busy` and `idle`, so that the client knows that its message has come.
    fn ignore(&mut self, message: &Message, why: &str) {
        log(format_args!("a message on {} is ignored: {why}", message.channel.name()));
        self.outbound.status(&message.header, ExecutionState::Busy);
        self.idle(message);
    }

    /// Says `idle` for a request that ran nothing. Front ends show the last status that they saw: while the session's
    /// thread works, that has to be `busy`.
    fn idle(&mut self, message: &Message) {
        self.outbound.status(&message.header, ExecutionState::Idle);
        if let Some(running) = self.queue.running.message() {
            self.outbound.status(&running.header, ExecutionState::Busy);
        }
    }
}
