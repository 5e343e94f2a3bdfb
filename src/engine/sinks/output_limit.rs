//! Limits the output that a cell may show (`Limits::output`): the first part is shown live, the end when the cell
//! ends, and the full text is in a file that the output names. Every front end is behind this limit, so a cell that
//! prints without end takes a bounded amount of memory and disk, whoever runs it.
//!
//! Counts text and new displays. Never holds back changes of a display, results or errors.

mod full;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::events::{CellId, Event, Origin, Sink, Stream};

use full::FullText;

/// Bytes of text beyond the limit that are shown when the cell ends: the last 64 KiB, or the last `limit` bytes if
/// the limit is smaller. The text between the first part and this end is left out and counted.
const TAIL: usize = 64 << 10;

/// The front end's sink, behind the limit. The session and its other sinks share it.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Overflow>>);

struct Overflow {
    limit: Option<u64>,
    cells: HashMap<CellId, Shown>,
    sink: Box<dyn Sink>,
}

/// The output of one cell so far.
#[derive(Default)]
struct Shown {
    /// Bytes that were passed to the front end.
    bytes: u64,
    full: FullText,
    /// `None` while all output fits the limit.
    over: Option<Over>,
    /// Whether the next output replaces all output so far (`clear_output(wait)`).
    clears: bool,
    /// Whether the cell has ended. Its threads may still print.
    ended: bool,
}

/// Output beyond the limit, which the front end is not shown, or not yet.
#[derive(Default)]
struct Over {
    tail: VecDeque<(Origin, Stream, String)>,
    bytes: usize,
    left_out: u64,
    displays: u64,
}

impl Shared {
    pub(crate) fn new(limit: Option<u64>, sink: Box<dyn Sink>) -> Shared {
        Shared(Arc::new(Mutex::new(Overflow { limit, cells: HashMap::new(), sink })))
    }

