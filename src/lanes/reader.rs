//! Reads the run of one cell out of its events: atoms of text, and the gates between lanes that the program made.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::events::{CellId, Event, LaneId, LaneKind, MimeBundle, Stream};
use crate::lanes::measure::without_compile_time;
use crate::lanes::pattern::{Piece, Speaker, pattern};
use crate::lanes::run::{Gate, GateOf, Run, RunLane, Task};
use crate::lanes::table::{Known, LaneTable, Tasks};

/// Reads the run of `cell`. `events` are those that have to do with the cell, from its begin on; `tasks` are the tasks
/// that ran on each thread by then.
pub(crate) fn read(cell: CellId, events: &[Event], table: &LaneTable, tasks: &Tasks) -> Run {
    let mut reader = Reader::new(cell, table, tasks.clone());
    for event in events {
        reader.event(event);
    }
    reader.run.concurrent |= table.made_lanes(cell);
    reader.finish()
}

/// How many atoms of each lane, per stream, come before something.
type Clock = BTreeMap<LaneId, [usize; 2]>;

struct Reader<'a> {
    cell: CellId,
    table: &'a LaneTable,
    run: Run,
    /// The index in `run.lanes` of each lane that printed.
    places: HashMap<LaneId, usize>,
    counts: BTreeMap<LaneId, [usize; 2]>,
    clocks: HashMap<LaneId, Clock>,
    /// The tasks that have begun on each thread so far.
    tasks: Tasks,
    /// Gates that name lanes by their ids, since a lane has no index before it prints.
    gates: Vec<(LaneId, usize, GateOf<LaneId>)>,
    /// The counts that earlier gates of a lane have named, per stream.
    said: HashMap<(LaneId, usize), BTreeMap<LaneId, usize>>,
    /// Lanes whose clock has moved since their last gate, per stream.
    moved: BTreeSet<(LaneId, usize)>,
    /// The indices in `run.shown` of each display id.
    displays: HashMap<String, Vec<usize>>,
    /// Whether the next output takes away what was put out so far (`clear_output(wait=True)`).
    clears: bool,
}

