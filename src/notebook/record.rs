//! What a run leaves of each cell: its outputs, its stamps, its lanes and which lane wrote which bytes.
//!
//! Takes the session's events and keeps them typed; writes no file and shows nothing. Text goes to the cell that it
//! belongs to, also when that cell has ended: there is no current cell here.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Map, Value, json};

use super::nbformat::Output;
use crate::output::{CellId, Event, Lane, LaneId, LaneKind, Sink, Stream};

/// So many runs of bytes, and so many lanes, are written for one cell: a notebook is to stay openable.
const KEPT: usize = 10_000;

pub struct Recorder {
    wall: SystemTime,
    started: Instant,
    lanes: HashMap<LaneId, LaneRecord>,
    cells: HashMap<CellId, Recording>,
}

struct LaneRecord {
    lane: Lane,
    /// For a task: the thread that ran it.
    thread: Option<LaneId>,
    ended: Option<Duration>,
}

#[derive(Default)]
struct Recording {
    outputs: Arc<Vec<Output>>,
    pieces: Vec<Piece>,
    pieces_truncated: bool,
    /// The lanes that this cell made or that wrote for it, in order of appearance.
    lanes: Vec<LaneId>,
    known: HashSet<LaneId>,
    begun: Option<SystemTime>,
    ended: Option<SystemTime>,
    changed: bool,
}

/// A run of bytes of a cell's text outputs, taken in their order.
struct Piece {
    /// None for what the compiler says: no thread wrote it.
    lane: Option<LaneId>,
    stream: Stream,
    bytes: usize,
}

/// What is to be written of one cell.
pub struct Record {
    pub cell: CellId,
    pub outputs: Arc<Vec<Output>>,
    /// `metadata.execution`
    pub execution: Map<String, Value>,
    /// `metadata.threadbook`; empty where the main thread alone wrote, which then goes without saying.
    pub threadbook: Map<String, Value>,
}

impl Recorder {
    pub fn new() -> Recorder {
        Recorder { wall: SystemTime::now(), started: Instant::now(), lanes: HashMap::new(), cells: HashMap::new() }
    }

    pub fn begin(&mut self, cell: CellId) {
        let now = self.now();
        self.recording(cell).begun = Some(now);
    }

    pub fn end(&mut self, cell: CellId) {
        let now = self.now();
        self.recording(cell).ended = Some(now);
    }

    pub fn lane(&self, id: LaneId) -> Option<&Lane> {
        self.lanes.get(&id).map(|record| &record.lane)
    }

    /// The cells that have something new since this was last asked.
    pub fn take_changed(&mut self) -> Vec<Record> {
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

    /// The cells that show this lane have something new to write.
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
        let lanes = recording.lanes.iter().take(KEPT).filter_map(|lane| self.lanes.get(lane));
        section.insert("lanes".into(), lanes.map(|record| self.lane_value(record)).collect());
        if recording.lanes.len() > KEPT {
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
                // The main thread is of no cell; it is met where it writes.
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
            }
            // Which lane waited for which is of use to `verify` only.
            Event::Joined { .. } => {}
            Event::Text { origin, stream, text } => {
                self.recording(origin.cell).text(Some(origin.lane), stream, text);
            }
            Event::Display { origin, data, metadata } => {
                let recording = self.recording(origin.cell);
                recording.meet(origin.lane);
                recording.push(Output::Display { data, metadata });
            }
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
        Arc::make_mut(&mut self.outputs).push(output);
    }

    fn meet(&mut self, lane: LaneId) {
        if self.known.insert(lane) {
            self.lanes.push(lane);
        }
    }

    fn text(&mut self, lane: Option<LaneId>, stream: Stream, text: String) {
        if text.is_empty() {
            return;
        }
        self.attribute(lane, stream, text.len());
        let outputs = Arc::make_mut(&mut self.outputs);
        match outputs.last_mut() {
            Some(Output::Stream { stream: last, text: so_far }) if *last == stream => so_far.push_str(&text),
            _ => outputs.push(Output::Stream { stream, text }),
        }
    }

