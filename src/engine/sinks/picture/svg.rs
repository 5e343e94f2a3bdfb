//! Draws the picture as [SVG](https://www.w3.org/TR/SVG2/). Decides nothing about what is shown.
//!
//! The picture is a card that brings its own light and dark colours, since a page that shows an SVG as an image
//! passes no style on to it. It is as wide as there is room, because JupyterLab cuts off an image that is wider than
//! the cell. It contains no `id` attributes, so that several pictures can be in one page.

use std::fmt::Write;
use std::time::Duration;

use super::layout::{Picture, Row, seconds};
use crate::events::{LaneKind, Stream};

/// Sizes are in units of the `viewBox`. One unit is one CSS pixel where there is room for the whole width.
const WIDTH: f64 = 960.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 62.0;
const ROW: f64 = 34.0;
const BAR: f64 = 16.0;
/// Least width of a bar: it needs room for a mark and for an arrow at each end.
const LEAST: f64 = 10.0;
const LEGEND: f64 = 34.0;

const STYLE: &str = "\
.tb-card{fill:#fff;stroke:#d0d7de}.tb-text{fill:#1f2328}.tb-dim{fill:#59636e}.tb-grid{stroke:#e6e9ed}\
.tb-edge{stroke:#59636e;fill:none}.tb-head{fill:#59636e}.tb-mark{fill:#1f2328;stroke:#fff}.tb-err{fill:#d1242f;stroke:#fff}\
.tb-thread{fill:#54aeff;fill-opacity:.35}.tb-main{fill:#8c959f;fill-opacity:.4}.tb-process{fill:#4ac26b;fill-opacity:.4}\
.tb-task{fill:#0969da}.tb-wait{fill:#fff}.tb-hatch{stroke:#9a6700;pointer-events:none}.tb-in{fill:#fff}.tb-f{font:12px system-ui,sans-serif}.tb-s{font-size:11px}.tb-b{font-weight:600;font-size:13px}\
@media(prefers-color-scheme:dark){.tb-card{fill:#0d1117;stroke:#3d444d}.tb-text{fill:#f0f6fc}.tb-dim{fill:#9198a1}\
.tb-grid{stroke:#262c36}.tb-edge{stroke:#9198a1}.tb-head{fill:#9198a1}.tb-mark{fill:#f0f6fc;stroke:#0d1117}\
.tb-err{fill:#ff7b72;stroke:#0d1117}.tb-thread{fill:#388bfd;fill-opacity:.45}.tb-main{fill:#9198a1;fill-opacity:.4}\
.tb-process{fill:#2ea043;fill-opacity:.55}.tb-task{fill:#1f6feb}.tb-wait{fill:#0d1117}.tb-hatch{stroke:#d29922}}";

pub(super) fn draw(picture: &Picture) -> String {
    let height = TOP + ROW * picture.rows.len() as f64 + LEGEND;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100%\" style=\"max-width:{WIDTH}px\" preserveAspectRatio=\"xMinYMin\" viewBox=\"0 0 {WIDTH} {height}\" class=\"tb-f\" role=\"img\"><title>{title}</title><style>{STYLE}</style><rect class=\"tb-card\" x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"6\"/><text class=\"tb-text tb-b\" x=\"14\" y=\"22\">{title}</text>\n",
        WIDTH - 1.0,
        height - 1.0,
        title = escape(&picture.title),
    );
    let canvas = Canvas { picture, bottom: height - LEGEND };
    canvas.axis(&mut svg);
    for (index, row) in picture.rows.iter().enumerate() {
        canvas.row(&mut svg, index, row);
    }
    canvas.edges(&mut svg);
    for (index, row) in picture.rows.iter().enumerate() {
        canvas.marks(&mut svg, index, row);
    }
    canvas.legend(&mut svg);
    svg + "</svg>\n"
}

struct Canvas<'a> {
    picture: &'a Picture<'a>,
    bottom: f64,
}

