//! Runs for tests, written as small scripts: one line is one event.
//!
//! `lane| text` prints a line, `lane~ text` prints without a newline, `lane! text` prints a line on stderr; `{a..b}`
//! in it repeats the line for each number. `spawn main t Thread-1`, `fork main p Process-1 4242`,
//! `submit main a action`, `start a w`, `end t`, `join main t` are what they say. The main thread is `main`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::events::{CellId, Event, Lane, LaneId, LaneKind, Origin, Sink, Stream};
use crate::lanes::log::Log;
use crate::lanes::run::Run;

pub(crate) const CELL: CellId = CellId(1);
const AT: Duration = Duration::ZERO;
const PID: u32 = 7000;

/// The run of a cell whose events are the script's.
pub(crate) fn run(script: &str) -> Run {
    read(&events(script, CELL), CELL)
}

/// The run of a cell in a session that has had these events.
pub(crate) fn read(events: &[Event], cell: CellId) -> Run {
    log(events, &[cell]).read(cell)
}

/// The log of a session that has had these events, with the cells that were watched from the start.
pub(crate) fn log(events: &[Event], watched: &[CellId]) -> Log {
    let mut log = Log::new(BTreeSet::new());
    watched.iter().for_each(|cell| log.watch(*cell));
    events.iter().for_each(|event| log.event(event.clone()));
    log
}

pub(crate) fn events(script: &str, cell: CellId) -> Vec<Event> {
    let mut writer =
        Writer { cell, lanes: BTreeMap::from([("main".to_owned(), LaneId::MAIN)]), ..Writer::default() };
    for line in script.lines().map(str::trim_start).filter(|line| !line.is_empty()) {
        writer.line(line);
    }
    writer.events
}

struct Writer {
    cell: CellId,
    lanes: BTreeMap<String, LaneId>,
    pids: BTreeMap<LaneId, u32>,
    events: Vec<Event>,
}

impl Default for Writer {
    fn default() -> Self {
        Writer { cell: CELL, lanes: BTreeMap::new(), pids: BTreeMap::new(), events: Vec::new() }
    }
}

impl Writer {
    fn line(&mut self, line: &str) {
        let word = line.find(|c: char| !c.is_alphanumeric()).unwrap_or(line.len());
        let (lane, rest) = line.split_at(word);
        match rest.chars().next() {
            Some('|') => self.print(lane, Stream::Stdout, &rest[1..], "\n"),
            Some('!') => self.print(lane, Stream::Stderr, &rest[1..], "\n"),
            Some('~') => self.print(lane, Stream::Stdout, &rest[1..], ""),
            _ => self.deed(&line.split(' ').collect::<Vec<_>>()),
        }
    }

    fn print(&mut self, lane: &str, stream: Stream, text: &str, end: &str) {
        let text = text.strip_prefix(' ').unwrap_or(text).replace("\\n", "\n").replace("\\r", "\r");
        let range = text.split_once('{').and_then(|(before, rest)| {
            let (range, after) = rest.split_once('}')?;
            let (from, to) = range.split_once("..")?;
            Some((before, from.parse::<u32>().ok()?..to.parse::<u32>().ok()?, after))
        });
        match range {
            Some((before, numbers, after)) => {
                numbers.for_each(|n| self.text(lane, stream, format!("{before}{n}{after}{end}")));
            }
            None => self.text(lane, stream, format!("{text}{end}")),
        }
    }

    fn text(&mut self, lane: &str, stream: Stream, text: String) {
        let lane = self.lanes[lane];
        let pid = self.pids.get(&lane).copied().unwrap_or(PID);
        let origin = Origin { cell: self.cell, running: None, lane, pid, tid: pid, at: AT };
        self.events.push(Event::Text { origin, stream, text });
    }

    fn deed(&mut self, words: &[&str]) {
        match *words {
            ["spawn", parent, lane, ref name @ ..] => {
                self.lane(LaneKind::Thread, parent, lane, &name.join(" "), PID)
            }
            ["submit", parent, lane, name] => self.lane(LaneKind::Task, parent, lane, name, PID),
            ["fork", parent, lane, name, pid] => {
                self.lane(LaneKind::Process, parent, lane, name, pid.parse().expect("a pid"));
            }
            ["start", task, on] => {
                let (lane, on) = (self.lanes[task], self.lanes[on]);
                self.events.push(Event::Started { lane, on, at: AT });
            }
            ["end", lane] => self.events.push(Event::Ended { lane: self.lanes[lane], at: AT }),
            ["join", by, lane] => {
                let (by, lane) = (self.lanes[by], self.lanes[lane]);
                self.events.push(Event::Joined { by, lane, at: AT });
            }
            _ => panic!("no such line in a script: {words:?}"),
        }
    }

    fn lane(&mut self, kind: LaneKind, parent: &str, lane: &str, name: &str, pid: u32) {
        let id = LaneId(u32::try_from(self.lanes.len()).expect("few lanes") + 1);
        let parent = Some(self.lanes[parent]);
        self.lanes.insert(lane.to_owned(), id);
        self.pids.insert(id, pid);
        self.events.push(Event::Lane(Lane {
            id,
            kind,
            name: name.to_owned(),
            parent,
            cell: self.cell,
            pid,
            at: AT,
        }));
    }
}
