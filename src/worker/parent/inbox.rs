//! The session's side of the capture: records of the ring and bytes of the worker's fd 1 and 2 become events, in
//! order. Consecutive text of one lane is gathered to one event, unless each print is to be an event.
//!
//! Owns the text that is not handed on yet, and the order of events. `processes` knows which process speaks for which lane.

use std::collections::HashMap;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::events::{CellId, Event, Lane, LaneId, LaneKind, Origin, Sink, Stream};
use crate::sys::clock::monotonic_nanos;
use crate::sys::socket::receive_with_pid;

use crate::worker::abi::record::{Head, Kind, RecordReader};
use crate::worker::abi::ring::Unread;
use crate::worker::host;
use crate::worker::parent::answer::Answerer;
use crate::worker::parent::coming::Coming;
use crate::worker::parent::content::{Contents, Prompt};
use crate::worker::parent::display::Displays;
use crate::worker::parent::open::Open;
use crate::worker::parent::processes::{Processes, Speaker};
use crate::worker::parent::start::Start;
use crate::worker::parent::unsaid::Unsaid;

/// Bytes of gathered text of one lane beyond which the text is handed on.
const LARGEST_TEXT: usize = 64 << 10;

pub(crate) type SharedSink = Arc<Mutex<Box<dyn Sink>>>;

pub(crate) struct Inbox {
    sink: SharedSink,
    open: Arc<Open>,
    answerer: Answerer,
    /// `CLOCK_MONOTONIC` at the session's start, in nanoseconds.
    epoch: u64,
    each_print: bool,
    pending: Option<(Origin, Stream, Vec<u8>)>,
    /// The first bytes of a UTF-8 character whose other bytes have not come yet.
    torn: HashMap<(LaneId, Stream), Vec<u8>>,
    contents: Contents,
    displays: Displays,
    /// The session's ends of the worker's fd 1 and 2.
    streams: [UnixStream; 2],
    processes: Processes,
    /// What processes wrote to fd 1 and 2 that are not known yet: the record of their start may still come.
    held: Vec<(Stream, u32, Vec<u8>)>,
    unsaid: Unsaid,
    records: RecordReader,
    /// The cell that ran when the last record was written.
    running: u32,
}

impl Inbox {
    pub(crate) fn new(start: &Start, sink: SharedSink, open: Arc<Open>, streams: [UnixStream; 2]) -> Inbox {
        Inbox {
            sink,
            open,
            answerer: start.answerer.clone(),
            epoch: start.epoch,
            each_print: start.each_print,
            pending: None,
            torn: HashMap::new(),
            contents: Contents::default(),
            displays: Displays::default(),
            streams,
            processes: Processes::default(),
            held: Vec::new(),
            unsaid: Unsaid::default(),
            records: RecordReader::default(),
            running: 0,
        }
    }

    pub(crate) fn set_worker(&mut self, pid: u32) {
        self.end_earlier(pid);
        self.processes.add_worker(pid);
    }

    /// Notes that `cell` runs from here on. What unknown processes write belongs to this cell.
    pub(crate) fn set_running(&mut self, cell: u32) {
        self.running = cell;
    }

    /// Descriptors that are readable once a process has ended.
    pub(crate) fn watched(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.processes.watched()
    }

    /// Handles the first record of what is unread; returns its length in bytes. If what is unread begins with no record, a
    /// cell has written over it, and all of it is passed over.
    pub(crate) fn record(&mut self, unread: &Unread) -> usize {
        let mut reader = std::mem::take(&mut self.records);
        let Some((head, payload, length)) = reader.read(unread) else {
            self.records = reader;
            self.overwritten();
            return unread.len();
        };
        match head.kind {
            Kind::Text => {
                let (origin, stream) = (self.origin(&head), head.detail);
                if !self.unsaid.keeps(stream, origin, payload) {
                    self.text(origin, if stream == 2 { Stream::Stderr } else { Stream::Stdout }, payload);
                }
            }
            Kind::Barrier => self.read_streams(&unread.behind(length)),
            // These events carry their time, so the gathered text before them need not be handed on first.
            Kind::Wait | Kind::Wake => self.waits(&head),
            _ => {
                self.flush();
                self.other(&head, payload, &unread.behind(length));
            }
        }
        self.running = head.running;
        self.records = reader;
        length
    }