impl Canvas<'_> {
    fn x(&self, at: Duration) -> f64 {
        let whole = (self.picture.ended - self.picture.began).as_secs_f64();
        let share = at.saturating_sub(self.picture.began).as_secs_f64() / whole;
        LEFT + share.min(1.0) * (WIDTH - LEFT - RIGHT)
    }

    /// The right end of a row's bar, which is wider than its time if that is very short.
    fn right(&self, row: &Row) -> f64 {
        self.x(row.to).max(self.x(row.from) + LEAST)
    }

    /// The height at which the middle of a row is.
    fn y(&self, row: usize) -> f64 {
        TOP + ROW * (row as f64 + 0.5)
    }

    fn axis(&self, svg: &mut String) {
        let whole = (self.picture.ended - self.picture.began).as_secs_f64();
        let step = step(whole);
        let mut tick = 0.0;
        while tick <= whole {
            let time = Duration::from_secs_f64(tick);
            let x = self.x(self.picture.began + time);
            let label = if tick == 0.0 { "0".to_string() } else { seconds(time) };
            let _ = writeln!(
                svg,
                "<path class=\"tb-grid\" d=\"M{x:.1} {} V{}\"/><text class=\"tb-dim tb-s\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
                TOP - 8.0,
                self.bottom,
                TOP - 14.0
            );
            tick += step;
        }
    }

    fn row(&self, svg: &mut String, index: usize, row: &Row) {
        let (y, left, right) = (self.y(index), self.x(row.from), self.right(row));
        let class = match row.life.kind {
            LaneKind::Process => "tb-process",
            _ if row.id == crate::events::LaneId::MAIN => "tb-main",
            _ => "tb-thread",
        };
        let name = escape(&shortened(&row.life.name, 25));
        let span = format!("{} for {}", escape(&row.life.name), seconds(row.to - row.from));
        let _ = writeln!(
            svg,
            "<text class=\"tb-text\" x=\"14\" y=\"{:.1}\">{name}</text><rect class=\"{class}\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{BAR}\" rx=\"3\"><title>{span}</title></rect>",
            y + 4.0,
            y - BAR / 2.0,
            right - left
        );
        for (name, from, to) in &row.tasks {
            let (left, right) = (self.x(*from), self.x(*to));
            let width = (right - left - 1.0).max(2.0);
            let _ = write!(
                svg,
                "<rect class=\"tb-task\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"3\"><title>task {} for {}</title></rect>",
                y - BAR / 2.0,
                escape(name),
                seconds(to.saturating_sub(*from))
            );
            // A letter takes about seven pixels, and the marks need some room as well.
            if name.chars().count() as f64 * 7.0 + 24.0 < width {
                let _ = write!(
                    svg,
                    "<text class=\"tb-in tb-s\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                    left + 10.0,
                    y + 4.0,
                    escape(name)
                );
            }
            svg.push('\n');
        }
        for (what, from, to) in &row.waits {
            let title = format!("waits for a {what:?} for {}", seconds(to.saturating_sub(*from)));
            let (left, right) = (self.x(*from), self.x(*to));
            hatch(svg, left, (right - left).max(2.0), y, BAR, &format!("<title>{title}</title>"));
        }
    }

    fn edges(&self, svg: &mut String) {
        for (parent, child, at) in &self.picture.spawns {
            // The start of a thread is drawn to the right of its time and a join to the left, because both may be at
            // the same time.
            self.arrow(svg, self.x(*at) + 2.0, *parent, *child, "");
        }
        for (by, lane, at) in &self.picture.joins {
            let end = self.right(&self.picture.rows[*lane]);
            let x = self.x(*at).max(end) - 2.0;
            if x - end > 1.0 {
                let y = self.y(*lane);
                let _ = write!(
                    svg,
                    "<path class=\"tb-edge\" stroke-dasharray=\"2 3\" d=\"M{end:.1} {y:.1} H{x:.1}\"/>"
                );
            }
            self.arrow(svg, x, *lane, *by, " stroke-dasharray=\"2 3\"");
        }
    }

    /// Draws an upright arrow from the edge of one bar to the edge of another.
    fn arrow(&self, svg: &mut String, x: f64, from: usize, to: usize, dashes: &str) {
        let down = if to > from { 1.0 } else { -1.0 };
        let start = self.y(from) + down * BAR / 2.0;
        let end = self.y(to) - down * BAR / 2.0;
        let base = end - down * 6.0;
        let _ = writeln!(
            svg,
            "<path class=\"tb-edge\"{dashes} d=\"M{x:.1} {start:.1} V{base:.1}\"/><path class=\"tb-head\" d=\"M{x:.1} {end:.1} l-3.5 {back:.1} h7 z\"/>",
            back = -down * 6.0
        );
    }

    fn marks(&self, svg: &mut String, index: usize, row: &Row) {
        for mark in &row.marks {
            let class = if mark.stream == Stream::Stderr { "tb-err" } else { "tb-mark" };
            let at = seconds(mark.at.saturating_sub(self.picture.began));
            let _ = writeln!(
                svg,
                "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\"><title>{at}: {}</title></circle>",
                self.x(mark.at),
                self.y(index),
                escape(&mark.text)
            );
        }
    }

    fn legend(&self, svg: &mut String) {
        let y = self.bottom + 20.0;
        let mut x = LEFT;
        let bars = [("tb-thread", "thread"), ("tb-process", "process"), ("tb-task", "task")];
        for (class, label) in bars {
            let _ = write!(
                svg,
                "<rect class=\"{class}\" x=\"{x}\" y=\"{}\" width=\"18\" height=\"9\" rx=\"2\"/><text class=\"tb-dim tb-s\" x=\"{}\" y=\"{y}\">{label}</text>",
                y - 8.0,
                x + 24.0
            );
            x += 90.0;
        }
        hatch(svg, x, 18.0, y - 3.5, 9.0, "");
        let _ = write!(svg, "<text class=\"tb-dim tb-s\" x=\"{}\" y=\"{y}\">waits</text>", x + 24.0);
        x += 90.0;
        for (class, label) in [("tb-mark", "print"), ("tb-err", "to stderr")] {
            let _ = write!(
                svg,
                "<circle class=\"{class}\" cx=\"{}\" cy=\"{}\" r=\"3.5\"/><text class=\"tb-dim tb-s\" x=\"{}\" y=\"{y}\">{label}</text>",
                x + 5.0,
                y - 4.0,
                x + 15.0
            );
            x += 80.0;
        }
        for (dashes, label) in [("", "start"), (" stroke-dasharray=\"2 3\"", "join")] {
            let _ = write!(
                svg,
                "<path class=\"tb-edge\"{dashes} d=\"M{x} {} h20\"/><text class=\"tb-dim tb-s\" x=\"{}\" y=\"{y}\">{label}</text>",
                y - 4.0,
                x + 26.0
            );
            x += 80.0;
        }
        svg.push('\n');
    }
}

/// Draws upright lines on the card's own background. An SVG pattern would need an `id`, so it is not used.
fn hatch(svg: &mut String, left: f64, width: f64, middle: f64, height: f64, inside: &str) {
    let _ = writeln!(
        svg,
        "<rect class=\"tb-wait\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height}\">{inside}</rect><path class=\"tb-hatch\" stroke-width=\"{height}\" stroke-dasharray=\"1.5 3\" d=\"M{left:.1} {middle:.1} h{width:.1}\"/>",
        middle - height / 2.0
    );
}

/// The time between two ticks of the axis: 1, 2 or 5 times a power of ten, so that there are about eight ticks.
fn step(whole: f64) -> f64 {
    let rough = whole / 8.0;
    let power = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough).unwrap_or(whole)
}

fn shortened(name: &str, most: usize) -> String {
    match name.chars().count() > most {
        true => name.chars().take(most - 1).chain(['\u{2026}']).collect(),
        false => name.to_string(),
    }
}

/// Escapes text for XML. Control characters become spaces, since [XML does not allow
/// them](https://www.w3.org/TR/xml/#charsets).
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push('\n'),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
