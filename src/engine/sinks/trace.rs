//! Keeps what happened in the last cell, lane by lane, for its picture (`%threads`). Every event is passed on, except
//! those that only the picture needs. The number of things kept is bounded; nothing is drawn here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::events::{Awaited, CellId, Event, LaneId, LaneKind, Sink, Stream};

/// Pieces of output that are kept. When there are so many, every second one is removed, and from then on only half as
/// many of the new ones are kept, so that they stay spread over the cell's time.
const MOST_MARKS: usize = 4096;
/// Characters of one piece of output that are kept. The rest of it is dropped.
const MOST_TEXT: usize = 160;
/// Waits that are kept. When there are so many, the shorter half is removed.
const MOST_WAITS: usize = 4096;
/// Lanes that are kept, and also joins. Later ones are not recorded.
const MOST_LANES: usize = 4096;

/// A lane, and the time during which it lived.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub kind: LaneKind,
    pub name: String,
    pub parent: Option<LaneId>,
    pub cell: CellId,
    pub born: Duration,
    /// For a task: when it began to run, and on which thread.
    pub started: Option<(Duration, LaneId)>,
    pub ended: Option<Duration>,
}

/// One piece of output.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub lane: LaneId,
    pub at: Duration,
    pub stream: Stream,
    pub text: String,
}

/// One wait for a lock of `threadbook::threading`.
#[derive(Clone, Debug)]
pub(crate) struct Wait {
    pub lane: LaneId,
    pub what: Awaited,
    pub from: Duration,
    /// `None` while the wait goes on.
    pub to: Option<Duration>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    pub cell: Option<CellId>,
    pub began: Duration,
    pub ended: Option<Duration>,
    pub lanes: BTreeMap<LaneId, Life>,
    pub marks: Vec<Mark>,
    /// Number of all pieces of output, including those that are not in `marks`.
    pub printed: usize,
    /// One piece of output in this many is kept.
    stride: usize,
    /// Joins: the lane that saw the end, the lane that ended, and the time.
    pub joins: Vec<(LaneId, LaneId, Duration)>,
    pub waits: Vec<Wait>,
    /// Number of all waits, including those that are not in `waits`.
    pub waited: usize,
}

impl Trace {
    /// Begins the trace of a new cell. Only lanes that still live are kept.
    pub(crate) fn begin(&mut self, cell: CellId, at: Duration) {
        let mut lanes = std::mem::take(&mut self.lanes);
        lanes.retain(|_, life| life.ended.is_none());
        let mut waits = std::mem::take(&mut self.waits);
        waits.retain(|wait| wait.to.is_none() && lanes.contains_key(&wait.lane));
        let waited = waits.len();
        *self = Trace { cell: Some(cell), began: at, lanes, stride: 1, waits, waited, ..Trace::default() };
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::Lane(lane) if self.lanes.len() < MOST_LANES => {
                let life = Life {
                    kind: lane.kind,
                    name: lane.name.clone(),
                    parent: lane.parent,
                    cell: lane.cell,
                    born: lane.at,
                    started: None,
                    ended: None,
                };
                self.lanes.insert(lane.id, life);
            }
            Event::Renamed { lane, name } => self.change(*lane, |life| life.name.clone_from(name)),
            Event::Started { lane, on, at } => self.change(*lane, |life| life.started = Some((*at, *on))),
            Event::Ended { lane, at } => self.change(*lane, |life| life.ended = Some(*at)),
            Event::Joined { by, lane, at } if self.joins.len() < MOST_LANES => self.joins.push((*by, *lane, *at)),
            Event::Waits { lane, what, at } => self.wait(Wait { lane: *lane, what: *what, from: *at, to: None }),
            Event::Woke { lane, at } => {
                let open = |wait: &&mut Wait| wait.lane == *lane && wait.to.is_none();
                if let Some(wait) = self.waits.iter_mut().rfind(open) {
                    wait.to = Some(*at);
                }
            }
            Event::Text { origin, stream, text } if Some(origin.cell) == self.cell => {
                let text = text.trim_end().chars().take(MOST_TEXT).collect();
                self.print(Mark { lane: origin.lane, at: origin.at, stream: *stream, text });
            }
            _ => {}
        }
    }

    fn change(&mut self, lane: LaneId, change: impl FnOnce(&mut Life)) {
        if let Some(life) = self.lanes.get_mut(&lane) {
            change(life);
        }
    }

    fn wait(&mut self, wait: Wait) {
        self.waited += 1;
        self.waits.push(wait);
        if self.waits.len() == MOST_WAITS {
            self.waits.sort_by_key(|wait| std::cmp::Reverse(wait.length()));
            self.waits.truncate(MOST_WAITS / 2);
        }
    }

    fn print(&mut self, mark: Mark) {
        if self.printed.is_multiple_of(self.stride.max(1)) {
            self.marks.push(mark);
        }
        self.printed += 1;
        if self.marks.len() == MOST_MARKS {
            let mut index = 0;
            self.marks.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.stride = self.stride.max(1) * 2;
        }
    }
}

