//! The lanes of a session, as far as their events have told: names, processes, which task runs on which thread. Grows with
//! the lanes that are alive or of use, not with the lanes that there have been.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::events::{CellId, Event, LaneId, LaneKind};

/// The tasks that have begun on each thread, in order.
pub(crate) type Tasks = HashMap<LaneId, Vec<LaneId>>;

#[derive(Default)]
pub(crate) struct LaneTable {
    lanes: BTreeMap<LaneId, Known>,
    /// Threads that a task ran on.
    workers: BTreeSet<LaneId>,
    /// Every process id of the session: a number that equals one may be a process id where it is printed.
    pids: BTreeSet<u32>,
}

/// What is known of one lane.
pub(crate) struct Known {
    pub kind: LaneKind,
    pub pid: u32,
    name: String,
    cell: CellId,
    /// The thread that a task runs on.
    on: Option<LaneId>,
    ended: bool,
}

impl LaneTable {
    /// Numbers equal to one in `pids` may be process ids, too.
    pub(crate) fn new(pids: BTreeSet<u32>) -> LaneTable {
        LaneTable { pids, ..LaneTable::default() }
    }

    pub(crate) fn event(&mut self, event: &Event) {
        match event {
            Event::Lane(lane) => {
                self.pids.insert(lane.pid);
                let (name, cell, pid) = (lane.name.clone(), lane.cell, lane.pid);
                self.lanes.insert(lane.id, Known { kind: lane.kind, name, cell, pid, on: None, ended: false });
            }
            Event::Renamed { lane, name } => {
                self.lanes.entry(*lane).and_modify(|known| known.name.clone_from(name));
            }
            Event::Process { lane, pid } => {
                self.pids.insert(*pid);
                self.lanes.entry(*lane).and_modify(|known| known.pid = *pid);
            }
            Event::Started { lane, on, .. } => {
                self.workers.insert(*on);
                self.lanes.entry(*lane).and_modify(|known| known.on = Some(*on));
            }
            Event::Ended { lane, .. } => {
                self.lanes.entry(*lane).and_modify(|known| known.ended = true);
            }
            Event::Text { origin, .. } | Event::Display { origin, .. } => {
                self.pids.insert(origin.pid);
            }
            _ => {}
        }
    }

    /// Forgets lanes that have ended and belong to no cell of `watched`, except the threads of tasks that stay.
    pub(crate) fn prune(&mut self, watched: impl Fn(CellId) -> bool) {
        let stays = |known: &Known| !known.ended || watched(known.cell);
        let threads: BTreeSet<LaneId> =
            self.lanes.values().filter(|known| stays(known)).filter_map(|known| known.on).collect();
        self.lanes.retain(|id, known| stays(known) || threads.contains(id));
        self.workers.retain(|worker| self.lanes.contains_key(worker));
    }

    /// The tasks that run now, by thread.
    pub(crate) fn running_tasks(&self) -> Tasks {
        let mut tasks = Tasks::new();
        for (id, known) in self.lanes.iter().filter(|(_, known)| !known.ended) {
            if let Some(thread) = known.on {
                tasks.entry(thread).or_default().push(*id);
            }
        }
        tasks
    }

    /// Labels of the cell's lanes that have not ended, idle workers of pools left out.
    pub(crate) fn open(&self, cell: CellId) -> Vec<String> {
        let open = |id: &LaneId, lane: &Known| {
            *id != LaneId::MAIN && lane.cell == cell && !lane.ended && !self.workers.contains(id)
        };
        self.lanes.iter().filter(|(id, lane)| open(id, lane)).map(|(id, _)| self.label(*id)).collect()
    }

    /// Whether the cell made lanes besides its own.
    pub(crate) fn made_lanes(&self, cell: CellId) -> bool {
        self.lanes.iter().any(|(id, lane)| *id != LaneId::MAIN && lane.cell == cell)
    }

    pub(crate) fn get(&self, lane: LaneId) -> Option<&Known> {
        self.lanes.get(&lane)
    }

    pub(crate) fn pids(&self) -> &BTreeSet<u32> {
        &self.pids
    }

    fn name(&self, lane: LaneId) -> &str {
        self.lanes.get(&lane).map_or("", |known| &known.name)
    }

    /// The name of the thread that prints a lane's text.
    pub(crate) fn thread(&self, lane: LaneId) -> &str {
        self.name(self.lanes.get(&lane).and_then(|known| known.on).unwrap_or(lane))
    }

    /// What reports call a lane.
    pub(crate) fn label(&self, lane: LaneId) -> String {
        let Some(known) = self.lanes.get(&lane) else {
            return if lane == LaneId::MAIN { "MainThread".to_owned() } else { format!("lane {}", lane.0) };
        };
        match (known.kind, known.on) {
            (LaneKind::Task, Some(on)) => format!("task {} on {}", known.name, self.name(on)),
            (LaneKind::Task, None) => format!("task {}", known.name),
            (LaneKind::Process, _) => format!("{} (pid {})", known.name, known.pid),
            (LaneKind::Thread, _) => known.name.clone(),
        }
    }
}
