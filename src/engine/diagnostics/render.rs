//! Lays out diagnostics with annotate-snippets, which is called exactly as rustc calls it (in rustc's
//! `annotate_snippet_emitter_writer.rs`), so that users see rustc's own layout.
//!
//! Only sets order and form. What is shown is decided in `snippet` and `suggest`.

use super::diagnostic::{Diagnostic, Level};
use super::json::Message;
use super::location::{self, Location};
use super::paths;
use super::snippet::{Annotation, LineNote, Snippet, snippets};
use super::suggest::{self, Edit, Shown};
use crate::engine::rustc_text::{codes, wording};
use crate::engine::text::source_map::SourceMap;
use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Origin, Padding, Patch, Renderer};
use annotate_snippets::{Level as Heading, normalize_untrusted_str};
use std::collections::BTreeSet;
use std::ops::Range;

/// Renders the diagnostics, with an empty line between them, and then rustc's hint at `--explain`. The text ends with
/// a newline, unless it is empty.
pub(crate) fn render(diagnostics: &[Diagnostic], map: &SourceMap, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut blocks: Vec<String> = Vec::new();
    for diagnostic in diagnostics.iter().filter(|d| concerns_user(d, map)) {
        let block = renderer.render(&report(diagnostic, map)).to_string();
        // The same text of a cell can stand in two generated files. rustc then complains about it twice.
        if !blocks.contains(&block) {
            blocks.push(block);
        }
    }
    blocks.extend(explain(diagnostics));
    blocks.iter().map(|block| block.trim_end_matches('\n')).collect::<Vec<_>>().join("\n\n")
        + if blocks.is_empty() { "" } else { "\n" }
}

/// Whether a diagnostic is shown to the user. A warning that is only about the engine's own text is not. Every error
/// is, since it keeps the cell from running.
fn concerns_user(diagnostic: &Diagnostic, map: &SourceMap) -> bool {
    let ours = |span| matches!(location::resolve(span, map), Location::Ours);
    let spans = &diagnostic.raw.spans;
    diagnostic.is_error() || spans.is_empty() || !spans.iter().filter(|s| s.is_primary).all(ours)
}

fn report(diagnostic: &Diagnostic, map: &SourceMap) -> Vec<Group<'static>> {
    let raw = &diagnostic.raw;
    let cell = diagnostic.primary(map).first().map(|place| place.cell);
    let (suggestions, notes): (Vec<&Message>, Vec<&Message>) =
        raw.children.iter().partition(|c| suggest::is_suggestion(c));
    let (mut labels, mut sentences, mut patches) = (Vec::new(), Vec::new(), Vec::new());
    for child in suggestions {
        match suggest::shown(child, raw, cell, map) {
            Shown::Label(part, annotation) => labels.push((part, annotation)),
            Shown::Sentence(sentence) => sentences.push(sentence),
            Shown::Patches { title, alternatives } => patches.push((title, alternatives)),
            Shown::Nothing => {}
        }
    }
    let mut message = paths::in_cells(&diagnostic.message, map);
    if raw.spans.iter().any(|span| location::cell_end(span, map).is_some()) {
        // The closing brace is the engine's own, not the user's.
        message = message.replace("found `}`", "found the end of the cell");
    }
    let mut title = level(diagnostic.level).primary_title(message);
    if let Some(code) = diagnostic.code.as_deref().filter(|code| codes::is_error_code(code)) {
        title = title.id(code.to_owned());
    }
    let snippets = snippets(&raw.spans, labels, map);
    let padded = notes.first().is_some_and(|note| note.spans.is_empty());
    let mut page = Page { groups: Vec::new(), group: Group::with_title(title) };
    page.snippets(snippets, level(diagnostic.level), padded);
    for note in notes {
        page.note(note, map);
    }
    for sentence in sentences.iter().chain(&diagnostic.helps) {
        page.message(Heading::HELP, sentence);
    }
    for (title, alternatives) in patches {
        page.patches(title, alternatives);
    }
    page.groups.push(page.group);
    page.groups
}

/// A report while it is built: the finished groups, and the group that is being filled.
struct Page {
    groups: Vec<Group<'static>>,
    group: Group<'static>,
}

