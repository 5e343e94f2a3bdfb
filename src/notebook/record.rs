//! What a run leaves of each cell: its outputs, its stamps, its lanes and which lane wrote which bytes.
//!
//! Takes the session's events and keeps them typed; writes no file and shows nothing. Text goes to the cell that it
//! belongs to, also when that cell has ended: there is no current cell here.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Map, Value, json};

use crate::events::{CellId, Event, Lane, LaneId, LaneKind, MimeBundle, Sink, Stream};
use crate::notebook::nbformat::Output;

/// Pieces, and lanes, that are written for one cell at most, so that a notebook stays small enough to be opened.
/// Beyond it the section says `pieces_truncated` or `lanes_truncated`.
const KEPT: usize = 10_000;

pub(super) struct Recorder {
    wall: SystemTime,
    started: Instant,
    lanes: HashMap<LaneId, LaneRecord>,
    cells: HashMap<CellId, Recording>,
    /// The cells that a display id was shown in.
    displays: HashMap<String, HashSet<CellId>>,
}

struct LaneRecord {
    lane: Lane,
    /// The thread that a task ran on. `None` for a thread or a process.
    thread: Option<LaneId>,
    ended: Option<Duration>,
}

#[derive(Default)]
struct Recording {
    outputs: Arc<Vec<Output>>,
    pieces: Vec<Piece>,
    pieces_truncated: bool,
    /// Whether the next output takes away what is there (`clear_output(wait=True)`).
    clears: bool,
    /// The lanes that this cell made or that wrote for it, in order of appearance.
    lanes: Vec<LaneId>,
    known: HashSet<LaneId>,
    lanes_truncated: bool,
    begun: Option<SystemTime>,
    ended: Option<SystemTime>,
    changed: bool,
}

/// A run of bytes of a cell's text outputs, taken in their order.
struct Piece {
    /// `None` for a compiler warning, which no thread wrote.
    lane: Option<LaneId>,
    stream: Stream,
    bytes: usize,
}

/// What is to be written of one cell.
pub(super) struct Record {
    pub cell: CellId,
    pub outputs: Arc<Vec<Output>>,
    /// `metadata.execution`
    pub execution: Map<String, Value>,
    /// `metadata.threadbook`. Empty if the main thread alone wrote: a cell without the section says just that.
    pub threadbook: Map<String, Value>,
}

impl Recorder {
    pub(super) fn new() -> Recorder {
        let (wall, started) = (SystemTime::now(), Instant::now());
        Recorder { wall, started, lanes: HashMap::new(), cells: HashMap::new(), displays: HashMap::new() }
    }

    pub(super) fn begin(&mut self, cell: CellId) {
        let now = self.now();
        self.recording(cell).begun = Some(now);
    }

    pub(super) fn end(&mut self, cell: CellId) {
        let now = self.now();
        self.recording(cell).ended = Some(now);
    }

    pub(super) fn lane(&self, id: LaneId) -> Option<&Lane> {
        self.lanes.get(&id).map(|record| &record.lane)
    }

    /// The cells that have something new since this was last asked.
    pub(super) fn take_changed(&mut self) -> Vec<Record> {
        let mut changed = Vec::new();
        for (&cell, recording) in &mut self.cells {
            if std::mem::take(&mut recording.changed) {
                changed.push(cell);
            }
        }
        changed.sort();
        changed.into_iter().map(|cell| self.record(cell, &self.cells[&cell])).collect()
    }

    /// The wall clock's time by the monotonic clock, so that stamps never run backwards.
    fn now(&self) -> SystemTime {
        self.wall + self.started.elapsed()
    }

    fn recording(&mut self, cell: CellId) -> &mut Recording {
        let recording = self.cells.entry(cell).or_default();
        recording.changed = true;
        recording
    }

    /// Everything that was shown with this id is this value from here on, also in earlier cells.
    fn change(&mut self, id: &str, data: &MimeBundle, metadata: &MimeBundle) {
        for cell in self.displays.get(id).into_iter().flatten() {
            if let Some(recording) = self.cells.get_mut(cell) {
                recording.change(id, data, metadata);
            }
        }
    }