    fn overwritten(&mut self) {
        self.flush();
        let cell = CellId(self.running);
        let origin = Origin { cell, running: None, lane: LaneId::MAIN, pid: 0, tid: 0, at: self.now() };
        let text = "threadbook: output is missing here: a cell has written over memory that is not its own\n";
        self.send_text(origin, Stream::Stderr, text.into());
    }

    fn other(&mut self, head: &Head, payload: &[u8], behind: &Unread) {
        let (lane, other, at) = (LaneId(head.lane), LaneId(head.other), self.at(head.nanos));
        self.contents.release_text(lane, &mut |event| send(&self.sink, event));
        let name = || String::from_utf8_lossy(payload).into_owned();
        match head.kind {
            Kind::Lane => self.declared(head, name()),
            Kind::Rename => self.send(Event::Renamed { lane, name: name() }),
            Kind::Start => self.send(Event::Started { lane, on: other, at }),
            Kind::End => self.lane_ended(lane, at),
            Kind::Join => self.send(Event::Joined { by: other, lane, at }),
            Kind::Process => self.process_started(head.pid, Speaker { lane: head.lane, cell: head.cell }, behind),
            Kind::Result if payload == host::TAIL_BEGINS.as_bytes() => {
                self.contents.begin_tail(CellId(head.cell), lane);
            }
            Kind::Result if payload == host::TAIL_ENDS.as_bytes() => {
                self.contents.end_tail(&mut |event| send(&self.sink, event));
            }
            Kind::Display | Kind::Result => {
                if let Some(event) = self.displays.record(head, payload, self.origin(head)) {
                    self.send(event);
                }
            }
            Kind::Input => self.input(head, payload, behind),
            Kind::Text | Kind::Barrier | Kind::Wait | Kind::Wake => {}
        }
    }

    /// Passes a question of the worker on, after all output that came before it: that may be the prompt.
    fn input(&mut self, head: &Head, payload: &[u8], behind: &Unread) {
        let Some((ticket, question)) = payload.split_first_chunk() else { return };
        let ticket = u64::from_ne_bytes(*ticket);
        let Some((password, prompt)) = question.split_first() else { return self.answerer.go_on(ticket) };
        self.read_streams(behind);
        self.release(behind);
        self.flush();
        let printed = self.contents.take_prompt(LaneId(head.lane)).filter(|_| prompt.is_empty());
        if let Some(number) = self.answerer.asked(ticket) {
            let origin = self.origin(head);
            let given = || Prompt { text: String::from_utf8_lossy(prompt).into_owned(), password: *password == 1 };
            let Prompt { text: prompt, password } = printed.unwrap_or_else(given);
            self.send(Event::Input { origin, number, prompt, password });
        }
    }

    fn waits(&self, head: &Head) {
        let (lane, what, at) = (LaneId(head.lane), head.awaited(), self.at(head.nanos));
        self.send(if head.kind == Kind::Wait { Event::Waits { lane, what, at } } else { Event::Woke { lane, at } });
    }

    fn declared(&mut self, head: &Head, name: String) {
        let kind = match u32::from(head.detail) & !host::DAEMON {
            host::TASK => LaneKind::Task,
            host::PROCESS => LaneKind::Process,
            _ => LaneKind::Thread,
        };
        let id = LaneId(head.lane);
        if id != LaneId::MAIN {
            self.processes.declare(head.lane, head.pid, kind == LaneKind::Process);
            if u32::from(head.detail) & host::DAEMON == 0 {
                self.open.insert(head.lane);
            }
        }
        let parent = (head.other != 0).then_some(LaneId(head.other));
        let (cell, at) = (CellId(head.cell), self.at(head.nanos));
        self.send(Event::Lane(Lane { id, kind, name, parent, cell, pid: head.pid, at }));
    }

