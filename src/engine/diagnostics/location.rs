//! Finds what rustc's spans point at, as the user knows it: a part of a cell, or of a library's source. The engine's
//! own files are neither, so a span in one of them has no location that is shown.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::json::Span;
use super::paths;
use crate::engine::text::source_map::{CellSpan, SourceMap};

pub(super) enum Location {
    Cell(CellSpan),
    Library(LibrarySpan),
    Ours,
}

/// A part of a library's source.
pub(super) struct LibrarySpan {
    /// The path without the part that differs between machines.
    pub path: String,
    /// Line and column, both counted from 1.
    pub start: (usize, usize),
    pub end: (usize, usize),
    /// The file's text, and the bytes of the span in it. `None` if rustc does not quote the file.
    pub quoted: Option<(Arc<str>, Range<usize>)>,
}

impl Location {
    pub(super) fn cell(self) -> Option<CellSpan> {
        match self {
            Location::Cell(span) => Some(span),
            _ => None,
        }
    }
}

/// What a span points at. A span that macros have made is followed outwards, from call to call, to the first part of
/// a cell; if there is none, the span points at its own file.
pub(super) fn resolve(span: &Span, map: &SourceMap) -> Location {
    let in_cell = |span: &Span| map.get(&span.file_name)?.locate(span.bytes());
    if let Some(part) = span.outwards().find_map(in_cell) {
        return Location::Cell(part);
    }
    if let Some(end) = cell_end(span, map) {
        return Location::Cell(end);
    }
    if span.outwards().any(|span| map.is_ours(&span.file_name)) {
        return Location::Ours;
    }
    Location::Library(LibrarySpan {
        path: paths::library_path(&span.file_name).to_owned(),
        start: (span.line_start, span.column_start),
        end: (span.line_end, span.column_end),
        quoted: quoted(span),
    })
}

/// The end of a cell that ends too early. rustc then points at the end of the file, or at the engine's own text that
/// follows the cell.
pub(super) fn cell_end(span: &Span, map: &SourceMap) -> Option<CellSpan> {
    let file = map.get(&span.file_name)?;
    let bytes = span.bytes();
    let points = span.is_primary && bytes.len() <= 1 && file.locate(bytes.clone()).is_none();
    file.locate_end(&bytes).filter(|_| points)
}

/// The text of the library's file that the span is in. `None` if rustc does not quote that file. rustc quotes it if
/// it is installed (std's source comes with `rust-src`) and is the one that the library was built from. The JSON does
/// not contain the lines between two spans, so the file is read from disk, and used if it agrees with the lines in
/// the JSON.
fn quoted(span: &Span) -> Option<(Arc<str>, Range<usize>)> {
    let path = Path::new(&span.file_name);
    if span.text.is_empty() || !path.is_absolute() {
        return None;
    }
    let source = std::fs::read_to_string(path).ok()?;
    let lines = source.trim_start_matches('\u{feff}').lines().skip(span.line_start.checked_sub(1)?);
    let agrees = lines.take(span.text.len()).eq(span.text.iter().map(|line| line.text.as_str()));
    source.get(span.bytes())?;
    agrees.then(|| (source.into(), span.bytes()))
}
