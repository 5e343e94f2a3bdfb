//! A sink that keeps the events of those cells that are watched, and reads their runs. What it holds is bounded by what
//! the watched cells have put out, however long the session is.

use std::collections::{BTreeMap, BTreeSet};

use crate::events::{CellId, Event, Sink};
use crate::lanes::reader;
use crate::lanes::run::Run;
use crate::lanes::table::{LaneTable, Tasks};

pub(crate) struct Log {
    table: LaneTable,
    watched: BTreeMap<CellId, Watched>,
}

/// What has to do with one cell since it was first watched.
struct Watched {
    events: Vec<Event>,
    /// The tasks that ran when the cell began.
    tasks: Tasks,
}

impl Log {
    /// Numbers equal to one in `pids`, or to a process id of the session, may be process ids where they are printed.
    pub(crate) fn new(pids: BTreeSet<u32>) -> Log {
        Log { table: LaneTable::new(pids), watched: BTreeMap::new() }
    }

    /// Keeps the events of a cell from here on. Call it before the cell runs.
    pub(crate) fn watch(&mut self, cell: CellId) {
        self.table.prune(|other| self.watched.contains_key(&other));
        self.watched.insert(cell, Watched { events: Vec::new(), tasks: self.table.running_tasks() });
    }

    /// Drops the events of a cell, and keeps none of it from here on.
    pub(crate) fn forget(&mut self, cell: CellId) {
        self.watched.remove(&cell);
    }

    /// Labels of the cell's lanes that have not ended, idle workers of pools left out.
    pub(crate) fn open(&self, cell: CellId) -> Vec<String> {
        self.table.open(cell)
    }

    /// What a watched cell has put out so far. Of a cell that is not watched: nothing.
    pub(crate) fn read(&self, cell: CellId) -> Run {
        match self.watched.get(&cell) {
            Some(watched) => reader::read(cell, &watched.events, &self.table, &watched.tasks),
            None => Run::default(),
        }
    }
}

impl Sink for Log {
    fn event(&mut self, event: Event) {
        self.table.event(&event);
        match &event {
            // Each may order what lanes of any cell put out.
            Event::Lane(_) | Event::Started { .. } | Event::Joined { .. } => {
                self.watched.values_mut().for_each(|watched| watched.events.push(event.clone()));
            }
            // It may change what another cell shows.
            Event::Display { id: Some(_), .. } => {
                self.watched.values_mut().for_each(|watched| watched.events.push(event.clone()));
            }
            Event::Text { origin, .. } | Event::Display { origin, .. } | Event::Clear { origin, .. } => {
                let cell = origin.cell;
                self.keep(cell, event);
            }
            Event::Result { cell, .. } | Event::Failed { cell, .. } => {
                let cell = *cell;
                self.keep(cell, event);
            }
            _ => {}
        }
    }
}

impl Log {
    fn keep(&mut self, cell: CellId, event: Event) {
        if let Some(watched) = self.watched.get_mut(&cell) {
            watched.events.push(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::scripted::events;

    fn kept(log: &Log) -> usize {
        log.watched.values().map(|watched| watched.events.len()).sum()
    }

    #[test]
    fn only_what_watched_cells_put_out_is_kept() {
        let mut log = Log::new(BTreeSet::new());
        for cell in (1..=100).map(CellId) {
            log.watch(cell);
            events("spawn main t Thread-1\nt| {0..1000}\nend t", cell)
                .into_iter()
                .for_each(|event| log.event(event));
            assert_eq!((kept(&log), log.read(cell).lanes.len()), (1001, 1));
            log.forget(cell);
        }
        assert_eq!(kept(&log), 0);
    }

    #[test]
    fn a_lane_that_has_not_ended_is_open() {
        let mut log = Log::new(BTreeSet::new());
        log.watch(CellId(1));
        events("spawn main t Thread-1\nt| x", CellId(1)).into_iter().for_each(|event| log.event(event));
        assert_eq!(log.open(CellId(1)), ["Thread-1"]);
        assert!(log.open(CellId(2)).is_empty());
    }

    #[test]
    fn lanes_that_have_ended_are_forgotten_with_their_cell() {
        let mut log = Log::new(BTreeSet::new());
        let script = "spawn main w ThreadPoolExecutor-0_0\nsubmit main a action\nstart a w\na| x\nend a";
        log.watch(CellId(1));
        events(script, CellId(1)).into_iter().for_each(|event| log.event(event));
        assert!(log.open(CellId(1)).is_empty(), "an idle worker is not waited for");
        log.watch(CellId(2));
        assert_eq!(log.read(CellId(1)).lanes[0].label, "task action on ThreadPoolExecutor-0_0");
        log.forget(CellId(1));
        log.watch(CellId(3));
        let left: Vec<u32> = (0..10).filter(|id| log.table.get(crate::events::LaneId(*id)).is_some()).collect();
        assert_eq!(left, [2], "the worker lives");
    }
}
