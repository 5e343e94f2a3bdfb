//! The live view of a run: a header for each cell, its output line by line with the name of the lane that wrote it,
//! and how it ended.
//!
//! Lines are never torn: a lane's unfinished line waits until it is finished, its lane ends, or its cell ends. Keeps
//! no output; knows nothing of notebooks as files.

use std::collections::HashMap;
use std::time::Duration;

use anstream::adapter::strip_str;
use anstyle::{AnsiColor, Style};

use crate::engine::Outcome;
use crate::events::{CellId, Event, Failure, Lane, LaneId, LaneKind, MimeBundle, Origin, Stream};
use crate::notebook::printer::{Printer, Target};
use crate::notebook::shown::{Changing, plain};

/// Characters of the column of lane names: at least as many as `MainThread` has. A longer name than `WIDEST` is cut.
const NARROWEST: usize = 10;
const WIDEST: usize = 36;
/// Bytes of an unfinished line that are held back. Beyond it the line is shown in parts, so that memory stays bounded.
const LONGEST_LINE: usize = 1 << 16;

const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const CELL: Style = AnsiColor::Blue.on_default().bold();
/// Colours of lanes. Red is left out, which is for errors and standard error.
const LANES: [Style; 8] = [
    AnsiColor::Cyan.on_default(),
    AnsiColor::Yellow.on_default(),
    AnsiColor::Magenta.on_default(),
    AnsiColor::Green.on_default(),
    AnsiColor::Blue.on_default(),
    AnsiColor::BrightCyan.on_default(),
    AnsiColor::BrightYellow.on_default(),
    AnsiColor::BrightMagenta.on_default(),
];

#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub colour: bool,
    /// Whether standard error has colour.
    pub problem_colour: bool,
    /// Whether nothing but problems is shown.
    pub quiet: bool,
}

/// What a cell is called in its header.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Title {
    /// The heading that stands above it in the notebook.
    Heading(String),
    FirstLine(String),
}

/// How far the run has got: cell `at` of `total` code cells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    pub at: usize,
    pub total: usize,
}

pub(super) struct View {
    printer: Printer,
    look: Look,
    /// Drawn and not yet handed to the printer.
    page: String,
    lanes: HashMap<LaneId, LaneView>,
    changing: Changing,
    width: usize,
    /// Counts changes of names. A prefix that was drawn before the last change is drawn anew.
    names: u64,
    /// The cell whose header is the last one shown.
    current: Option<CellId>,
    /// Whether an error in that cell stops the run.
    error_stops: bool,
}

#[derive(Default)]
struct LaneView {
    lane: Option<Lane>,
    thread: Option<LaneId>,
    /// The cell that the unfinished lines belong to.
    cell: Option<CellId>,
    unfinished: [String; 2],
    prefix: [String; 2],
    drawn_for: Option<(Option<CellId>, usize, u64)>,
    changes_displays: bool,
}

impl View {
    pub(super) fn new(printer: Printer, look: Look) -> View {
        View {
            printer,
            look,
            page: String::new(),
            lanes: HashMap::new(),
            changing: Changing::default(),
            width: NARROWEST,
            names: 0,
            current: None,
            error_stops: false,
        }
    }

    pub(super) fn cell_begins(&mut self, cell: CellId, progress: Progress, title: &Title, error_stops: bool) {
        self.current = Some(cell);
        self.error_stops = error_stops;
        self.width = NARROWEST;
        self.header(progress, &cell.to_string(), title);
        self.hand_over();
    }

    pub(super) fn cell_skipped(&mut self, progress: Progress, title: &Title) {
        self.header(progress, "skipped", title);
        self.page.push('\n');
        self.hand_over();
    }

