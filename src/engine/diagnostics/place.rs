//! From rustc's spans to places: which of them are shown, on which sheet, with which label.
//!
//! A sheet is one file as the user knows files: a cell, or a library's source. Files of ours are never a sheet.

use super::json::Span;
use super::names;
use crate::engine::text::source_map::{Place, SourceMap};

pub(super) enum Spot {
    Cell(Place),
    Library { path: String, line: usize, column: usize },
    Ours,
}

impl Spot {
    pub(super) fn cell(self) -> Option<Place> {
        match self {
            Spot::Cell(place) => Some(place),
            _ => None,
        }
    }
}

/// Where a span is shown: the first place in a cell on its way out of the macros that made it.
pub(super) fn resolve(span: &Span, map: &SourceMap) -> Spot {
    let in_cell = |span: &Span| map.get(&span.file_name)?.locate(span.bytes());
    if let Some(place) = span.outwards().find_map(in_cell) {
        return Spot::Cell(place);
    }
    if let Some(place) = cell_end(span, map) {
        return Spot::Cell(place);
    }
    if span.outwards().any(|span| map.is_ours(&span.file_name)) {
        return Spot::Ours;
    }
    let path = names::library_path(&span.file_name).to_owned();
    Spot::Library { path, line: span.line_start, column: span.column_start }
}

/// Where a cell ends too early: rustc points at the end of the file, or at the text of ours that ends it.
pub(super) fn cell_end(span: &Span, map: &SourceMap) -> Option<Place> {
    let text = map.get(&span.file_name)?;
    let bytes = span.bytes();
    let points = span.is_primary && bytes.len() <= 1 && text.locate(bytes.clone()).is_none();
    text.locate_end(&bytes).filter(|_| points)
}

#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub place: Place,
    pub primary: bool,
    pub label: Option<String>,
}

pub(super) struct LibraryMark {
    pub line: usize,
    pub column: usize,
    pub label: Option<String>,
}

pub(super) enum Sheet {
    /// Never empty, and all in one cell.
    Cell(Vec<Mark>),
    Library {
        path: String,
        marks: Vec<LibraryMark>,
    },
}

/// The sheets that a message's spans lie on, the one with the first primary span first.
pub(super) fn sheets(spans: &[Span], extra: Vec<Mark>, map: &SourceMap) -> Vec<Sheet> {
    let (mut marks, mut sheets, mut first) = (Vec::new(), Vec::new(), None);
    for span in spans {
        let label = span.label.as_ref().map(|label| names::in_cells(label, map));
        match resolve(span, map) {
            Spot::Cell(place) => marks.push(Mark { place, primary: span.is_primary, label }),
            Spot::Library { path, line, column } => {
                let at = library_sheet(&mut sheets, path, LibraryMark { line, column, label });
                first = first.or(span.is_primary.then_some(at));
            }
            Spot::Ours => {}
        }
    }
    // Labelled spans come before unlabelled ones in rustc's lists, and so at equal places win.
    let unlabelled = marks.iter().position(|m| m.primary && m.label.is_none()).unwrap_or(marks.len());
    marks.splice(unlabelled..unlabelled, extra);
    marks.extend(spans.iter().filter(|s| s.is_primary).filter_map(|span| invocation(span, map)));
    let library_first = first.is_some() && !marks.iter().any(|m| m.primary);
    let cells = cell_sheets(marks);
    if library_first {
        sheets.swap(0, first.unwrap_or(0));
        sheets.into_iter().chain(cells).collect()
    } else {
        cells.into_iter().chain(sheets).collect()
    }
}

fn cell_sheets(marks: Vec<Mark>) -> Vec<Sheet> {
    let mut sheets: Vec<Sheet> = Vec::new();
    let primary_cell = marks.iter().find(|m| m.primary).map(|m| m.place.cell);
    for mark in &marks {
        let same_range = |other: &&Mark| other.place == mark.place && !std::ptr::eq(*other, mark);
        let labelled_twin =
            mark.label.is_none() && marks.iter().filter(same_range).any(|m| m.label.is_some() && m.primary);
        if labelled_twin {
            continue;
        }
        let home = sheets.iter_mut().find_map(|sheet| match sheet {
            Sheet::Cell(marks) if marks[0].place.cell == mark.place.cell => Some(marks),
            _ => None,
        });
        let Some(home) = home else {
            sheets.push(Sheet::Cell(vec![mark.clone()]));
            continue;
        };
        // Spans that differ inside a macro of ours can meet at one place.
        match home.iter_mut().find(|m| m.place == mark.place && m.label == mark.label) {
            Some(twin) => twin.primary |= mark.primary,
            None => home.push(mark.clone()),
        }
    }
    let is_first = |sheet: &Sheet| matches!(sheet, Sheet::Cell(marks) if Some(marks[0].place.cell) == primary_cell);
    if let Some(at) = sheets.iter().position(is_first) {
        sheets.swap(0, at);
    }
    sheets
}

fn library_sheet(sheets: &mut Vec<Sheet>, path: String, mark: LibraryMark) -> usize {
    for (at, sheet) in sheets.iter_mut().enumerate() {
        if let Sheet::Library { path: p, marks } = sheet
            && *p == path
        {
            marks.push(mark);
            return at;
        }
    }
    sheets.push(Sheet::Library { path, marks: vec![mark] });
    sheets.len() - 1
}

/// rustc points at the call of a user's macro when the error is inside the macro's definition. It does so while
/// rendering, so the JSON does not have it.
fn invocation(span: &Span, map: &SourceMap) -> Option<Mark> {
    let shown = resolve(span, map).cell()?;
    let outermost = span.outermost()?;
    let place = resolve(&outermost.span, map).cell()?;
    let contains = |outer: &Place, inner: &Place| {
        outer.cell == inner.cell && outer.range.start <= inner.range.start && inner.range.end <= outer.range.end
    };
    if contains(&place, &shown) {
        return None;
    }
    let name = outermost.macro_decl_name.as_str();
    let label = match name.strip_prefix("desugaring of ") {
        Some(what) => format!("in this {what} desugaring"),
        None if name.starts_with("#[derive") => "in this derive macro expansion".to_owned(),
        None if name.starts_with("#[") => "in this attribute macro expansion".to_owned(),
        None => "in this macro invocation".to_owned(),
    };
    Some(Mark { place, primary: false, label: Some(label) })
}
