//! Selects the code that a message shows: its spans with their labels, grouped by file. Never lays out anything.

use std::ops::Range;
use std::sync::Arc;

use super::json::Span;
use super::location::{LibrarySpan, Location, resolve};
use super::paths;
use crate::engine::rustc_text::wording;
use crate::engine::text::source_map::{CellSpan, SourceMap};

/// One file as the user knows files: a cell, or a library's source.
pub(super) enum Snippet {
    /// The code is shown, with at least one annotation.
    Quoted { name: String, source: Arc<str>, annotations: Vec<Annotation> },
    /// Only the path and lines are shown, since rustc does not have the text.
    Named { path: String, lines: Vec<LineNote> },
}

#[derive(Clone, Debug)]
pub(super) struct Annotation {
    /// Bytes of the snippet's source.
    pub range: Range<usize>,
    pub primary: bool,
    pub label: Option<String>,
}

/// A note about lines that are not shown. Lines and columns are counted from 1.
pub(super) struct LineNote {
    pub start: (usize, usize),
    pub end: (usize, usize),
    pub label: Option<String>,
}

/// An annotation and the file that it is in.
#[derive(Clone)]
struct Placed {
    name: String,
    source: Arc<str>,
    annotation: Annotation,
}

/// The snippets in which a message's spans lie. The snippet with the first primary span comes first. `labels` are
/// suggestions that are shown beside the code.
pub(super) fn snippets(spans: &[Span], labels: Vec<(CellSpan, Annotation)>, map: &SourceMap) -> Vec<Snippet> {
    let (mut placed, mut named, mut first) = (Vec::new(), Vec::new(), None);
    for span in spans {
        let label = span.label.as_ref().map(|label| paths::in_cells(label, map));
        match resolve(span, map) {
            Location::Cell(part) => placed.push(Placed::in_cell(part, span.is_primary, label)),
            Location::Library(LibrarySpan { path, quoted: Some((source, range)), .. }) => {
                let annotation = Annotation { range, primary: span.is_primary, label };
                placed.push(Placed { name: path, source, annotation });
            }
            Location::Library(LibrarySpan { path, start, end, quoted: None }) => {
                let at = named_snippet(&mut named, path, LineNote { start, end, label });
                first = first.or(span.is_primary.then_some(at));
            }
            Location::Ours => {}
        }
    }
    // rustc lists labelled spans before unlabelled ones, so that a label wins if two spans are at the same place.
    let is_unlabelled = |placed: &Placed| placed.annotation.primary && placed.annotation.label.is_none();
    let unlabelled = placed.iter().position(is_unlabelled).unwrap_or(placed.len());
    let labels = labels.into_iter().map(|(part, annotation)| Placed {
        name: part.cell.to_string(),
        source: part.source,
        annotation,
    });
    placed.splice(unlabelled..unlabelled, labels.collect::<Vec<_>>());
    placed.extend(spans.iter().filter(|span| span.is_primary).filter_map(|span| invocation(span, map)));
    let named_first = first.is_some() && !placed.iter().any(|placed| placed.annotation.primary);
    let quoted = quoted_snippets(&placed);
    if named_first {
        named.swap(0, first.unwrap_or(0));
        named.into_iter().chain(quoted).collect()
    } else {
        quoted.into_iter().chain(named).collect()
    }
}

impl Placed {
    fn in_cell(part: CellSpan, primary: bool, label: Option<String>) -> Placed {
        let annotation = Annotation { range: part.range, primary, label };
        Placed { name: part.cell.to_string(), source: part.source, annotation }
    }

    fn is_at(&self, other: &Placed) -> bool {
        self.name == other.name && self.annotation.range == other.annotation.range
    }
}

fn quoted_snippets(placed: &[Placed]) -> Vec<Snippet> {
    let mut files: Vec<(&Placed, Vec<Annotation>)> = Vec::new();
    for (index, one) in placed.iter().enumerate() {
        let has_labelled_twin = one.annotation.label.is_none()
            && placed.iter().enumerate().any(|(at, other)| {
                at != index && other.is_at(one) && other.annotation.primary && other.annotation.label.is_some()
            });
        if has_labelled_twin {
            continue;
        }
        let Some((_, annotations)) = files.iter_mut().find(|(of, _)| of.name == one.name) else {
            files.push((one, vec![one.annotation.clone()]));
            continue;
        };
        // Spans that differ inside one of the engine's own macros can be at the same place in the cell.
        let is_twin =
            |other: &&mut Annotation| other.range == one.annotation.range && other.label == one.annotation.label;
        match annotations.iter_mut().find(is_twin) {
            Some(twin) => twin.primary |= one.annotation.primary,
            None => annotations.push(one.annotation.clone()),
        }
    }
    let primary = placed.iter().find(|placed| placed.annotation.primary).map(|placed| &placed.name);
    if let Some(at) = files.iter().position(|(of, _)| Some(&of.name) == primary) {
        files.swap(0, at);
    }
    let snippet = |(of, annotations): (&Placed, Vec<Annotation>)| Snippet::Quoted {
        name: of.name.clone(),
        source: of.source.clone(),
        annotations,
    };
    files.into_iter().map(snippet).collect()
}

/// Adds a note to the snippet of this path and returns the snippet's index. Makes the snippet if it does not exist
/// yet.
fn named_snippet(snippets: &mut Vec<Snippet>, path: String, note: LineNote) -> usize {
    for (at, snippet) in snippets.iter_mut().enumerate() {
        if let Snippet::Named { path: other, lines } = snippet
            && *other == path
        {
            lines.push(note);
            return at;
        }
    }
    snippets.push(Snippet::Named { path, lines: vec![note] });
    snippets.len() - 1
}

/// The call of a user's macro, for an error inside the macro's definition. rustc adds this place only while it
/// renders, so it is missing in the JSON.
fn invocation(span: &Span, map: &SourceMap) -> Option<Placed> {
    let shown = resolve(span, map).cell()?;
    let outermost = span.outermost()?;
    let call = resolve(&outermost.span, map).cell()?;
    let is_inside =
        call.cell == shown.cell && call.range.start <= shown.range.start && shown.range.end <= call.range.end;
    (!is_inside).then(|| Placed::in_cell(call, false, Some(wording::invocation_label(&outermost.macro_decl_name))))
}