    pub(super) fn cell_ends(&mut self, outcome: &Outcome, took: Duration) {
        for (origin, text) in self.changing.rest() {
            self.display(&origin, &text);
        }
        self.finish_lines();
        let took = human(took);
        let end = match outcome {
            Outcome::Ok => format!("  {} {}\n\n", self.paint(GOOD, "✓"), self.paint(DIM, &took)),
            bad => format!(
                "  {} {} {}\n\n",
                self.paint(BAD, "✗"),
                said(bad),
                self.paint(DIM, &format!("after {took}"))
            ),
        };
        self.page.push_str(&end);
        self.current = None;
        self.hand_over();
    }

    /// One line about the whole run.
    pub(super) fn remark(&mut self, text: &str) {
        self.finish_lines();
        let line = self.paint(DIM, text);
        self.page.push_str(&line);
        self.page.push('\n');
        self.hand_over();
    }

    /// Something that the user has to know, also when quiet.
    pub(super) fn problem(&mut self, text: &str) {
        self.hand_over();
        let text = if self.look.problem_colour { text.to_owned() } else { strip_str(text).to_string() };
        self.printer.put(Target::Problem, text.as_bytes());
        self.printer.put(Target::Problem, b"\n");
    }

    /// Whether, and why, nobody can read the report any more.
    pub(super) fn closed(&self) -> Option<std::io::ErrorKind> {
        self.printer.closed()
    }

    /// Shows what is left, and returns once everything is written.
    pub(super) fn finish(&mut self) {
        self.finish_lines();
        self.hand_over();
        self.printer.finish();
    }

    pub(super) fn event(&mut self, event: &Event) {
        match event {
            Event::Lane(lane) => {
                self.lanes.entry(lane.id).or_default().lane = Some(lane.clone());
                self.named(lane.id);
            }
            Event::Renamed { lane, name } => {
                if let Some(known) = self.lanes.get_mut(lane).and_then(|view| view.lane.as_mut()) {
                    known.name.clone_from(name);
                }
                self.named(*lane);
            }
            Event::Process { lane, pid } => {
                if let Some(known) = self.lanes.get_mut(lane).and_then(|view| view.lane.as_mut()) {
                    known.pid = *pid;
                }
                self.named(*lane);
            }
            Event::Started { lane, on, .. } => {
                self.lanes.entry(*lane).or_default().thread = Some(*on);
                self.named(*lane);
            }
            Event::Ended { lane, .. } => {
                self.finish_line(*lane);
                // The last state of a display may be shown after its lane has ended, with the lane's name.
                if !self.lanes.get(lane).is_some_and(|view| view.changes_displays) {
                    self.lanes.remove(lane);
                }
            }
            Event::Joined { .. } | Event::Waits { .. } | Event::Woke { .. } => {}
            Event::Text { origin, stream, text } => self.text(origin, *stream, text),
            Event::Display { origin, data, id: Some(id), update: true, .. } => {
                self.lanes.entry(origin.lane).or_default().changes_displays = true;
                if let Some(text) = self.changing.change(id, *origin, plain(data)) {
                    self.display(origin, &text);
                }
            }
            Event::Display { origin, data, .. } => self.display(origin, &plain(data)),
            // What has been read in a terminal stays there.
            Event::Clear { .. } | Event::Input { .. } | Event::NextInput { .. } | Event::Comm { .. } => {}
            Event::Result { cell, data } => self.result(*cell, data),
            Event::Warning { rendered, .. } => self.block(rendered),
            Event::Failed { failure, .. } => self.failed(failure),
        }
        self.hand_over();
    }

    fn header(&mut self, progress: Progress, label: &str, title: &Title) {
        let digits = progress.total.to_string().len();
        let count = format!("[{:>digits$}/{}]", progress.at, progress.total);
        let (style, title) = match title {
            Title::Heading(text) => (BOLD, text),
            Title::FirstLine(text) => (DIM, text),
        };
        // A notebook that somebody else wrote must not move the cursor either.
        let title: String = title.chars().filter(|c| !c.is_control()).collect();
        let (count, label, title) = (self.paint(DIM, &count), self.paint(CELL, label), self.paint(style, &title));
        self.page.push_str(&format!("{count} {label}  {title}\n"));
    }

