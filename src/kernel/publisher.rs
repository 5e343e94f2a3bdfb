//! Turns the session's events into [iopub messages][iopub]. Each message has the header of the request whose cell it
//! belongs to, and small pieces of text are buffered into larger messages. Owns the routes from cells to requests;
//! never sends anything itself.
//!
//! Text of one cell keeps its order, with one exception: if a cell changes between stdout and stderr very often, the
//! two streams are buffered separately for a moment. Clients take only a limited number of messages a second, so
//! there cannot be one for each change.
//!
//! [iopub]: https://jupyter-client.readthedocs.io/en/stable/messaging.html#messages-on-the-iopub-pub-sub-channel

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::protocol::codec::Outgoing;
use super::protocol::comm::{CommClose, CommMsg, CommOpen};
use super::protocol::content::Content;
use super::protocol::iopub::{
    ClearOutput, Display, DisplayData, ExecuteResult, StreamText, Transient, UpdateDisplayData,
};
use crate::events::{CellId, CommAct, Event, LaneId, LaneKind, MimeBundle, Origin, Stream};

/// Flush a cell's buffered `stream` text after 20 ms, so that a cell that prints often makes few messages.
const GATHER: Duration = Duration::from_millis(20);
/// Flush a cell's buffered text before that time once it has this many bytes (64 KiB).
const LARGEST: usize = 64 << 10;
/// Messages into which changes between stdout and stderr split one cell's buffered text. After more changes, text is
/// added to the last message of its stream, out of order with the other stream.
const CHANGES: usize = 8;
/// Pieces by different threads that one message's metadata lists. Later pieces are left out, and `pieces_truncated`
/// says so.
const PIECES: usize = 1_000;
/// Cells whose request is remembered. With more, the oldest cell that has no running thread is forgotten. If output
/// of a forgotten cell comes after all, it goes to the newest cell.
const ROUTES: usize = 1_000;

#[derive(Default)]
pub(super) struct Publisher {
    routes: BTreeMap<CellId, Route>,
    /// The cell that began last.
    newest: Option<CellId>,
    lanes: HashMap<LaneId, Known>,
    batches: Vec<Batch>,
    ready: VecDeque<Outgoing>,
}

/// The facts about a lane that its output's metadata needs.
struct Known {
    cell: CellId,
    kind: LaneKind,
    name: String,
    /// The thread that runs this task. `None` for other lanes, and before the task has started.
    on: Option<LaneId>,
}

/// The request that a cell's output belongs to.
struct Route {
    parent: Value,
    count: u32,
    /// Whether the request was `silent`: then the cell shows nothing.
    silent: bool,
    /// Number of threads, tasks and processes of this cell that may still write.
    lanes: u32,
}

/// Buffered text of one cell.
struct Batch {
    cell: CellId,
    due: Instant,
    bytes: usize,
    chunks: Vec<Chunk>,
}

/// The text of one `stream` message.
struct Chunk {
    stream: Stream,
    text: String,
    pieces: Vec<Piece>,
    pieces_truncated: bool,
}

/// A part of a chunk that one writer wrote.
struct Piece {
    /// The writer. `None` for text of the compiler or of the kernel.
    writer: Option<Writer>,
    bytes: usize,
}

#[derive(Clone, PartialEq, Eq)]
struct Writer {
    lane: LaneId,
    thread: String,
    task: Option<String>,
    process: Option<String>,
    pid: u32,
    tid: u32,
}

impl Publisher {
    /// Routes output of `cell` to the request with the header `parent` from here on.
    pub(super) fn begin(&mut self, cell: CellId, parent: Value, count: u32, silent: bool) {
        self.routes.insert(cell, Route { parent, count, silent, lanes: 0 });
        self.newest = Some(cell);
        if self.routes.len() > ROUTES
            && let Some(quiet) = self.routes.iter().find(|(_, route)| route.lanes == 0).map(|(cell, _)| *cell)
        {
            self.routes.remove(&quiet);
        }
    }