    fn lane_ended(&mut self, lane: LaneId, at: Duration) {
        self.processes.forget_lane(lane.0);
        for stream in [Stream::Stdout, Stream::Stderr] {
            if let Some(bytes) = self.torn.remove(&(lane, stream)) {
                let origin = Origin { cell: CellId(self.running), running: None, lane, pid: 0, tid: 0, at };
                let text = String::from_utf8_lossy(&bytes).into_owned();
                self.send_text(origin, stream, text);
            }
        }
        self.contents.release(lane, &mut |event| send(&self.sink, event));
        self.send(Event::Ended { lane, at });
        self.open.remove(lane.0);
    }

    /// Notes that a lane runs as process `pid` from here on.
    fn process_started(&mut self, pid: u32, speaker: Speaker, behind: &Unread) {
        self.end_earlier(pid);
        self.processes.add_child(pid, speaker);
        self.send(Event::Process { lane: LaneId(speaker.lane), pid });
        // What the child has written by now came before what its maker prints after this record.
        self.release(behind);
    }

    /// Ends the process that had this id before: a new process has it now, so the end was only not noticed yet.
    fn end_earlier(&mut self, pid: u32) {
        if self.processes.speaker(pid).is_some() {
            self.process_ended(pid);
        }
    }

    /// Ends what the children and descendants that have ended by now have left behind.
    pub(crate) fn reap(&mut self, unread: &Unread) {
        let ended = self.processes.ended();
        if ended.is_empty() {
            return;
        }
        // All that they wrote can be read by now.
        self.read_streams(unread);
        self.release(unread);
        self.flush();
        ended.into_iter().for_each(|pid| self.process_ended(pid));
        // Text may have been held back for a program that one of them was about to start.
        self.release(unread);
    }

    /// Ends what a process has left behind: a worker, a snapshot, a child or a descendant of one. The process has ended,
    /// its threads and tasks with it, and all that it wrote has been read.
    pub(crate) fn process_ended(&mut self, pid: u32) {
        if let Some((origin, stream, text)) = self.unsaid.of_ended(pid) {
            self.text(origin, stream, &text);
            self.flush();
        }
        self.displays.forget(pid);
        let at = self.now();
        self.processes.forget(pid).into_iter().for_each(|lane| self.lane_ended(LaneId(lane), at));
    }

    /// Reads everything that has been written to fd 1 and 2 by now. `unread` are the records that follow.
    pub(crate) fn read_streams(&mut self, unread: &Unread) {
        let mut buffer = vec![0; LARGEST_TEXT];
        for (index, stream) in [(0, Stream::Stdout), (1, Stream::Stderr)] {
            while let Ok((length @ 1.., pid)) = receive_with_pid(&self.streams[index], &mut buffer) {
                self.raw(stream, pid, &buffer[..length], unread);
            }
        }
    }

    /// Takes bytes that a process wrote to fd 1 or 2 itself. They are held back if a record that is still to come tells
    /// whose they are.
    fn raw(&mut self, stream: Stream, pid: u32, bytes: &[u8], unread: &Unread) {
        let waits = self.held.iter().any(|(_, other, _)| *other == pid);
        let speaker = match self.processes.speaker(pid) {
            _ if waits => None,
            None => self.processes.find_speaker(pid, self.running, &Coming::of(&unread.behind(0))),
            known => known,
        };
        match speaker {
            Some(speaker) => self.raw_of(speaker, stream, pid, bytes),
            None => self.held.push((stream, pid, bytes.to_vec())),
        }
    }