    fn text(&mut self, origin: &Origin, stream: Stream, text: &str) {
        self.draw_prefix(origin.lane, origin.cell);
        let view = self.lanes.entry(origin.lane).or_default();
        let (prefix, unfinished) = (&view.prefix[stream as usize], &mut view.unfinished[stream as usize]);
        for piece in text.split_inclusive('\n') {
            match piece.strip_suffix('\n') {
                Some(line) if unfinished.is_empty() => push_line(&mut self.page, self.look, prefix, line),
                Some(end) => {
                    unfinished.push_str(end);
                    push_line(&mut self.page, self.look, prefix, unfinished);
                    unfinished.clear();
                }
                None => {
                    unfinished.push_str(piece);
                    drop_overwritten(unfinished);
                    if unfinished.len() > LONGEST_LINE {
                        push_line(&mut self.page, self.look, prefix, unfinished);
                        unfinished.clear();
                    }
                }
            }
        }
    }

    fn display(&mut self, origin: &Origin, text: &str) {
        self.finish_line(origin.lane);
        self.text(origin, Stream::Stdout, text);
        self.finish_line(origin.lane);
    }

    fn result(&mut self, cell: CellId, data: &MimeBundle) {
        self.finish_line(LaneId::MAIN);
        let label = format!("Out[{}]:", cell.0);
        let indent = format!("\n{:width$}", "", width = label.len() + 3);
        let value = self.clean(plain(data).trim_end_matches('\n')).replace('\n', &indent);
        let line = format!("  {} {value}\n", self.paint(CELL, &label));
        self.page.push_str(&line);
    }

    fn failed(&mut self, failure: &Failure) {
        self.finish_line(LaneId::MAIN);
        let text = match failure.traceback.as_slice() {
            [] => format!("{}: {}", failure.ename, failure.evalue),
            lines => lines.join("\n"),
        };
        if self.error_stops {
            self.problem(&text);
        } else {
            self.block(&text);
        }
    }

    /// Lines that no lane wrote.
    fn block(&mut self, text: &str) {
        for line in text.lines() {
            push_line(&mut self.page, self.look, "  ", line);
        }
    }

    /// Shows all unfinished lines, in the order in which their lanes were made.
    fn finish_lines(&mut self) {
        let waits = |view: &LaneView| view.unfinished.iter().any(|text| !text.is_empty());
        let waiting = self.lanes.iter().filter(|(_, view)| waits(view));
        let mut lanes: Vec<LaneId> = waiting.map(|(id, _)| *id).collect();
        lanes.sort();
        lanes.into_iter().for_each(|lane| self.finish_line(lane));
    }

    /// Shows the unfinished lines of one lane.
    fn finish_line(&mut self, lane: LaneId) {
        let Some(cell) = self.lanes.get(&lane).and_then(|view| view.cell) else {
            return;
        };
        self.draw_prefix(lane, cell);
        let view = self.lanes.entry(lane).or_default();
        for (text, prefix) in view.unfinished.iter_mut().zip(&view.prefix) {
            if !text.is_empty() {
                push_line(&mut self.page, self.look, prefix, text);
                text.clear();
            }
        }
    }

    /// A lane has got a name: the column is made wide enough before its first line.
    fn named(&mut self, lane: LaneId) {
        self.names += 1;
        self.width = self.width.max(self.label(lane).chars().count()).min(WIDEST);
    }

