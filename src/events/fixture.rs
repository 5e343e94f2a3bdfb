//! Hand-made events for tests.

use std::time::Duration;

use super::{CellId, Event, Lane, LaneId, LaneKind, Origin, Stream};

pub(crate) fn main_lane() -> Event {
    match lane(1, "MainThread", 0) {
        Event::Lane(lane) => Event::Lane(Lane { parent: None, ..lane }),
        other => other,
    }
}

/// A thread that the main thread made in `cell`.
pub(crate) fn lane(id: u32, name: &str, cell: u32) -> Event {
    Event::Lane(Lane {
        id: LaneId(id),
        kind: LaneKind::Thread,
        name: name.into(),
        parent: Some(LaneId::MAIN),
        cell: CellId(cell),
        pid: 10,
        at: Duration::from_millis(id.into()),
    })
}

pub(crate) fn origin(cell: u32, lane: u32) -> Origin {
    Origin {
        cell: CellId(cell),
        running: Some(CellId(cell)),
        lane: LaneId(lane),
        pid: 10,
        tid: lane,
        at: Duration::ZERO,
    }
}

pub(crate) fn text(cell: u32, lane: u32, stream: Stream, text: &str) -> Event {
    Event::Text { origin: origin(cell, lane), stream, text: text.into() }
}
