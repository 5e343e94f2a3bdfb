//! The desk: takes requests from the wire and mail from the other threads, one at a time, and answers.
//!
//! A request other than `execute_request` is answered when it comes, also while a cell runs.

use std::collections::VecDeque;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::answer;
use super::comm::Comms;
use super::connection::{Channel, Connection};
use super::execute::Queue;
use super::history::History;
use super::input::Inputs;
use super::log;
use super::mail::{self, Inbox, Mail, Outbox};
use super::message::{Message, Outgoing, to_hex};
use super::publish::Publisher;
use super::runner::Runner;
use super::subshell::Subshells;
use super::usage::Usage;
use super::watch;
use super::wire::{self, Wire};
use crate::engine::{self, Interrupter, Names};
use crate::error::{Error, ExitCode};
use crate::events::Event;

/// So many mails are handled before requests have their turn again.
const TURN: usize = 16;

/// The session is given so long to end with the kernel; then the process ends all the same, and the worker with it.
const FAREWELL: Duration = Duration::from_secs(3);

/// rustup may be about to install the compiler that a directory asks for; the version is then left out.
const LANGUAGE: Duration = Duration::from_secs(2);

/// Parsing recurses as deep as a cell's brackets nest.
const STACK: usize = 64 << 20;

pub(super) struct Desk {
    pub wire: Wire,
    pub publisher: Publisher,
    pub queue: Queue,
    pub runner: Runner,
    pub history: History,
    pub names: Names,
    pub inputs: Inputs,
    pub comms: Comms,
    pub subshells: Subshells,
    usage: Usage,
    connection: Connection,
    interrupter: Option<Interrupter>,
    language: Language,
    /// Whether `starting` has been said.
    started: bool,
    ends: bool,
}

/// `kernel_info_reply` names the version of the compiler, and waits for it.
enum Language {
    Asked { until: Instant, waiting: Vec<(Channel, Message)> },
    Known(String),
}

/// Serves the front end of this connection file to the end.
pub fn run(connection_file: &Path) -> Result<(), Error> {
    let connection = Connection::read(connection_file)?;
    let serve = move || serve(connection);
    let desk = std::thread::Builder::new().name("desk".into()).stack_size(STACK).spawn(serve);
    let desk = desk.map_err(|error| {
        Error::new(ExitCode::Environment, format!("failed to start a thread: {error}; raise `ulimit -u`"))
    })?;
    desk.join().unwrap_or_else(|_| Err(Error::new(ExitCode::Internal, "the kernel has failed; please report it")))
}

fn serve(connection: Connection) -> Result<(), Error> {
    let (outbox, inbox, wake) = mail::pair()?;
    wire::start_heartbeat(&connection)?;
    let wire = Wire::bind(&connection, session_id()?, wake)?;
    watch::start(&outbox)?;
    ask_language(&outbox)?;
    let mut desk = Desk {
        wire,
        publisher: Publisher::default(),
        queue: Queue::default(),
        runner: Runner::start(outbox)?,
        history: History::open(),
        names: Names::default(),
        inputs: Inputs::default(),
        comms: Comms::default(),
        subshells: Subshells::default(),
        usage: Usage::default(),
        connection,
        interrupter: None,
        language: Language::Asked { until: Instant::now() + LANGUAGE, waiting: Vec::new() },
        started: false,
        ends: false,
    };
    let served = desk.serve(&inbox);
    desk.runner.end(desk.interrupter.as_ref(), FAREWELL);
    served
}

fn session_id() -> Result<String, Error> {
    let mut bytes = [0; 16];
    let read = std::fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
    read.map_err(|error| {
        Error::new(ExitCode::Environment, format!("failed to read /dev/urandom: {error}; make it readable"))
    })?;
    Ok(to_hex(&bytes))
}

fn ask_language(outbox: &Outbox) -> Result<(), Error> {
    let outbox = outbox.clone();
    let ask = move || outbox.send(Mail::Language(engine::rust_version().ok()));
    let thread = std::thread::Builder::new().name("rust version".into()).spawn(ask);
    thread.map(drop).map_err(|error| {
        Error::new(ExitCode::Environment, format!("failed to start a thread: {error}; raise `ulimit -u`"))
    })
}