impl Page {
    fn begin(&mut self, group: Group<'static>) {
        self.groups.push(std::mem::replace(&mut self.group, group));
    }

    fn add(&mut self, element: impl Into<annotate_snippets::Element<'static>>) {
        let group = std::mem::replace(&mut self.group, Group::with_level(Heading::NOTE));
        self.group = group.element(element);
    }

    fn message(&mut self, level: Heading<'static>, text: &str) {
        self.add(level.message(normalize_untrusted_str(text)));
    }

    fn note(&mut self, note: &Message, map: &SourceMap) {
        if wording::is_noise(&note.message) {
            return;
        }
        let message = paths::in_cells(&note.message, map);
        let level = child_level(&note.level);
        if note.spans.is_empty() {
            return self.message(level, &message);
        }
        let snippets = snippets(&note.spans, Vec::new(), map);
        if !snippets.is_empty() {
            let title = level.clone().secondary_title(normalize_untrusted_str(&message));
            self.begin(Group::with_title(title));
            self.snippets(snippets, level, false);
        } else if !wording::needs_its_span(&note.message) {
            self.message(level, &message);
        }
    }

    fn snippets(&mut self, snippets: Vec<Snippet>, level: Heading<'static>, padded: bool) {
        let last = snippets.len();
        for (at, snippet) in snippets.into_iter().enumerate() {
            match snippet {
                Snippet::Quoted { name, source, annotations } => self.add(quoted(name, &source, annotations)),
                Snippet::Named { path, lines } => {
                    if at > 0 {
                        self.begin(Group::with_level(level.clone()));
                    }
                    self.named(&path, lines);
                    if padded && at + 1 == last {
                        self.add(Padding);
                    }
                }
            }
        }
    }

    /// Adds code whose text rustc does not have. Only its lines are named, each once, with their labels below them.
    fn named(&mut self, path: &str, notes: Vec<LineNote>) {
        let mut named = Vec::new();
        for (at, note) in notes.into_iter().enumerate() {
            let label = note.label.filter(|label| !label.is_empty());
            let is_last_line_named = note.end.0 > note.start.0 && label.is_some();
            let starts = (at == 0 || label.is_some()).then_some(note.start);
            for (line, column) in starts.into_iter().chain(is_last_line_named.then_some(note.end)) {
                if !named.contains(&line) {
                    named.push(line);
                    self.add(Origin::path(path.to_owned()).line(line).char_column(column));
                }
            }
            if let Some(label) = label {
                self.add(Padding);
                self.message(Heading::NOTE, &label);
            }
        }
    }

    fn patches(&mut self, title: String, alternatives: Vec<Vec<Edit>>) {
        let others = suggest::others(alternatives.len());
        self.begin(Group::with_title(Heading::HELP.secondary_title(normalize_untrusted_str(&title))));
        for edits in alternatives.into_iter().take(suggest::MAX_ALTERNATIVES) {
            self.add(patch(edits));
        }
        if let Some(others) = others {
            self.message(Heading::NOTE.no_name(), &others);
        }
    }
}

fn quoted(
    name: String,
    source: &str,
    annotations: Vec<Annotation>,
) -> annotate_snippets::Snippet<'static, annotate_snippets::Annotation<'static>> {
    let window = Window::new(source, annotations.iter().map(|annotation| &annotation.range));
    let shown = annotations.into_iter().map(|annotation| {
        let kind = if annotation.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
        kind.span(window.range(&annotation.range)).label(annotation.label)
    });
    annotate_snippets::Snippet::source(window.text.clone())
        .line_start(window.line)
        .path(name)
        .annotations(shown.collect::<Vec<_>>())
}

fn patch(mut edits: Vec<Edit>) -> annotate_snippets::Snippet<'static, Patch<'static>> {
    let attribute = match edits.as_mut_slice() {
        [edit] => indent_attribute(edit),
        _ => false,
    };
    let window = Window::new(&edits[0].part.source, edits.iter().map(|edit| &edit.part.range));
    let name = edits[0].part.cell.to_string();
    let patches = edits.into_iter().map(|edit| Patch::new(window.range(&edit.part.range), edit.replacement));
    // An attribute is shown together with the line that it belongs to.
    annotate_snippets::Snippet::source(window.text.clone())
        .line_start(window.line)
        .path(name)
        .fold(!attribute)
        .patches(patches.collect::<Vec<_>>())
}