    /// Whether a cell is written with this lane. As a rule it is the cell that made the lane.
    fn is_written(&self, lane: LaneId) -> bool {
        let maker = self.lane(lane).and_then(|lane| self.cells.get(&lane.cell));
        let mut cells = maker.into_iter().chain(self.cells.values());
        lane == LaneId::MAIN || cells.any(|cell| cell.known.contains(&lane))
    }

    /// Marks the cell of this lane as changed.
    fn lane_changed(&mut self, lane: LaneId) {
        let cell = self.lane(lane).map(|lane| lane.cell);
        if let Some(recording) = cell.and_then(|cell| self.cells.get_mut(&cell)) {
            recording.changed = true;
        }
    }

    fn record(&self, cell: CellId, recording: &Recording) -> Record {
        Record {
            cell,
            outputs: Arc::clone(&recording.outputs),
            execution: stamps(recording.begun, recording.ended),
            threadbook: self.threadbook(recording),
        }
    }

    fn threadbook(&self, recording: &Recording) -> Map<String, Value> {
        let mut section = Map::new();
        if recording.lanes.iter().all(|&lane| lane == LaneId::MAIN) {
            return section;
        }
        let lanes = recording.lanes.iter().filter_map(|lane| self.lanes.get(lane));
        section.insert("lanes".into(), lanes.map(|record| self.lane_value(record)).collect());
        if recording.lanes_truncated {
            section.insert("lanes_truncated".into(), true.into());
        }
        let pieces = recording.pieces.iter();
        let pieces = pieces.map(|piece| json!([piece.lane.map(|lane| lane.0), piece.stream.name(), piece.bytes]));
        section.insert("pieces".into(), pieces.collect());
        if recording.pieces_truncated {
            section.insert("pieces_truncated".into(), true.into());
        }
        section
    }

    fn lane_value(&self, record: &LaneRecord) -> Value {
        let LaneRecord { lane, thread, ended } = record;
        let mut value = json!({
            "id": lane.id.0,
            "kind": match lane.kind {
                LaneKind::Thread => "thread",
                LaneKind::Task => "task",
                LaneKind::Process => "process",
            },
            "name": lane.name,
            "parent": lane.parent.map(|parent| parent.0),
            "pid": lane.pid,
            "started_ms": milliseconds(lane.at),
            "ended_ms": ended.map(milliseconds),
        });
        if let Some(thread) = thread.and_then(|thread| self.lane(thread)) {
            value["thread"] = thread.name.clone().into();
        }
        value
    }
}

impl Sink for Recorder {
    fn event(&mut self, event: Event) {
        match event {
            Event::Lane(lane) => {
                // The main thread belongs to no cell. It is added to each cell that it writes for.
                if lane.id != LaneId::MAIN {
                    self.recording(lane.cell).meet(lane.id);
                }
                self.lanes.insert(lane.id, LaneRecord { lane, thread: None, ended: None });
            }
            Event::Renamed { lane, name } => {
                if let Some(record) = self.lanes.get_mut(&lane) {
                    record.lane.name = name;
                }
                self.lane_changed(lane);
            }
            Event::Process { lane, pid } => {
                if let Some(record) = self.lanes.get_mut(&lane) {
                    record.lane.pid = pid;
                }
                self.lane_changed(lane);
            }
            Event::Started { lane, on, at } => {
                if let Some(record) = self.lanes.get_mut(&lane) {
                    (record.thread, record.lane.at) = (Some(on), at);
                }
                self.lane_changed(lane);
            }
            Event::Ended { lane, at } => {
                if let Some(record) = self.lanes.get_mut(&lane) {
                    record.ended = Some(at);
                }
                self.lane_changed(lane);
                if !self.is_written(lane) {
                    self.lanes.remove(&lane);
                }
            }
            // Which lane waited for which is of use to `verify` only, and for which lock to the picture only.
            Event::Joined { .. } | Event::Waits { .. } | Event::Woke { .. } => {}
            // Cells of this front end have empty input and keep their text, and nobody is at the other end of a comm.
            Event::Input { .. } | Event::NextInput { .. } | Event::Comm { .. } => {}
            Event::Text { origin, stream, text } => {
                self.recording(origin.cell).text(Some(origin.lane), stream, text);
            }
            Event::Display { origin, data, metadata, id, update } => {
                if let Some(id) = &id {
                    self.change(id, &data, &metadata);
                    if update {
                        return;
                    }
                    self.displays.entry(id.clone()).or_default().insert(origin.cell);
                }
                let recording = self.recording(origin.cell);
                recording.meet(origin.lane);
                recording.push(Output::Display { data, metadata, id });
            }
            Event::Clear { origin, wait } => self.recording(origin.cell).clear(wait),
            Event::Result { cell, data } => self.recording(cell).push(Output::Result { cell, data }),
            Event::Warning { cell, rendered } => {
                let end = if rendered.ends_with('\n') { "" } else { "\n" };
                self.recording(cell).text(None, Stream::Stderr, rendered + end);
            }
            Event::Failed { cell, failure } => self.recording(cell).push(Output::Error(failure)),
        }
    }
}

