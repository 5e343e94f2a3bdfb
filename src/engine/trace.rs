//! What happened in the last cell, lane by lane, kept for its picture (`%threads`). Passes every event on; keeps a
//! bounded number.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::output::{CellId, Event, LaneId, LaneKind, Sink, Stream};

/// Pieces of output that are kept; beyond, every second one goes, again and again.
const MOST_MARKS: usize = 4096;
/// Characters of a piece of output that are kept.
const MOST_TEXT: usize = 160;
/// Lanes of a cell that are kept.
const MOST_LANES: usize = 4096;

/// A lane, and when it lived.
#[derive(Clone, Debug)]
pub struct Life {
    pub kind: LaneKind,
    pub name: String,
    pub parent: Option<LaneId>,
    pub cell: CellId,
    pub born: Duration,
    /// Of a task: when it began to run, and on which thread.
    pub started: Option<(Duration, LaneId)>,
    pub ended: Option<Duration>,
}

/// A piece of output.
#[derive(Clone, Debug)]
pub struct Mark {
    pub lane: LaneId,
    pub at: Duration,
    pub stream: Stream,
    pub text: String,
}

#[derive(Clone, Debug, Default)]
pub struct Trace {
    pub cell: Option<CellId>,
    pub began: Duration,
    pub ended: Option<Duration>,
    pub lanes: BTreeMap<LaneId, Life>,
    pub marks: Vec<Mark>,
    /// Pieces of output in all, also those that are not in `marks`.
    pub printed: usize,
    /// Every so many are kept.
    stride: usize,
    /// Who saw the end of which lane, and when.
    pub joins: Vec<(LaneId, LaneId, Duration)>,
}

impl Trace {
    /// A cell begins: only lanes that live stay.
    pub fn begin(&mut self, cell: CellId, at: Duration) {
        let mut lanes = std::mem::take(&mut self.lanes);
        lanes.retain(|_, life| life.ended.is_none());
        *self = Trace { cell: Some(cell), began: at, lanes, stride: 1, ..Trace::default() };
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

/// A trace that a session and its sink share.
#[derive(Clone, Default)]
pub struct Shared(Arc<Mutex<Trace>>);

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, Trace> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Notes what it passes on.
pub struct Recorder {
    pub trace: Shared,
    pub sink: Box<dyn Sink>,
}

impl Sink for Recorder {
    fn event(&mut self, event: Event) {
        self.trace.lock().note(&event);
        self.sink.event(event);
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
}