    fn attribute(&mut self, lane: Option<LaneId>, stream: Stream, bytes: usize) {
        let full = self.pieces.len() == KEPT;
        match self.pieces.last_mut() {
            // Once a piece is left out, nothing may be added to the last one: it would stand at the wrong place.
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
mod tests {
    use super::*;
    use crate::notebook::fixture::{lane, main_lane, origin, text};
    use crate::output::Failure;

    fn record(events: impl IntoIterator<Item = Event>) -> Record {
        let mut recorder = Recorder::new();
        recorder.begin(CellId(1));
        events.into_iter().for_each(|event| recorder.event(event));
        recorder.end(CellId(1));
        recorder.take_changed().swap_remove(0)
    }

    fn stream(stream: Stream, text: &str) -> Output {
        Output::Stream { stream, text: text.into() }
    }

    #[test]
    fn text_of_one_stream_is_one_output_whoever_wrote_it() {
        use Stream::{Stderr, Stdout};
        let bundle = json!({"text/plain": "42"}).as_object().expect("an object").clone();
        let failure = Failure { ename: "Panic".into(), evalue: "boom".into(), traceback: vec![] };
        let record = record([
            main_lane(),
            lane(2, "Thread-1", 1),
            text(1, 1, Stdout, "a\r"),
            text(1, 2, Stdout, "b\n"),
            text(1, 2, Stderr, "e"),
            text(1, 1, Stdout, "c"),
            Event::Display { origin: origin(1, 1), data: bundle.clone(), metadata: Map::new() },
            text(1, 1, Stdout, ""),
            text(1, 1, Stdout, "d"),
            Event::Warning { cell: CellId(1), rendered: "warning: unused".into() },
            Event::Result { cell: CellId(1), data: bundle.clone() },
            Event::Failed { cell: CellId(1), failure: failure.clone() },
        ]);
        let expected = [
            stream(Stdout, "a\rb\n"),
            stream(Stderr, "e"),
            stream(Stdout, "c"),
            Output::Display { data: bundle.clone(), metadata: Map::new() },
            stream(Stdout, "d"),
            stream(Stderr, "warning: unused\n"),
            Output::Result { cell: CellId(1), data: bundle },
            Output::Error(failure),
        ];
        assert_eq!(*record.outputs, expected);
        let pieces =
            json!([[1, "stdout", 2], [2, "stdout", 2], [2, "stderr", 1], [1, "stdout", 2], [null, "stderr", 16]]);
        assert_eq!(record.threadbook["pieces"], pieces);
    }

    #[test]
    fn lanes_say_who_they_are_and_on_which_thread_they_ran() {
        let at = |ms: u64| Duration::from_micros(ms * 1000 + 500);
        let task = Lane {
            id: LaneId(3),
            kind: LaneKind::Task,
            name: "square".into(),
            parent: Some(LaneId::MAIN),
            cell: CellId(1),
            pid: 10,
            at: at(1),
        };
        let record = record([
            main_lane(),
            lane(2, "unnamed", 1),
            Event::Renamed { lane: LaneId(2), name: "Pool-0_0".into() },
            Event::Lane(task),
            Event::Started { lane: LaneId(3), on: LaneId(2), at: at(2) },
            text(1, 3, Stream::Stdout, "x"),
            Event::Ended { lane: LaneId(3), at: at(4) },
        ]);
        let thread = json!({"id": 2, "kind": "thread", "name": "Pool-0_0", "parent": 1, "pid": 10,
            "started_ms": 2.0, "ended_ms": null});
        let task = json!({"id": 3, "kind": "task", "name": "square", "parent": 1, "pid": 10,
            "started_ms": 2.5, "ended_ms": 4.5, "thread": "Pool-0_0"});
        assert_eq!(record.threadbook["lanes"], json!([thread, task]));
    }

    #[test]
    fn that_the_main_thread_wrote_goes_without_saying() {
        assert!(record([main_lane(), text(1, 1, Stream::Stdout, "x")]).threadbook.is_empty());
        assert!(!record([main_lane(), lane(2, "Thread-1", 1)]).threadbook.is_empty(), "a silent thread is news");
    }

    #[test]
    fn late_text_goes_to_its_own_cell_and_only_what_changed_is_told() {
        let mut recorder = Recorder::new();
        recorder.event(lane(2, "Thread-1", 1));
        for cell in [CellId(1), CellId(2)] {
            recorder.begin(cell);
            recorder.end(cell);
        }
        let cells = |records: &[Record]| records.iter().map(|record| record.cell.0).collect::<Vec<_>>();
        let before = recorder.take_changed();
        assert_eq!(cells(&before), [1, 2]);
        recorder.event(text(1, 2, Stream::Stdout, "late"));
        let after = recorder.take_changed();
        assert_eq!(cells(&after), [1]);
        assert_eq!(*after[0].outputs, [stream(Stream::Stdout, "late")]);
        assert!(before[0].outputs.is_empty(), "what was handed out stays as it was");
        recorder.event(Event::Ended { lane: LaneId(2), at: Duration::ZERO });
        assert_eq!(cells(&recorder.take_changed()), [1]);
        assert!(recorder.take_changed().is_empty());
    }

    #[test]
    fn the_pieces_are_bounded() {
        let turns = (0..KEPT as u32 + 10).map(|n| text(1, n % 2 + 1, Stream::Stdout, "x\n"));
        let record = record([main_lane(), lane(2, "Thread-1", 1)].into_iter().chain(turns));
        assert_eq!(record.threadbook["pieces"].as_array().expect("a list").len(), KEPT);
        assert_eq!(record.threadbook["pieces_truncated"], true);
        assert_eq!(*record.outputs, [stream(Stream::Stdout, &"x\n".repeat(KEPT + 10))], "the text is not");
    }

    #[test]
    fn the_stamps_are_those_of_jupyterlab() {
        let record = record([]);
        let keys: Vec<_> = record.execution.keys().map(String::as_str).collect();
        let expected = [
            "iopub.execute_input",
            "iopub.status.busy",
            "iopub.status.idle",
            "shell.execute_reply",
            "shell.execute_reply.started",
        ];
        assert_eq!(keys, expected);
        let time = |key: &str| {
            let stamp = record.execution[key].as_str().expect("a string");
            assert!(stamp.len() == "2026-01-02T03:04:05.678901Z".len() && stamp.ends_with('Z'), "{stamp}");
            humantime::parse_rfc3339(stamp).expect("a time")
        };
        assert!(time("iopub.status.busy") <= time("iopub.status.idle"));
    }

    /// Not a benchmark: a guard against work per line that grows.
    #[test]
    fn half_a_million_lines_take_no_time() {
        let started = Instant::now();
        let record = record((0..500_000).map(|_| text(1, 1, Stream::Stdout, "a line of ordinary length\n")));
        assert_eq!(record.outputs.len(), 1);
        assert!(started.elapsed() < Duration::from_secs(5), "took {:?}", started.elapsed());
    }
}
