//! Decides what a picture shows, and at which time: rows, prints, waits and the edges between rows. Never draws.

use std::time::Duration;

use crate::engine::sinks::trace::{Life, Mark, Trace, Wait};
use crate::events::{Awaited, CellId, LaneId, LaneKind};

/// Rows, prints and waits that a picture shows at most. Beyond that it shows the first rows, every n-th print and the
/// longest waits; its title says how many there are in all.
const MOST_ROWS: usize = 64;
const MOST_MARKS: usize = 500;
const MOST_WAITS: usize = 500;

/// One row of the picture: a thread or a process.
pub(super) struct Row<'a> {
    pub id: LaneId,
    pub life: &'a Life,
    pub from: Duration,
    pub to: Duration,
    /// Names of the tasks that ran on it, each with its start and its end.
    pub tasks: Vec<(&'a str, Duration, Duration)>,
    pub marks: Vec<&'a Mark>,
    /// Its waits for locks: the kind of lock, the start and the end.
    pub waits: Vec<(Awaited, Duration, Duration)>,
}

pub(super) struct Picture<'a> {
    pub cell: CellId,
    pub began: Duration,
    pub ended: Duration,
    pub rows: Vec<Row<'a>>,
    /// The row of the parent, the row of the child, and the time of the start.
    pub spawns: Vec<(usize, usize, Duration)>,
    /// The row that has seen the end, the row that has ended, and the time.
    pub joins: Vec<(usize, usize, Duration)>,
    pub title: String,
}

impl<'a> Picture<'a> {
    pub(super) fn new(trace: &'a Trace) -> Option<Picture<'a>> {
        let cell = trace.cell?;
        let last = trace.marks.iter().map(|mark| mark.at).chain(trace.joins.iter().map(|join| join.2));
        let ended = last.chain(trace.lanes.values().filter_map(|life| life.ended)).chain(trace.ended).max();
        let ended = ended.unwrap_or(trace.began).max(trace.began + Duration::from_micros(1));
        let mut picture = Picture {
            cell,
            began: trace.began,
            ended,
            rows: Vec::new(),
            spawns: Vec::new(),
            joins: Vec::new(),
            title: String::new(),
        };
        let all = picture.rows(trace);
        let tasks = picture.tasks(trace);
        let shown = picture.marks(trace);
        let waits = picture.waits(trace);
        picture.edges(trace);
        picture.title = format!("{cell}: {}", plural(all, "lane"));
        if tasks > 0 {
            picture.title += &format!(", {}", plural(tasks, "task"));
        }
        picture.title += &format!(", {}", seconds(ended - trace.began));
        if all > picture.rows.len() {
            picture.title += &format!("; the first {} lanes are shown", picture.rows.len());
        }
        if shown < trace.printed {
            picture.title += &format!("; {shown} of {} prints are shown", trace.printed);
        }
        if waits < trace.waited {
            picture.title += &format!("; the longest {waits} of {} waits are shown", trace.waited);
        }
        Some(picture)
    }

    /// Makes the rows: the threads and processes that this cell has made, and those that printed or worked for it.
    /// Returns how many there are, which may be more than are shown.
    fn rows(&mut self, trace: &'a Trace) -> usize {
        let is_busy = |id: LaneId| {
            let works = |life: &Life| life.cell == self.cell && life.started.is_some_and(|(_, on)| on == id);
            trace.marks.iter().any(|mark| mark.lane == id) || trace.lanes.values().any(works)
        };
        let mut all = 0;
        for (id, life) in &trace.lanes {
            let is_shown = *id == LaneId::MAIN || life.cell == self.cell || is_busy(*id);
            if life.kind == LaneKind::Task || !is_shown {
                continue;
            }
            all += 1;
            if self.rows.len() < MOST_ROWS {
                let from = life.born.clamp(self.began, self.ended);
                let to = life.ended.or(trace.ended.filter(|_| *id == LaneId::MAIN)).unwrap_or(self.ended);
                let to = to.clamp(from, self.ended);
                self.rows.push(Row {
                    id: *id,
                    life,
                    from,
                    to,
                    tasks: Vec::new(),
                    marks: Vec::new(),
                    waits: Vec::new(),
                });
            }
        }
        all
    }

    fn tasks(&mut self, trace: &'a Trace) -> usize {
        let mut count = 0;
        for life in trace.lanes.values().filter(|life| life.kind == LaneKind::Task && life.cell == self.cell) {
            let Some((at, on)) = life.started else { continue };
            count += 1;
            let to = life.ended.unwrap_or(self.ended).max(at);
            if let Some(row) = self.rows.iter_mut().find(|row| row.id == on) {
                row.tasks.push((&life.name, at, to));
            }
        }
        count
    }

    /// Adds prints to their rows, or only every n-th if there are too many. Returns how many are shown.
    fn marks(&mut self, trace: &'a Trace) -> usize {
        let step = trace.marks.len().div_ceil(MOST_MARKS).max(1);
        let mut count = 0;
        for mark in trace.marks.iter().step_by(step) {
            let id = row_of(trace, mark.lane);
            if let Some(row) = self.rows.iter_mut().find(|row| row.id == id) {
                row.marks.push(mark);
                count += 1;
            }
        }
        count
    }

    /// Adds waits to their rows, or only the longest if there are too many. Returns how many are shown.
    fn waits(&mut self, trace: &'a Trace) -> usize {
        let mut waits: Vec<&Wait> = trace.waits.iter().collect();
        waits.sort_by_key(|wait| std::cmp::Reverse(wait.length()));
        waits.truncate(MOST_WAITS);
        waits.sort_by_key(|wait| wait.from);
        for wait in &waits {
            let id = row_of(trace, wait.lane);
            if let Some(row) = self.rows.iter_mut().find(|row| row.id == id) {
                let from = wait.from.clamp(row.from, row.to);
                row.waits.push((wait.what, from, wait.to.unwrap_or(row.to).clamp(from, row.to)));
            }
        }
        waits.len()
    }

    fn edges(&mut self, trace: &Trace) {
        let index = |id: LaneId| self.rows.iter().position(|row| row.id == row_of(trace, id));
        let mut spawns = Vec::new();
        for (child, row) in self.rows.iter().enumerate().filter(|(_, row)| row.life.born >= self.began) {
            if let Some(parent) = row.life.parent.and_then(index).filter(|parent| *parent != child) {
                spawns.push((parent, child, row.life.born));
            }
        }
        let is_row = |id: &LaneId| trace.lanes.get(id).is_some_and(|life| life.kind != LaneKind::Task);
        let joins = trace.joins.iter().filter(|(_, lane, _)| is_row(lane));
        let joins = joins.filter_map(|(by, lane, at)| Some((index(*by)?, index(*lane)?, *at)));
        self.joins = joins.filter(|(by, lane, _)| by != lane).collect();
        self.spawns = spawns;
    }
}

/// The lane whose row shows this lane: a task is shown in the row of its thread, any other lane in its own.
fn row_of(trace: &Trace, lane: LaneId) -> LaneId {
    let life = trace.lanes.get(&lane).filter(|life| life.kind == LaneKind::Task);
    life.and_then(|life| life.started).map_or(lane, |(_, on)| on)
}

fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A duration in short: `1.25 s`, `30 ms`, `4 µs`.
pub(super) fn seconds(time: Duration) -> String {
    let (value, unit) = match time.as_secs_f64() {
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s => (s * 1e6, "\u{b5}s"),
    };
    let digits = if value >= 100.0 { 0 } else { 2 };
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} {unit}")
}