    /// Takes an event. `Failed` is not published here: the request's own room publishes it at the end of its cell.
    pub(super) fn event(&mut self, event: Event, now: Instant) {
        match event {
            Event::Lane(lane) => {
                self.routes.entry(lane.cell).and_modify(|route| route.lanes += 1);
                let known = Known { cell: lane.cell, kind: lane.kind, name: lane.name, on: None };
                self.lanes.insert(lane.id, known);
            }
            Event::Renamed { lane, name } => {
                self.lanes.entry(lane).and_modify(|known| known.name = name);
            }
            Event::Started { lane, on, .. } => {
                self.lanes.entry(lane).and_modify(|known| known.on = Some(on));
            }
            Event::Ended { lane, .. } => {
                if let Some(known) = self.lanes.remove(&lane) {
                    self.routes.entry(known.cell).and_modify(|route| route.lanes = route.lanes.saturating_sub(1));
                }
            }
            Event::Text { origin, stream, text } => {
                let writer = self.writer(&origin);
                self.text(origin.cell, stream, &text, Some(writer), now);
            }
            Event::Warning { cell, rendered } => {
                let end = if rendered.ends_with('\n') { "" } else { "\n" };
                self.text(cell, Stream::Stderr, &(rendered + end), None, now);
            }
            Event::Display { origin, data, metadata, id, update } => {
                self.flush(origin.cell);
                let display = Display { data, metadata, transient: Transient { display_id: id } };
                let about = section(Value::Object(self.writer(&origin).value()));
                match update {
                    false => self.message(origin.cell, about, &DisplayData(display)),
                    true => self.update_display(origin.cell, about, display),
                }
            }
            Event::Clear { origin, wait } => {
                self.flush(origin.cell);
                self.message(origin.cell, Map::new(), &ClearOutput { wait });
            }
            Event::Comm { origin, id, act, data } => self.comm(origin.cell, id, act, data),
            Event::Result { cell, data } => self.result(cell, data),
            Event::Process { .. }
            | Event::Joined { .. }
            | Event::Waits { .. }
            | Event::Woke { .. }
            | Event::Input { .. }
            | Event::NextInput { .. }
            | Event::Failed { .. } => {}
        }
    }

    /// Adds text of the kernel itself to a cell's stderr.
    pub(super) fn say(&mut self, cell: CellId, text: &str) {
        self.text(cell, Stream::Stderr, text, None, Instant::now());
    }

    /// Makes messages of the cell's buffered text, also if it is not due yet.
    pub(super) fn flush(&mut self, cell: CellId) {
        let cell = self.known(cell);
        if let Some(index) = self.batches.iter().position(|batch| Some(batch.cell) == cell) {
            let batch = self.batches.swap_remove(index);
            self.out(batch);
        }
    }

    pub(super) fn flush_due(&mut self, now: Instant) {
        while let Some(index) = self.batches.iter().position(|batch| batch.due <= now) {
            let batch = self.batches.swap_remove(index);
            self.out(batch);
        }
    }

    pub(super) fn flush_all(&mut self) {
        for batch in std::mem::take(&mut self.batches) {
            self.out(batch);
        }
    }

    /// The time at which the oldest buffered text is due. `None` if no text is buffered.
    pub(super) fn due(&self) -> Option<Instant> {
        self.batches.iter().map(|batch| batch.due).min()
    }

    /// Returns the messages that are to be sent, in order, and keeps none of them.
    pub(super) fn take(&mut self) -> VecDeque<Outgoing> {
        std::mem::take(&mut self.ready)
    }

    fn text(&mut self, cell: CellId, stream: Stream, text: &str, writer: Option<Writer>, now: Instant) {
        let Some(cell) = self.known(cell) else { return };
        if text.is_empty() || self.routes.get(&cell).is_none_or(|route| route.silent) {
            return;
        }
        let index = self.batches.iter().position(|batch| batch.cell == cell).unwrap_or_else(|| {
            self.batches.push(Batch { cell, due: now + GATHER, bytes: 0, chunks: Vec::new() });
            self.batches.len() - 1
        });
        self.batches[index].push(stream, text, writer);
        if self.batches[index].bytes >= LARGEST {
            self.flush(cell);
        }
    }

    fn result(&mut self, cell: CellId, data: MimeBundle) {
        self.flush(cell);
        let Some(route) = self.routes.get(&cell) else { return };
        let execution_count = route.count;
        self.message(cell, Map::new(), &ExecuteResult { data, metadata: Map::new(), execution_count });
    }

    /// Makes a comm message. A silent cell sends it too: being silent only keeps a cell from showing output.
    fn comm(&mut self, cell: CellId, comm_id: String, act: CommAct, data: Value) {
        self.flush(cell);
        let Some(route) = self.known(cell).and_then(|cell| self.routes.get(&cell)) else { return };
        let parent = route.parent.clone();
        self.ready.push_back(match act {
            CommAct::Open { target } => Outgoing::about(parent, &CommOpen { comm_id, target_name: target, data }),
            CommAct::Message => Outgoing::about(parent, &CommMsg { comm_id, data }),
            CommAct::Close => Outgoing::about(parent, &CommClose { comm_id, data }),
        });
    }

    fn out(&mut self, batch: Batch) {
        for chunk in batch.chunks {
            let stream = StreamText { name: chunk.stream.name(), text: &chunk.text };
            self.message(batch.cell, chunk.metadata(), &stream);
        }
    }