    /// Notes that the cell has ended, and shows the end of its output.
    pub(crate) fn end(&self, cell: CellId) {
        let mut this = self.lock();
        this.release(cell);
        if let Some(shown) = this.cells.get_mut(&cell) {
            shown.ended = true;
            match shown.over {
                None => shown.full = FullText::default(),
                Some(_) => shown.full.close(),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Overflow> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Sink for Shared {
    fn event(&mut self, event: Event) {
        let mut this = self.lock();
        let Some(limit) = this.limit else { return this.sink.event(event) };
        match event {
            Event::Text { origin, stream, text } => this.text(limit, origin, stream, text),
            Event::Display { ref origin, ref data, update: false, .. } => {
                let size = data.values().map(|value| value.as_str().map_or(64, str::len) as u64).sum();
                if this.fits(limit, origin.cell, size) {
                    this.sink.event(event);
                }
            }
            Event::Clear { origin, wait } => {
                if let Some(shown) = this.cells.get_mut(&origin.cell) {
                    shown.clears = true;
                    shown.begin_anew(!wait);
                }
                this.sink.event(event);
            }
            // Results and errors are shown below the cell's text, so the end of the text has to come first.
            Event::Result { cell, .. } | Event::Failed { cell, .. } => {
                this.release(cell);
                this.sink.event(event);
            }
            event => this.sink.event(event),
        }
    }
}

impl Overflow {
    fn text(&mut self, limit: u64, origin: Origin, stream: Stream, text: String) {
        let shown = self.cells.entry(origin.cell).or_default();
        shown.begin_anew(shown.clears);
        if !shown.ended || shown.over.is_some() {
            shown.full.write(&text);
        }
        let room = if shown.over.is_some() { 0 } else { limit - shown.bytes };
        if text.len() as u64 <= room {
            shown.bytes += text.len() as u64;
            return self.sink.event(Event::Text { origin, stream, text });
        }
        let rest = text.floor_boundary(room as usize);
        let (head, rest) = text.split_at(rest);
        if !head.is_empty() {
            shown.bytes += head.len() as u64;
            self.sink.event(Event::Text { origin, stream, text: head.to_owned() });
        }
        self.begin_over(limit, origin.cell, rest);
        if let Some(over) = self.cells.get_mut(&origin.cell).and_then(|shown| shown.over.as_mut()) {
            over.push(limit, origin, stream, rest);
        }
    }

    /// Whether a display of this size fits the limit. Counts it as shown, or else as left out.
    fn fits(&mut self, limit: u64, cell: CellId, size: u64) -> bool {
        let shown = self.cells.entry(cell).or_default();
        shown.begin_anew(shown.clears);
        if shown.over.is_none() && size <= limit - shown.bytes {
            shown.bytes += size;
            return true;
        }
        self.begin_over(limit, cell, "");
        if let Some(over) = self.cells.get_mut(&cell).and_then(|shown| shown.over.as_mut()) {
            over.displays += 1;
        }
        false
    }

    /// Says once that the cell shows no more output. `rest` is the text that is beyond the limit.
    fn begin_over(&mut self, limit: u64, cell: CellId, rest: &str) {
        let Some(shown) = self.cells.get_mut(&cell).filter(|shown| shown.over.is_none()) else { return };
        shown.over = Some(Over::default());
        let what = if shown.ended {
            shown.full.write(rest);
            "what comes now"
        } else {
            "its full text"
        };
        let place = shown.full.keep();
        let when = if shown.ended { "" } else { ", and its end is shown when it ends" };
        let limit = human(limit);
        self.notice(
            cell,
            format!(
                "threadbook: this cell has shown {limit}; {what} {place}{when} (THREADBOOK_OUTPUT_LIMIT or --output-limit \
                 sets how much is shown)\n"
            ),
        );
    }

    /// Shows the end of the text that was held back, unless the cell ended before.
    fn release(&mut self, cell: CellId) {
        let Some(limit) = self.limit else { return };
        let Some(shown) = self.cells.get_mut(&cell).filter(|shown| !shown.ended) else { return };
        let Some(over) = &mut shown.over else { return };
        let Over { tail, left_out, displays, .. } = std::mem::take(over).cut_to_lines(limit);
        let lost = shown.full.lost();
        if left_out + displays > 0 {
            let displays = match displays {
                0 => String::new(),
                1 => " and 1 display".into(),
                n => format!(" and {n} displays"),
            };
            let lost = match lost {
                0 => String::new(),
                lost => format!("; the file could not take the last {lost} bytes"),
            };
            self.notice(cell, format!("threadbook: {left_out} bytes{displays} are left out here{lost}\n"));
        }
        for (origin, stream, text) in tail {
            self.sink.event(Event::Text { origin, stream, text });
        }
    }

    fn notice(&mut self, cell: CellId, rendered: String) {
        self.sink.event(Event::Warning { cell, rendered });
    }
}

impl Shown {
    /// Forgets the output so far if it was cleared: everything fits the limit again.
    fn begin_anew(&mut self, cleared: bool) {
        if cleared {
            self.full.discard();
            *self = Shown { ended: self.ended, ..Shown::default() };
        }
    }
}

impl Over {
    fn push(&mut self, limit: u64, origin: Origin, stream: Stream, text: &str) {
        self.bytes += text.len();
        match self.tail.back_mut() {
            Some((last, of, so_far)) if (last.lane, *of) == (origin.lane, stream) && so_far.len() < TAIL => {
                so_far.push_str(text);
            }
            _ => self.tail.push_back((origin, stream, text.to_owned())),
        }
        // Cutting moves the rest of a text in memory, so it is not done at every print.
        if self.bytes > 2 * TAIL {
            self.cut(limit);
        }
    }

    /// Leaves out all text before the end that is to be shown.
    fn cut(&mut self, limit: u64) {
        let most = TAIL.min(limit as usize);
        while self.bytes > most {
            let Some((_, _, first)) = self.tail.front_mut() else { return };
            let excess = first.ceil_boundary(self.bytes - most);
            first.drain(..excess);
            if first.is_empty() {
                self.tail.pop_front();
            }
            self.bytes -= excess;
            self.left_out += excess as u64;
        }
    }

    /// As `cut`, but the remaining text begins with a whole line if it can.
    fn cut_to_lines(mut self, limit: u64) -> Over {
        self.cut(limit);
        let pieces = self.tail.len();
        if self.left_out > 0
            && let Some((_, _, first)) = self.tail.front_mut()
            && let Some(end) = first.find('\n').filter(|end| pieces > 1 || end + 1 < first.len())
        {
            first.drain(..=end);
            self.left_out += end as u64 + 1;
        }
        self.tail.retain(|(_, _, text)| !text.is_empty());
        self
    }
}

/// Bytes at which a text can be cut without cutting a character.
trait Boundary {
    fn floor_boundary(&self, at: usize) -> usize;
    fn ceil_boundary(&self, at: usize) -> usize;
}

impl Boundary for str {
    fn floor_boundary(&self, at: usize) -> usize {
        (0..=at.min(self.len())).rev().find(|at| self.is_char_boundary(*at)).unwrap_or(0)
    }

    fn ceil_boundary(&self, at: usize) -> usize {
        (at..self.len()).find(|at| self.is_char_boundary(*at)).unwrap_or(self.len())
    }
}

fn human(bytes: u64) -> String {
    match bytes {
        ..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

#[cfg(test)]
mod tests;