impl Wait {
    /// The length of the wait. A wait that goes on counts as longer than any other.
    pub(crate) fn length(&self) -> Duration {
        self.to.map_or(Duration::MAX, |to| to.saturating_sub(self.from))
    }
}

/// A trace that a session and its sink share.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<Trace>>);

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Trace> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The sink that records events in the trace and passes them on.
pub(crate) struct Recorder {
    pub trace: Shared,
    pub sink: Box<dyn Sink>,
}

impl Sink for Recorder {
    fn event(&mut self, event: Event) {
        self.trace.lock().note(&event);
        if !matches!(event, Event::Waits { .. } | Event::Woke { .. }) {
            self.sink.event(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_output_is_thinned_out_evenly() {
        let mut trace = Trace::default();
        trace.begin(CellId(1), Duration::ZERO);
        for at in 0..100_000 {
            let at = Duration::from_micros(at);
            trace.print(Mark { lane: LaneId::MAIN, at, stream: Stream::Stdout, text: String::new() });
        }
        assert_eq!(trace.printed, 100_000);
        assert!(trace.marks.len() < MOST_MARKS && trace.marks.len() > MOST_MARKS / 4);
        let gaps: Vec<Duration> = trace.marks.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
        assert!(gaps.iter().all(|gap| *gap == gaps[0]));
    }

    #[test]
    fn of_many_waits_the_longest_stay() {
        let mut trace = Trace::default();
        trace.begin(CellId(1), Duration::ZERO);
        let what = Awaited::Lock;
        for n in 0..100_000_u64 {
            let (lane, at) = (LaneId(n as u32 % 2), Duration::from_micros(10 * n));
            trace.note(&Event::Waits { lane, what, at });
            let length = if n == 77 { 5_000 } else { n % 10 };
            trace.note(&Event::Woke { lane, at: at + Duration::from_micros(length) });
        }
        trace.note(&Event::Waits { lane: LaneId(9), what, at: Duration::from_secs(2) });
        assert_eq!(trace.waited, 100_001);
        assert!(trace.waits.len() < MOST_WAITS);
        assert!(trace.waits.iter().any(|wait| wait.length() == Duration::from_millis(5)));
        assert!(trace.waits.last().is_some_and(|wait| wait.to.is_none()));
    }

    #[test]
    fn a_wait_that_goes_on_is_the_next_cells_too() {
        let mut trace = Trace::default();
        let (what, at) = (Awaited::Event, Duration::from_secs(1));
        trace.lanes.insert(
            LaneId(2),
            Life {
                kind: LaneKind::Thread,
                name: String::new(),
                parent: None,
                cell: CellId(1),
                born: at,
                started: None,
                ended: None,
            },
        );
        trace.note(&Event::Waits { lane: LaneId(2), what, at });
        trace.note(&Event::Waits { lane: LaneId(3), what, at });
        trace.begin(CellId(2), 2 * at);
        assert_eq!(trace.waits.iter().map(|wait| wait.lane).collect::<Vec<_>>(), [LaneId(2)]);
        trace.note(&Event::Woke { lane: LaneId(2), at: 3 * at });
        trace.begin(CellId(3), 4 * at);
        assert!(trace.waits.is_empty());
    }
}
