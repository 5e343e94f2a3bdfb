//! Sorts rustc's suggestions: which edits rustc proposes, which of them can be shown, and in which of rustc's styles.
//! Edits of a library's source are never shown, since the user cannot make them.

use super::json::{Message, Span};
use super::paths;
use super::snippet::Annotation;
use crate::engine::rustc_text::rendering::{Style, suggestion_style};
use crate::engine::text::source_map::{CellSpan, SourceMap};
use crate::events::CellId;

/// Alternatives of one suggestion that are shown; the limit is rustc's own. Of further ones, only their number is
/// shown.
pub(super) const MAX_ALTERNATIVES: usize = 4;

/// One edit, and the part of a cell that it replaces.
#[derive(Clone, Debug)]
pub(super) struct Edit {
    pub part: CellSpan,
    pub replacement: String,
}

pub(super) enum Shown {
    /// Alternatives under one title. Each is a set of edits of one cell.
    Patches {
        title: String,
        alternatives: Vec<Vec<Edit>>,
    },
    /// A label beside the code that the message itself shows.
    Label(CellSpan, Annotation),
    /// A line `= help: …`.
    Sentence(String),
    Nothing,
}

pub(super) fn is_suggestion(child: &Message) -> bool {
    child.spans.iter().any(|span| span.suggested_replacement.is_some())
}

/// How a suggestion is shown. `cell` is the cell that the message itself points at.
pub(super) fn shown(child: &Message, whole: &Message, cell: Option<CellId>, map: &SourceMap) -> Shown {
    match suggestion_style(&child.message, whole.rendered.as_deref()) {
        Style::Hidden => Shown::Nothing,
        Style::Sentence => Shown::Sentence(paths::in_cells(&child.message, map)),
        Style::Label { text } => label(child, whole, text, map),
        Style::Patch { title } => patches(child, paths::in_cells(&title, map), cell, map),
    }
}

fn label(child: &Message, whole: &Message, text: String, map: &SourceMap) -> Shown {
    let Some(span) = child.spans.first() else { return Shown::Nothing };
    let Some(part) = edit(span, map).map(|edit| edit.part) else { return Shown::Nothing };
    let is_same =
        |other: &Span| other.is_primary && other.file_name == span.file_name && other.bytes() == span.bytes();
    let primary = whole.spans.iter().any(is_same);
    let annotation = Annotation { range: part.range.clone(), primary, label: Some(paths::in_cells(&text, map)) };
    Shown::Label(part, annotation)
}

fn patches(child: &Message, title: String, cell: Option<CellId>, map: &SourceMap) -> Shown {
    let alternatives: Vec<&[Span]> = alternatives(&child.spans);
    let edits = |spans: &&[Span]| {
        let edits: Option<Vec<Edit>> = spans.iter().map(|span| edit(span, map)).collect();
        let mut edits = edits?;
        edits.sort_by_key(|edit| edit.part.range.start);
        edits.retain(|edit| edit.part.text() != edit.replacement);
        let home = edits.first()?.part.cell;
        edits.iter().all(|edit| edit.part.cell == home).then_some(edits)
    };
    let edits: Vec<Vec<Edit>> = alternatives.iter().filter_map(edits).collect();
    let imports: Option<Vec<&str>> = alternatives.iter().map(|spans| import(spans)).collect();
    let at_home = |edits: &Vec<Edit>| cell.is_none() || edits.first().map(|edit| edit.part.cell) == cell;
    if let Some(imports) = imports
        && !(edits.len() == imports.len() && edits.iter().all(at_home))
    {
        // rustc would put the line at a place that the user does not have, but the line works in any cell.
        return Shown::Sentence(sentence(&title, &imports));
    }
    if edits.is_empty() { Shown::Nothing } else { Shown::Patches { title, alternatives: edits } }
}

fn sentence(title: &str, imports: &[&str]) -> String {
    if let [import] = imports {
        return format!("{title}: {import}");
    }
    let lines = imports.iter().take(MAX_ALTERNATIVES).map(|import| format!("\n{import}"));
    let others = others(imports.len()).map(|others| format!("\n{others}"));
    format!("{title}:{}{}", lines.collect::<String>(), others.unwrap_or_default())
}

/// The line that counts the alternatives that are not shown. `None` if all are shown.
pub(super) fn others(alternatives: usize) -> Option<String> {
    match alternatives.saturating_sub(MAX_ALTERNATIVES) {
        0 => None,
        1 => Some("and 1 other candidate".to_owned()),
        others => Some(format!("and {others} other candidates")),
    }
}

/// Splits a suggestion's edits into alternatives. The JSON lists the edits of all alternatives in a row. The edits of
/// one alternative never overlap, so an edit that overlaps an earlier one begins the next alternative.
fn alternatives(spans: &[Span]) -> Vec<&[Span]> {
    let (mut all, mut start) = (Vec::new(), 0);
    let meets = |a: &Span, b: &Span| {
        let (a_bytes, b_bytes) = (a.bytes(), b.bytes());
        let same = a_bytes == b_bytes;
        a.file_name == b.file_name && (same || (a_bytes.start < b_bytes.end && b_bytes.start < a_bytes.end))
    };
    for at in 1..spans.len() {
        if spans[start..at].iter().any(|earlier| meets(earlier, &spans[at])) {
            all.push(&spans[start..at]);
            start = at;
        }
    }
    all.push(&spans[start..]);
    all
}

/// The span as an edit that the user can make. `None` unless it is an unbroken piece of a cell.
fn edit(span: &Span, map: &SourceMap) -> Option<Edit> {
    let part = map.get(&span.file_name)?.locate_exact(span.bytes())?;
    Some(Edit { part, replacement: paths::in_cells(span.suggested_replacement.as_deref()?, map) })
}

/// The `use` line that the edits add. `None` if they do anything else.
fn import(spans: &[Span]) -> Option<&str> {
    let [span] = spans else { return None };
    let line = span.suggested_replacement.as_deref()?.trim();
    (span.bytes().is_empty() && line.starts_with("use ") && !line.contains('\n')).then_some(line)
}