    fn raw_of(&mut self, Speaker { lane, cell }: Speaker, stream: Stream, pid: u32, bytes: &[u8]) {
        let cell = CellId(if cell == 0 { self.running } else { cell });
        let running = (self.running != 0).then_some(CellId(self.running));
        let origin = Origin { cell, running, lane: LaneId(lane), pid, tid: pid, at: self.now() };
        self.text(origin, stream, bytes);
    }

    /// Hands on what was held back, except for processes of which a record that is still to come tells. `unread` are the
    /// records that follow.
    pub(crate) fn release(&mut self, unread: &Unread) {
        if self.held.is_empty() {
            return;
        }
        let coming = Coming::of(&unread.behind(0));
        for (stream, pid, bytes) in std::mem::take(&mut self.held) {
            match self.processes.find_speaker(pid, self.running, &coming) {
                Some(speaker) => self.raw_of(speaker, stream, pid, &bytes),
                None => self.held.push((stream, pid, bytes)),
            }
        }
    }

    fn text(&mut self, origin: Origin, stream: Stream, bytes: &[u8]) {
        if let Some((before, of, text)) = &mut self.pending {
            let same = before.lane == origin.lane && before.cell == origin.cell && *of == stream;
            if same && before.running == origin.running && !self.each_print && text.len() < LARGEST_TEXT {
                return text.extend_from_slice(bytes);
            }
            self.flush();
        }
        let mut text = self.torn.remove(&(origin.lane, stream)).unwrap_or_default();
        text.extend_from_slice(bytes);
        self.pending = Some((origin, stream, text));
    }

    /// Hands on the gathered text.
    pub(crate) fn flush(&mut self) {
        let Some((origin, stream, mut bytes)) = self.pending.take() else { return };
        let torn = torn_tail(&bytes);
        if torn > 0 {
            self.torn.insert((origin.lane, stream), bytes.split_off(bytes.len() - torn));
        }
        if bytes.is_empty() {
            return;
        }
        let text =
            String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        self.send_text(origin, stream, text);
    }

    fn send_text(&mut self, origin: Origin, stream: Stream, text: String) {
        match stream {
            Stream::Stdout => self.contents.text(origin, text, &mut |event| send(&self.sink, event)),
            Stream::Stderr => self.send(Event::Text { origin, stream, text }),
        }
    }

    /// Notes that the cell has ended. Content that its own thread began and did not end becomes text.
    pub(crate) fn finish_cell(&mut self) {
        self.answerer.close();
        self.flush();
        self.unsaid.forget();
        self.contents.end_cell(&mut |event| send(&self.sink, event));
    }

    /// Hands on all that is left. The last worker has ended.
    pub(crate) fn finish(&mut self) {
        self.answerer.close();
        self.flush();
        self.contents.release_all(&mut |event| send(&self.sink, event));
    }

    fn send(&self, event: Event) {
        send(&self.sink, event);
    }

    fn origin(&self, head: &Head) -> Origin {
        Origin {
            cell: CellId(head.cell),
            running: (head.running != 0).then_some(CellId(head.running)),
            lane: LaneId(head.lane),
            pid: head.pid,
            tid: head.tid,
            at: self.at(head.nanos),
        }
    }

    fn at(&self, nanos: u64) -> Duration {
        Duration::from_nanos(nanos.saturating_sub(self.epoch))
    }

    fn now(&self) -> Duration {
        self.at(monotonic_nanos())
    }
}

fn send(sink: &SharedSink, event: Event) {
    sink.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).event(event);
}

/// The number of bytes at the end that begin a UTF-8 character and do not complete it.
fn torn_tail(bytes: &[u8]) -> usize {
    let start = bytes.len().saturating_sub(3);
    for (index, byte) in bytes[start..].iter().enumerate().rev() {
        let width = match byte {
            0xf0..=0xf4 => 4,
            0xe0..=0xef => 3,
            0xc2..=0xdf => 2,
            0x80..=0xbf => continue,
            _ => return 0,
        };
        let there = bytes.len() - start - index;
        return if there < width { there } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests;