impl Desk {
    fn serve(&mut self, inbox: &Inbox) -> Result<(), Error> {
        let mut more = false;
        while !self.ends {
            let arrived = self.wire.wait(self.patience(more))?;
            if !self.started && self.wire.is_subscribed() {
                // Said before anybody listens, it would be heard by nobody, or before the welcome.
                self.started = true;
                self.status(&json!({}), "starting");
            }
            for (channel, message) in arrived {
                self.request(channel, message);
            }
            // Only now, so that of several cells that came at once the second is known when the first begins.
            self.next();
            let mails;
            (mails, more) = inbox.take(TURN);
            for mail in mails {
                self.mail(mail);
            }
            let now = Instant::now();
            self.publisher.flush_due(now);
            self.send_published();
            self.ask_again(now);
            if self.language.until().is_some_and(|until| until <= now) {
                self.know_language(String::new());
            }
        }
        self.publisher.flush_all();
        self.send_published();
        Ok(())
    }

    /// Takes the requests that have come already.
    pub(super) fn gather(&mut self) {
        while let Ok(arrived) = self.wire.wait(Some(Duration::ZERO)) {
            if arrived.is_empty() {
                return;
            }
            for (channel, message) in arrived {
                self.request(channel, message);
            }
        }
    }

    fn patience(&self, more: bool) -> Option<Duration> {
        if more {
            return Some(Duration::ZERO);
        }
        let due = [self.publisher.due(), self.language.until(), self.inputs.due()].into_iter().flatten().min();
        due.map(|due| due.saturating_duration_since(Instant::now()))
    }

    fn mail(&mut self, mail: Mail) {
        match mail {
            Mail::Event(Event::Failed { cell, failure }) => {
                self.comm_failed(cell, &failure);
                self.failed(cell, failure);
            }
            Mail::Event(event @ Event::Input { .. }) => self.ask(event),
            Mail::Event(event) => {
                self.note_result(&event);
                self.note_next_input(&event);
                self.note_comm(&event);
                self.publisher.event(event, Instant::now());
            }
            Mail::Started(interrupter, answerer) => {
                (self.interrupter, self.inputs.answerer) = (Some(interrupter), Some(answerer));
            }
            Mail::Ended(ended) => {
                if let Some(ended) = self.comm_ended(ended) {
                    self.ended(ended);
                }
            }
            Mail::Language(version) => self.know_language(version.unwrap_or_default()),
            Mail::Interrupt => self.interrupt(),
            Mail::End => self.ends = true,
        }
    }

    fn request(&mut self, channel: Channel, message: Message) {
        let missing = match channel {
            Channel::Shell => self.subshells.missing(&message.header).map(str::to_owned),
            _ => None,
        };
        match (channel, message.msg_type.as_str()) {
            _ if missing.is_some() => {}
            (Channel::Shell, "execute_request" | "comm_open" | "comm_msg" | "comm_close") => {
                return self.enqueue(message);
            }
            (Channel::Stdin, _) => return self.on_stdin(&message),
            (_, "kernel_info_request") if self.language.waits(channel, &message) => return,
            _ => {}
        }
        self.status(&message.header, "busy");
        match missing {
            Some(id) => self.refuse_subshell(&message, &id),
            None => self.answer(channel, &message),
        }
        self.status(&message.header, "idle");
        // Front ends show the last status that they saw: that of the cell must be it.
        if let Some(header) = self.queue.running_header().or_else(|| self.comms.running_header()) {
            self.status(&header, "busy");
        }
    }

