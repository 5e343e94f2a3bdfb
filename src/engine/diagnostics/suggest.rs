//! Suggestions: which edits rustc proposes, which of them can be shown, and in which of rustc's styles.
//!
//! The JSON has the edits but not the style (a patch, a label beside the code, a sentence, or hidden for tools),
//! so the style is read off rustc's own rendering, which the JSON carries too.

use super::json::{Message, Span};
use super::names;
use super::place::Mark;
use crate::engine::text::source_map::{Place, SourceMap};
use crate::events::CellId;

/// rustc's own limit of alternatives that it shows of one suggestion.
pub(super) const MAX_ALTERNATIVES: usize = 4;

/// One edit, at its place.
#[derive(Clone, Debug)]
pub(super) struct Edit {
    pub place: Place,
    pub replacement: String,
}

pub(super) enum Shown {
    /// Alternatives, each a set of edits of one cell, under a title.
    Patches {
        title: String,
        alternatives: Vec<Vec<Edit>>,
    },
    /// A label beside the code of the message itself.
    Label(Mark),
    /// `= help: …`
    Sentence(String),
    Nothing,
}

enum Style {
    Patch { title: String },
    Label { text: String },
    Sentence,
    Hidden,
}

pub(super) fn is_suggestion(child: &Message) -> bool {
    child.spans.iter().any(|span| span.suggested_replacement.is_some())
}

/// `cell` is where the message itself points.
pub(super) fn shown(child: &Message, whole: &Message, cell: Option<CellId>, map: &SourceMap) -> Shown {
    match style(&child.message, whole.rendered.as_deref()) {
        Style::Hidden => Shown::Nothing,
        Style::Sentence => Shown::Sentence(names::in_cells(&child.message, map)),
        Style::Label { text } => label(child, whole, text, map),
        Style::Patch { title } => patches(child, names::in_cells(&title, map), cell, map),
    }
}

fn style(message: &str, rendered: Option<&str>) -> Style {
    let first = message.lines().next().unwrap_or_default();
    let Some(rendered) = rendered else { return Style::Patch { title: message.to_owned() } };
    let rendered = without_colours(rendered);
    let header = format!("help: {first}");
    let single = !message.contains('\n');
    if let Some(line) = rendered.lines().find(|line| line.starts_with(&header)) {
        // rustc may say more in the header, such as `(notice the capitalization)`.
        let title = if single { line["help: ".len()..].to_owned() } else { message.to_owned() };
        return Style::Patch { title };
    }
    let Some((line, at)) = rendered.lines().find_map(|line| Some((line, line.find(&header)?))) else {
        return Style::Hidden;
    };
    if line[..at].trim() == "=" { Style::Sentence } else { Style::Label { text: line[at..].trim_end().to_owned() } }
}

fn without_colours(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

fn label(child: &Message, whole: &Message, text: String, map: &SourceMap) -> Shown {
    let Some(span) = child.spans.first() else { return Shown::Nothing };
    let Some(place) = edit(span, map).map(|edit| edit.place) else { return Shown::Nothing };
    let same = |s: &&Span| s.is_primary && s.file_name == span.file_name && s.bytes() == span.bytes();
    let primary = whole.spans.iter().any(|s| same(&s));
    Shown::Label(Mark { place, primary, label: Some(names::in_cells(&text, map)) })
}

fn patches(child: &Message, title: String, cell: Option<CellId>, map: &SourceMap) -> Shown {
    let alternatives: Vec<&[Span]> = alternatives(&child.spans);
    let edits = |spans: &&[Span]| {
        let edits: Option<Vec<Edit>> = spans.iter().map(|span| edit(span, map)).collect();
        let mut edits = edits?;
        edits.sort_by_key(|edit| edit.place.range.start);
        edits.retain(|edit| edit.place.text() != edit.replacement);
        let home = edits.first()?.place.cell;
        edits.iter().all(|edit| edit.place.cell == home).then_some(edits)
    };
    let edits: Vec<Vec<Edit>> = alternatives.iter().filter_map(edits).collect();
    let imports: Option<Vec<&str>> = alternatives.iter().map(|spans| import(spans)).collect();
    let at_home = |edits: &Vec<Edit>| cell.is_none() || edits.first().map(|edit| edit.place.cell) == cell;
    if let Some(imports) = imports
        && !(edits.len() == imports.len() && edits.iter().all(at_home))
    {
        // Where rustc would put the line is no place of the user's, but any cell will do for it.
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

/// What is said of the alternatives that are not shown.
pub(super) fn others(alternatives: usize) -> Option<String> {
    match alternatives.saturating_sub(MAX_ALTERNATIVES) {
        0 => None,
        1 => Some("and 1 other candidate".to_owned()),
        others => Some(format!("and {others} other candidates")),
    }
}

/// The JSON lists the edits of all alternatives in a row. The edits of one alternative never overlap, so one
/// that meets an earlier edit begins the next alternative.
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

/// What a user can edit: an unbroken piece of a cell.
fn edit(span: &Span, map: &SourceMap) -> Option<Edit> {
    let place = map.get(&span.file_name)?.locate_exact(span.bytes())?;
    Some(Edit { place, replacement: names::in_cells(span.suggested_replacement.as_deref()?, map) })
}

/// The `use` line, if that is all that the edits add.
fn import(spans: &[Span]) -> Option<&str> {
    let [span] = spans else { return None };
    let line = span.suggested_replacement.as_deref()?.trim();
    (span.bytes().is_empty() && line.starts_with("use ") && !line.contains('\n')).then_some(line)
}