impl Recording {
    fn push(&mut self, output: Output) {
        self.outputs().push(output);
    }

    /// The outputs, for one more.
    fn outputs(&mut self) -> &mut Vec<Output> {
        if self.clears {
            self.clear(false);
        }
        Arc::make_mut(&mut self.outputs)
    }

    fn clear(&mut self, wait: bool) {
        self.clears = wait;
        if !wait {
            self.outputs = Arc::default();
            (self.pieces, self.pieces_truncated) = (Vec::new(), false);
        }
    }

    fn change(&mut self, id: &str, data: &MimeBundle, metadata: &MimeBundle) {
        self.changed = true;
        for output in Arc::make_mut(&mut self.outputs) {
            if let Output::Display { data: old, metadata: about, id: Some(of) } = output
                && of == id
            {
                (*old, *about) = (data.clone(), metadata.clone());
            }
        }
    }

    /// Adds the lane to those that are written with the cell, unless there are `KEPT` already.
    fn meet(&mut self, lane: LaneId) {
        if self.known.contains(&lane) {
            return;
        }
        match self.lanes.len() {
            KEPT => self.lanes_truncated = true,
            _ => {
                self.known.insert(lane);
                self.lanes.push(lane);
            }
        }
    }

    fn text(&mut self, lane: Option<LaneId>, stream: Stream, text: String) {
        if text.is_empty() {
            return;
        }
        // Asked for first, since this may clear what is there.
        let outputs = self.outputs();
        let bytes = text.len();
        match outputs.last_mut() {
            Some(Output::Stream { stream: last, text: so_far }) if *last == stream => so_far.push_str(&text),
            _ => outputs.push(Output::Stream { stream, text }),
        }
        self.attribute(lane, stream, bytes);
    }

    fn attribute(&mut self, lane: Option<LaneId>, stream: Stream, bytes: usize) {
        let full = self.pieces.len() == KEPT;
        match self.pieces.last_mut() {
            // After a piece was left out, the last one must not grow: its bytes would be those of another place.
            _ if self.pieces_truncated => {}
            Some(last) if (last.lane, last.stream) == (lane, stream) => {
                last.bytes += bytes;
                return;
            }
            _ if full => self.pieces_truncated = true,
            _ => self.pieces.push(Piece { lane, stream, bytes }),
        }
        if let Some(lane) = lane {
            self.meet(lane);
        }
    }
}

/// `metadata.execution` as JupyterLab records it. A session here has no queue: a cell begins when it is asked for.
fn stamps(begun: Option<SystemTime>, ended: Option<SystemTime>) -> Map<String, Value> {
    let begun = ["iopub.execute_input", "iopub.status.busy", "shell.execute_reply.started"].map(|key| (key, begun));
    let ended = ["iopub.status.idle", "shell.execute_reply"].map(|key| (key, ended));
    let mut known: Vec<_> = begun.into_iter().chain(ended).filter_map(|(key, time)| Some((key, time?))).collect();
    known.sort();
    known
        .into_iter()
        .map(|(key, time)| (key.to_owned(), humantime::format_rfc3339_micros(time).to_string().into()))
        .collect()
}

fn milliseconds(at: Duration) -> f64 {
    at.as_micros() as f64 / 1000.0
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