impl<'a> Reader<'a> {
    fn new(cell: CellId, table: &'a LaneTable, tasks: Tasks) -> Self {
        Reader {
            cell,
            table,
            run: Run::default(),
            places: HashMap::new(),
            counts: BTreeMap::new(),
            clocks: HashMap::new(),
            tasks,
            gates: Vec::new(),
            said: HashMap::new(),
            moved: BTreeSet::new(),
            displays: HashMap::new(),
            clears: false,
        }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Lane(lane) => {
                if let Some(parent) = lane.parent {
                    self.after(lane.id, parent);
                }
            }
            Event::Started { lane, on, .. } => self.tasks.entry(*on).or_default().push(*lane),
            Event::Joined { by, lane, .. } => {
                // A worker that has ended has ended its tasks.
                for task in self.tasks.get(lane).cloned().unwrap_or_default() {
                    self.after(*by, task);
                }
                self.after(*by, *lane);
            }
            Event::Text { origin, stream, text } if origin.cell == self.cell => {
                self.run.concurrent |= origin.lane != LaneId::MAIN;
                self.text(origin.lane, *stream, &without_compile_time(text));
            }
            Event::Display { origin, data, id, update, .. } => {
                for index in id.iter().flat_map(|id| self.displays.get(id)).flatten().copied().collect::<Vec<_>>() {
                    self.run.shown[index].1 = self.plain(origin.lane, data);
                }
                if origin.cell == self.cell && !update {
                    self.show(origin.lane, data);
                    let index = self.run.shown.len() - 1;
                    id.iter().for_each(|id| self.displays.entry(id.clone()).or_default().push(index));
                }
            }
            Event::Clear { origin, wait } if origin.cell == self.cell => {
                self.clears = *wait;
                if !wait {
                    self.clear();
                }
            }
            Event::Result { cell, data } if *cell == self.cell => self.show(LaneId::MAIN, data),
            Event::Failed { cell, failure } if *cell == self.cell => self.run.failure = Some(failure.clone()),
            _ => {}
        }
    }

    /// What `later` prints from now on comes after all that `earlier` has printed so far, and what that came after.
    fn after(&mut self, later: LaneId, earlier: LaneId) {
        let mut news = self.clocks.get(&earlier).cloned().unwrap_or_default();
        if let Some(count) = self.counts.get(&earlier) {
            news.insert(earlier, *count);
        }
        let clock = self.clocks.entry(later).or_default();
        for (lane, count) in news.into_iter().filter(|(lane, _)| *lane != later) {
            let entry = clock.entry(lane).or_default();
            *entry = [entry[0].max(count[0]), entry[1].max(count[1])];
            self.moved.extend([(later, 0), (later, 1)]);
        }
    }

    /// Adds one print. CPython writes its payload and its newline apart, so they are two atoms.
    fn text(&mut self, lane: LaneId, stream: Stream, text: &str) {
        let (payload, newline) = match text.strip_suffix('\n') {
            Some(payload) => (payload, true),
            None => (text, false),
        };
        if !payload.is_empty() {
            self.atom(lane, stream, payload);
        }
        if newline {
            self.atom(lane, stream, "\n");
        }
    }

    fn atom(&mut self, lane: LaneId, stream: Stream, text: &str) {
        if std::mem::take(&mut self.clears) {
            self.clear();
        }
        let place = self.place(lane);
        let index = usize::from(stream == Stream::Stderr);
        let atom = self.pattern(lane, text);
        let output = &mut self.run.lanes[place].streams[index];
        output.atoms.push(atom);
        let at = output.atoms.len() - 1;
        self.counts.entry(lane).or_default()[index] += 1;
        if self.moved.remove(&(lane, index)) {
            self.gate(lane, index, at);
        }
    }

    fn gate(&mut self, lane: LaneId, stream: usize, at: usize) {
        let said = self.said.entry((lane, stream)).or_default();
        let mut after = Vec::new();
        for (other, count) in self.clocks.get(&lane).into_iter().flatten() {
            let before = said.entry(*other).or_default();
            if count[stream] > *before {
                *before = count[stream];
                after.push((*other, count[stream]));
            }
        }
        if !after.is_empty() {
            self.gates.push((lane, stream, GateOf { at, after }));
        }
    }

    fn pattern(&mut self, lane: LaneId, text: &str) -> Vec<Piece> {
        let task = self.places.get(&lane).and_then(|place| self.run.lanes[*place].task.as_ref());
        let worker = task.filter(|task| !task.pool.is_empty()).map(|task| task.worker);
        let speaker = Speaker { thread: self.table.thread(lane), worker };
        pattern(text, &speaker, self.table.pids(), &mut self.run.slots)
    }

    fn place(&mut self, lane: LaneId) -> usize {
        if let Some(&place) = self.places.get(&lane) {
            return place;
        }
        let task = self.table.get(lane).and_then(|known| self.task(lane, known));
        self.run.lanes.push(RunLane { label: self.table.label(lane), task, streams: Default::default() });
        self.places.insert(lane, self.run.lanes.len() - 1);
        self.run.lanes.len() - 1
    }

    fn task(&mut self, lane: LaneId, known: &Known) -> Option<Task> {
        match known.kind {
            LaneKind::Thread => None,
            LaneKind::Process => Some(Task { worker: self.run.slots.child(known.pid), pool: String::new() }),
            LaneKind::Task => {
                let thread = self.table.thread(lane);
                let pool = thread.rsplit_once('_').map_or(thread, |(pool, _)| pool).to_owned();
                Some(Task { worker: self.run.slots.lone(), pool })
            }
        }
    }

    fn show(&mut self, lane: LaneId, data: &MimeBundle) {
        if std::mem::take(&mut self.clears) {
            self.clear();
        }
        let atom = self.plain(lane, data);
        self.run.shown.push((lane, atom));
    }

    fn plain(&mut self, lane: LaneId, data: &MimeBundle) -> Vec<Piece> {
        let plain = data.get("text/plain").and_then(|value| value.as_str()).unwrap_or("");
        self.pattern(lane, plain)
    }

    /// Takes away what the cell has put out so far: a notebook does not record it either.
    fn clear(&mut self) {
        let run = std::mem::take(&mut self.run);
        let empty = Reader::new(self.cell, self.table, std::mem::take(&mut self.tasks));
        *self = Reader { run: Run { slots: run.slots, concurrent: run.concurrent, ..Run::default() }, ..empty };
    }

    fn finish(mut self) -> Run {
        for (lane, stream, GateOf { at, after }) in std::mem::take(&mut self.gates) {
            let after = after.into_iter().map(|(lane, count)| (self.places[&lane], count)).collect();
            self.run.lanes[self.places[&lane]].streams[stream].gates.push(Gate { at, after });
        }
        self.run
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