/// Moves an edit that puts an attribute on a line of its own to the start of its line, with the item's indentation,
/// and returns whether it was one. rustc places its edit between the indentation and the item, which would show the
/// item without indentation.
fn indent_attribute(edit: &mut Edit) -> bool {
    let text = edit.replacement.trim();
    let before = &edit.part.source[..edit.part.range.start];
    let indent = before.rsplit('\n').next().unwrap_or_default().trim_start_matches('\u{feff}').to_owned();
    let is_attribute = text.starts_with("#[") && text.ends_with(']') && edit.replacement.ends_with('\n');
    if !(is_attribute && edit.part.range.is_empty() && indent.trim().is_empty()) {
        return false;
    }
    edit.replacement.insert_str(0, &indent);
    let start = edit.part.range.start - indent.len();
    edit.part.range = start..start;
    true
}

/// The whole lines of a text around some of its parts, in the form in which rustc holds text: without a byte order
/// mark, and with `\n` in place of `\r\n`.
struct Window {
    text: String,
    line: usize,
    start: usize,
    /// Offsets of the bytes of the source that are missing in `text`.
    removed: Vec<usize>,
}

impl Window {
    fn new<'a>(source: &str, parts: impl Iterator<Item = &'a Range<usize>> + Clone) -> Window {
        let low = parts.clone().map(|part| part.start).min().unwrap_or(0);
        let high = parts.map(|part| part.end).max().unwrap_or(0);
        // rustc counts no further line after a last newline: to rustc, the end of the text is on the line before.
        let before = if low == source.len() { source.strip_suffix('\n').unwrap_or(source) } else { &source[..low] };
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = source[high..].find('\n').map_or(source.len(), |newline| high + newline + 1);
        let (mut text, mut removed) = (String::new(), Vec::new());
        for (at, c) in source[start..end].char_indices() {
            let at = start + at;
            let mark = at == 0 && c == '\u{feff}';
            if mark || (c == '\r' && source[at + 1..].starts_with('\n')) {
                removed.extend(at..at + c.len_utf8());
            } else {
                text.push(c);
            }
        }
        Window { text, line: source[..start].matches('\n').count() + 1, start, removed }
    }

    fn range(&self, range: &Range<usize>) -> Range<usize> {
        let shift = |byte: usize| byte - self.start - self.removed.partition_point(|&gone| gone < byte);
        shift(range.start)..shift(range.end)
    }
}

fn level(level: Level) -> Heading<'static> {
    match level {
        Level::Error => Heading::ERROR,
        Level::Warning => Heading::WARNING,
        Level::Note => Heading::NOTE,
        Level::Help => Heading::HELP,
    }
}

fn child_level(name: &str) -> Heading<'static> {
    match name {
        "warning" => Heading::WARNING,
        "help" => Heading::HELP,
        "note" => Heading::NOTE,
        _ => Heading::ERROR,
    }
}

/// rustc's closing hint at `--explain`, for the errors that are shown and whose code has an explanation. `None` if
/// there are none.
fn explain(diagnostics: &[Diagnostic]) -> Option<String> {
    let has_page = |d: &&Diagnostic| d.is_error() && d.raw.code.as_ref().is_some_and(|c| c.explanation.is_some());
    let codes: BTreeSet<&str> = diagnostics.iter().filter(has_page).filter_map(|d| d.code.as_deref()).collect();
    let first = codes.first()?;
    if codes.len() == 1 {
        return Some(format!("For more information about this error, try `rustc --explain {first}`."));
    }
    let more = if codes.len() > 9 { "..." } else { "." };
    let list = codes.iter().take(9).copied().collect::<Vec<_>>().join(", ");
    Some(format!(
        "Some errors have detailed explanations: {list}{more}\n\
         For more information about an error, try `rustc --explain {first}`."
    ))
}