    /// What a lane is called: a task with the thread that it runs on, a forked child's lanes with its pid.
    fn label(&self, id: LaneId) -> String {
        let lane = |id| self.lanes.get(&id).and_then(|view: &LaneView| view.lane.as_ref());
        let Some(this) = lane(id) else {
            return format!("lane {}", id.0);
        };
        let thread = self.lanes[&id].thread.and_then(lane);
        let mut label = match (this.kind, thread) {
            (LaneKind::Task, Some(thread)) if this.name == "task" => thread.name.clone(),
            (LaneKind::Task, Some(thread)) => format!("{} {}", thread.name, this.name),
            _ => this.name.clone(),
        };
        if lane(LaneId::MAIN).is_some_and(|main| main.pid != this.pid) {
            label.push_str(&format!("@{}", this.pid));
        }
        label
    }

    fn draw_prefix(&mut self, lane: LaneId, cell: CellId) {
        let late = (self.current != Some(cell)).then_some(cell);
        self.lanes.entry(lane).or_default().cell = Some(cell);
        if self.lanes[&lane].drawn_for == Some((late, self.width, self.names)) {
            return;
        }
        let label = late.map_or_else(String::new, |cell| format!("{cell} ")) + &self.label(lane);
        // A name may hold anything; it must not move the cursor.
        let mut label: String = label.chars().filter(|c| !c.is_control()).collect();
        if label.chars().count() > WIDEST {
            label = label.chars().take(WIDEST - 1).chain(['…']).collect();
        }
        self.width = self.width.max(label.chars().count());
        let style = match lane {
            LaneId::MAIN => Style::new(),
            LaneId(id) => LANES[id as usize % LANES.len()],
        };
        let name = self.paint(style, &format!("{label:width$}", width = self.width));
        let prefix = [self.paint(DIM, "│"), self.paint(BAD, "!")].map(|mark| format!("  {name} {mark} "));
        let drawn_for = Some((late, self.width, self.names));
        let view = self.lanes.entry(lane).or_default();
        (view.prefix, view.drawn_for) = (prefix, drawn_for);
    }

    fn paint(&self, style: Style, text: &str) -> String {
        match self.look.colour && style != Style::new() {
            true => format!("{style}{text}{style:#}"),
            false => text.to_owned(),
        }
    }

    fn clean(&self, text: &str) -> String {
        if self.look.colour { text.to_owned() } else { strip_str(text).to_string() }
    }

    fn hand_over(&mut self) {
        if !self.look.quiet {
            self.printer.put(Target::Report, self.page.as_bytes());
        }
        self.page.clear();
    }
}

fn push_line(page: &mut String, look: Look, prefix: &str, line: &str) {
    let line = line.strip_suffix('\r').unwrap_or(line);
    // A terminal shows what stands after the last carriage return; the lane's name must not be written over.
    let line = line.rfind('\r').map_or(line, |at| &line[at + 1..]);
    page.push_str(prefix);
    match (line.contains('\x1b'), look.colour) {
        (false, _) => page.push_str(line),
        (true, true) => page.extend([line, "\x1b[0m"]),
        (true, false) => page.extend(strip_str(line)),
    }
    page.push('\n');
}

/// Drops what a carriage return has made invisible, so that a progress bar takes no memory.
fn drop_overwritten(line: &mut String) {
    let end = line.trim_end_matches('\r').len();
    if let Some(at) = line[..end].rfind('\r') {
        line.drain(..=at);
    }
}

/// How a cell ended, after "it".
pub(super) fn said(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ended well",
        Outcome::Rejected => "was rejected",
        Outcome::Failed => "returned an error",
        Outcome::Panicked => "panicked",
        Outcome::Interrupted => "was interrupted",
        Outcome::TimedOut => "took too long",
        Outcome::WorkerLost => "lost its worker process",
    }
}

pub(super) fn human(time: Duration) -> String {
    let (seconds, whole) = (time.as_secs_f64(), time.as_secs());
    match seconds {
        ..0.00095 => format!("{:.1} ms", seconds * 1e3),
        ..0.9995 => format!("{:.0} ms", seconds * 1e3),
        ..60.0 => format!("{seconds:.2} s"),
        _ => format!("{} min {} s", whole / 60, whole % 60),
    }
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