    fn answer(&mut self, channel: Channel, message: &Message) {
        let content = &message.content;
        match message.msg_type.as_str() {
            "kernel_info_request" => {
                let reply = answer::kernel_info(self.language.version());
                self.reply(channel, message, "kernel_info_reply", reply);
            }
            "complete_request" => {
                let reply = answer::complete(&self.names, content);
                self.reply(channel, message, "complete_reply", reply);
            }
            "inspect_request" => {
                let reply = answer::inspect(&self.names, content);
                self.reply(channel, message, "inspect_reply", reply);
            }
            "is_complete_request" => {
                let reply = answer::is_complete(content);
                self.reply(channel, message, "is_complete_reply", reply);
            }
            "history_request" => {
                let reply = self.history.answer(content);
                self.reply(channel, message, "history_reply", reply);
            }
            "comm_info_request" => {
                let reply = self.comms.info(content);
                self.reply(channel, message, "comm_info_reply", reply);
            }
            "connect_request" => {
                let reply = answer::connect(&self.connection);
                self.reply(channel, message, "connect_reply", reply);
            }
            "usage_request" => {
                let reply = self.usage.answer();
                self.reply(channel, message, "usage_reply", reply);
            }
            "interrupt_request" => {
                self.interrupt();
                self.reply(channel, message, "interrupt_reply", json!({"status": "ok"}));
            }
            "create_subshell_request" => self.create_subshell(channel, message),
            "delete_subshell_request" => self.delete_subshell(channel, message),
            "list_subshell_request" => self.list_subshell(channel, message),
            "shutdown_request" => self.shut_down(channel, message),
            other => self.unknown(channel, message, other),
        }
    }

    fn shut_down(&mut self, channel: Channel, message: &Message) {
        let reply = json!({"status": "ok", "restart": content_flag(&message.content, "restart", false)});
        self.publisher.flush_all();
        self.send_published();
        self.reply(channel, message, "shutdown_reply", reply.clone());
        self.publish("shutdown_reply", message.header.clone(), reply);
        self.ends = true;
    }

    /// A request that we do not know is refused in its own words, so that no client waits for ever.
    fn unknown(&mut self, channel: Channel, message: &Message, msg_type: &str) {
        log(format_args!("{msg_type} on {} is not known here", channel.name()));
        let reply = match msg_type {
            "debug_request" => "debug_reply",
            _ => return,
        };
        let evalue = format!("this kernel knows no {msg_type}");
        let content = json!({"status": "error", "ename": "UnknownMessage", "evalue": evalue, "traceback": []});
        self.reply(channel, message, reply, content);
    }

    fn interrupt(&mut self) {
        if let Some(interrupter) = &self.interrupter {
            interrupter.interrupt();
        }
        // Only then, so that a cell whose read fails is known to have been interrupted.
        self.inputs.interrupt();
    }

    fn know_language(&mut self, version: String) {
        let known = Language::Known(version);
        if let Language::Asked { waiting, .. } = std::mem::replace(&mut self.language, known) {
            for (channel, message) in waiting {
                self.request(channel, message);
            }
        }
    }

    pub(super) fn reply(&mut self, channel: Channel, to: &Message, msg_type: &'static str, content: Value) {
        self.wire.send(channel, to.reply(msg_type, content));
    }

    /// What was published before goes first.
    pub(super) fn publish(&mut self, msg_type: &'static str, parent: Value, content: Value) {
        self.send_published();
        let metadata = Map::new();
        self.wire.publish(Outgoing { identities: Vec::new(), msg_type, parent, metadata, content });
    }

    pub(super) fn status(&mut self, parent: &Value, state: &str) {
        self.publish("status", parent.clone(), json!({"execution_state": state}));
    }

    pub(super) fn send_published(&mut self) {
        let published: VecDeque<Outgoing> = self.publisher.take();
        published.into_iter().for_each(|message| self.wire.publish(message));
    }
}

impl Language {
    /// Keeps the request for later if the version is not known yet.
    fn waits(&mut self, channel: Channel, message: &Message) -> bool {
        match self {
            Language::Asked { waiting, .. } => {
                waiting.push((channel, message.clone()));
                true
            }
            Language::Known(_) => false,
        }
    }

    fn version(&self) -> &str {
        match self {
            Language::Known(version) => version,
            Language::Asked { .. } => "",
        }
    }

    /// How long its requests wait.
    fn until(&self) -> Option<Instant> {
        match self {
            Language::Asked { until, .. } => Some(*until),
            Language::Known(_) => None,
        }
    }
}

pub(super) fn content_flag(content: &Value, key: &str, default: bool) -> bool {
    content[key].as_bool().unwrap_or(default)
}