    /// Makes a message that changes a display. If the message just before it, not sent yet, changes the same display,
    /// that one is dropped, since nobody would see its content.
    fn update_display(&mut self, cell: CellId, metadata: Map<String, Value>, display: Display) {
        let parent = self.known(cell).and_then(|cell| self.routes.get(&cell)).map(|route| &route.parent);
        let is_replaced = self.ready.back().is_some_and(|last| {
            last.msg_type == UpdateDisplayData::MSG_TYPE
                && Some(&last.parent) == parent
                && last.content["transient"]["display_id"].as_str() == display.transient.display_id.as_deref()
        });
        if is_replaced {
            self.ready.pop_back();
        }
        self.message(cell, metadata, &UpdateDisplayData(display));
    }

    fn message<C: Content>(&mut self, cell: CellId, metadata: Map<String, Value>, content: &C) {
        let Some(route) = self.known(cell).and_then(|cell| self.routes.get(&cell)).filter(|route| !route.silent)
        else {
            return;
        };
        self.ready.push_back(Outgoing { metadata, ..Outgoing::about(route.parent.clone(), content) });
    }

    /// The cell whose request gets this output: the cell itself, or the newest one if the output belongs to no cell
    /// or to a forgotten one.
    fn known(&self, cell: CellId) -> Option<CellId> {
        if self.routes.contains_key(&cell) { Some(cell) } else { self.newest }
    }

    fn writer(&self, origin: &Origin) -> Writer {
        let Origin { lane, pid, tid, .. } = *origin;
        let mut writer = Writer { lane, thread: String::new(), task: None, process: None, pid, tid };
        let Some(known) = self.lanes.get(&lane) else { return writer };
        let name = known.name.clone();
        match known.kind {
            LaneKind::Thread => writer.thread = name,
            LaneKind::Process => (writer.thread, writer.process) = ("MainThread".into(), Some(name)),
            LaneKind::Task => {
                let thread = known.on.and_then(|on| self.lanes.get(&on));
                writer.thread = thread.map_or_else(String::new, |thread| thread.name.clone());
                writer.task = Some(name);
            }
        }
        writer
    }
}

impl Batch {
    fn push(&mut self, stream: Stream, text: &str, writer: Option<Writer>) {
        self.bytes += text.len();
        let same = |chunk: &Chunk| chunk.stream == stream;
        let index = match self.chunks.last() {
            Some(last) if same(last) => Some(self.chunks.len() - 1),
            _ if self.chunks.len() >= CHANGES => self.chunks.iter().rposition(same),
            _ => None,
        };
        let index = index.unwrap_or_else(|| {
            self.chunks.push(Chunk { stream, text: String::new(), pieces: Vec::new(), pieces_truncated: false });
            self.chunks.len() - 1
        });
        self.chunks[index].push(text, writer);
    }
}

impl Chunk {
    fn push(&mut self, text: &str, writer: Option<Writer>) {
        self.text.push_str(text);
        let full = self.pieces.len() == PIECES;
        match self.pieces.last_mut() {
            // Once a piece is left out, the last listed piece must not grow: the bytes would be counted at a wrong
            // place.
            _ if self.pieces_truncated => {}
            Some(last) if last.writer == writer => last.bytes += text.len(),
            _ if full => self.pieces_truncated = true,
            _ => self.pieces.push(Piece { writer, bytes: text.len() }),
        }
    }

    /// The metadata of the message. If one writer wrote all of the text, the metadata names it directly. If several
    /// did, it lists, in the order of the text, who wrote how many bytes.
    fn metadata(&self) -> Map<String, Value> {
        if let [only] = &self.pieces[..] {
            return only.writer.as_ref().map_or_else(Map::new, |writer| section(Value::Object(writer.value())));
        }
        let piece = |piece: &Piece| {
            let mut value = piece.writer.as_ref().map_or_else(Map::new, Writer::value);
            value.insert("bytes".into(), piece.bytes.into());
            Value::Object(value)
        };
        let mut value = json!({"pieces": self.pieces.iter().map(piece).collect::<Vec<_>>()});
        if self.pieces_truncated {
            value["pieces_truncated"] = true.into();
        }
        section(value)
    }
}

impl Writer {
    fn value(&self) -> Map<String, Value> {
        let mut value = Map::new();
        value.insert("thread".into(), self.thread.clone().into());
        let others = [("task", &self.task), ("process", &self.process)];
        let others =
            others.into_iter().filter_map(|(key, name)| Some((key.to_string(), name.as_ref()?.as_str().into())));
        value.extend(others);
        value.insert("pid".into(), self.pid.into());
        value.insert("tid".into(), self.tid.into());
        value
    }
}

fn section(value: Value) -> Map<String, Value> {
    Map::from_iter([("threadbook".to_string(), value)])
}

#[cfg(test)]
#[path = "publisher_tests.rs"]
mod tests;
