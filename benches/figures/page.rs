//! Draws a record as one page of HTML that needs no other file: bars of what was promised, and curves of what grows.

use std::fmt::Write;
use std::path::Path;

use crate::record::{self, Row};

/// Measures in SVG units, which are pixels unless the window is narrower.
const WIDTH: f64 = 900.0;
const LINE: f64 = 22.0;
/// Where bars begin, and where the promise is drawn.
const LEFT: f64 = 380.0;
const PROMISE: f64 = 700.0;
/// Bars that are more than this many times what was promised are cut.
const LONGEST: f64 = 1.25;
const CURVES: f64 = 220.0;

const STYLE: &str = "
:root { color-scheme: light dark; --kept: #2f7d6b; --broken: #c4551d; --faint: #8888; }
@media (prefers-color-scheme: dark) { :root { --kept: #5fb8a2; --broken: #ee8a55; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 900px; margin: 2em auto; padding: 0 1em; }
svg { width: 100%; height: auto; font-size: 13px; fill: currentColor; }
.kept { fill: var(--kept); } .broken { fill: var(--broken); }
.promise { stroke: currentColor; stroke-dasharray: 3 3; } .axis { stroke: var(--faint); }
.curve { fill: none; stroke: var(--kept); stroke-width: 2; }
td { padding-right: 2em; } td + td { text-align: right; font-variant-numeric: tabular-nums; }
";

/// Writes the page of the record `csv` beside it and returns how many promises it shows broken.
pub(crate) fn draw(csv: &Path, page: &Path) -> usize {
    let (about, rows) = record::read(csv);
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Threadbook's figures</title><style>{STYLE}</style>\n<h1>Threadbook's figures</h1>\n<p>{}</p>\n\
         <p>A bar that reaches the dashed line costs as much as was promised. Medians; shorter is better.</p>\n",
        escape(&about)
    );
    let (promised, recorded): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.at_most.is_some());
    for group in groups(&rows) {
        let of = |rows: &[&Row]| -> Vec<Row> {
            rows.iter().filter(|row| row.group == group).map(|&row| row.clone()).collect()
        };
        let _ = writeln!(html, "<h2>{}</h2>", escape(group));
        bars(&mut html, &of(&promised));
        let (points, rest): (Vec<Row>, Vec<Row>) = of(&recorded).into_iter().partition(|row| point(row).is_some());
        curves(&mut html, &points);
        table(&mut html, &rest);
    }
    std::fs::write(page, html + "</html>\n").expect("the page can be written");
    promised.iter().filter(|row| share(row) > 1.0).count()
}

/// The groups' names in the order in which they were measured.
fn groups(rows: &[Row]) -> Vec<&str> {
    let mut groups: Vec<&str> = rows.iter().map(|row| row.group.as_str()).collect();
    groups.dedup();
    groups
}

/// How much of what was promised a figure takes.
fn share(row: &Row) -> f64 {
    row.at_most.map_or(0.0, |bar| row.value() / bar)
}

fn bars(html: &mut String, rows: &[Row]) {
    if rows.is_empty() {
        return;
    }
    let height = LINE * rows.len() as f64;
    let _ = writeln!(html, "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">");
    for (index, row) in rows.iter().enumerate() {
        let (top, share) = (LINE * index as f64, share(row));
        let class = if share > 1.0 { "broken" } else { "kept" };
        let width = share.min(LONGEST) * (PROMISE - LEFT);
        let (baseline, name, value) = (top + 15.0, escape(&row.figure), escape(&said(row)));
        let _ = writeln!(
            html,
            "<text x=\"{}\" y=\"{baseline}\" text-anchor=\"end\">{name}</text>\
             <rect class=\"{class}\" x=\"{LEFT}\" y=\"{}\" width=\"{width:.1}\" height=\"{}\"><title>{name}: {value}</title></rect>\
             <text x=\"{}\" y=\"{baseline}\" text-anchor=\"end\">{value}</text>",
            LEFT - 8.0,
            top + 3.0,
            LINE - 6.0,
            WIDTH
        );
    }
    let _ = writeln!(
        html,
        "<line class=\"promise\" x1=\"{PROMISE}\" x2=\"{PROMISE}\" y1=\"0\" y2=\"{height}\"/></svg>"
    );
}

/// A figure and, where there is one, its promise.
fn said(row: &Row) -> String {
    let unit = if row.unit.is_empty() { String::new() } else { format!(" {}", row.unit) };
    match row.at_most {
        Some(bar) => format!("{}{unit} of {bar}", short(row.value())),
        None => format!("{}{unit}", short(row.value())),
    }
}

/// A number with three digits that count.
fn short(value: f64) -> String {
    let digits = (2.0 - value.abs().max(1e-9).log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{value:.digits$}")
}

/// A figure whose name ends with "at N …" is a point of a curve: the curve's name, N, and the unit of N.
fn point(row: &Row) -> Option<(&str, f64, &str)> {
    let (curve, at) = row.figure.rsplit_once(" at ")?;
    let (number, unit) = at.split_once(' ')?;
    Some((curve, number.parse().ok()?, unit))
}

/// One diagram for all curves with the same unit of N.
fn curves(html: &mut String, rows: &[Row]) {
    let points: Vec<(&str, f64, &str, &Row)> =
        rows.iter().filter_map(|row| point(row).map(|(curve, at, unit)| (curve, at, unit, row))).collect();
    let mut units: Vec<&str> = points.iter().map(|point| point.2).collect();
    units.sort();
    units.dedup();
    for unit in units {
        let here: Vec<_> = points.iter().filter(|point| point.2 == unit).collect();
        let most = here.iter().map(|point| point.1).fold(0.0, f64::max);
        let highest = here.iter().map(|point| point.3.value()).fold(0.0, f64::max);
        let x = |at: f64| 40.0 + at / most * (LEFT + 60.0);
        let y = |value: f64| CURVES - 25.0 - value / highest * (CURVES - 45.0);
        let floor = y(0.0);
        let _ = writeln!(
            html,
            "<svg viewBox=\"0 0 {WIDTH} {CURVES}\" role=\"img\"><line class=\"axis\" x1=\"{}\" x2=\"{}\" y1=\"{floor}\" y2=\"{floor}\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{most} {unit}</text>",
            x(0.0),
            x(most),
            x(most),
            floor + 18.0
        );
        let mut names: Vec<&str> = here.iter().map(|point| point.0).collect();
        names.dedup();
        names.sort();
        names.dedup();
        let mut ends: Vec<(f64, String)> = Vec::new();
        for name in names {
            let curve: Vec<_> = here.iter().filter(|point| point.0 == name).collect();
            let line: Vec<String> =
                curve.iter().map(|point| format!("{:.1},{:.1}", x(point.1), y(point.3.value()))).collect();
            let last = curve.last().expect("a name comes from a point").3;
            let _ = writeln!(
                html,
                "<polyline class=\"curve\" points=\"{}\"><title>{}</title></polyline>",
                line.join(" "),
                escape(name)
            );
            ends.push((y(last.value()), format!("{}: {} to {}", escape(name), said(curve[0].3), said(last))));
        }
        labels(html, x(most) + 10.0, ends);
    }
}

/// Names curves at their ends, a line apart from each other. Closes the diagram.
fn labels(html: &mut String, x: f64, mut ends: Vec<(f64, String)>) {
    ends.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut lowest = CURVES - 10.0;
    for (y, text) in ends {
        let baseline = (y + 4.0).min(lowest);
        lowest = baseline - 16.0;
        let _ = writeln!(html, "<text x=\"{x}\" y=\"{baseline:.1}\">{text}</text>");
    }
    html.push_str("</svg>\n");
}

fn table(html: &mut String, rows: &[Row]) {
    if rows.is_empty() {
        return;
    }
    html.push_str("<table>\n");
    for row in rows {
        let _ = writeln!(html, "<tr><td>{}</td><td>{}</td></tr>", escape(&row.figure), escape(&said(row)));
    }
    html.push_str("</table>\n");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
